"""A register that sends by itself: the part of it that talks to the operator over the register's own network.

It looks into the drive now and then; when a document waits it dials, sends the message, awaits the answer, puts it into the drive, and goes
on with the next over the same connection until nothing waits. What fails is tried again after a while, and after a longer while when it
fails again. The host carries out what the agent returns (`Dial`, `Transmit`, `HangUp`) and tells it what happened.

The protocol prescribes no times: those of `AgentTiming` are *assumed* (reference sheet ``ffd_ofd.md`` section 1.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fiscal.emulators.drive import DriveError
from fiscal.emulators.operator_port import DrivePort
from fiscal.ofd.errors import OfdError
from fiscal.ofd.session import MessageReader


@dataclass(frozen=True, slots=True)
class AgentTiming:
    """``poll_us``: how often the drive is looked at; ``connect_us``, ``reply_us``: how long a connection and an answer may take;
    ``retry_us``: the wait after a failure, doubled with each up to ``longest_retry_us``."""

    poll_us: int = 1_000_000
    connect_us: int = 10_000_000
    reply_us: int = 60_000_000
    retry_us: int = 30_000_000
    longest_retry_us: int = 600_000_000


@dataclass(frozen=True, slots=True)
class Dial:
    """Open a connection to the operator; then `OperatorAgent.connected`, or `OperatorAgent.lost`."""


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send bytes over it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close it."""


Action = Dial | Transmit | HangUp


class AgentState(Enum):
    IDLE = "idle"
    DIALING = "dialing"
    WAITING = "waiting"


_DIAL = Dial()
_HANG_UP = HangUp()


class OperatorAgent:
    """``epoch_s``: the register's wall clock when the host's clock shows 0 microseconds.

    What a self-test of the register would tell: ``connected_us`` (the network: when a connection last stood), ``answered_us`` (the
    operator: when he last answered), ``confirmed_us`` (when the drive last accepted a confirmation) - ``None`` for never -, and the
    ``problem`` that stands in the way now, empty when there is none.
    """

    def __init__(self, port: DrivePort, timing: AgentTiming | None = None, *, epoch_s: int = 0) -> None:
        self.port = port
        self.timing = timing or AgentTiming()
        self.epoch_s = epoch_s
        self.state = AgentState.IDLE
        self.failures = 0
        self.connected_us: int | None = None
        self.answered_us: int | None = None
        self.confirmed_us: int | None = None
        self.problem = ""
        self._due_us = 0
        self._reader = MessageReader()

    def next_wakeup(self) -> int:
        """When `wake` wants to be called."""
        return self._due_us

    def notice(self, now_us: int) -> list[Action]:
        """A document was recorded. (Without it the agent finds out when it looks.)"""
        if self.state is AgentState.IDLE and not self.failures:
            return self._look(now_us)
        return []

    def wake(self, now_us: int) -> list[Action]:
        """The moment has come: to look, to try again, or to give up waiting."""
        if now_us < self._due_us:
            return []
        if self.state is AgentState.IDLE:
            return self._look(now_us)
        dialing = self.state is AgentState.DIALING
        return self._fail(now_us, "no connection to the operator" if dialing else "the operator is silent")

    def connected(self, now_us: int) -> list[Action]:
        """The connection stands."""
        if self.state is not AgentState.DIALING:
            return [_HANG_UP]
        self.connected_us = now_us
        self._reader = MessageReader()
        self.port.connect()
        return self._send(now_us)

    def received(self, data: bytes, now_us: int) -> list[Action]:
        """Bytes arrived from the operator."""
        if self.state is not AgentState.WAITING:
            return []
        try:
            messages = self._reader.feed(data)
        except OfdError as error:
            return self._fail(now_us, str(error))
        for message in messages:
            self.answered_us = now_us
            if not message.body:
                return self._fail(now_us, "the operator answers without a container")
            try:
                self.port.accept(message, self.epoch_s + now_us // 1_000_000)
            except DriveError as error:
                return self._fail(now_us, f"the drive refuses the answer: {error} ({error.detail})")
            self.confirmed_us = now_us
            self.failures = 0
            self.problem = ""
            if message is not messages[-1]:
                return self._fail(now_us, "more than one answer")
            return self._send(now_us)
        return []

    def lost(self, now_us: int, reason: str = "the operator closed the connection") -> list[Action]:
        """The connection is gone, or was never made."""
        if self.state is AgentState.IDLE:
            return []
        self._fail(now_us, reason)
        return []

    def _look(self, now_us: int) -> list[Action]:
        if self.port.drive.head is None:
            self._due_us = now_us + self.timing.poll_us
            return []
        self.state = AgentState.DIALING
        self._due_us = now_us + self.timing.connect_us
        return [_DIAL]

    def _send(self, now_us: int) -> list[Action]:
        message = self.port.message()
        if message is None:
            self._rest(now_us + self.timing.poll_us)
            return [_HANG_UP]
        self.state = AgentState.WAITING
        self._due_us = now_us + self.timing.reply_us
        return [Transmit(message)]

    def _fail(self, now_us: int, problem: str) -> list[Action]:
        timing = self.timing
        wait_us = min(timing.retry_us << min(self.failures, 20), timing.longest_retry_us)
        self.failures += 1
        self.problem = problem
        self._rest(now_us + wait_us)
        return [_HANG_UP]

    def _rest(self, due_us: int) -> None:
        self.port.disconnect()
        self.state = AgentState.IDLE
        self._due_us = due_us
