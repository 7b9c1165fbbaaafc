"""Five facts about a register, each for itself: what is told, what is forgotten, what is never concluded."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bench
from bench.scenario import load
from fiscal.engine.outcomes import Seen, ShiftState
from fiscal.live.network import reachable
from fiscal.watch.facts import NAMES, STALE_US, Facts, drive_problems

MINUTE_US = 60_000_000
DAY_S = 86_400
NOW_S = 1_790_000_000
WELL = Seen(
    ShiftState.OPEN,
    1,
    10,
    "9999078900000001",
    3,
    0,
    0,
    0,
    True,
    NOW_S,
    connected=True,
    valid_until_s=NOW_S + 99 * DAY_S,
)


def waiting(first: int, since_s: int, last: int = 10, **changes: Any) -> Seen:
    return replace(
        WELL,
        last_document=last,
        unsent=last - first + 1,
        first_unsent=first,
        unsent_since_s=NOW_S - since_s,
        **changes,
    )


def said(facts: Facts, now_us: int) -> dict[str, bool | None]:
    return {name: fact.ok for name, fact in facts.at(now_us).items()}


def test_at_first_nobody_knows_anything() -> None:
    assert said(Facts(), 0) == dict.fromkeys(NAMES)


def test_a_well_register_says_nothing_about_the_agent_and_the_operator() -> None:
    facts = Facts()
    facts.probed(WELL, MINUTE_US)
    assert said(facts, MINUTE_US) == {
        "cable": True,
        "agent": None,
        "internet": True,
        "operator": None,  # nothing was sent, so nobody knows
        "drive": True,
    }


@pytest.mark.parametrize(
    ("before", "after", "operator"),
    [
        (waiting(10, 30), WELL, True),  # the last one was confirmed
        (waiting(8, 30), waiting(9, 20), True),  # one of them was
        (waiting(8, 30), waiting(8, 90), None),  # not long enough to say
        (waiting(8, 30), waiting(8, 400), False),
        (waiting(8, 400), waiting(8, 2 * DAY_S), False),
    ],
)
def test_the_operator_is_judged_by_documents_that_come_through_or_stay(
    before: Seen, after: Seen, operator: bool | None
) -> None:
    facts = Facts()
    facts.probed(before, MINUTE_US)
    facts.probed(after, 2 * MINUTE_US)
    assert said(facts, 2 * MINUTE_US)["operator"] is operator


def test_a_new_drive_is_no_confirmation() -> None:
    facts = Facts()
    facts.probed(waiting(3, 30), MINUTE_US)
    facts.probed(replace(waiting(5, 30), drive="9999078900000002"), 2 * MINUTE_US)
    assert said(facts, 2 * MINUTE_US)["operator"] is None


def test_network_and_operator_are_two_facts() -> None:
    facts = Facts()
    facts.carried(True, False, "closed", MINUTE_US)
    assert (said(facts, MINUTE_US)["internet"], said(facts, MINUTE_US)["operator"]) == (True, False)
    other = Facts()
    other.carried(False, False, "no connection", MINUTE_US)
    assert (said(other, MINUTE_US)["internet"], said(other, MINUTE_US)["operator"]) == (None, None), (
        "who knows which"
    )
    other.tell("internet", True, MINUTE_US)
    other.carried(False, False, "no connection", MINUTE_US)
    assert said(other, MINUTE_US)["operator"] is False


def test_what_nobody_looks_at_is_forgotten() -> None:
    facts = Facts()
    facts.probed(WELL, MINUTE_US)
    later = MINUTE_US + STALE_US
    assert said(facts, later)["cable"] is True and said(facts, later + 1)["cable"] is None
    assert facts.at(later + 1)["cable"].seen_us == MINUTE_US, "but not when it was"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(WELL, phase=7), "makes no documents"),
        (replace(WELL, flags=0x01), "within 3 days"),
        (replace(WELL, flags=0x0A), "within 30 days"),
        (replace(WELL, flags=0x04), "memory"),
        (waiting(8, 31 * DAY_S), "30 days"),
    ],
)
def test_a_drive_says_what_is_wrong_with_it(seen: Seen, words: str) -> None:
    assert any(words in problem for problem in drive_problems(seen))
    assert not drive_problems(WELL)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES), st.sampled_from((True, False, None)), st.integers(0, 4 * MINUTE_US)
        ),
        max_size=30,
    )
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_fact_is_the_last_thing_told_or_nothing(told: list[tuple[str, bool | None, int]]) -> None:
    facts, now_us = Facts(), 0
    last: dict[str, tuple[bool | None, int]] = {}
    for name, ok, pause_us in told:
        now_us += pause_us
        news = facts.tell(name, ok, now_us)
        before = last.get(name, (None, 0))
        known = before[0] if now_us - before[1] <= STALE_US else None
        assert news == (known is not ok)
        last[name] = ok, now_us
        for each, fact in facts.at(now_us).items():
            value, when = last.get(each, (None, 0))
            assert fact.ok is (value if now_us - when <= STALE_US else None)
            assert fact.seen_us <= now_us and fact.since_us <= now_us


def test_the_trap_is_seen_for_what_it_is() -> None:
    """Everything is printed; the facts know from the first minutes what the old screen never says, and never more than the truth."""
    result = bench.run(load("scenarios/printed_is_not_sent.toml"))
    assert result.ok
    receipts, facts = result.receipts, result.facts
    assert (receipts["status"] == "confirmed").all()
    known = receipts.dropna(subset=["sent", "confirmed", "known_confirmed"])
    assert len(known) == len(receipts)
    assert (known["recorded"].dt.floor("min") <= known["sent"]).all(), "the drive's clock knows minutes"
    assert (known["sent"] <= known["confirmed"]).all()
    assert (known["confirmed"] <= known["known_confirmed"]).all(), "the engine never claims before it is so"
    no = facts[(facts["fact"] == "operator") & ~facts["ok"].fillna(True)]
    unpaid = result.faults.loc[result.faults["kind"] == "operator_unpaid", "begin"].iloc[0]
    waited = (no.groupby("register")["time"].min() - unpaid).dt.total_seconds()
    assert set(waited.index) == {"front", "back"} and (waited < 3600).all(), waited
    network = facts[facts["fact"] == "internet"]
    assert not network[(network["register"] == "front") & (network["ok"] == False)].size  # noqa: E712
    assert network[(network["register"] == "back") & (network["ok"] == False)].size  # noqa: E712


def test_one_place_that_can_be_reached_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as closed:
        here, nowhere = listener.getsockname(), closed.getsockname()
        closed.close()
        assert reachable([nowhere, here])[0]
        ok, why = reachable([nowhere])
        assert not ok and str(nowhere[1]) in why
    assert reachable([]) == (False, "no place to try is configured")
