"""The device's link, state by state, and the register's duty to it."""

from __future__ import annotations

import pytest
from shtrih_line import make_register

from fiscal.emulators.shtrih_link import CHART, Came, Link, State
from fiscal.registers.shtrih.frames import ACK, ENQ, NAK, STX, build

FRAME = build(b"\xfc")  # no byte of it is ENQ; a length of 5 would be
REPLY = b"\x10\x00"
ANSWER = build(REPLY)


def ready() -> Link:
    link = Link()
    assert link.receive(ENQ, 0) == NAK
    return link


def answered() -> Link:
    link = ready()
    assert link.receive(FRAME, 0) == ACK
    assert link.answer(REPLY, 10) == ANSWER
    return link


def test_after_power_up_only_enq_wakes_it() -> None:
    link = Link()
    assert link.receive(build(b"\xfc"), 0) == b""
    assert link.receive(ACK + NAK + b"\x00", 0) == b""
    assert link.state is State.WAIT_ENQ
    assert link.receive(ENQ, 0) == NAK
    assert link.state is State.WAIT_STX


def test_idle_says_nak_to_enq_and_to_garbage() -> None:
    link = ready()
    assert link.receive(ENQ, 0) == NAK
    assert link.receive(b"\x00\xff\x06", 0) == NAK * 3
    assert link.state is State.WAIT_STX


def test_a_frame_without_enq_is_legal_after_a_confirmed_answer() -> None:
    link = answered()
    assert link.receive(ACK, 20) == b""
    assert link.receive(FRAME, 30) == ACK
    assert link.command == FRAME[2:-1]


def test_confirmation_and_question_in_one_chunk() -> None:
    link = answered()
    assert link.receive(ACK + ENQ, 20) == NAK
    assert link.state is State.WAIT_STX


def test_length_zero_is_implausible() -> None:
    link = ready()
    assert link.receive(STX + b"\x00", 0) == NAK
    assert link.state is State.WAIT_STX


@pytest.mark.parametrize("cut", [1, 2, len(FRAME) - 1])
def test_a_pause_inside_a_frame_is_answered_with_nak(cut: int) -> None:
    link = ready()
    assert link.receive(FRAME[:cut], 0) == b""
    assert link.state is (State.WAIT_LEN if cut == 1 else State.BODY)
    assert link.deadline_us == 100_000
    assert link.timeout(99_999) == b""
    assert link.timeout(100_000) == NAK
    assert link.state is State.WAIT_STX
    assert link.receive(FRAME, 100_001) == ACK


def test_a_late_byte_finds_the_timeout_passed() -> None:
    link = ready()
    link.receive(FRAME[:3], 0)
    assert link.receive(FRAME, 200_000) == NAK + ACK
    assert link.command == FRAME[2:-1]


def test_byte_by_byte_is_as_good_as_in_one_chunk() -> None:
    link = ready()
    out = b"".join(link.receive(FRAME[at : at + 1], at) for at in range(len(FRAME)))
    assert out == ACK
    assert link.state is State.EXECUTING
    assert link.command == FRAME[2:-1]


def test_wrong_checksum_is_refused() -> None:
    link = ready()
    assert link.receive(FRAME[:-1] + bytes((FRAME[-1] ^ 1,)), 0) == NAK
    assert link.command is None
    assert link.receive(FRAME, 0) == ACK


def test_while_executing_enq_is_acknowledged_and_the_rest_ignored() -> None:
    link = ready()
    link.receive(FRAME, 0)
    link.command = None
    assert link.receive(ENQ, 5) == ACK
    assert link.receive(FRAME, 6) == b""
    assert link.command is None
    assert link.state is State.EXECUTING


def test_an_unconfirmed_answer_is_kept_and_replayed() -> None:
    link = answered()
    assert link.receive(NAK, 20) == b""
    assert link.state is State.WAIT_ENQ2
    assert link.receive(FRAME, 30) == b"", "no new command is taken before the answer is confirmed"
    assert link.receive(ENQ, 40) == ACK + ANSWER
    assert link.receive(NAK + ENQ, 50) == ACK + ANSWER
    assert link.receive(ACK, 60) == b""
    assert link.receive(ENQ, 70) == NAK


def test_silence_after_the_answer_ends_in_replay_too() -> None:
    link = answered()
    assert link.receive(ACK, 1_000_011) == b"", (
        "too late: the register has stopped waiting for the confirmation"
    )
    assert link.state is State.WAIT_ENQ2
    assert link.receive(ENQ, 1_000_020) == ACK + ANSWER


def test_power_up_forgets_the_answer() -> None:
    link = answered()
    link.reset()
    assert link.receive(ENQ, 20) == NAK


def test_network_adapters_put_a_stray_byte_behind_the_confirmation() -> None:
    link = Link(stray=True)
    link.receive(ENQ, 0)
    link.receive(FRAME, 0)
    link.answer(ANSWER, 1)
    assert link.receive(ACK + ENQ, 2) == b"\xff" + NAK
    link.receive(FRAME, 3)
    link.answer(ANSWER, 4)
    assert link.receive(ACK, 5) == b"\xff"


def test_the_chart_leaves_no_state_without_a_way_out() -> None:
    for state in State:
        ways = {after for (before, _), (after, _) in CHART.items() if before is state}
        assert ways - {state}, state
    for state in (State.WAIT_ENQ, State.WAIT_STX, State.EXECUTING, State.WAIT_CONFIRM, State.WAIT_ENQ2):
        assert (state, Came.OTHER) in CHART


# ---- the register behind the link -----------------------------------------------------------------------------------------------


def test_the_command_is_confirmed_at_once_and_answered_when_done() -> None:
    register = make_register()
    assert register.receive(ENQ, 0) == [(6_000, NAK)]
    assert register.receive(FRAME, 10_000) == [(19_000, ACK)]
    due = register.next_wakeup()
    assert due == 25_000
    assert register.wake(due - 1) == []
    ((at, frame),) = register.wake(due)
    assert at == due
    assert frame[2:4] == b"\xfc\x00"
    assert register.next_wakeup() is None


def test_what_has_not_acted_when_the_power_fails_has_not_happened() -> None:
    register = make_register()
    register.receive(ENQ, 0)
    register.receive(build(b"\xe0\x1e\x00\x00\x00"), 0)
    register.power_off(1_000_000)
    assert register.next_wakeup() is None
    assert register.receive(ENQ, 1_500_000) == []
    register.power_on(5_000_000)
    assert not register.drive.shift_open
    assert register.receive(ENQ, 5_000_000) == [(5_006_000, NAK)]


def test_between_record_and_answer_a_power_cut_leaves_a_document_and_silence() -> None:
    register = make_register()
    register.receive(ENQ, 0)
    register.receive(build(b"\xe0\x1e\x00\x00\x00"), 0)
    acted = register.next_wakeup()
    assert acted is not None
    assert register.wake(acted) == []
    assert register.drive.shift_open
    register.power_off(acted + 1)
    register.power_on(acted + 2)
    assert register.receive(ENQ, acted + 3) == [(acted + 6_003, NAK)], "no old answer after power-up"
    assert register.drive.last_document == 2


def test_a_slow_register_is_slow_in_everything_it_does() -> None:
    register = make_register()
    register.slow = 3.0
    register.receive(ENQ, 0)
    register.receive(FRAME, 0)
    assert register.next_wakeup() == 45_000
