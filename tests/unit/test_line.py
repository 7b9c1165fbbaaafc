"""The virtual line, held against tiny conversations and a register that follows a script."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
import simpy

from bench.line import SILENCE_US, VirtualLine
from fiscal.emulators import Output
from fiscal.engine.outcomes import Blame, Refused, ShiftOpened, Unknown
from fiscal.registers.conversation import Conversation, LineLost, Pause, Receive, Send

SECOND = 1_000_000
BYTE_US = 1_000  # at 10,000 bits a second a byte takes a millisecond
BAUD = 10_000


class Scripted:
    """Answers each chunk that comes with ``reply`` after ``work_us``; remembers what it heard, when, and when it acted."""

    def __init__(self, work_us: int = 100_000, reply: bytes = b"ok") -> None:
        self.work_us = work_us
        self.reply = reply
        self.heard: list[tuple[int, bytes]] = []
        self.acted: list[int] = []
        self.powered = True
        self._due: int | None = None

    def receive(self, data: bytes, now_us: int) -> Output:
        if self.powered:
            self.heard.append((now_us, data))
            self._due = now_us + self.work_us
        return []

    def next_wakeup(self) -> int | None:
        return self._due

    def wake(self, now_us: int) -> Output:
        self._due = None
        self.acted.append(now_us)
        return [(now_us, self.reply)]

    def power_off(self, now_us: int) -> None:
        self.powered = False
        self._due = None

    def power_on(self, now_us: int) -> None:
        self.powered = True


class Bench:
    """A line under test: runs one conversation and remembers when it ended and how many events that took."""

    def __init__(
        self,
        emulator: Scripted | None = None,
        baud_bps: int = BAUD,
        latency_us: int = 0,
        barriers: tuple[int, ...] = (),
    ) -> None:
        self.env = simpy.Environment()
        self.emulator = emulator or Scripted()
        self.line = VirtualLine(self.env, self.emulator, baud_bps, latency_us, barriers)
        self.line.documents = lambda: len(self.emulator.acted)
        self.log: list[tuple[int, Any]] = []
        self.ended_us: int | None = None
        self.outcome: Any = None

    def at(self, at_us: int, action: Callable[[], None]) -> None:
        timeout = self.env.timeout(at_us - int(self.env.now))
        timeout.callbacks.append(lambda _: action())

    def start(self, conversation: Conversation) -> None:
        def done(outcome: Any) -> None:
            self.outcome, self.ended_us = outcome, int(self.env.now)

        self.line.start(conversation, done)

    def run(self, conversation: Conversation) -> Any:
        self.start(conversation)
        self.env.run()
        return self.outcome

    def steps(self) -> int:
        """Carry everything out; how many events of the world that took."""
        count = 0
        while self.env.peek() != float("inf"):
            self.env.step()
            count += 1
        return count

    def now(self) -> int:
        return int(self.env.now)


def ask(
    log: list[tuple[int, Any]], now: Callable[[], int], data: bytes = b"question"
) -> Generator[Any, bytes | None, Any]:
    """One command, one answer; says in ``log`` what came, and when in the world's time."""
    try:
        yield Send(data, True)
        log.append((now(), "sent"))
        answer = yield Receive(10 * SECOND)
    except LineLost:
        log.append((now(), "lost"))
        return Refused("line", "lost", Blame.LINE)
    log.append((now(), answer))
    return ShiftOpened(1, 1)


@pytest.mark.parametrize(
    ("baud_bps", "latency_us", "expected_us"),
    [
        (115_200, 0, 8 * 86 + 100_000 + 2 * 86),
        (4_800, 0, 8 * 2083 + 100_000 + 2 * 2083),
        (BAUD, 500, 8 * BYTE_US + 500 + 100_000 + 2 * BYTE_US + 500),
        (0, 0, 100_000),
        (0, 3_000, 3_000 + 100_000 + 3_000),
    ],
)
def test_an_exchange_takes_its_bytes_twice_its_latency_and_the_work(
    baud_bps: int, latency_us: int, expected_us: int
) -> None:
    bench = Bench(baud_bps=baud_bps, latency_us=latency_us)
    bench.run(ask(bench.log, bench.now))
    assert bench.ended_us == expected_us


def chat(exchanges: int) -> Conversation:
    for _ in range(exchanges):
        yield Send(b"\x05")  # the handshake is not a command: it is computed, not waited for
        yield Receive(SECOND)
        yield Send(b"command", True)
        yield Receive(SECOND)
    return ShiftOpened(1, 1)


def test_an_exchange_costs_no_event_when_nothing_else_happens() -> None:
    bench = Bench()
    bench.start(chat(10))
    assert bench.steps() == 2  # the first command, and the end


@pytest.mark.parametrize("tick_us", [37_000, 110_000, 250_000])
def test_no_command_leaves_before_what_happens_in_the_world(tick_us: int) -> None:
    bench = Bench()
    heard = bench.emulator.heard
    seen: list[int] = []

    def tick() -> None:
        seen.append(len(heard))
        assert all(at_us - len(data) * BYTE_US <= bench.now() for at_us, data in heard if data == b"command")
        if bench.ended_us is None:
            bench.at(bench.now() + tick_us, tick)

    bench.at(tick_us, tick)
    bench.run(chat(10))
    alone = Bench()
    alone.run(chat(10))
    assert bench.ended_us == alone.ended_us and heard == alone.emulator.heard
    assert len(set(seen)) > 5, "it was looked at in the middle"


def test_a_command_leaves_when_the_worlds_clock_is_there() -> None:
    bench = Bench()
    when: list[tuple[str, int]] = []

    def chat() -> Conversation:
        yield Send(b"hello")
        yield Receive(SECOND)
        when.append(("ahead", bench.now()))
        yield Send(b"command", True)
        when.append(("command", bench.now()))
        yield Receive(SECOND)
        return ShiftOpened(1, 1)

    bench.run(chat())
    reply_us = 5 * BYTE_US + 100_000 + 2 * BYTE_US
    assert when == [("ahead", 0), ("command", reply_us)]
    assert bench.emulator.heard[1] == (reply_us + 7 * BYTE_US, b"command")


def test_an_outcome_is_told_when_the_worlds_clock_is_there() -> None:
    bench = Bench()

    def chat() -> Conversation:
        yield Pause(3 * SECOND)
        return ShiftOpened(1, 1)

    assert bench.run(chat()) == ShiftOpened(1, 1)
    assert bench.ended_us == 3 * SECOND


def test_silence_lasts_as_long_as_the_timeout() -> None:
    bench = Bench(Scripted(work_us=20 * SECOND))
    bench.run(ask(bench.log, bench.now))
    assert bench.log[-1][1] == b""
    assert bench.ended_us == 8 * BYTE_US + 10 * SECOND


def test_a_cable_pulled_while_waiting_is_noticed_that_very_moment() -> None:
    pulled_us = 50_000
    bench = Bench(barriers=(pulled_us,))
    bench.at(pulled_us, bench.line.unplug)
    assert isinstance(bench.run(ask(bench.log, bench.now)), Refused)
    assert bench.log == [(0, "sent"), (pulled_us, "lost")]
    assert bench.ended_us == pulled_us
    assert bench.line.connected is False


def test_what_the_register_was_told_before_the_cable_went_is_done_all_the_same() -> None:
    bench = Bench(barriers=(50_000,))
    bench.at(50_000, bench.line.unplug)
    bench.run(ask(bench.log, bench.now))
    bench.line.plug()
    bench.line.catch_up(SECOND)
    assert bench.emulator.acted == [8 * BYTE_US + 100_000]


def test_a_cable_pulled_in_the_middle_of_a_command_cuts_the_command_in_the_middle() -> None:
    bench = Bench(barriers=(3_500,))
    bench.at(3_500, bench.line.unplug)
    bench.run(ask(bench.log, bench.now, b"question"))
    assert bench.emulator.heard == [(3_000, b"que")]
    assert bench.ended_us == 3_500


def test_a_barrier_at_which_nothing_is_pulled_delays_nothing() -> None:
    bench = Bench(barriers=(3_500, 50_000, 108_500))
    bench.run(ask(bench.log, bench.now))
    assert bench.ended_us == 8 * BYTE_US + 100_000 + 2 * BYTE_US
    assert b"".join(chunk for _, chunk in bench.emulator.heard) == b"question"
    assert bench.emulator.heard[-1][0] == 8 * BYTE_US


def test_a_conversation_does_not_survive_a_cable_that_was_out_for_a_moment() -> None:
    bench = Bench(barriers=(50_000, 60_000))
    bench.at(50_000, bench.line.unplug)
    bench.at(60_000, bench.line.plug)

    def chat() -> Conversation:
        yield Pause(200_000)
        try:
            yield Send(b"?", True)
        except LineLost:
            return Refused("line", "lost", Blame.LINE)
        return ShiftOpened(1, 1)

    assert isinstance(bench.run(chat()), Refused)
    assert bench.emulator.heard == []
    assert bench.run(ask(bench.log, bench.now)) == ShiftOpened(1, 1)  # the next one finds a line


def test_over_a_cable_that_is_out_nothing_begins() -> None:
    bench = Bench()
    bench.line.unplug()
    assert isinstance(bench.run(ask(bench.log, bench.now)), Refused)
    assert bench.emulator.heard == []
    assert bench.ended_us == 0


ACTS_US = 8 * BYTE_US + 100_000


@pytest.mark.parametrize(
    ("cut_us", "acted", "answer"),
    [
        (ACTS_US - 1, [], b""),  # before the record: it never happens
        (ACTS_US + 1, [ACTS_US], b""),  # after it: it has happened, and nobody hears of it
        (ACTS_US + 2 * BYTE_US + 1, [ACTS_US], b"ok"),
    ],
)
def test_a_power_cut_before_and_after_the_moment_of_the_record(
    cut_us: int, acted: list[int], answer: bytes
) -> None:
    bench = Bench(barriers=(cut_us,))

    def cut() -> None:
        bench.emulator.power_off(cut_us)
        bench.line.silence(cut_us)

    bench.at(cut_us, cut)
    bench.run(ask(bench.log, bench.now))
    assert bench.emulator.acted == acted
    assert bench.log[-1][1] == answer


def test_a_pause_goes_on_across_a_barrier() -> None:
    bench = Bench(barriers=(SECOND, 2 * SECOND))

    def chat() -> Conversation:
        yield Pause(3 * SECOND)
        bench.log.append((bench.now(), "paused"))
        return ShiftOpened(1, 1)

    bench.run(chat())
    assert bench.ended_us == 3 * SECOND


def test_a_timeout_goes_on_across_a_barrier() -> None:
    bench = Bench(Scripted(work_us=100 * SECOND), barriers=(SECOND, 2 * SECOND))
    bench.run(ask(bench.log, bench.now))
    assert bench.ended_us == 8 * BYTE_US + 10 * SECOND


def test_a_computer_that_hangs_reads_the_answer_afterwards() -> None:
    bench = Bench(barriers=(50_000, 30 * SECOND))

    def hang() -> None:
        bench.line.frozen_until_us = 30 * SECOND

    bench.at(50_000, hang)
    assert bench.run(ask(bench.log, bench.now)) == ShiftOpened(1, 1)
    assert bench.log[-1] == (30 * SECOND, b"ok")  # its timeout had passed, but the bytes lay there
    assert bench.emulator.acted == [ACTS_US]
    assert bench.ended_us == 30 * SECOND


def test_a_computer_that_hangs_sends_nothing() -> None:
    bench = Bench(barriers=(10_000, 5 * SECOND))

    def hang() -> None:
        bench.line.frozen_until_us = 5 * SECOND

    def chat() -> Conversation:
        yield Pause(20_000)
        yield Send(b"x", True)
        return ShiftOpened(1, 1)

    bench.at(10_000, hang)
    bench.run(chat())
    assert bench.emulator.heard == [(5 * SECOND + BYTE_US, b"x")]


def test_an_answer_that_comes_before_a_hang_is_told_after_it() -> None:
    bench = Bench(barriers=(ACTS_US + BYTE_US, 5 * SECOND))
    bench.at(ACTS_US + BYTE_US, lambda: setattr(bench.line, "frozen_until_us", 5 * SECOND))
    bench.run(ask(bench.log, bench.now))
    assert bench.ended_us == 5 * SECOND


def test_a_lost_reply_leaves_the_record_and_mutes_the_line() -> None:
    bench = Bench()
    bench.line.lose_replies = 1

    def chat() -> Conversation:
        yield Send(b"make it", True)
        first = yield Receive(10 * SECOND)
        yield Send(b"well?")
        second = yield Receive(10 * SECOND)
        yield Pause(SILENCE_US)
        yield Send(b"now?")
        third = yield Receive(10 * SECOND)
        bench.log.append((0, (first, second, third)))
        return ShiftOpened(1, 1)

    bench.run(chat())
    assert bench.log == [(0, (b"", b"", b"ok"))]
    assert [chunk for _, chunk in bench.emulator.heard] == [b"make it", b"now?"]
    assert len(bench.emulator.acted) == 2
    assert (bench.line.lost, bench.line.lose_replies) == (1, 0)


def test_no_reply_is_lost_while_nothing_is_recorded() -> None:
    bench = Bench()
    bench.line.documents = lambda: 0
    bench.line.lose_replies = 1
    assert bench.run(ask(bench.log, bench.now)) == ShiftOpened(1, 1)
    assert (bench.line.lost, bench.line.lose_replies) == (0, 1)


class Always:
    """Draws that are always this."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


@pytest.mark.parametrize(("draw", "there", "back"), [(0.1, 1, 0), (0.4, 0, 1), (0.6, 0, 0)])
def test_noise_flips_one_byte_there_or_back_or_none(draw: float, there: int, back: int) -> None:
    bench = Bench()
    bench.line.noise = 0.5
    bench.line.noise_draws = Always(draw)  # type: ignore[assignment]
    bench.run(ask(bench.log, bench.now, b"question"))

    def flipped(got: bytes, meant: bytes) -> int:
        assert len(got) == len(meant)
        return sum(a != b for a, b in zip(got, meant, strict=True))

    assert flipped(bench.emulator.heard[0][1], b"question") == there
    assert flipped(bench.log[-1][1], b"ok") == back
    assert bench.line.garbled == there + back


def test_an_abandoned_conversation_tells_nobody_but_the_register_goes_on() -> None:
    bench = Bench()
    closed: list[bool] = []

    def chat() -> Conversation:
        try:
            yield Pause(1_000)
            yield Send(b"question", True)
            yield Receive(10 * SECOND)
        except GeneratorExit:
            closed.append(True)
            raise
        return ShiftOpened(1, 1)

    bench.start(chat())
    bench.env.run(until=500)
    bench.line.abandon()
    bench.env.run(until=SECOND)
    assert closed == [True]
    assert bench.ended_us is None
    assert bench.emulator.heard == []
    assert bench.run(ask(bench.log, bench.now)) == ShiftOpened(1, 1)


def test_an_engine_that_dies_while_a_register_works_does_not_stop_it() -> None:
    bench = Bench(barriers=(50_000,))  # so that the conversation has not run ahead to the answer
    bench.start(ask(bench.log, bench.now))
    bench.env.run(until=20_000)
    bench.line.abandon()
    bench.line.catch_up(SECOND)
    assert bench.emulator.acted == [ACTS_US]
    assert bench.ended_us is None


def test_catching_up_carries_out_what_is_due_and_no_more() -> None:
    bench = Bench()
    bench.emulator.receive(b"x", 0)
    bench.line.catch_up(99_999)
    assert bench.emulator.acted == []
    bench.line.catch_up(100_000)
    assert bench.emulator.acted == [100_000]


def test_an_answer_to_an_earlier_conversation_is_not_heard_by_the_next() -> None:
    bench = Bench(Scripted(work_us=SECOND))

    def impatient() -> Conversation:
        yield Send(b"first", True)
        yield Receive(1_000)
        return ShiftOpened(1, 1)

    bench.run(impatient())
    bench.env.run(until=2 * SECOND)
    bench.run(ask(bench.log, bench.now))
    assert bench.ended_us == 2 * SECOND + 8 * BYTE_US + SECOND + 2 * BYTE_US
    assert len(bench.emulator.acted) == 2


@pytest.mark.parametrize(("acts", "kind"), [(False, Refused), (True, Unknown)])
def test_a_driver_that_gives_up_ends_as_it_would_on_a_real_line(acts: bool, kind: type) -> None:
    bench = Bench()

    def chat() -> Conversation:
        yield Send(b"?", acts)
        raise LineLost("nobody there")

    outcome = bench.run(chat())
    assert isinstance(outcome, kind)
    assert "nobody there" in str(outcome)
