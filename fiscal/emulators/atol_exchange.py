"""How an ATOL register shows its exchange with the operator: A4 and the drive's own commands 20h to 26h.

20h tells the state. By 22h to 26h the host carries messages for a register that has no network of its own; one that sends by itself has
nothing to carry. That the register passes these through as it does the drive's other commands is *assumed* (so are the layouts of 22h to
26h): the vendor's driver uses a tunnel of its own for it, which is not public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal.emulators.atol_dispatch import CommandError, handles, reply
from fiscal.emulators.operator_port import OperatorBuffer

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register

NO_DATA = 0xDA
NO_TRANSPORT = 0xE9

_status = reply(0xA420)
_begun = reply(0xA422)
_answered = reply(0xA426)


@handles(0xA420)
def exchange_status(register: Register) -> bytes:
    s = register.port.status()
    return _status(s.flags, s.reading, min(s.queue, 0xFFFF), s.first, s.time_s)


@handles(0xA422)
def begin_message(register: Register) -> bytes:
    exchange = register.exchange
    return _begun(*((0, 0) if exchange is None else exchange.state()))


@handles(0xA423)
def read_message(register: Register, offset: int, count: int) -> bytes:
    return _carried(register).read(offset, count)


@handles(0xA426)
def take_answer(register: Register, answer: bytes) -> bytes:
    """The whole answer at once. The drive takes it or refuses it (ECh)."""
    exchange = _carried(register)
    exchange.begin(len(answer))
    confirmation = exchange.write_all(answer, register.now_s)
    return _answered(confirmation.document)


def _carried(register: Register) -> OperatorBuffer:
    exchange = register.exchange
    if exchange is None:
        raise CommandError(NO_TRANSPORT)
    return exchange
