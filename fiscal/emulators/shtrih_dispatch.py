"""How the commands of an emulated Shtrih-M register find the code that carries them out.

Each handler is a plain function of the register and the values of the request, found by command code. It returns the body of the
reply (what follows the error byte) or raises `CommandError`, and then nothing has happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fiscal.registers.shtrih.commands import COMMANDS

if TYPE_CHECKING:
    from fiscal.emulators.drive_documents import Stored
    from fiscal.emulators.shtrih import ShtrihRegister

__all__ = ["HANDLERS", "CommandError", "Handler", "handles", "moment_of", "operator_only", "reply"]

DATED_ANSWERS = (17, 1, 36)

Handler = Callable[..., bytes]

HANDLERS: dict[int, Handler] = {}
"""Command code -> handler. The modules of the emulator fill it when they are imported."""


class CommandError(Exception):
    """The register refuses a command with this error byte."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


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
    """The packer of a command's reply."""
    pack: Callable[..., Any] = COMMANDS[code].reply.pack
    return pack


def operator_only(register: ShtrihRegister) -> bytes:
    """The commonest reply: who did it."""
    return bytes((register.operator,))


def moment_of(register: ShtrihRegister, stored: Stored) -> tuple[int, ...]:
    """The moment of a document, for the end of a reply, where the register is set up to tell it."""
    return (stored.time_s,) if register.tables.number(DATED_ANSWERS) else ()
