"""The way from the engine's computer to the operator, for documents the engine carries.

The live host opens a TCP connection for each message (`fiscal.live.operator_line`); here the same bytes meet the same operator in virtual
time. A connection can fail, be closed in the middle, or stay silent until patience ends.
"""

from __future__ import annotations

from typing import NamedTuple

from fiscal.emulators.operator import OperatorServer
from fiscal.emulators.operator_profile import OutageKind
from fiscal.emulators.operator_queue import Windows, end_of
from fiscal.ofd.relay import document_number
from fiscal.ofd.session import read_message

PATIENCE_US = 60_000_000


class Carried(NamedTuple):
    """What came of a message, and when."""

    at_us: int
    answer: bytes
    problem: str
    connected: bool


class OperatorLine:
    """``network``: when the computer's own network is down; ``unpaid``: when the operator takes nothing."""

    def __init__(self, server: OperatorServer, network: Windows = (), unpaid: Windows = ()) -> None:
        self._server = server
        self.sent_us: dict[tuple[str, int], int] = {}  # by drive and document: when it was first sent
        self._network = network
        self._unpaid = unpaid

    def carry(self, data: bytes, now_us: int) -> Carried:
        """Send a message now; the result says when it is over."""
        if end_of(self._network, now_us) != now_us:
            return Carried(now_us + 1_000_000, b"", "no network", False)
        if not self._server.accepts(now_us):
            return Carried(now_us + 1_000_000, b"", "no connection to the operator", False)
        if end_of(self._unpaid, now_us) != now_us:
            return Carried(now_us + 1_000_000, b"", "the operator closed the connection", True)
        self.sent_us.setdefault((drive_of(data), document_number(data)), now_us)
        connection = self._server.connect()
        output = connection.receive(data, now_us)
        if not output:
            if connection.closing_us is not None:
                return Carried(connection.closing_us, b"", "the operator closed the connection", True)
            return Carried(now_us + PATIENCE_US, b"", "no answer from the operator", True)
        at_us = output[-1][0]
        broken = (
            self._server.profile.outage(at_us) is OutageKind.REFUSED or end_of(self._network, at_us) != at_us
        )
        if broken:
            return Carried(at_us, b"", "the connection broke off", True)
        if at_us - now_us > PATIENCE_US:
            return Carried(now_us + PATIENCE_US, b"", "no answer from the operator", True)
        return Carried(at_us, b"".join(chunk for _, chunk in output), "", True)


def drive_of(message: bytes) -> str:
    """The number of the drive a message comes from."""
    return read_message(message).header.drive
