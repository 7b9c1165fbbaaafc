"""Charts of results. Each function takes what `bench.measures.measure` gives (a `bench.result.Result` has it too) and returns a figure.

Nothing is ever shown from here and no global state is touched: a notebook shows the figure a cell ends with, `Chart.save` writes a file.
"""

from __future__ import annotations

from bench.charts_compare import plot_comparison, plot_replications
from bench.charts_facts import plot_facts, plot_truth
from bench.charts_queue import plot_queue
from bench.charts_style import Chart
from bench.charts_timeline import plot_timeline, worst_hour
from bench.charts_waits import plot_causes, plot_waits, plot_waits_by_register
from bench.charts_z import plot_z_reports

__all__ = [
    "Chart",
    "plot_causes",
    "plot_comparison",
    "plot_facts",
    "plot_queue",
    "plot_replications",
    "plot_timeline",
    "plot_truth",
    "plot_waits",
    "plot_waits_by_register",
    "plot_z_reports",
    "worst_hour",
]
