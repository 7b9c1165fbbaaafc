"""How the commands of an emulated ATOL register find the code that carries them out.

Each handler is a plain function of the register and the values of the request, found by command code. It returns
the fields of the answer or raises `CommandError`, and then nothing has happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fiscal.registers.atol.commands import COMMANDS

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister

__all__ = ["DRIVE_ERRORS", "HANDLERS", "CommandError", "Handler", "handles", "nothing", "reply"]

Handler = Callable[..., bytes]

HANDLERS: dict[int, Handler] = {}
"""Command code -> handler. The modules of the emulator fill it when they are imported."""

DRIVE_ERRORS: dict[int, int] = {
    0x01: 0xD3,
    0x02: 0xD4,
    0x03: 0xD5,
    0x04: 0xD6,
    0x05: 0xD7,
    0x06: 0xD8,
    0x07: 0xD9,
    0x08: 0xDA,
    0x09: 0xE7,
    0x10: 0xE8,
    0x11: 0xE9,
    0x12: 0xEA,
    0x14: 0xEB,
    0x15: 0xEF,
    0x16: 0xF0,
    0x17: 0xF1,
    0x18: 0xE7,
    0x19: 0xF5,
    0x20: 0xEC,
    **dict.fromkeys((0xA0, 0xA1, 0xA2, 0xA3, 0xAA), 0xE7),
}
"""What a register makes of the drive's own codes (18h and what concerns marking codes share a byte with 09h: the sheet has none of
their own)."""


class CommandError(Exception):
    """The register refuses a command with this error byte; ``extended`` is the word that register 37h tells when the
    byte is EEh."""

    def __init__(self, code: int, extended: int = 0) -> None:
        super().__init__(code, extended)
        self.code = code
        self.extended = extended


def handles(*codes: int) -> Callable[[Handler], Handler]:
    """The decorated function carries out these commands."""

    def enter(handler: Handler) -> Handler:
        for code in codes:
            if code not in COMMANDS or code in HANDLERS:
                raise ValueError(f"command {code:X} is not declared, or handled twice")
            HANDLERS[code] = handler
        return handler

    return enter


def reply(code: int) -> Callable[..., bytes]:
    """The packer of a command's answer."""
    pack: Callable[..., Any] = COMMANDS[code].reply.pack
    return pack


def nothing(register: AtolRegister, *values: object) -> bytes:
    """What needs no more than to be accepted."""
    return b""
