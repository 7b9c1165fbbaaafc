"""The fiscal data operator (OFD): takes documents from registers, answers each with a confirmation, passes them to the tax service.

The operator is sans-IO. `OperatorServer` is the firm: the store, the accounts, the rules. `OperatorConnection` is one TCP connection to
it: the host feeds it the bytes that arrive, sends what it returns at the moments it says, and closes when it says so.

**Rules.** The documents of a drive come one by one. What the operator has he answers again with the confirmation he gave before, byte
for byte. The next number is taken; any other, or a document whose sign is not the drive's, gets the answer 11 and is not kept. A document
that fails the format-logic control is kept, and answered 14: it counts as delivered. A register whose owner has not paid gets no answer
at all: the connection is closed (*assumed*; no public source tells what operators do). Bytes that are no message end the connection, too.

Everything signed here is emulated, without legal force. Source: reference sheet ``ffd_ofd.md`` sections 1.4 and 1.5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from fiscal.emulators import Output
from fiscal.emulators.drive_documents import fields_of
from fiscal.emulators.operator_profile import OperatorProfile, Outage, OutageKind
from fiscal.emulators.operator_seal import SharedKey
from fiscal.emulators.operator_store import Received, Row, Store
from fiscal.emulators.operator_tax import Registered, TaxService, ZReport
from fiscal.ffd import FfdError, decode
from fiscal.ffd.validation import validate
from fiscal.ofd.confirmation import FORM, Answer, Confirmation, assemble, operator_field
from fiscal.ofd.container import Container, ContainerWriter, read_container
from fiscal.ofd.errors import OfdError
from fiscal.ofd.session import CONTAINER, REPLY, SIGNATURE, Message, MessageReader, finish

FORMS = frozenset((1, 2, 3, 4, 5, 6, 11, 21, 31, 41))
"""Documents that registers send."""

CONTROLLED_FORMATS = frozenset((2, 4))
"""The versions (tag 1209) that have tables to hold a document against."""

_HEAD = struct.Struct("<HHHH16sHH20sHH12sHHI")
_unpack_head = _HEAD.unpack_from
_HEAD_TAGS = (1041, 16, 1037, 20, 1018, 12, 1040, 4)
_U32 = struct.Struct("<I")


class Head(NamedTuple):
    """What an operator must read of a document: whose it is and which."""

    drive: str
    owner: str
    document: int


class Peer:
    """What the operator keeps ready for one drive."""

    __slots__ = ("answers", "key", "serial")

    def __init__(self, serial: str, kind: int) -> None:
        self.serial = serial.encode("ascii")
        self.key = SharedKey(serial)
        self.answers = ContainerWriter(Container(FORM, serial, 1, b"", b"", kind=kind))


class OperatorServer:
    """The operator. ``epoch_s``: his wall clock (as tag 1012 counts) when the host's clock shows 0 microseconds.

    ``unpaid``: tax numbers of owners and numbers of drives that get no answer; it may be changed at any time. ``reply_us``: the delay of
    an answer by drive and document, instead of the profile's. ``on_receive`` is called with a
    document before it is taken; where it raises, the document is not taken and not answered.
    """

    def __init__(self, profile: OperatorProfile | None = None, *, epoch_s: int = 0) -> None:
        self.profile = profile or OperatorProfile()
        self.epoch_s = epoch_s
        self.store = Store(self.profile.keep_documents)
        self.tax = TaxService(self.store, self.profile.tax_us)
        self.unpaid: set[str] = set()
        self.reply_us: Callable[[str, int], int] | None = None
        self.on_receive: Callable[[Received], None] | None = None
        self._operator = operator_field(self.profile.inn)
        self._peers: dict[str, Peer] = {}

    # ---- for the host --------------------------------------------------------------------------------------------------------------

    def accepts(self, now_us: int) -> bool:
        """Whether a connection is taken at this moment."""
        return self.profile.outage(now_us) is not OutageKind.REFUSED

    def connect(self) -> OperatorConnection:
        """A register has connected (ask `accepts` before)."""
        return OperatorConnection(self)

    def restore(self, received: Iterable[Received]) -> None:
        """Documents kept by an earlier life, each drive's in order."""
        for entry in received:
            self.store.add(entry)
            self.tax.take(entry)

    # ---- rules ---------------------------------------------------------------------------------------------------------------------

    def answer(self, message: Message, now_us: int) -> tuple[bytes, int]:
        """(what to send back, number of the document). Nothing to send back means: close the connection. Never raises, whatever the message
        holds."""
        header, body = message
        counts = self.store.counts
        if not body:
            counts["ping"] += 1
            return finish(self._session(message), b"", 0), 0
        try:
            container = read_container(body)
        except OfdError:
            counts["malformed"] += 1
            return b"", 0
        try:
            head = read_head(container.tlv)
        except FfdError:
            head = None
        drive = container.drive
        if drive in self.unpaid or (head is not None and head.owner in self.unpaid):
            counts["unpaid"] += 1
            return b"", 0
        if len(drive) != 16 or drive != header.drive:
            counts["malformed"] += 1
            return b"", 0
        number = container.document
        peer = self._peers.get(drive)
        if peer is None:
            peer = self._peers[drive] = Peer(drive, self.profile.kind)

        reason = "unreadable"
        if head is not None:
            row = self.store.drives.get(drive)
            kept = None if row is None else row.find(number)
            if kept is not None and kept.tlv == container.tlv:
                counts["duplicate"] += 1
                assert row is not None  # it has the document
                row.duplicates += 1
                return kept.answer, number
            reason = self._objection(container, head, peer, row)
        problems: tuple[str, ...] = ()
        code = Answer.NOT_RECOGNISED
        if not reason:
            found = self._control(container.tlv)
            if found is None:
                reason = "unreadable"
            else:
                problems = found
                code = Answer.CONTROL_FAILED if problems else Answer.ACCEPTED
        reply = self._confirm(message, container, peer, code, now_us)
        if reason:
            counts[reason] += 1
            return reply, number
        received = Received(
            drive,
            number,
            container.form,
            now_us,
            self.epoch_s + now_us // 1_000_000,
            int(code),
            container.tlv,
            container.sign,
            reply,
            problems,
        )
        if self.on_receive is not None:
            self.on_receive(received)  # what cannot be kept there is not taken
        self.store.add(received)
        self.tax.take(received)
        counts["received"] += 1
        if problems:
            counts["flawed"] += 1
        return reply, number

    def _objection(self, container: Container, head: Head, peer: Peer, row: Row | None) -> str:
        """Why a document that the operator does not have cannot be taken; empty when it can."""
        if head.drive != container.drive or head.document != container.document:
            return "forged"
        if container.form not in FORMS:
            return "unreadable"
        if row is not None and container.document != row.last + 1:
            return "conflict" if row.first <= container.document <= row.last else "gap"
        if self.profile.verify and container.sign != peer.key.message_sign(container.tlv):
            return "forged"
        return ""

    def _control(self, tlv: bytes) -> tuple[str, ...] | None:
        """The format-logic control: what is wrong with a document; ``None`` when it cannot be read at all."""
        if not self.profile.control:
            return ()
        try:
            document = decode(tlv)
        except FfdError:
            return None
        ffd = document.get(1209)
        if not isinstance(ffd, int):
            return ("1209: format version is missing",)
        if ffd not in CONTROLLED_FORMATS:
            return ()
        return tuple(map(str, validate(document, ffd)))

    def _confirm(self, message: Message, container: Container, peer: Peer, code: int, now_us: int) -> bytes:
        time_s = (self.epoch_s + now_us // 1_000_000) & 0xFFFFFFFF
        number = container.document
        sign = peer.key.operator_sign(container.tlv, _U32.pack(time_s))
        tlv = assemble(
            self._operator,
            peer.serial,
            Confirmation(self.profile.inn, container.drive, number, time_s, code, sign),
        )
        reply = peer.answers.write(FORM, number, tlv, peer.key.confirmation_sign(tlv))
        return finish(self._session(message), reply, CONTAINER | REPLY, message.header.flags & 3)

    def _session(self, message: Message) -> bytes:
        return _session_head(message.header.drive, message.header.version)


class OperatorConnection:
    """One connection to the operator: the emulator a TCP host runs.

    When ``closing_us`` is set the host closes the connection at that moment (after what leaves then), and feeds it nothing more.
    """

    __slots__ = ("_free_us", "_reader", "_server", "closing_us")

    def __init__(self, server: OperatorServer) -> None:
        self.closing_us: int | None = None
        self._server = server
        self._reader = MessageReader()
        self._free_us = 0

    def receive(self, data: bytes, now_us: int) -> Output:
        """Bytes arrived. Returns the answers, with the moments they leave."""
        if self.closing_us is not None:
            return []
        server = self._server
        counts = server.store.counts
        profile = server.profile
        outage = profile.outage(now_us) if profile.outages else None
        if outage is OutageKind.REFUSED:
            return self._close(now_us)
        if outage is OutageKind.SILENT:
            counts["vanished"] += 1
            return []
        try:
            messages = self._reader.feed(data)
        except OfdError:
            counts["malformed"] += 1
            return self._close(now_us)
        output: Output = []
        for message in messages:
            answer, number = server.answer(message, now_us)
            if not answer:
                return self._close(max(now_us, self._free_us), output)
            if not message.header.wants_reply:
                continue
            if outage is OutageKind.UNANSWERED:
                counts["unanswered"] += 1
                continue
            delay_us = server.reply_us
            self._free_us = max(now_us, self._free_us) + (
                profile.reply_us if delay_us is None else delay_us(message.header.drive, number)
            )
            output.append((self._free_us, answer))
        return output

    def _close(self, at_us: int, output: Output | None = None) -> Output:
        self.closing_us = at_us
        return output or []

    def next_wakeup(self) -> int | None:
        """Nothing happens on a connection but answers."""
        return None

    def wake(self, now_us: int) -> Output:
        return []

    def power_off(self, now_us: int) -> None:
        """The operator's machine is gone; what he has kept he has."""
        self._close(now_us)

    def power_on(self, now_us: int) -> None:
        """A connection does not come back."""


def read_head(tlv: bytes) -> Head:
    """Whose document this is and which. Raises `FfdError` when the bytes are no document, or do not say."""
    if len(tlv) >= _HEAD.size:
        # The order of genuine documents is fixed; anything else is read the long way.
        f = _unpack_head(tlv)
        if (f[2], f[3], f[5], f[6], f[8], f[9], f[11], f[12]) == _HEAD_TAGS:
            return Head(_digits(f[4]), _digits(f[10]), f[13])
    fields = dict(fields_of(tlv))
    drive, document = fields.get(1041, b""), fields.get(1040, b"")
    if len(drive) != 16 or len(document) != 4:
        raise FfdError((1040,), "the document does not say whose it is")
    return Head(_digits(drive), _digits(fields.get(1018, b"")), int.from_bytes(document, "little"))


@lru_cache(maxsize=4096)
def _digits(data: bytes) -> str:
    return data.decode("ascii", "replace").rstrip(" ")


@lru_cache(maxsize=4096)
def _session_head(drive: str, version: bytes) -> bytes:
    return SIGNATURE + version + drive.encode("ascii").ljust(16)


__all__ = [
    "Head",
    "OperatorConnection",
    "OperatorProfile",
    "OperatorServer",
    "Outage",
    "OutageKind",
    "Received",
    "Registered",
    "Store",
    "TaxService",
    "ZReport",
    "read_head",
]
