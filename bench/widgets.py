"""A plan on sliders: turn registers, speed, traffic, Z-reports, an outage or the policy, and see what comes of it.

For a notebook, or a page that voila makes of one. Every turn lets all days pass through the new farm and draws the answer again, in well
under 300 ms (`PlannerPanel.redraw_ms` says in how many, `redraw_cpu_ms` in how many of its own), but for the first time an amount of
traffic is asked for: then its days are made.

    >>> import bench.widgets
    >>> panel = bench.widgets.planner(bench.load("scenarios/z_windows_together.toml"), days=3)
    >>> panel.controls["registers"].value = 6
    >>> panel.outlook.late.late
    (0, 7, 0)
"""

from __future__ import annotations

import html
import io
import time
from typing import Any

import ipywidgets as widgets

from bench.kernel import POLICIES
from bench.outlook import Outlook, Outlooks, Plan
from bench.scenario import Scenario

MOST_REGISTERS = 16


class PlannerPanel:
    """The sliders, the answer and its chart. ``box`` is the widget; a cell that ends with the panel shows it."""

    def __init__(self, outlooks: Outlooks, most: int = MOST_REGISTERS) -> None:
        self.outlooks = outlooks
        start = outlooks.plan
        self.controls = _controls(start, outlooks.least, most)
        self._words = widgets.HTML()
        self._chart = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.box = widgets.VBox(
            [widgets.HBox(list(self.controls.values()), layout=_WRAPPED), self._words, self._chart]
        )
        self.outlook: Outlook
        self.redraw_ms = self.redraw_cpu_ms = 0.0
        self._redraw()
        for control in self.controls.values():
            control.observe(self._redraw, names="value")

    @property
    def plan(self) -> Plan:
        """The plan the sliders show."""
        return Plan(**{name: control.value for name, control in self.controls.items()})

    def _redraw(self, _: Any = None) -> None:
        began, worked = time.perf_counter(), time.thread_time()
        self.outlook = self.outlooks.of(self.plan)
        picture = io.BytesIO()
        self.outlook.plot().save(picture)
        self._chart.value = picture.getvalue()
        self.redraw_cpu_ms = (time.thread_time() - worked) * 1000
        self.redraw_ms = (time.perf_counter() - began) * 1000
        self._words.value = _as_html(self)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)


def planner(scenario: Scenario, days: int = 10, most: int = MOST_REGISTERS) -> PlannerPanel:
    """A panel for the shop of a scenario, set to the scenario's own farm; every plan is tried on so many days.

    ``most`` is how far the slider of registers goes. Raises ScenarioError as `bench.planner.day` does, ValueError for too few days.
    """
    return PlannerPanel(Outlooks(scenario, days), most)


_HALF_HOURS = [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in range(0, 1440, 30)]
_WRAPPED = widgets.Layout(flex_flow="row wrap")


def _controls(start: Plan, least: int, most: int) -> dict[str, Any]:
    """A control for each field of a plan, by its name. They tell what they were turned to when they are let go."""
    look = {
        "style": {"description_width": "9em"},
        "layout": widgets.Layout(width="27em"),
        "continuous_update": False,
    }
    policy = {name: value for name, value in look.items() if name != "continuous_update"}
    return {
        "registers": widgets.IntSlider(
            min=least, max=max(most, start.registers), value=start.registers, description="registers", **look
        ),
        "receipt_s": widgets.FloatSlider(
            min=0.1,
            max=max(30.0, start.receipt_s),
            step=0.1,
            value=start.receipt_s,
            description="seconds a receipt",
            readout_format=".1f",
            **look,
        ),
        "rate": widgets.FloatSlider(
            min=0.25,
            max=3.0,
            step=0.25,
            value=start.rate,
            description="times the traffic",
            readout_format=".2f",
            **look,
        ),
        "window_min": widgets.FloatSlider(
            min=0.1,
            max=max(20.0, start.window_min),
            step=0.1,
            value=start.window_min,
            description="Z-report, minutes",
            readout_format=".1f",
            **look,
        ),
        "first_closing": widgets.SelectionSlider(
            options=sorted({start.first_closing, *_HALF_HOURS}),
            value=start.first_closing,
            description="shifts close from",
            **look,
        ),
        "stagger_min": widgets.FloatSlider(
            min=0.0,
            max=max(60.0, start.stagger_min),
            step=1.0,
            value=start.stagger_min,
            description="minutes apart",
            readout_format=".0f",
            **look,
        ),
        "out_min": widgets.FloatSlider(
            min=0.0,
            max=120.0,
            step=5.0,
            value=start.out_min,
            description="one out, minutes",
            readout_format=".0f",
            **look,
        ),
        "policy": widgets.Dropdown(
            options=[(name.replace("_", " "), name) for name in POLICIES],
            value=start.policy,
            description="policy",
            **policy,
        ),
    }


def _as_html(panel: PlannerPanel) -> str:
    rows = "".join(
        "<tr>"
        + "".join(f"<td style='padding-right:1.5em'>{html.escape(text)}</td>" for text in formula)
        + "</tr>"
        for formula in panel.outlook.theory
    )
    return (
        f"<p class='answer'><b>{html.escape(panel.outlook.words())}</b></p>"
        f"<details><summary>beside it, theory</summary><table>{rows}</table></details>"
        f"<p class='redrawn' data-ms='{panel.redraw_ms:.0f}' data-cpu-ms='{panel.redraw_cpu_ms:.0f}' style='color:#777'>"
        f"redrawn in {panel.redraw_ms:.0f} ms</p>"
    )
