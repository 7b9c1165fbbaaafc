"""Whatever happened, the tables agree with each other."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.faults import Fault
from bench.log import EventLog
from bench.measures import TOTAL, Run, measure
from bench.scenario import Scenario

S = 1_000_000
END_S = 5000
SHOP = Scenario.model_validate(
    {
        "schema_version": 1,
        "name": "any",
        "question": "Do the tables agree?",
        "start": dt.datetime.fromisoformat("2025-11-28 08:00"),
        "duration_h": 1.0,
        "shop": {"entities": [{"name": "llc", "inn": "7701234567", "user": "LLC"}]},
        "arrivals": {"kind": "poisson", "rate_per_min": 1.0},
        "farm": {"registers": [{"name": "a", "device": "any"}, {"name": "b", "device": "any"}]},
    }
)
MOMENT = st.integers(0, END_S - 1)
STATUS = ("queued", "assigned", "printing", "in_doubt", "recorded", "confirmed", "set_aside", "cancelled")
STATES = ("unseen", "probing", "ready", "busy", "closing", "asking", "setting", "down")

receipt = st.tuples(
    MOMENT,
    st.sampled_from(("accepted", "items: no goods", None)),
    st.lists(st.tuples(MOMENT, st.sampled_from(STATUS), st.integers(-1, 1)), max_size=6),
)
change = st.tuples(MOMENT, st.integers(0, 1), st.sampled_from(STATES))
death = st.tuples(MOMENT, st.integers(1, 400))
fault = st.tuples(
    st.sampled_from(("cable_pulled", "power_cut", "disk_full")),
    st.sampled_from(("a", "all", "")),
    MOMENT,
    MOMENT,
)


def run_of(receipts: list, changes: list, deaths: list, faults: list) -> Run:  # type: ignore[type-arg]
    rows: list[tuple[int, str, str, int, str, int]] = []
    for i, (paid, reply, moves) in enumerate(receipts):
        rows.append((paid * S, "submitted", f"r{i}", -1, "", 1))
        if reply is not None:
            rows.append((paid * S + 2000, "reply", f"r{i}", -1, reply, 0))
        for t, status, register in sorted(moves):
            if t > paid:
                rows.append((t * S, "status", f"r{i}", register, status, 1))
    rows += [(t * S, "register", "", register, state, 0) for t, register, state in changes]
    for t, lasting in deaths:
        rows += [(t * S, "engine", "", -1, "crash", 0), ((t + lasting) * S, "engine", "", -1, "restart", 0)]
    log = EventLog()
    log.rows = sorted(rows, key=lambda row: row[0])
    planned = [Fault(kind, target, begin * S, max(begin, end) * S) for kind, target, begin, end in faults]
    return Run(SHOP, 1, "wire", log, ("a", "b"), SHOP.start_s, END_S * S, 0, faults=planned)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(receipt, max_size=12),
    st.lists(change, max_size=15),
    st.lists(death, max_size=3),
    st.lists(fault, max_size=3),
)
def test_the_tables_agree(receipts: list, changes: list, deaths: list, faults: list) -> None:  # type: ignore[type-arg]
    answers = measure(run_of(receipts, changes, deaths, faults))
    table, summary = answers.receipts, answers.summary
    assert len(table) == summary["receipts"] == len(receipts)
    assert (table["why_late"] != "").tolist() == table["late"].tolist()
    assert int(answers.causes["late"].sum()) == summary["late"] == int(table["late"].sum())
    assert summary["fiscalized"] == int(table["wait_s"].notna().sum())
    assert (table["wait_s"].dropna() > 0).all()
    assert 0 <= summary["in_time_share"] <= 1
    waits = [summary["wait_s"][q] for q in ("p50", "p95", "p99", "max")]
    assert waits == sorted(waits) if summary["fiscalized"] else waits == [None] * 4

    total = answers.queue[answers.queue["register"] == TOTAL]["waiting"]
    assert (answers.queue["waiting"] >= 0).all()
    assert summary["queue_max"] == total.max() <= len(receipts)
    still = table["status"].isin(["submitted", "accepted", "queued", "assigned"]).sum()
    assert total.iloc[-1] == still

    spans = answers.timeline
    assert (spans["end"] > spans["begin"]).all()
    for _, mine in spans.groupby("register"):
        assert (mine["begin"].iloc[1:].to_numpy() == mine["end"].iloc[:-1].to_numpy()).all()
    spent = answers.registers[["busy_s", "asking_s", "closing_s", "down_s"]].sum(axis=1)
    assert (spent <= END_S + 400).all()
