"""A drive with a few documents and an operator, without a line between them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from fiscal.emulators.drive import Drive, DriveError, Registration, Stored, Sums
from fiscal.emulators.operator import OperatorConnection, OperatorProfile, OperatorServer
from fiscal.emulators.operator_port import DrivePort, OperatorBuffer
from fiscal.ffd.documents import RegisterFacts, receipt_body
from fiscal.ffd.tlv import text
from fiscal.ofd import OfdError, missing, read_message
from fiscal.ofd.relay import BufferRefused, document_number, put_answer, take_message
from fiscal.ofd.relay import OperatorBuffer as Offered
from fiscal.ofd.session import corrected
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat, mark
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.vat import vat_sums

REPLY_US = 60_000_000
START_S = 1_790_000_040
SERIAL = "9999078900001234"
OWNER = "7701234567"
DAY = date(2026, 9, 21)
FACTS = RegisterFacts(user="ООО Ромашка", address="Москва", place="shop.example")
CASHIER = text(1021, "Иванова")
_T = TypeVar("_T")


def make_drive(ffd: int = 4, serial: str = SERIAL) -> Drive:
    drive = Drive(serial)
    drive.register(
        Registration(
            OWNER,
            "0000000000012345",
            user=FACTS.user,
            address=FACTS.address,
            place=FACTS.place,
            ofd_inn="7709364346",
            ofd_name="ОФД",
            ffd=ffd,
            register_serial="4239",
            register_version="1",
        ),
        START_S,
        CASHIER,
    )
    return drive


def sell(drive: Drive, key: str, total_kop: int = 71_345, now_s: int = START_S + 120) -> Stored:
    receipt = Receipt(
        SettlementType.SALE,
        (Item("Чай зелёный", total_kop, 1_000_000, total_kop, Vat.VAT_22),),
        Payments(cashless_kop=total_kop),
        Taxation.GENERAL,
        OWNER,
        "shop.example",
        Buyer(email="buyer@mail.example"),
    )
    registration = drive.registration
    assert registration is not None
    body = receipt_body(receipt, registration.ffd, FACTS, DAY, mark(key))
    vat = tuple((int(code), kop) for code, kop in vat_sums(receipt, DAY).items())
    return drive.record(3, 1, total_kop, Sums(0, total_kop, 0, 0, 0, vat), body, now_s)


def shift(receipts: int = 3, ffd: int = 4, serial: str = SERIAL) -> Drive:
    """A drive with a registration, and a shift opened, used and closed."""
    drive = make_drive(ffd, serial)
    drive.open_shift(START_S + 60, CASHIER)
    for n in range(receipts):
        sell(drive, f"order-{n}", 10_000 + n)
    drive.close_shift(START_S + 180, CASHIER)
    return drive


def make_server(**profile: Any) -> OperatorServer:
    return OperatorServer(OperatorProfile(**profile), epoch_s=START_S)


def answer_of(connection: OperatorConnection, data: bytes, now_us: int = 0) -> bytes:
    """The bytes that come back, whenever."""
    return b"".join(chunk for _, chunk in connection.receive(data, now_us))


def drain(port: DrivePort, connection: OperatorConnection, now_us: int = 0) -> int:
    """Send everything that waits. Returns how many documents went."""
    count = 0
    while (message := port.message()) is not None:
        port.ticket(answer_of(connection, message, now_us), START_S + now_us // 1_000_000)
        count += 1
    return count


class Refused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def ask_of(buffer: OperatorBuffer, now_s: int = START_S) -> Callable[..., Generator[Any, Any, Any]]:
    """A driver's way to ask, by the bytes of the declared commands but without a line: it yields each request."""

    def do(code: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if code == 0xFF30:
            return buffer.state()
        if code == 0xFF31:
            return (buffer.read(*values),)
        if code == 0xFF32:
            return (buffer.begin(*values),)
        offset, count, data = values
        assert count == len(data)
        buffer.write(offset, data, now_s)
        return ()

    def ask(code: int, *values: Any) -> Generator[Any, Any, Any]:
        command = COMMANDS[code]
        request = command.pack(30, *values)
        yield request
        try:
            answered = do(code, command.request.unpack(request, 2)[1:])
        except DriveError as error:
            raise Refused(error.code) from None
        reply = command.reply.pack(*answered)
        return command.reply.unpack(reply, 0)

    return ask


@dataclass(frozen=True, slots=True)
class Exchange:
    """Carry ``data`` to the operator over a fresh connection and resume with his answer: read until `fiscal.ofd.session.missing` says 0
    (connecting included at most ``timeout_us``). When there is no answer the host throws `OperatorUnreachable`; an answer cut short
    may also simply be given."""

    data: bytes
    timeout_us: int = REPLY_US


class OperatorUnreachable(Exception):
    """There was no answer. Thrown by the host into the relay, which ends with it as `Relayed.problem`. ``connected``: a connection stood,
    but it was closed or silent - then the network is fine and the operator is not."""

    def __init__(self, reason: str = "", connected: bool = False) -> None:
        super().__init__(reason)
        self.connected = connected


@dataclass(frozen=True, slots=True)
class Relayed:
    """What a relay did. ``confirmed``: answers that the drive accepted; ``document``: number of the last of them (0: none).

    Two facts that are not the same: ``connected``, whether a connection to the operator stood (the network), and ``reached``, whether he
    answered (the operator); ``None``: not tried. ``empty``: nothing waits any more; ``problem``: why it stopped before that, empty when
    it did not; ``code``: the register's error code then, if it was the register.
    """

    confirmed: int
    document: int
    connected: bool | None
    reached: bool | None
    empty: bool
    problem: str = ""
    code: int = 0


def relay(buffer: Offered, limit: int = 1, timeout_us: int = REPLY_US) -> Generator[Any, Any, Relayed]:
    """Carry at most ``limit`` messages, one after another. One by one is polite: between two the line is free for a receipt.

    Errors of the register's line pass through (`LineLost`): what had been accepted stays accepted.
    """
    confirmed = document = 0
    connected: bool | None = None
    reached: bool | None = None
    empty = False
    problem = ""
    code = 0
    try:
        while confirmed < limit:
            message = yield from take_message(buffer)
            if not message:
                empty = True
                break
            reached = False
            answer = yield Exchange(corrected(message), timeout_us)
            connected = bool(answer)
            if not answer or missing(answer):
                raise OfdError("session", "the operator's answer breaks off")
            reached = True
            if not read_message(answer).body:
                raise OfdError("session", "the operator answers without a container")
            yield from put_answer(buffer, answer)
            confirmed += 1
            document = document_number(message)
    except OperatorUnreachable as error:
        connected, reached = error.connected, False
        problem = str(error) or "no answer from the operator"
    except OfdError as error:
        problem = str(error)
    except BufferRefused as error:
        code = error.code
        problem = f"the register answers {code:02X}h"
    return Relayed(confirmed, document, connected, reached, empty, problem, code)


def carried(steps: Generator[Any, Any, _T], exchange: Callable[[bytes], bytes]) -> Generator[Any, Any, _T]:
    """A relay whose other side is carried out here, so that only the register's line is left for the host. What ``exchange`` raises is
    thrown into the relay."""
    try:
        step = next(steps)
        while True:
            if not isinstance(step, Exchange):
                step = steps.send((yield step))
                continue
            try:
                answer = exchange(step.data)
            except OperatorUnreachable as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as done:
        result: _T = done.value
        return result


def run(steps: Generator[Any, Any, _T], exchange: Callable[[bytes], bytes]) -> tuple[_T, list[bytes]]:
    """Carry out a relay without a line: (its result, what was asked of the register)."""
    asked: list[bytes] = []
    register_side = carried(steps, exchange)
    try:
        while True:
            asked.append(next(register_side))
    except StopIteration as done:
        return done.value, asked
