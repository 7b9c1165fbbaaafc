"""Two charts of the Z-reports page as SVG: day totals by form of payment with returns below the line, and running totals.

Pure text, no scripts. Every colour has a second cue: bars have their order and a pattern in the legend, lines have a dash and a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fiscal.watch.z_checks import FORMS
from fiscal.watch.z_reports import ZReport
from fiscal.watch.z_tables import Day, date, moment

WIDTH, HEIGHT = 1080, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 150, 16, 44
_COLOURS = ("#009E73", "#0072B2", "#E69F00", "#CC79A7", "#999999")  # of the forms of payment
_LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
_DASHES = ("", "8 4", "2 3", "10 3 2 3")
_DAY_LABELS = 16
_LABEL = 15  # height of a line of text
_STEPS = tuple(first * 10**zeros for zeros in range(20) for first in (1, 2, 5))


def day_bars(days: Sequence[Day]) -> str:
    """A bar a day: sales stacked by form of payment, returns below the line."""
    if not days:
        return ""
    high = max(sum(day.sales) for day in days)
    low = max(sum(day.returns) for day in days)
    scale = _Scale(-low, high)
    step = (WIDTH - _LEFT - _RIGHT) / len(days)
    width = min(step * 0.7, 60)
    parts = [scale.grid()]
    for at, day in enumerate(days):
        x = _LEFT + step * (at + 0.5) - width / 2
        for sums, direction in ((day.sales, 1), (day.returns, -1)):
            so_far = 0
            for form, kop in enumerate(sums):
                if kop:
                    ends = scale.y(direction * so_far), scale.y(direction * (so_far + kop))
                    words = (
                        f"{day.date} {'sales' if direction > 0 else 'returns'}, {FORMS[form]}: {_money(kop)}"
                    )
                    parts.append(
                        f'<rect x="{x:.1f}" y="{min(ends):.1f}" width="{width:.1f}" height="{abs(ends[0] - ends[1]):.1f}" '
                        f'fill="{_COLOURS[form]}" stroke="#fff"{_LIGHT if direction < 0 else ""}><title>{words}</title></rect>'
                    )
                so_far += kop
        if at % _every(len(days)) == 0:
            parts.append(_text(_LEFT + step * (at + 0.5), HEIGHT - _BOTTOM + 18, day.date[5:], "middle"))
    parts.append(scale.zero())
    used = [form for form in range(len(FORMS)) if any(day.sales[form] or day.returns[form] for day in days)]
    for row, form in enumerate(used):
        y = _TOP + 10 + 20 * row
        parts.append(
            f'<rect x="{WIDTH - _RIGHT + 14}" y="{y}" width="12" height="12" fill="{_COLOURS[form]}"/>'
        )
        parts.append(_text(WIDTH - _RIGHT + 32, y + 11, FORMS[form]))
    if low:
        parts.append(_text(WIDTH - _RIGHT + 14, _TOP + 24 + 20 * len(used), "lighter: returned"))
    return _svg("Day totals by form of payment, roubles", parts)


_LIGHT = ' fill-opacity="0.55" stroke-dasharray="3 2"'


def running_lines(reports: Sequence[ZReport]) -> str:
    """A line a register: its running total of sales after each report."""
    lines: dict[str, list[tuple[int, int]]] = {}
    for report in reports:
        if report.running_kop is not None:
            lines.setdefault(report.register, []).append((report.created_wall_us, report.running_kop[0]))
    if not lines:
        return ""
    moments = [at for line in lines.values() for at, _ in line]
    begin, span = min(moments), max(1, max(moments) - min(moments))
    scale = _Scale(0, max(kop for line in lines.values() for _, kop in line))

    def x(at: int) -> float:
        return _LEFT + (at - begin) / span * (WIDTH - _LEFT - _RIGHT)

    parts = [scale.grid()]
    ends: list[tuple[float, str, str]] = []
    for number, (register, line) in enumerate(lines.items()):
        colour, dash = _LINES[number % len(_LINES)], _DASHES[number // len(_LINES) % len(_DASHES)]
        points = " ".join(f"{x(at):.1f},{scale.y(kop):.1f}" for at, kop in line)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
        parts += [
            f'<circle cx="{x(at):.1f}" cy="{scale.y(kop):.1f}" r="3" fill="{colour}">'
            f"<title>{escape(register)} {moment(at)[:16]}: {_money(kop)}</title></circle>"
            for at, kop in line
        ]
        ends.append((scale.y(line[-1][1]), register, colour))
    for y, register, colour in _apart(sorted(ends)):
        parts.append(_text(WIDTH - _RIGHT + 10, y + 4, register, colour=colour))
    days = sorted({date(report): report.created_wall_us for report in reversed(reports)}.items())
    parts += [
        _text(x(at), HEIGHT - _BOTTOM + 18, day[5:], "middle")
        for number, (day, at) in enumerate(days)
        if number % _every(len(days)) == 0
    ]
    return _svg("Running totals of sales, roubles", parts)


class _Scale:
    """Kopecks to vertical places, with round numbers marked."""

    def __init__(self, low: int, high: int) -> None:
        step: int = next(step for step in _STEPS if (high - low) / step <= 6)
        self._step = step
        self._low: int = low // step * step
        self._high: int = max(-(-high // step) * step, step)

    def y(self, kop: int) -> float:
        inner = HEIGHT - _TOP - _BOTTOM
        return _TOP + inner * (self._high - kop) / (self._high - self._low)

    def grid(self) -> str:
        marks = range(self._low, self._high + 1, self._step)
        return "".join(
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{self.y(kop):.1f}" y2="{self.y(kop):.1f}" stroke="#ddd"/>'
            + _text(_LEFT - 8, self.y(kop) + 4, _money(abs(kop)), "end")
            for kop in marks
        )

    def zero(self) -> str:
        y = self.y(0)
        return f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#222"/>'


def _apart(ends: Sequence[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Labels from top to bottom, moved so far that none covers another; of too many only some (a point says whose it is)."""
    room = (HEIGHT - _TOP - _BOTTOM) // _LABEL
    placed = list(ends[:: -(-len(ends) // room)])
    for at in range(1, len(placed)):
        placed[at] = (max(placed[at][0], placed[at - 1][0] + _LABEL), *placed[at][1:])
    lowest = float(HEIGHT - _BOTTOM)
    for at in range(len(placed) - 1, -1, -1):
        placed[at] = (min(placed[at][0], lowest), *placed[at][1:])
        lowest = placed[at][0] - _LABEL
    return placed


def _every(number: int) -> int:
    return -(-number // _DAY_LABELS)


def _money(kop: int) -> str:
    roubles, kopecks = divmod(kop, 100)
    return f"{roubles:,}".replace(",", " ") + (f".{kopecks:02}" if kopecks else "")


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}" '
        f'font-family="system-ui,sans-serif" font-size="12">{"".join(parts)}</svg></figure>'
    )
