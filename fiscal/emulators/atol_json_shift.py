"""The shift, its reports and the drawer as JSON tasks. See `fiscal.emulators.atol_json`."""

from __future__ import annotations

from fiscal.emulators.atol_json import (
    ALL,
    Run,
    Session,
    Task,
    ask,
    cashier,
    document,
    kop_of,
    leave_for,
    look,
    ready,
    task,
)
from fiscal.emulators.atol_json_checks import OPERATOR, Rules, needs
from fiscal.registers.atol_web.words import rub

__all__ = ["begin_shift"]

_REPORTS_MODE, _CLEARING_MODE = 2, 3
_BUSY = 0xF0
_POLL_US = 500_000
_LONGEST_US = 5_000_000
_X_REPORT = 1

_CASH: Rules = {**OPERATOR, **needs("cashSum")}


def begin_shift(talk: Session) -> Run:
    """Open the shift of a register that is ready."""
    yield from look(talk, 0x3F, 0x9134, 0x45)
    yield from ask(talk, 0x9A, 0, "")
    yield from look(talk, 0x45, 0x9137, 0x913B)


@task("openShift", makes=True)
def open_shift(talk: Session, asked: Task) -> Run:
    """Open the shift."""
    yield from ready(talk, asked)
    yield from look(talk, 0x3F, 0x9134)
    yield from begin_shift(talk)
    params, warnings = yield from document(talk)
    return {"fiscalParams": params, "warnings": warnings}


@task("closeShift", makes=True)
def close_shift(talk: Session, asked: Task) -> Run:
    """The Z-report; done when the register is ready again."""
    yield from ready(talk, asked)
    receipts, _ = yield from ask(talk, 0x9135, ALL)
    yield from look(talk, 0x3F, 0x9134, 0x3F, 0x9134)
    yield from leave_for(talk, _CLEARING_MODE)
    yield from ask(talk, 0x5A)
    yield from _until_idle(talk)
    yield from look(talk, 0x45, 0x9137, 0x913B)
    params, warnings = yield from document(talk)
    yield from look(talk, 0x9135)
    return {"fiscalParams": {**params, "receiptsCount": receipts}, "warnings": warnings}


@task("reportX")
def report_x(talk: Session, asked: Task) -> Run:
    """The X-report, on paper only."""
    yield from ready(talk, asked)
    yield from leave_for(talk, _REPORTS_MODE)
    yield from ask(talk, 0x67, _X_REPORT)
    yield from _until_idle(talk)


@task("cashIn", "cashOut", rules=_CASH)
def cash(talk: Session, asked: Task) -> Run:
    """Money put into the drawer or taken out. When the shift is closed it is opened first."""
    kop = kop_of(asked["cashSum"])
    yield from ready(talk, asked)
    if not (yield from ask(talk, 0x9112, ALL))[0]:
        yield from begin_shift(talk)
        yield from cashier(talk)
    yield from look(talk, 0x45)
    yield from ask(talk, 0x49 if asked["type"] == "cashIn" else 0x4F, 0, kop)
    (kop,) = yield from ask(talk, 0x910A, ALL)
    return {"counters": {"cashSum": rub(kop)}}


@task("continuePrint", rules={})
def continue_print(talk: Session, asked: Task) -> Run:
    """Finish the paper of the last document."""
    if (yield from ask(talk, 0x913B, ALL))[0] & _BUSY:
        yield from ask(talk, 0xEE)


def _until_idle(talk: Session) -> Run:
    pause_us = _POLL_US
    while (yield from ask(talk, 0x45))[0] & _BUSY:
        yield from talk.pause(pause_us)
        pause_us = min(pause_us * 2, _LONGEST_US)
