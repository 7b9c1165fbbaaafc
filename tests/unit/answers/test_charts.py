"""Charts of every size of result: they are drawn, say what they show, and are the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench import charts
from bench.charts_queue import steps
from bench.charts_style import LOOK, wait_axis
from bench.measures import TOTAL, Measured
from bench.measures_causes import CAUSES
from bench.wording import percent, share_text, wait_text

DRAW: dict[str, Callable[[Measured], Figure]] = {
    "waits": charts.plot_waits,
    "waits_by_register": charts.plot_waits_by_register,
    "queue": charts.plot_queue,
    "timeline": charts.plot_timeline,
    "worst_hour": lambda answers: charts.plot_timeline(answers, zoom=True),
    "causes": charts.plot_causes,
    "comparison": lambda answers: charts.plot_comparison({"one": answers, "many": [answers, answers]}),
    "replications": lambda answers: charts.plot_replications([answers, answers]),
}


def texts(figure: Figure) -> str:
    found = [
        t.get_text() for ax in figure.axes for t in [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label]
    ]
    found += [ax.get_title(loc="left") for ax in figure.axes]
    return "\n".join(found)


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize("receipts", [0, 400])
def test_every_chart_of_every_size(day: Any, name: str, receipts: int) -> None:
    figure = DRAW[name](day(receipts).measured())
    png = figure._repr_png_()  # type: ignore[attr-defined]
    assert png.startswith(b"\x89PNG")
    # Everything has a title, and every axis that is drawn says what it is.
    for ax in figure.axes:
        if ax.axison and ax.get_subplotspec().is_last_row():
            assert ax.get_xlabel(), f"{name}: an axis without a label"
    assert any(ax.get_title(loc="left") for ax in figure.axes)
    for ax in figure.axes:
        low, high = ax.get_xlim()
        assert low < high


def test_the_same_data_gives_the_same_bytes_whatever_the_users_settings(day: Any) -> None:
    answers = day(60).measured()
    first = charts.plot_waits(answers)._repr_png_()
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "yellow", "savefig.dpi": 30}):
        assert charts.plot_waits(answers)._repr_png_() == first
        assert mpl.rcParams["font.size"] == 20
    assert b"Software" not in first and b"Date" not in first


def test_the_deadline_is_drawn_where_it_is(day: Any) -> None:
    figure = charts.plot_waits(day(50).measured())
    lines = [line for ax in figure.axes for line in ax.lines if set(line.get_ydata()) == {300.0}]
    assert len(lines) == 2
    assert "5 min" in texts(figure)


def test_no_late_receipt_is_said_so(new_story: Any) -> None:
    story = new_story("a")
    story.pay(10, "x")
    story.work(10, 12, "x")
    assert "No receipt was late" in texts(charts.plot_causes(story.measured()))
    assert "No receipts in this run" in texts(charts.plot_causes(new_story("a").measured()))


def test_bars_of_causes_are_as_long_as_their_counts(new_story: Any) -> None:
    story = new_story("a")
    story.lose(100, 820, "closing")
    for i in range(3):
        story.pay(150 + i, f"z{i}")
        story.work(820 + i, 821 + i, f"z{i}")
    story.pay(3000, "x")
    story.work(3000, 3500, "x")
    bars, when = charts.plot_causes(story.measured()).axes
    assert [p.get_width() for p in bars.patches] == [3, 1]
    assert [t.get_text() for t in bars.get_yticklabels()] == ["Z-report", "own printing"]
    assert sum(p.get_height() for p in when.patches) == 4


def test_a_window_of_the_queue_begins_with_what_was_waiting_then(new_story: Any) -> None:
    story = new_story("a")
    story.pay(100, "x")
    story.pay(200, "y")
    answers = story.measured()
    _, waiting = steps(answers.queue, TOTAL, answers.begin + pd.Timedelta(150, "s"), answers.end)
    assert list(waiting) == [1, 2, 2]


def test_the_worst_hour_is_where_most_late_ones_were_paid(new_story: Any) -> None:
    story = new_story("a")
    for i in range(5):
        story.pay(6000 + i, f"x{i}")
    story.pay(10, "early")
    begin, end = charts.worst_hour(story.measured())
    late = pd.Timestamp("2025-11-28 08:00") + pd.Timedelta(6000, "s")
    assert begin <= late <= end
    assert end - begin == pd.Timedelta(hours=1)


def test_the_timeline_shows_each_registers_outage_with_its_cause(day: Any) -> None:
    figure = charts.plot_timeline(day(200).measured())
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert {"receipt", "Z-report", "cable pulled", "engine down"} <= set(legend)


def test_no_two_causes_look_alike() -> None:
    assert set(LOOK) >= set(CAUSES)
    assert len(set(LOOK.values())) == len(LOOK)


def test_an_axis_of_waits_always_shows_the_deadline() -> None:
    for waits in ([], [0.02], [100000.0], [1.0, 299.0]):
        ax = Figure().subplots()
        wait_axis(ax, "y", waits, 300.0, "wait")
        low, high = ax.get_ylim()
        assert low < 300 < high
        assert 300.0 in ax.yaxis.get_majorticklocs()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0123, "0.0123 s"),
        (4.2, "4.2 s"),
        (59.5, "59.5 s"),
        (60, "1 min"),
        (300, "5 min"),
        (7200, "2 h"),
        (172800, "2 d"),
    ],
)
def test_durations_as_a_person_says_them(seconds: float, said: str) -> None:
    assert wait_text(seconds) == said


def test_shares_never_round_to_all_or_none() -> None:
    assert [share_text(s) for s in (1.0, 0.0, 0.99999, 0.5, 0.000001)] == [
        "100.00 %",
        "0.00 %",
        "99.999 %",
        "50.00 %",
        "0.0001 %",
    ]
    assert [percent(s) for s in (1.0, 0.0, 0.999, 0.001, 0.25)] == ["100%", "0%", ">99%", "<1%", "25%"]


def test_saving_into_memory_and_into_a_file_is_the_same(day: Any, tmp_path: Any) -> None:
    figure = charts.plot_queue(day(30).measured())
    out = io.BytesIO()
    figure.save(out)
    figure.save(tmp_path / "queue.png")
    assert (tmp_path / "queue.png").read_bytes() == out.getvalue()
