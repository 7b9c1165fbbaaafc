"""The transition tables are consistent, complete and drawn whole."""

from __future__ import annotations

import pytest

from fiscal.engine import states
from fiscal.engine.farm import Entry, Station
from fiscal.engine.states import diagram

TABLES = {"receipt": states.RECEIPT, "register": states.REGISTER, "shift": states.SHIFT}
START = {"receipt": states.ACCEPTING, "register": states.UNSEEN, "shift": states.SHIFT_UNKNOWN}
FINAL = {"receipt": {states.CONFIRMED, states.CANCELLED}, "register": set(), "shift": set()}


@pytest.mark.parametrize("name", TABLES)
def test_every_target_is_a_state(name: str) -> None:
    table = TABLES[name]
    assert {target for row in table.values() for target in row.values()} <= set(table)


@pytest.mark.parametrize("name", TABLES)
def test_every_state_can_be_reached(name: str) -> None:
    table = TABLES[name]
    reached, frontier = set(), [START[name]]
    while frontier:
        state = frontier.pop()
        if state not in reached:
            reached.add(state)
            frontier.extend(table[state].values())
    assert reached == set(table)


@pytest.mark.parametrize("name", TABLES)
def test_only_final_states_have_no_way_out(name: str) -> None:
    assert {state for state, row in TABLES[name].items() if not row} == FINAL[name]


@pytest.mark.parametrize("name", TABLES)
def test_the_diagram_draws_each_transition_and_nothing_else(name: str) -> None:
    lines = diagram(TABLES[name]).splitlines()
    assert lines[0] == "stateDiagram-v2"
    drawn = sorted(line.strip() for line in lines[1:])
    assert drawn == sorted(
        f"{state} --> {target}: {event}"
        for state, row in TABLES[name].items()
        for event, target in row.items()
    )


@pytest.mark.parametrize("name", TABLES)
def test_no_two_tables_and_no_two_states_share_a_name_by_mistake(name: str) -> None:
    constants = [value for key, value in vars(states).items() if key.isupper() and isinstance(value, str)]
    assert set(TABLES[name]) <= set(constants)


def test_a_receipt_is_in_doubt_until_the_drive_was_asked() -> None:
    """No way leads from in doubt to a register but through an answer of the drive or the declared policy."""
    assert set(states.RECEIPT[states.IN_DOUBT]) <= {"found", "not_found", "reissue", "unknown"}


def test_nothing_leads_away_from_a_document() -> None:
    assert states.RECEIPT[states.RECORDED] == {"sent": states.SENT, "confirmed": states.CONFIRMED}
    assert states.RECEIPT[states.SENT] == {"confirmed": states.CONFIRMED}


def test_an_event_that_a_state_does_not_know_raises() -> None:
    entry = Entry.__new__(Entry)
    entry.state = states.QUEUED
    with pytest.raises(KeyError):
        entry.move("recorded")
    station = Station.__new__(Station)
    station.state = states.CLOSING
    with pytest.raises(KeyError):
        station.move("perform")
