"""Documents carried for a register without a network: the drive's commands 22h to 26h, in two halves.

The commands are *assumed* (see `fiscal.emulators.atol_exchange`).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fiscal.engine.outcomes import AnswerTaken, MessageRead, Outcome
from fiscal.ofd.relay import document_number
from fiscal.registers.atol.commands import COMMANDS
from fiscal.registers.atol.errors import refusal
from fiscal.registers.atol.talk import RegisterError, Talk
from fiscal.registers.atol.talk_v2 import SessionTalk

__all__ = ["read_message", "write_answer"]

_BEGIN = COMMANDS[0xA422]
_BLOCK = COMMANDS[0xA423]
_ANSWER = COMMANDS[0xA426]


def read_message(talk: Talk | SessionTalk) -> Generator[Any, Any, Outcome]:
    """`MessageRead`, or why not."""
    parts: list[bytes] = []
    try:
        size, block = yield from talk.ask(_BEGIN)
        for offset in range(0, size, block or 1):
            parts.append((yield from talk.ask(_BLOCK, offset, min(block or 1, size - offset)))[0])
    except RegisterError as refused:
        return refusal(refused.code)
    message = b"".join(parts)
    return MessageRead(message, document_number(message))


def write_answer(talk: Talk | SessionTalk, answer: bytes) -> Generator[Any, Any, Outcome]:
    """`AnswerTaken`, or why not: an answer the drive does not accept changes nothing."""
    try:
        (document,) = yield from talk.ask(_ANSWER, answer)
    except RegisterError as refused:
        return refusal(refused.code)
    return AnswerTaken(document)
