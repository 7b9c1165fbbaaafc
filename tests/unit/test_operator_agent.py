"""A register that sends by itself."""

from __future__ import annotations

from typing import Any

from ofd_world import START_S, answer_of, make_server, sell, shift

from fiscal.emulators.operator import OperatorConnection, OperatorServer, Outage, OutageKind
from fiscal.emulators.operator_agent import Action, AgentTiming, Dial, HangUp, OperatorAgent, Transmit
from fiscal.emulators.operator_port import DrivePort
from fiscal.ofd import ping

SECOND_US = 1_000_000


class Network:
    """Carries between one agent and the operator in virtual time. ``latency_us`` each way; a refusal comes at once."""

    def __init__(self, agent: OperatorAgent, server: OperatorServer, latency_us: int = 20_000) -> None:
        self.agent = agent
        self.server = server
        self.latency_us = latency_us
        self.now_us = 0
        self.dials: list[int] = []
        self.line: OperatorConnection | None = None
        self.plugged = True
        self._events: list[tuple[int, int, str, Any]] = []
        self._count = 0

    def run(self, until_us: int) -> None:
        while True:
            due = self.agent.next_wakeup()
            event = min(self._events, default=None)
            if event is not None and event[0] <= due:
                if event[0] > until_us:
                    break
                self._events.remove(event)
                self.now_us = max(self.now_us, event[0])
                self._event(event[2], event[3])
            else:
                if due > until_us:
                    break
                self.now_us = max(self.now_us, due)
                self.do(self.agent.wake(self.now_us))
        self.now_us = until_us

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Dial):
                self.dials.append(self.now_us)
                if self.plugged:
                    self._later(self.latency_us, "dialed", None)
            elif isinstance(action, Transmit):
                self._later(self.latency_us, "to operator", (self.line, action.data))
            else:
                assert isinstance(action, HangUp)
                self.line = None

    def _later(self, delay_us: int, what: str, about: Any) -> None:
        self._count += 1
        self._events.append((self.now_us + delay_us, self._count, what, about))

    def _event(self, what: str, about: Any) -> None:
        agent = self.agent
        if what == "dialed":
            if self.server.accepts(self.now_us):
                self.line = self.server.connect()
                self.do(agent.connected(self.now_us))
            else:
                self.do(agent.lost(self.now_us, "connection refused"))
        elif what == "to operator":
            line, data = about
            if line is not None:
                for at_us, chunk in line.receive(data, self.now_us):
                    self._later(at_us + self.latency_us - self.now_us, "to register", (line, chunk))
                if line.closing_us is not None:
                    self._later(line.closing_us + self.latency_us - self.now_us, "closed", line)
        elif what == "to register":
            line, data = about
            if line is self.line:
                self.do(agent.received(data, self.now_us))
        elif about is self.line:
            self.line = None
            self.do(agent.lost(self.now_us))


def make(receipts: int = 2, **profile: Any) -> tuple[OperatorAgent, Network]:
    agent = OperatorAgent(DrivePort(shift(receipts)), epoch_s=START_S)
    return agent, Network(agent, make_server(**profile))


def test_everything_goes_over_one_connection_and_then_it_rests() -> None:
    agent, network = make()
    network.run(10 * SECOND_US)
    drive = agent.port.drive
    assert drive.unsent.count == 0
    assert network.server.store.counts == {"received": 5}
    assert network.dials == [0]
    assert (agent.problem, agent.failures) == ("", 0)
    # 20 ms to dial, then 20 ms there, 150 ms at the operator, 20 ms back for each
    assert agent.confirmed_us == agent.answered_us == 20_000 + 5 * 190_000
    assert drive.confirmation(5).time_s == START_S
    assert not agent.port.status().flags & 1
    assert network.line is None


def test_it_finds_new_documents_by_looking_or_at_once_when_told() -> None:
    agent, network = make(0)
    network.run(5 * SECOND_US)
    drive = agent.port.drive
    drive.open_shift(START_S + 200)
    network.run(7 * SECOND_US)
    assert drive.unsent.count == 0
    dialed = len(network.dials)
    sell(drive, "one", now_s=START_S + 240)
    network.do(agent.notice(network.now_us))
    assert len(network.dials) == dialed + 1
    assert agent.notice(network.now_us) == []
    network.run(8 * SECOND_US)
    assert drive.unsent.count == 0


def test_an_outage_is_waited_out_with_longer_and_longer_pauses() -> None:
    end_us = 3_600 * SECOND_US
    agent, network = make(outages=(Outage(0, end_us),))
    network.run(end_us)
    pauses = [round((b - a) / SECOND_US) for a, b in zip(network.dials, network.dials[1:], strict=False)]
    assert pauses[:6] == [30, 60, 120, 240, 480, 600]
    assert set(pauses[6:]) == {600}
    assert agent.problem == "connection refused"
    assert (agent.connected_us, agent.answered_us) == (None, None)
    assert agent.port.drive.unsent.count == 5
    assert agent.notice(network.now_us) == []  # a new document does not shorten the pause
    network.run(end_us + 700 * SECOND_US)
    assert agent.port.drive.unsent.count == 0
    assert (agent.problem, agent.failures) == ("", 0)


def test_a_silent_operator_and_a_missing_cable_are_told_apart() -> None:
    agent, network = make(outages=(Outage(0, 100 * SECOND_US, OutageKind.SILENT),))
    network.run(61 * SECOND_US)
    assert agent.problem == "the operator is silent"
    assert agent.connected_us is not None
    assert agent.answered_us is None
    agent, network = make()
    network.plugged = False
    network.run(11 * SECOND_US)
    assert agent.problem == "no connection to the operator"
    assert agent.connected_us is None


def test_a_lost_answer_brings_a_duplicate_and_no_more() -> None:
    agent, network = make(outages=(Outage(0, 30 * SECOND_US, OutageKind.UNANSWERED),))
    network.run(200 * SECOND_US)
    assert agent.port.drive.unsent.count == 0
    assert network.server.store.counts == {"received": 5, "unanswered": 1, "duplicate": 1}


def test_the_cable_is_in_the_screen_says_printed_and_the_account_is_empty() -> None:
    agent, network = make()
    network.server.unpaid.add("7701234567")
    network.run(300 * SECOND_US)
    assert agent.connected_us is not None
    assert agent.answered_us is None
    assert agent.problem == "the operator closed the connection"
    assert agent.port.drive.unsent.count == 5
    network.server.unpaid.clear()
    network.run(1_000 * SECOND_US)
    assert agent.port.drive.unsent.count == 0


def test_answers_that_are_none_are_survived() -> None:
    agent, _ = make(0)
    for answer, problem in (
        (b"HTTP", "begins with"),
        (ping("9999078900001234", 4), "without a container"),
        (b"second", ""),
    ):
        actions = agent.wake(agent.next_wakeup())
        assert actions == [Dial()]
        now_us = agent.next_wakeup() - 1
        [sent] = agent.connected(now_us)
        assert isinstance(sent, Transmit)
        if problem:
            assert agent.received(answer, now_us) == [HangUp()]
            assert problem in agent.problem
        else:
            good = answer_of(make_server().connect(), sent.data)
            assert agent.received(good + good, now_us) == [HangUp()]
            assert agent.problem == "more than one answer"
            assert agent.port.drive.unsent.first == 2
    first = agent.port.drive.unsent.first
    agent.wake(agent.next_wakeup())
    agent.connected(agent.next_wakeup() - 1)
    assert agent.received(good, agent.next_wakeup() - 1) == [HangUp()]  # the answer to another document
    assert "20h" in agent.problem
    assert agent.port.drive.unsent.first == first


def test_what_comes_at_the_wrong_moment_does_no_harm() -> None:
    agent = OperatorAgent(DrivePort(shift(0)), AgentTiming(poll_us=5))
    assert agent.received(b"x", 0) == []
    assert agent.lost(0) == []
    assert agent.connected(0) == [HangUp()]
    assert agent.wake(-1) == []
    assert agent.port.drive.unsent.count == 3
