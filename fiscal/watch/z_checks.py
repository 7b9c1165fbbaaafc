"""Do the Z-reports add up? Each is held against the one before it, and against the receipts of the journal.

* *running*: the running total is that of the report before plus the sums of this one. Before a register's first report stands the *seed
  money* it was set up with (0.20 to 5 roubles, rung up once so that it is known to work); without one the first report is the reference.
* *journal*: the register has counted the receipts that the journal asked it for: their number and each form of payment.
* *row*: shift follows shift. A missing number is a report that nobody noted.
* *forms*: the sums by form of payment make up the total.

A check whether something agrees says yes, no, or - where the register did not tell - that it cannot know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fiscal.engine.outcomes import Turnover
from fiscal.watch.z_reports import Sums, Turnovers, ZReport

CHECKS = ("running", "journal", "row", "forms")
TYPES = ("sales", "sale returns", "purchases", "purchase returns")
FORMS = ("cash", "cashless", "prepaid", "credit", "provision")


@dataclass(frozen=True, slots=True)
class Check:
    """``ok``: whether it agrees, ``None`` when that cannot be known; ``detail`` says what differs, in roubles, and by how much."""

    name: str
    ok: bool | None
    detail: str = ""


def check(
    reports: Iterable[ZReport], seeds: Mapping[str, int] | None = None
) -> list[tuple[ZReport, tuple[Check, ...]]]:
    """Every report, in the order given, with what was found. ``seeds``: seed money by register, in kopecks."""
    before: dict[str, ZReport] = {}
    found: list[tuple[ZReport, tuple[Check, ...]]] = []
    for report in reports:
        last = before.get(report.register)
        seed = (seeds or {}).get(report.register)
        found.append(
            (report, (_running(report, last, seed), _journal(report), _row(report, last), _forms(report)))
        )
        before[report.register] = report
    return found


def verdict(checks: Iterable[Check]) -> bool | None:
    """No when one of them says no; unknown when one is; else yes."""
    said = [one.ok for one in checks]
    return False if False in said else None if None in said else True


def _running(report: ZReport, last: ZReport | None, seed_kop: int | None) -> Check:
    now = report.running_kop
    if now is None:
        return Check("running", None, "the register did not tell its running total")
    if last is None:
        if seed_kop is None:
            return Check("running", None, "the first report: nothing to hold it against")
        base: Sums | None = (seed_kop, 0, 0, 0)
        of = f"seed money {roubles(seed_kop)}"
    else:
        base, of = last.running_kop, f"report {last.number}"
    if base is None:
        return Check("running", None, f"{of} has no running total")
    sums = report.sums_kop or _sums(report.counted)
    wrong = [
        f"{name}: {of} and this shift make {roubles(was + plus)}, the register says {roubles(is_)} ({signed(is_ - was - plus)})"
        for name, was, plus, is_ in zip(TYPES, base, sums, now, strict=True)
        if was + plus != is_
    ]
    return Check("running", not wrong, "; ".join(wrong))


def _journal(report: ZReport) -> Check:
    told, counted = report.told, report.counted
    if told is None:
        sums = report.sums_kop
        if sums is None:
            return Check("journal", None, "the register did not tell what it counted")
        wrong = _sums_differ(sums, _sums(counted))
        return Check("journal", not wrong, wrong)
    wrong = differences(told, counted)
    return Check("journal", not wrong, wrong)


def differences(told: Turnovers, counted: Turnovers) -> str:
    """In which counts and sums a register differs from the journal; empty when it does not."""
    return "; ".join(
        part
        for name, theirs, ours in zip(TYPES, told, counted, strict=True)
        if (part := _turnovers_differ(name, theirs, ours))
    )


def _turnovers_differ(name: str, theirs: Turnover, ours: Turnover) -> str:
    parts = []
    if theirs.count != ours.count:
        parts.append(f"{theirs.count} counted, {ours.count} in the journal")
    for form, is_, wanted in zip(FORMS, forms(theirs), forms(ours), strict=True):
        if is_ != wanted:
            parts.append(f"{form} {roubles(is_)}, in the journal {roubles(wanted)} ({signed(is_ - wanted)})")
    return f"{name}: {', '.join(parts)}" if parts else ""


def _sums_differ(theirs: Sums, ours: Sums) -> str:
    return "; ".join(
        f"{name}: {roubles(is_)}, in the journal {roubles(wanted)} ({signed(is_ - wanted)})"
        for name, is_, wanted in zip(TYPES, theirs, ours, strict=True)
        if is_ != wanted
    )


def _row(report: ZReport, last: ZReport | None) -> Check:
    if last is None or last.drive != report.drive:
        return Check("row", True)
    missing = report.number - last.number - 1
    if missing > 0:
        shifts = (
            f"shift {last.number + 1}" if missing == 1 else f"shifts {last.number + 1} to {report.number - 1}"
        )
        return Check("row", False, f"no report of {shifts} is known")
    if missing < 0:
        return Check("row", False, f"shift {report.number} comes after shift {last.number}")
    return Check("row", True)


def _forms(report: ZReport) -> Check:
    if report.told is None:
        return Check("forms", None, "the register did not tell the forms of payment")
    wrong = "; ".join(
        f"{name}: the forms of payment make {roubles(sum(forms(one)))}, the total is {roubles(one.total_kop)}"
        for name, one in zip(TYPES, report.told, strict=True)
        if sum(forms(one)) != one.total_kop
    )
    return Check("forms", not wrong, wrong)


def forms(one: Turnover) -> tuple[int, int, int, int, int]:
    """The sums by form of payment, in the order of `FORMS`."""
    return one.cash_kop, one.cashless_kop, one.prepaid_kop, one.credit_kop, one.provision_kop


def _sums(turnovers: Turnovers) -> Sums:
    a, b, c, d = (one.total_kop for one in turnovers)
    return a, b, c, d


def roubles(kopecks: int) -> str:
    """``-1234`` -> ``-12.34``."""
    return f"{'-' if kopecks < 0 else ''}{abs(kopecks) // 100}.{abs(kopecks) % 100:02}"


def signed(kopecks: int) -> str:
    """The same with its sign, always."""
    return f"{'+' if kopecks > 0 else ''}{roubles(kopecks)}"
