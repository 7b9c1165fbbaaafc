"""Documents carried for a register without a network: FF30 to FF33, in two halves. Source: reference sheet, section 2.6."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fiscal.engine.outcomes import AnswerTaken, Blame, MessageRead, Outcome, Refused
from fiscal.ofd.errors import OfdError
from fiscal.ofd.relay import BufferRefused, CommandBuffer, document_number, put_answer, take_message
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.errors import refusal
from fiscal.registers.shtrih.talk import AnyTalk, RegisterError, Steps

__all__ = ["buffer_of", "read_message", "write_answer"]


def buffer_of(talk: AnyTalk) -> CommandBuffer:
    """What the register offers a relay, over this line."""

    def ask(code: int, *values: object) -> Steps:
        return talk.ask(COMMANDS[code], *values)

    return CommandBuffer(ask, RegisterError)


def read_message(talk: AnyTalk) -> Generator[Any, Any, Outcome]:
    """`MessageRead`, or why not."""
    try:
        message = yield from take_message(buffer_of(talk))
    except BufferRefused as refused:
        return refusal(refused.code)
    except OfdError as error:
        return strange(error)
    return MessageRead(message, document_number(message))


def write_answer(talk: AnyTalk, answer: bytes) -> Generator[Any, Any, Outcome]:
    """`AnswerTaken`, or why not: an answer the drive does not accept changes nothing."""
    try:
        yield from put_answer(buffer_of(talk), answer)
    except BufferRefused as refused:
        return refusal(refused.code)
    except OfdError as error:
        return strange(error)
    return AnswerTaken(document_number(answer))


def strange(error: OfdError) -> Refused:
    """The register says what makes no sense."""
    return Refused(
        "driver:relay", str(error), Blame.REGISTER, "look at the register's settings for the operator"
    )
