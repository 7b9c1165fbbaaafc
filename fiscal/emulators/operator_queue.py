"""The queues of many drives to one operator, settled when somebody looks.

In virtual time nothing has to happen at the very moment a message travels: drive and operator are asked now and then, and by then have to
stand where they would stand. So the exchange - the same messages, answers and confirmations as on a real connection - is carried out
when somebody looks, each step with the moment at which it would have happened. Looking often or seldom makes no difference, as long as
the operator's account and outages are not changed for moments that have passed.

A message is sent when the document is recorded and the one before is confirmed. Where the operator is away, or the register's own network,
when it leaves or when the answer comes, it is sent (again) at the end of the outage. When each document was first sent, and when it was
confirmed, is kept: that is the truth which statuses are held against.
"""

from __future__ import annotations

from collections.abc import Mapping

from fiscal.emulators.drive import Drive, DriveError
from fiscal.emulators.operator import OperatorServer
from fiscal.emulators.operator_port import DrivePort
from fiscal.emulators.operator_profile import OutageKind

Windows = tuple[tuple[int, int], ...]
"""(begin, end) of each outage, in order."""

RETRY_US = 60_000_000
"""The wait after an answer that was none: not paid, not recognised. *Assumed.*"""


class _Queue:
    __slots__ = (
        "answer",
        "at_us",
        "confirmed_us",
        "connection",
        "free_us",
        "network",
        "port",
        "sent_us",
        "unpaid",
    )

    def __init__(self, port: DrivePort, server: OperatorServer, network: Windows, unpaid: Windows) -> None:
        self.port = port
        self.network = network
        self.unpaid = unpaid
        self.sent_us: dict[int, int] = {}  # by document: when it was first sent
        self.confirmed_us: dict[int, int] = {}
        self.connection = server.connect()
        self.free_us = 0  # nothing is sent before
        self.at_us = 0
        self.answer = b""  # under way, arrives at at_us


class OperatorQueues:
    """``server`` tells delays (`OperatorProfile.reply_us` is the whole way there and back) and outages; its ``epoch_s`` is the wall
    clock when the host's clock shows 0 microseconds. ``networks``: when the network of a register is down, by the register's name;
    ``unpaid``: when the operator takes nothing because he was not paid."""

    def __init__(
        self,
        server: OperatorServer,
        retry_us: int = RETRY_US,
        networks: Mapping[str, Windows] | None = None,
        unpaid: Windows = (),
    ) -> None:
        self.server = server
        self._networks = networks or {}
        self._unpaid = unpaid
        self._retry_us = max(1, retry_us)
        self._queues: dict[str, _Queue] = {}

    def port(self, drive: Drive, register: str = "") -> DrivePort:
        """The drive's side of the exchange. A register tells its status from it, so share it: a second port would not know that an answer
        is awaited."""
        return self._queue(drive, register).port

    def moments(self, serial: str) -> tuple[Mapping[int, int], Mapping[int, int]]:
        """When each document of a drive was first sent, and when it was confirmed, by its number, as far as it was settled."""
        queue = self._queues.get(serial)
        return ({}, {}) if queue is None else (queue.sent_us, queue.confirmed_us)

    def settle(self, drive: Drive, clock_offset_s: int, now_us: int, register: str = "") -> None:
        """Everything that would have happened between ``drive`` and the operator by now. Its register's clock may be off."""
        queue = self._queues.get(drive.serial)
        if queue is None or queue.port.drive is not drive:
            queue = self._queue(drive, register)
        self._settle(queue, drive, clock_offset_s, now_us)
        if queue.network or self.server.profile.outages:
            queue.port.connected = self._reachable(queue, now_us)

    def _settle(self, queue: _Queue, drive: Drive, clock_offset_s: int, now_us: int) -> None:
        while True:
            if not queue.answer:
                head = drive.head
                if head is None:
                    return
                recorded_us = (head.time_s - self.server.epoch_s - clock_offset_s) * 1_000_000
                if not self._send(queue, max(queue.free_us, min(recorded_us, now_us), 0), now_us):
                    return
            if queue.at_us > now_us:
                return
            self._take(queue)

    def _queue(self, drive: Drive, register: str) -> _Queue:
        queue = self._queues.get(drive.serial)
        if queue is None or queue.port.drive is not drive:
            free_us = 0 if queue is None else queue.free_us
            network = self._networks.get(register, ())
            queue = self._queues[drive.serial] = _Queue(DrivePort(drive), self.server, network, self._unpaid)
            queue.port.connect()
            queue.free_us = free_us
        return queue

    def _end_of_outage(self, at_us: int) -> int:
        """When the operator is there again, ``at_us`` itself when he is."""
        for begin_us, end_us, _ in self.server.profile.outages:
            if begin_us <= at_us < end_us:
                return end_us
        return at_us

    def _reachable(self, queue: _Queue, at_us: int) -> bool:
        """Whether a connection can be made at this moment."""
        away = self.server.profile.outage(at_us) is OutageKind.REFUSED
        return not away and end_of(queue.network, at_us) == at_us

    def _send(self, queue: _Queue, at_us: int, now_us: int) -> bool:
        """Send the head of the queue; whether an answer is under way."""
        outages = self.server.profile.outages
        head = queue.port.drive.head
        assert head is not None  # the caller has seen it
        while at_us <= now_us:
            if queue.network or queue.unpaid or outages:
                end_us = end_of(queue.network, at_us)
                if end_us == at_us and self.server.profile.outage(at_us) is OutageKind.REFUSED:
                    end_us = self._end_of_outage(at_us)
                if end_us == at_us and end_of(queue.unpaid, at_us) != at_us:
                    end_us = at_us + self._retry_us  # he hangs up, and is asked again
                if end_us > at_us:
                    at_us = end_us
                    continue
            message = queue.port.message()
            assert message is not None
            queue.sent_us.setdefault(head.document, at_us)
            connection = queue.connection
            output = connection.receive(message, at_us)
            if connection.closing_us is not None:
                queue.connection = self.server.connect()
            if output:
                queue.at_us, queue.answer = output[0]
                return True
            end_us = self._end_of_outage(at_us) if outages else at_us
            at_us = end_us if end_us > at_us else at_us + self._retry_us
            if connection.closing_us is not None:
                queue.port.cancel()
        queue.free_us = at_us
        return False

    def _take(self, queue: _Queue) -> None:
        """The answer arrives, unless the operator went away meanwhile."""
        at_us = queue.at_us
        answer = queue.answer
        queue.answer = b""
        queue.free_us = at_us
        if self.server.profile.outages or queue.network:
            end_us = max(self._end_of_outage(at_us), end_of(queue.network, at_us))
            if end_us > at_us:
                queue.free_us = end_us
                queue.connection = self.server.connect()
                queue.port.cancel()
                return
        try:
            confirmation = queue.port.ticket(answer, self.server.epoch_s + at_us // 1_000_000)
            queue.confirmed_us[confirmation.document] = at_us
        except DriveError:
            queue.free_us = at_us + self._retry_us


def end_of(windows: Windows, at_us: int) -> int:
    """When the window that ``at_us`` lies in ends; ``at_us`` itself when it lies in none."""
    for begin_us, end_us in windows:
        if begin_us <= at_us < end_us:
            return end_us
    return at_us
