"""What a planner reads after a run: one page of text, 80 columns, no colour; and the same as HTML for a notebook.

The order is that of the questions people ask: did it go well, how many were late and why, what did each register do, what went wrong,
and does the scenario's expectation hold. The HTML says nothing that differs from one machine or moment to another, so that notebooks
can be compared.
"""

from __future__ import annotations

import html as markup
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.measures_causes import short
from bench.measures_log import WAITING
from bench.wording import percent, share_text, wait_text

if TYPE_CHECKING:
    from bench.result import Result

WIDTH = 80
MOST_REGISTERS = 24
MOST_PROBLEMS = 10

Rows = list[tuple[str, ...]]


def table(rows: Rows, align: str, indent: str = "  ") -> Iterator[str]:
    """Rows of text in columns: "l" left, "r" right. The first row is the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(align))]
    for row in rows:
        cells = [
            cell.ljust(w) if a == "l" else cell.rjust(w)
            for cell, w, a in zip(row, widths, align, strict=True)
        ]
        yield (indent + "  ".join(cells)).rstrip()


def facts(result: Result) -> Rows:
    """The main numbers: (name, value, remark)."""
    s, receipts = result.summary, result.receipts
    waits = s["wait_s"]
    doubted = int((receipts["in_doubt_s"] > 0).sum())
    judged = s["receipts"] - int(receipts["status"].isin(["refused", "set_aside", "cancelled"]).sum())
    rows: Rows = [
        ("receipts", f"{s['receipts']:,}", f"from {s['orders']:,} orders"),
        (
            "in time",
            share_text(s["in_time_share"]),
            f"{judged - s['late']:,} within {wait_text(result.deadline_s)} of payment",
        ),
        ("late", f"{s['late']:,}", ""),
        ("lost", f"{s['lost']:,}", "accepted and never recorded"),
        ("doubled", f"{s['doubled']:,}", "more than one fiscal document"),
        ("in doubt", f"{s['in_doubt']:,}", f"at the end; {doubted:,} for a while"),
        ("refused", f"{s['refused']:,}", "impossible, set aside with a reason"),
    ]
    unfinished = int(receipts["status"].isin(["submitted", "accepted", *WAITING, "printing"]).sum())
    if unfinished:
        rows.append(("unfinished", f"{unfinished:,}", "no document at the end"))
    if waits["mean"] is not None:
        median, mean, p95, p99, longest = (wait_text(waits[q]) for q in ("p50", "mean", "p95", "p99", "max"))
        rows.append(("wait", median, f"median; mean {mean}, 95 % {p95}, 99 % {p99}, longest {longest}"))
    rows.append(("queue", f"{s['queue_max']:,}", "receipts at the worst moment"))
    return rows


def causes(result: Result) -> Rows:
    """Where the late receipts came from."""
    rows: Rows = [("cause", "late", "share", "paid", "longest")]
    midnight = result.begin.normalize()
    for row in result.causes.itertuples():
        longest = "no doc." if row.wait_max_s != row.wait_max_s else wait_text(row.wait_max_s)
        paid = [
            f"{t:%H:%M}" if t.normalize() == midnight else f"{t:%m-%d %H:%M}" for t in (row.first, row.last)
        ]
        span = "-".join(dict.fromkeys(paid))
        rows.append((row.meaning, f"{row.late:,}", percent(row.share), span, longest))
    return rows


def registers(result: Result) -> Rows:
    """What each register did."""
    rows: Rows = [("register", "receipts", "busy", "Z-reports", "closing", "down", "late")]
    for row in result.registers.head(MOST_REGISTERS).itertuples():
        times = [wait_text(t) if t else "-" for t in (row.closing_s, row.down_s)]
        rows.append(
            (
                row.register,
                f"{row.receipts:,}",
                f"{row.utilization:.1%}",
                f"{row.z_reports:,}",
                *times,
                f"{row.late:,}",
            )
        )
    return rows


def faults(result: Result) -> Rows:
    """How often each kind of fault was laid out and struck."""
    rows: Rows = [("fault", "planned", "struck")]
    planned = result.faults["kind"].value_counts()
    for kind in sorted({*planned.index, *result.summary["faults"]}):
        rows.append(
            (short(kind), f"{int(planned.get(kind, 0)):,}", f"{result.summary['faults'].get(kind, 0):,}")
        )
    return rows


def expectations(result: Result) -> Rows:
    """What the scenario wanted and what it got."""
    rows: Rows = [("", "expected", "wanted", "got")]
    return rows + [("pass" if e.ok else "FAIL", e.name, e.wanted, e.got) for e in result.expectations]


def verdict(result: Result) -> str:
    """One line: do the expectations hold?"""
    failed, n = sum(not e.ok for e in result.expectations), len(result.expectations)
    if not n:
        return "The scenario expects nothing."
    return f"All {n} expectations hold." if not failed else f"{failed} of {n} expectations FAILED."


def text(result: Result) -> str:
    """The whole page."""
    s = result.summary
    lines = [f"{s['scenario']} (seed {s['seed']}, {s['fidelity']})"]
    lines += textwrap.wrap(result.scenario.question, WIDTH)
    lines += [f"{result.begin:%Y-%m-%d %H:%M} to {result.end:%Y-%m-%d %H:%M}, shop's clock", ""]
    for name, value, remark in facts(result):
        first, *more = textwrap.wrap(remark, WIDTH - 26) or [""]
        lines.append(f"  {name:<10}{value:>11}  {first}".rstrip())
        lines += [f"{'':25}{line}" for line in more]
    lines += ["", "Where the late ones came from"]
    lines += (
        table(causes(result), "lrrrr")
        if s["late"]
        else ["  no receipt was late" if s["receipts"] else "  no receipts"]
    )
    lines += ["", "Registers", *table(registers(result), "lrrrrrr")]
    left = len(result.registers) - MOST_REGISTERS
    if left > 0:
        lines.append(f"  and {left:,} more")
    if len(faults(result)) > 1:
        lines += ["", "Faults", *table(faults(result), "lrr")]
    if result.expectations:
        lines += ["", "Expectations", *table(expectations(result), "llll")]
    problems = [str(problem) for problem in result.audit.get("problems", ())]
    if problems:
        lines += ["", "The audit found"]
        for problem in problems[:MOST_PROBLEMS]:
            lines += textwrap.wrap(problem, WIDTH - 2, initial_indent="  ", subsequent_indent="    ")
        if len(problems) > MOST_PROBLEMS:
            lines.append(f"  and {len(problems) - MOST_PROBLEMS:,} more, all in result.json")
    lines += [
        "",
        verdict(result),
        f"Simulated {wait_text(s['simulated_s'])} in {wait_text(s['wall_s'])}; event log {s['event_log_sha256'][:16]}.",
    ]
    return "\n".join(lines)


def _html_table(rows: Rows, align: str) -> str:
    sides = {"l": "left", "r": "right"}

    def line(row: Sequence[str], tag: str) -> str:
        cells = (
            f'<{tag} style="text-align:{sides[a]}">{markup.escape(c)}</{tag}>'
            for c, a in zip(row, align, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

    return f"<table><thead>{line(rows[0], 'th')}</thead><tbody>{''.join(line(row, 'td') for row in rows[1:])}</tbody></table>"


def html(result: Result) -> str:
    """The page for a notebook, without timings."""
    s = result.summary
    parts = [
        f"<h4>{markup.escape(result.title)}, {markup.escape(s['fidelity'])}</h4><p>{markup.escape(result.scenario.question)}</p>"
    ]
    parts.append(_html_table([("", "", ""), *facts(result)], "lrl"))
    if s["late"]:
        parts += ["<h5>Where the late ones came from</h5>", _html_table(causes(result), "lrrrr")]
    parts += ["<h5>Registers</h5>", _html_table(registers(result), "lrrrrrr")]
    if len(faults(result)) > 1:
        parts += ["<h5>Faults</h5>", _html_table(faults(result), "lrr")]
    if result.expectations:
        parts += ["<h5>Expectations</h5>", _html_table(expectations(result), "llll")]
    parts.append(f"<p><b>{verdict(result)}</b></p>")
    return "\n".join(parts)
