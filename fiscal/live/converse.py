"""Carry out a conversation over an open link, in real time."""

from __future__ import annotations

import time
from collections.abc import Callable

from fiscal.live.links import LineLost, Link
from fiscal.registers.conversation import Blame, Conversation, Outcome, Receive, Refused, Send, Unknown

Trace = Callable[[str, bytes], None]
"""Told of every chunk: ``">"`` to the register, ``"<"`` from it, ``"!"`` the line was lost (the bytes are the reason)."""


class Talk:
    """One conversation on one link.

    ``acted`` says whether a command may have reached the register, ``heard`` whether the register said anything, ``lost`` whether the link
    is gone.
    """

    __slots__ = ("acted", "heard", "lost", "trace")

    def __init__(self, trace: Trace | None = None) -> None:
        self.trace = trace
        self.acted = False
        self.heard = False
        self.lost = False

    def run(self, link: Link, conversation: Conversation) -> Outcome:
        """The outcome. Where the driver gives up by raising `LineLost`: *unknown* once a command may have left, else *refused*."""
        trace = self.trace
        try:
            step = next(conversation)
            while True:
                answer: bytes | None = None
                try:
                    kind = type(step)
                    if kind is Receive:
                        answer = link.read(step.timeout_us / 1e6)  # type: ignore[union-attr]
                        if answer:
                            self.heard = True
                            if trace is not None:
                                trace("<", answer)
                    elif kind is Send:
                        if step.command:  # type: ignore[union-attr]
                            self.acted = True
                        if trace is not None:
                            trace(">", step.data)  # type: ignore[union-attr]
                        link.write(step.data)  # type: ignore[union-attr]
                    else:
                        time.sleep(step.duration_us / 1e6)  # type: ignore[union-attr]
                except LineLost as lost:
                    self.lost = True
                    if trace is not None:
                        trace("!", str(lost).encode())
                    step = conversation.throw(lost)
                else:
                    step = conversation.send(answer)
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome
        except LineLost as lost:
            return self.given_up(str(lost))

    def given_up(self, reason: str) -> Outcome:
        """What is known when a conversation ended without an outcome."""
        if self.acted:
            return Unknown(reason)
        return Refused("line", reason, Blame.LINE, "check cable, power and address")


def converse(link: Link, conversation: Conversation, trace: Trace | None = None) -> Outcome:
    """Run ``conversation`` over ``link`` and return its outcome. A lost line ends in an outcome, too."""
    return Talk(trace).run(link, conversation)
