"""The operator's side of a drive: messages out, confirmations in, one at a time.

A drive shows the register one message at a time, that of its oldest unconfirmed document, and takes one answer to it. `DrivePort` is that
side of an emulated drive: it packs the head of the queue, waits, checks the answer - is it the operator's, for this drive, for this very
document? - and writes the confirmation into the drive. Whatever is wrong, the head stays and the same message is shown again.

`OperatorBuffer` shows a port to a host through four commands with blocks (FF30 ... FF33), for registers that let the host carry.

Only the unencrypted form is emulated, also for a register registered with encryption (tag 1056).
Source: reference sheets ``ffd_ofd.md`` sections 1.5 and 6, ``shtrih.md`` section 2.6 (also the second byte of the refusal 20h).
"""

from __future__ import annotations

from enum import IntFlag
from hashlib import blake2b
from typing import NamedTuple

from fiscal.emulators.drive import Drive, DriveError, Refusal
from fiscal.emulators.drive_documents import Stored
from fiscal.emulators.operator_seal import SharedKey
from fiscal.ofd.confirmation import DELIVERED, FORM, Confirmation, read_confirmation
from fiscal.ofd.container import Container, ContainerWriter, read_container
from fiscal.ofd.errors import OfdError
from fiscal.ofd.session import CONTAINER, REPLY, CrcMode, Message, finish, head_of, read_message

NO_TRANSPORT = 0x11

WRONG_SIGN = 1
WRONG_FORMAT = 2
WRONG_DOCUMENT = 3
WRONG_DRIVE = 4
"""Second byte of the refusal 20h."""

BLOCK = 240
_FLAGS = CONTAINER | REPLY


class ExchangeFlags(IntFlag):
    """First byte of the status of the exchange."""

    CONNECTED = 1 << 0
    MESSAGE = 1 << 1
    WAITING = 1 << 2
    COMMAND = 1 << 3
    SETTINGS = 1 << 4
    WAITING_FOR_COMMAND = 1 << 5


class ExchangeStatus(NamedTuple):
    """The status of the exchange, as FF39 tells it: ``flags`` of `ExchangeFlags`, ``reading``: the message is being read; the queue."""

    flags: int
    reading: bool
    queue: int
    first: int
    time_s: int


class DrivePort:
    """The exchange of one drive with the operator. ``crc``: what the session's CRC covers (genuine registers leave it out).

    ``last_code``: the operator's last answer (tag 1022), ``None`` before the first; ``refused``: answers that were not accepted.
    """

    def __init__(self, drive: Drive, crc: CrcMode = CrcMode.NONE) -> None:
        self.drive = drive
        self.connected = False
        self.reading = False
        self.last_code: int | None = None
        self.refused = 0
        self._crc = crc
        self._key = SharedKey(drive.serial)
        self._shown: Stored | None = None
        self._message = b""
        self._waiting = False
        self._ffd = 0
        self._session = b""
        self._containers = ContainerWriter(
            Container(
                1,
                drive.serial,
                1,
                b"",
                b"",
                key=blake2b(drive.serial.encode("ascii"), digest_size=5, person=b"emulated key id").digest(),
                key_document=1,
            )
        )

    # ---- the exchange --------------------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """The register has a connection to the operator."""
        self.connected = True

    def disconnect(self) -> None:
        """The connection is gone; an answer that was awaited will not come. The message waits on."""
        self.connected = False
        self.cancel()

    def message(self) -> bytes | None:
        """The message of the oldest unconfirmed document, ``None`` when nothing waits. Until its confirmation was accepted it is the same
        message, byte for byte. Once taken the port waits for the answer."""
        head = self.drive.head
        if head is None:
            self._shown = None
            self._waiting = False
            return None
        if head is not self._shown:
            self._message = self._pack(head)
            self._shown = head
        self._waiting = True
        return self._message

    def cancel(self) -> None:
        """Give up waiting for an answer."""
        self._waiting = False
        self.reading = False

    def ticket(self, data: bytes, now_s: int) -> Confirmation:
        """The operator's answer, as it came from the connection: checked, and the confirmation written into the drive.

        Raises `DriveError`: 11 when no answer is awaited, 20 when this one is not accepted, its detail saying why - 1 sign, 2 format (or an
        answer code after which the document is not delivered), 3 document, 4 drive. The head of the queue stays.
        """
        try:
            return self.accept(read_message(data), now_s)
        except OfdError:
            raise self._refuse(WRONG_FORMAT) from None

    def accept(self, message: Message, now_s: int) -> Confirmation:
        """As `ticket`, for a message that was read already."""
        shown = self._shown
        if not self._waiting or shown is None:
            raise DriveError(NO_TRANSPORT)
        try:
            container = read_container(message.body)
            confirmation = read_confirmation(container.tlv)
        except OfdError:
            raise self._refuse(WRONG_FORMAT) from None
        serial = self.drive.serial
        if container.form != FORM:
            raise self._refuse(WRONG_FORMAT)
        if container.drive != serial or confirmation.drive != serial:
            raise self._refuse(WRONG_DRIVE)
        if container.sign != self._key.confirmation_sign(container.tlv):
            raise self._refuse(WRONG_SIGN)
        document = shown.document
        if container.document != document or confirmation.document != document:
            raise self._refuse(WRONG_DOCUMENT)
        self.last_code = confirmation.code
        if confirmation.code not in DELIVERED:
            raise self._refuse(WRONG_FORMAT)
        self.drive.confirm(document, now_s, confirmation.sign)
        self._shown = None
        self._waiting = False
        return confirmation

    def status(self) -> ExchangeStatus:
        """Where the exchange stands."""
        unsent = self.drive.unsent
        flags = (
            (ExchangeFlags.CONNECTED if self.connected else 0)
            | (ExchangeFlags.MESSAGE if unsent.count else 0)
            | (ExchangeFlags.WAITING if self._waiting else 0)
        )
        return ExchangeStatus(int(flags), self.reading, unsent.count, unsent.first, unsent.time_s)

    # ---- inside --------------------------------------------------------------------------------------------------------------------

    def _refuse(self, detail: int) -> DriveError:
        self.refused += 1
        return DriveError(Refusal.BAD_CONFIRMATION, detail)

    def _pack(self, stored: Stored) -> bytes:
        registration = self.drive.registration
        assert registration is not None  # the drive has a document
        if registration.ffd != self._ffd:
            self._ffd = registration.ffd
            self._session = head_of(self.drive.serial, self._ffd)
        tlv = stored.tlv
        container = self._containers.write(stored.form, stored.document, tlv, self._key.message_sign(tlv))
        return finish(self._session, container, _FLAGS, self._crc)


class OperatorBuffer:
    """A port as four commands with blocks. Each raises `DriveError` and changes nothing then.

    The host reads the message in blocks, carries it, announces the answer and writes it in blocks, in order. With the last byte the drive
    takes the answer: a refusal (20h) is the reply to the last block.
    """

    __slots__ = ("_answer", "_block", "_expected", "_message", "port")

    def __init__(self, port: DrivePort, block: int = BLOCK) -> None:
        self.port = port
        self._block = block
        self._message = b""
        self._answer = b""
        self._expected = 0

    def state(self) -> tuple[int, int]:
        """FF30: bytes of the message that waits (0: none), greatest block. The message is read anew from here on."""
        self._message = self.port.message() or b""
        self._answer = b""
        self._expected = 0
        self.port.reading = bool(self._message)
        return len(self._message), self._block

    def read(self, offset: int, count: int) -> bytes:
        """FF31: a block of it. Errors 08 (nothing waits, or nothing so far on), 09 (too large a block)."""
        if not 0 < count <= self._block:
            raise DriveError(Refusal.BAD_PARAMETER)
        message = self._message
        if offset + count > len(message):
            raise DriveError(Refusal.NO_DATA)
        if offset + count == len(message):
            self.port.reading = False
        return message[offset : offset + count]

    def begin(self, size: int) -> int:
        """FF32: an answer of so many bytes. Returns the greatest block. Errors 02 (no answer is awaited), 09."""
        if not self._message:
            raise DriveError(Refusal.WRONG_STATE)
        if not 0 < size <= 0xFFFF:
            raise DriveError(Refusal.BAD_PARAMETER)
        self._answer = b""
        self._expected = size
        return self._block

    def write_all(self, answer: bytes, now_s: int) -> Confirmation:
        """The whole answer in one piece, after `begin`. Errors as `write`."""
        self._answer = b""
        self._expected = 0
        self._message = b""
        return self.port.ticket(answer, now_s)

    def write(self, offset: int, data: bytes, now_s: int) -> Confirmation | None:
        """FF33: a block of it; the confirmation with the last. A block that came before may come again. Errors 02 (no answer was
        announced), 09 (a gap, or more than announced), 20."""
        expected = self._expected
        if not expected:
            raise DriveError(Refusal.WRONG_STATE)
        have = len(self._answer)
        end = offset + len(data)
        if not 0 < len(data) <= self._block or end > expected or offset > have:
            raise DriveError(Refusal.BAD_PARAMETER)
        if offset < have:
            if self._answer[offset:end] != data:
                raise DriveError(Refusal.BAD_PARAMETER)
            return None
        answer = self._answer + data
        if end < expected:
            self._answer = answer
            return None
        self._answer = b""
        self._expected = 0
        self._message = b""
        return self.port.ticket(answer, now_s)
