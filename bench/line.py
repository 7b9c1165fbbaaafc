"""The line between the engine's computer and a register, in virtual time.

A conversation runs *ahead* of the world's clock: handshakes and answers are computed, not waited for, so an exchange costs one SimPy
event, or none. Two rules keep that honest. A command leaves only when the world's clock has caught up with the conversation's, or when
nothing else is to happen in the world before that; and no conversation runs past a *barrier*, a moment at which something happens to this
line (a cable is pulled, power fails, a clock jumps): it waits for the world there and goes on with what it finds. Bytes that a barrier
finds half sent are sent in two pieces, so that a register whose cable is pulled in the middle of a command gets the middle of a command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import simpy
from simpy.events import Timeout

from fiscal.emulators import Emulator, Output
from fiscal.registers.conversation import (
    Blame,
    Conversation,
    LineLost,
    Outcome,
    Receive,
    Refused,
    Send,
    Step,
    Unknown,
)

if TYPE_CHECKING:
    import numpy as np

SILENCE_US = 90_000_000
"""After a lost reply the register stays mute so long (an adapter that hangs): a shorter silence is repaired by the protocol itself, which
replays an answer that was not confirmed."""

_NEVER = 1 << 62
Done = Callable[[Outcome | None], None]
Tell = Callable[[int, str, bytes], None]
"""(moment, direction, bytes): ``>`` to the register, ``<`` from it, ``!`` the line was lost (the bytes say why)."""


class VirtualLine:
    """One line with its register at the other end.

    ``baud_bps`` 0 means that bytes take no time of their own (TCP); ``latency_us`` is added one way. The world changes the public
    attributes at barriers; everything else is private.
    """

    def __init__(
        self,
        env: simpy.Environment,
        emulator: Emulator,
        baud_bps: int,
        latency_us: int,
        barriers: Iterable[int] = (),
    ) -> None:
        self._env = env
        self.emulator = emulator
        self._byte_us = 10_000_000 // baud_bps if baud_bps else 0
        self._latency_us = latency_us
        self._barriers = deque(sorted(set(barriers)))
        self._barrier = self._barriers.popleft() if self._barriers else _NEVER
        self._connected = True
        self._dead = False  # for the conversation under way: a cable that is in again does not bring it back
        self._acted = False  # a command of it has left
        self.frozen_until_us = 0  # the computer hangs: nothing is read or sent before
        self.noise = 0.0  # probability that an exchange is garbled
        self.noise_draws: np.random.Generator | None = None
        self.lose_replies = 0  # so many answers to a recorded document are lost
        self.garbled = 0
        self.lost = 0
        self.exchanges = 0
        self.documents: Callable[[], int] = int  # the drive's document count, to see when a reply matters
        self.trace: Tell | None = None  # told of every chunk
        self.hang_up: Callable[[], None] | None = (
            None  # told that the host connects anew, as it does when a conversation lost its line
        )
        self._broken = False
        self._mute_until_us = 0
        self._garble_next = False
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._conversation: Conversation | None = None
        self._done: Done | None = None
        self._step: Step | None = None
        self._deadline_us = 0
        self._t = 0
        self._waiting: Timeout | None = None
        self._ended = False
        self._outcome: Outcome | None = None

    def start(self, conversation: Conversation, done: Done) -> None:
        """Run a conversation from now on; ``done`` gets its outcome when the world's clock has reached its end."""
        now = int(self._env.now)
        self.catch_up(now)
        self._inbox.clear()
        if self._broken and self.hang_up is not None:
            self.hang_up()
        self._broken = False
        self._dead = not self._connected
        self._acted = False
        self._conversation = conversation
        self._done = done
        self._t = now
        self._ended = False
        self._run(None)

    def abandon(self) -> None:
        """The engine died: nobody reads this line any more. What is on its way still arrives at the register."""
        if self._conversation is not None:
            self._conversation.close()
        self._conversation = None
        self._waiting = None
        self._broken = True

    def catch_up(self, now_us: int) -> None:
        """Let the register do what it had to do up to now while nobody was talking to it."""
        emulator = self.emulator
        at = emulator.next_wakeup()
        while at is not None and at <= now_us:
            self._take(emulator.wake(at))
            at = emulator.next_wakeup()

    @property
    def busy(self) -> bool:
        """A conversation is under way."""
        return self._conversation is not None

    @property
    def connected(self) -> bool:
        return self._connected

    def unplug(self) -> None:
        """The cable is out: the conversation under way has lost its line for good, and nothing more arrives."""
        if self.trace is not None:
            self.trace(int(self._env.now), "!", b"the cable is out")
        self._connected = False
        self._dead = True
        self._inbox.clear()

    def plug(self) -> None:
        """The cable is in again. Only a new conversation finds the line."""
        self._connected = True

    def silence(self, now_us: int) -> None:
        """The register's power fails: what it had not sent completely never arrives."""
        self._inbox = deque(chunk for chunk in self._inbox if chunk[0] <= now_us)

    def _resume(self, event: Timeout) -> None:
        if event is not self._waiting:
            return  # of an abandoned conversation
        self._waiting = None
        if self._ended:
            if self.frozen_until_us > self._env.now:
                self._wait(None, self.frozen_until_us)
                return
            done, self._done, self._conversation = self._done, None, None
            assert done is not None
            done(self._outcome)
        else:
            self._run(self._step, self._env.peek)

    def _wait(self, step: Step | None, until_us: int) -> None:
        env = self._env
        self._step = step
        self._waiting = timeout = Timeout(env, until_us - env.now)
        timeout.callbacks.append(self._resume)

    def _run(self, step: Step | None, next_event: Callable[[], float] | None = None) -> None:
        """Go on with the conversation until it must wait for the world. ``step`` is a step it waited in. ``next_event`` tells when the
        world goes on; without it (in the middle of an event, of which more may come) every command waits."""
        conversation = self._conversation
        assert conversation is not None
        proceed = conversation.send
        now = int(self._env.now)
        while self._barrier <= now:
            self._barrier = self._barriers.popleft() if self._barriers else _NEVER
        begun = step is not None  # a step that waited keeps its deadline
        answer: bytes | None = None
        try:
            if step is None:
                step = proceed(None)
            while True:
                if self._t < self.frozen_until_us:
                    self._t = self.frozen_until_us
                    if begun and self._deadline_us < self._t:
                        self._deadline_us = self._t  # what came meanwhile lies there to be read
                if isinstance(step, Receive):
                    if not begun:
                        self._deadline_us = self._t + step.timeout_us
                    if self._t >= self._barrier:
                        self._wait(step, self._barrier)
                        return
                    if self._dead:
                        step = conversation.throw(LineLost("the line is down"))
                        begun = False
                        continue
                    answer = self._receive()
                    if answer is None:
                        self._t = max(self._t, self._barrier)
                        self._wait(step, self._barrier)
                        return
                elif isinstance(step, Send):
                    if self._t >= self._barrier:
                        self._wait(step, self._barrier)
                        return
                    if self._dead:
                        step = conversation.throw(LineLost("the line is down"))
                        begun = False
                        continue
                    if step.command and self._t > now and (next_event is None or next_event() <= self._t):
                        self._wait(step, self._t)
                        return
                    rest = self._send(step)
                    if rest is not None:
                        self._wait(rest, self._barrier)
                        return
                    answer = None
                else:
                    if not begun:
                        self._deadline_us = self._t + step.duration_us
                    if self._deadline_us > self._barrier:
                        self._t = max(self._t, self._barrier)
                        self._wait(step, self._barrier)
                        return
                    self._t = max(self._t, self._deadline_us)
                    answer = None
                begun = False
                step = proceed(answer)
        except StopIteration as stop:
            self._end(stop.value)
        except LineLost as lost:  # the driver gave up
            reason = str(lost)
            self._end(Unknown(reason) if self._acted else Refused("line", reason, Blame.LINE))

    def _end(self, outcome: Outcome) -> None:
        self._ended = True
        self._outcome = outcome
        self._broken = isinstance(outcome, Unknown) or (
            isinstance(outcome, Refused) and outcome.blame is Blame.LINE
        )
        self._wait(None, max(self._t, int(self._env.now)))

    def _send(self, step: Send) -> Send | None:
        """Put the bytes on the line. Returns those that a barrier comes before."""
        data = step.data
        if step.command:
            self.exchanges += 1
            self._acted = True
            if self.noise and self.noise_draws is not None:
                draw = self.noise_draws.random()
                if draw < self.noise:
                    self.garbled += 1
                    if draw < self.noise / 2:
                        data = _garble(data, len(data) // 2)
                    else:
                        self._garble_next = True
        rest: Send | None = None
        if self.trace is not None:
            self.trace(self._t, ">", data)
        end = self._t + len(data) * self._byte_us
        if end > self._barrier:
            fits = (self._barrier - self._t) // self._byte_us
            data, rest = data[:fits], Send(data[fits:])
            end = self._t + fits * self._byte_us
        self._t = end
        arrival = end + self._latency_us
        if arrival >= self._mute_until_us and data:
            emulator = self.emulator
            at = emulator.next_wakeup()
            while at is not None and at <= arrival:
                self._wake(at)
                at = emulator.next_wakeup()
            output = emulator.receive(data, arrival)
            if output:
                self._take(output)
        return rest

    def _receive(self) -> bytes | None:
        """The next chunk, ``b""`` at the timeout, ``None`` when a barrier comes first."""
        inbox = self._inbox
        emulator = self.emulator
        limit = min(self._deadline_us, self._barrier)
        while True:
            wakeup = emulator.next_wakeup()
            if inbox:
                arrival, chunk = inbox[0]
                if wakeup is None or wakeup >= arrival:
                    if arrival > limit and arrival > self._t:
                        break
                    inbox.popleft()
                    if arrival > self._t:
                        self._t = arrival
                    if self.trace is not None:
                        self.trace(self._t, "<", chunk)
                    return chunk
            elif wakeup is None:
                break
            if wakeup > limit:
                break
            self._wake(wakeup)
        if self._deadline_us <= self._barrier:
            self._t = max(self._t, self._deadline_us)
            return b""
        return None

    def _wake(self, at_us: int) -> None:
        """The register acts. When it has recorded a document whose answer is to be lost, nothing is heard of it for a while."""
        documents = self.documents() if self.lose_replies else 0
        output = self.emulator.wake(at_us)
        if self.lose_replies and self.documents() > documents:
            self.lose_replies -= 1
            self.lost += 1
            self._mute_until_us = at_us + SILENCE_US
        self._take(output)

    def _take(self, output: Output) -> None:
        if self._dead:
            return
        for leaves, chunk in output:
            if leaves < self._mute_until_us:
                continue
            if self._garble_next and len(chunk) > 1:
                self._garble_next = False
                chunk = _garble(chunk, len(chunk) - 1)
            self._inbox.append((leaves + len(chunk) * self._byte_us + self._latency_us, chunk))


def _garble(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x55,)) + data[at + 1 :]
