"""The vendor's driver, emulated: JSON tasks carried out on an ATOL register, command by command.

A task is an object with a ``type``; it becomes the conversation with the register that ATOL's own driver holds (the same commands in
the same order), and its result is the text that driver gives, to the letter. Failures are `TaskFailed` with the vendor's code and
words. The tasks stand in tables of their own: `fiscal.emulators.atol_json_receipts`, `fiscal.emulators.atol_json_shift`,
`fiscal.emulators.atol_json_state` and `fiscal.emulators.atol_json_drive`. Source: reference sheet, sections 1.3 and 2; the order of
commands and the texts were seen from driver 10.8 at this emulated register.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fiscal.emulators.atol_json_checks import OPERATOR, Rules, TaskFailed, check
from fiscal.ffd.tlv import FfdError, decode_text, text, walk
from fiscal.registers.atol.commands import COMMANDS
from fiscal.registers.atol.talk import RegisterError, Talk
from fiscal.registers.atol_web.errors import MISSING, code_of, text_of
from fiscal.registers.atol_web.words import rub
from fiscal.registers.conversation import Settings

__all__ = [
    "ALL",
    "TASKS",
    "Kind",
    "Run",
    "Session",
    "ask",
    "attribute",
    "carry_out",
    "cashier",
    "document",
    "kop_of",
    "leave_for",
    "look",
    "moment",
    "parse",
    "ready",
    "scaled",
    "status",
    "task",
    "written",
]

Task = Mapping[str, Any]
Run = Generator[Any, Any, Any]
Carry = Callable[["Session", Task], Run]

ALL = b"\0\0"
_REGISTRATION_MODE = 1
_SYSTEM = 30
_EXTENDED = 0xEE
_OPEN = 1
_NOT_PRINTED = 0xF0


class Session(Talk):
    """A conversation of the driver with its register. It remembers the cashier from one task to the next (``operator``)."""

    __slots__ = ("operator",)

    def __init__(self, settings: Settings, number: int = 0, operator: Task | None = None) -> None:
        super().__init__(settings, number)
        self.operator: Task = operator or {}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of task. ``rules``: what it must say; ``makes``: it makes a fiscal document, so that a lost line leaves its fate open."""

    rules: Rules
    run: Carry
    makes: bool = False


TASKS: dict[str, Kind] = {}
"""Type -> how it is done. The modules of the tasks fill it when they are imported."""


def task(*types: str, rules: Rules = OPERATOR, makes: bool = False) -> Callable[[Carry], Carry]:
    """The decorated function carries out these types of task."""

    def enter(run: Carry) -> Carry:
        for name in types:
            TASKS[name] = Kind(rules, run, makes)
        return run

    return enter


def parse(asked: Any) -> Kind:
    """What a task wants. Raises `TaskFailed` when it cannot be read."""
    kind = asked.get("type") if isinstance(asked, dict) else None
    if kind is None:
        raise TaskFailed(MISSING, 'Ошибка парсинга запроса (поле "type" отсутствует)')
    known = TASKS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise TaskFailed(MISSING, f'Ошибка парсинга запроса (некорректное значение поля "type" ({kind}))')
    check(asked, known.rules)
    return known


def carry_out(talk: Session, asked: Task) -> Generator[Any, Any, str]:
    """Do a task. The result as JSON text, empty when there is none. Raises `TaskFailed`, `fiscal.registers.conversation.LineLost`."""
    kind = parse(asked)
    try:
        result = yield from kind.run(talk, asked)
    except RegisterError as refused:
        raise TaskFailed(code_of(refused.code), text_of(code_of(refused.code), refused.code)) from None
    except OverflowError:
        raise TaskFailed(16, text_of(16)) from None
    except FfdError as wrong:
        raise TaskFailed(148, f"{text_of(148)} {wrong}") from None
    yield from talk.confirm()
    return "" if result is None else written(result)


# ---- numbers and words of JSON ----------------------------------------------------------------------------------------------------


def written(value: Any) -> str:
    """JSON as the driver writes it: without spaces, keys in order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def scaled(value: Decimal | int, by: int) -> int:
    """A number of the task as a whole number of its smallest units. Raises `OverflowError` below zero."""
    whole = int((Decimal(value) * by).to_integral_value(ROUND_HALF_UP))
    if whole < 0:
        raise OverflowError(f"{value} is below zero")
    return whole


def kop_of(value: Decimal | int) -> int:
    """Roubles of a task as kopecks."""
    return scaled(value, 100)


def moment(time_s: int) -> str:
    """A wall clock as the driver writes it."""
    return datetime.fromtimestamp(time_s, UTC).isoformat()


# ---- talking to the register ------------------------------------------------------------------------------------------------------


def ask(talk: Session, code: int, *values: object) -> Run:
    """One command."""
    return talk.ask(COMMANDS[code], *values)


def look(talk: Session, *codes: int) -> Run:
    """Commands whose answers the driver keeps for itself; a register is read whole."""
    for code in codes:
        yield from ask(talk, code, *((ALL,) if code >> 8 == 0x91 else ()))


def attribute(talk: Session, tlv: bytes, printed: bool = True) -> Run:
    """Give the document in work an attribute."""
    try:
        yield from ask(talk, 0xE8, int(printed), 1, 0, tlv)
    except RegisterError as refused:
        if refused.code != _EXTENDED:
            raise
        word = (yield from ask(talk, 0x9137, ALL))[1]
        why = text_of(code_of(_EXTENDED, word))
        raise TaskFailed(148, f"{text_of(148)} {int.from_bytes(tlv[:2], 'little')} ({why})") from None


def ready(talk: Session, asked: Task) -> Run:
    """Bring the register where documents begin, with nothing half made, and tell it who works there."""
    mode, _ = yield from ask(talk, 0x45)
    if mode != _REGISTRATION_MODE:
        yield from ask(talk, 0x48)
        yield from ask(talk, 0x56, _REGISTRATION_MODE, _SYSTEM)
    yield from ask(talk, 0x59)
    if asked.get("operator"):
        talk.operator = asked["operator"]
        yield from cashier(talk)


def cashier(talk: Session) -> Run:
    """Who works at the register, for the next document."""
    who = talk.operator
    if who.get("name"):
        yield from attribute(talk, text(1021, who["name"], limit=64))
    if who.get("vatin"):
        yield from attribute(talk, text(1203, who["vatin"], width=12))


def leave_for(talk: Session, mode: int) -> Run:
    """Go to another mode from wherever the register is."""
    yield from ask(talk, 0x45)
    yield from ask(talk, 0x48)
    yield from ask(talk, 0x56, mode, _SYSTEM)


def status(talk: Session) -> Run:
    """The status, with everything that the driver reads beside it: (status, state of the shift and its end, last closed shift, drive)."""
    found = yield from ask(talk, 0x3F)
    yield from look(talk, 0xA5, 0x45, 0x9116, 0x9118, 0x9113)
    shift = yield from shift_state(talk)
    (closed,) = yield from ask(talk, 0x9115, ALL)
    drive = yield from ask(talk, 0xA430)
    return found, shift, closed, drive


def shift_state(talk: Session) -> Run:
    """(state, when its 24 hours end)."""
    state, until_s = yield from ask(talk, 0x9112, b"\0\1")
    if state == _OPEN:
        yield from look(talk, 0x9111)
    return state, until_s


def document(talk: Session, *, receipt: bool = False, printed: bool = True) -> Run:
    """What the driver tells of the document that was just made: (fiscalParams, warnings). ``printed``: look whether it is."""
    yield from status(talk)
    number, _, sign = yield from ask(talk, 0x9134, ALL)
    (drive,) = yield from ask(talk, 0xA431)
    yield from look(talk, 0xA433, 0xA430)
    rnm = yield from _requisite(talk, 1037)
    site = yield from _requisite(talk, 1060)
    _, _, record = yield from ask(talk, 0xA440, number)
    yield from look(talk, 0x3F, 0x9134)
    paper = (yield from ask(talk, 0x913B, ALL))[0] if printed else 0
    of_shift, shift = yield from ask(talk, 0x9135, ALL)
    params = {
        "fiscalDocumentDateTime": moment(_time_of(record)),
        "fiscalDocumentNumber": number,
        "fiscalDocumentSign": str(sign),
        "fnNumber": drive,
        "fnsUrl": site,
        "registrationNumber": rnm,
        "shiftNumber": shift,
    }
    if receipt:
        params |= {
            "fiscalReceiptNumber": of_shift,
            "total": rub(int.from_bytes(record[14:19], "little")),
        }
    return params, {"notPrinted": True} if paper & _NOT_PRINTED else {}


def _requisite(talk: Session, tag: int) -> Generator[Any, Any, str]:
    tlv = (yield from ask(talk, 0xE9, tag, 0))[1]
    return decode_text(walk(tlv)[0][1]).rstrip()


def _time_of(record: bytes) -> int:
    year, month, day, hour, minute = record[:5]
    return int(datetime(2000 + year, month, day, hour, minute, tzinfo=UTC).timestamp())
