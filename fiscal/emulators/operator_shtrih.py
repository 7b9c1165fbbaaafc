"""How a Shtrih-M register shows its exchange with the operator: the commands FF30 ... FF33 and FF39.

A register without a network of its own lets the host carry messages in blocks; one that sends by itself has nothing for the host to carry
but tells the same status. The functions are handlers for `fiscal.emulators.shtrih_dispatch`; the register has its `OperatorBuffer` as
``exchange``, or ``None`` when it sends by itself. Source: reference sheet ``shtrih.md`` section 2.6.
"""

from __future__ import annotations

from typing import Protocol

from fiscal.emulators.operator_port import BLOCK, DrivePort, OperatorBuffer
from fiscal.emulators.shtrih_dispatch import CommandError, handles, reply

NO_DATA = 0x08
WRONG_STATE = 0x02
BAD_LENGTH = 0x7E

_buffer = reply(0xFF30)
_block = reply(0xFF31)
_begun = reply(0xFF32)
_status = reply(0xFF39)


class Relaying(Protocol):
    """What these commands need of a register."""

    @property
    def exchange(self) -> OperatorBuffer | None: ...

    @property
    def port(self) -> DrivePort: ...

    @property
    def now_s(self) -> int: ...


@handles(0xFF30)
def operator_buffer(register: Relaying) -> bytes:
    exchange = register.exchange
    return bytes(_buffer(*((0, BLOCK) if exchange is None else exchange.state())))


@handles(0xFF31)
def read_operator_buffer(register: Relaying, offset: int, count: int) -> bytes:
    exchange = register.exchange
    if exchange is None:
        raise CommandError(NO_DATA)
    return bytes(_block(exchange.read(offset, count)))


@handles(0xFF32)
def begin_operator_answer(register: Relaying, size: int) -> bytes:
    """FF32"""
    exchange = register.exchange
    if exchange is None:
        raise CommandError(WRONG_STATE)
    return bytes(_begun(exchange.begin(size)))


@handles(0xFF33)
def write_operator_answer(register: Relaying, offset: int, count: int, data: bytes) -> bytes:
    """With the last block the drive takes the answer or refuses it (20h)."""
    exchange = register.exchange
    if exchange is None:
        raise CommandError(WRONG_STATE)
    if len(data) != count:
        raise CommandError(BAD_LENGTH)
    exchange.write(offset, data, register.now_s)
    return b""


@handles(0xFF39)
def exchange_status(register: Relaying) -> bytes:
    """For either kind of register."""
    s = register.port.status()
    return bytes(_status(s.flags, s.reading, min(s.queue, 0xFFFF), s.first, s.time_s))
