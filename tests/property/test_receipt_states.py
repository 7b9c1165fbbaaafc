"""Whatever a register answers, in whatever order: a receipt moves along its table, and ends recorded once or set aside with a reason."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.seats import sample_receipt
from fiscal.engine import events, states
from fiscal.engine.config import EngineConfig, RegisterFacts
from fiscal.engine.engine import Engine
from fiscal.engine.outcomes import Blame, Found, Outcome, Recorded, Refused, Seen, ShiftState, Unknown
from fiscal.receipt import fingerprint

START_US = 1_790_000_000_000_000
ATTEMPTS = st.sampled_from(("recorded", "receipt", "register", "line", "unknown"))
ANSWERS = st.sampled_from(("found", "not found", "silent"))


class Register:
    """A register that does to each attempt what the example says; its drive knows what it made."""

    def __init__(self, attempts: list[str], answers: list[str]) -> None:
        self.attempts = attempts
        self.answers = answers
        self.documents = 1
        self.made = 0

    def record(self) -> Recorded:
        self.documents += 1
        self.made += 1
        return Recorded(self.documents, 1, START_US // 1_000_000, "9999078900000001")

    def perform(self, task: events.Task, now_us: int) -> Outcome:
        if isinstance(task, events.Fiscalize):
            match self.attempts.pop(0) if self.attempts else "recorded":
                case "receipt":
                    return Refused("test", "impossible", Blame.RECEIPT)
                case "register":
                    return Refused("test", "not now", Blame.REGISTER)
                case "line":
                    return Refused("line", "nobody there", Blame.LINE)
                case "unknown":
                    return Unknown("the line died")
            return self.record()
        if isinstance(task, events.Find):
            answer = self.answers.pop(0) if self.answers else "not found"
            if answer == "silent":
                return Unknown("nobody answers")
            return Found(self.record() if answer == "found" else None, self.documents)
        wall_s = (START_US + now_us) // 1_000_000
        return Seen(ShiftState.OPEN, 1, self.documents, "9999078900000001", 3, 0, 0, 0, True, wall_s)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(ATTEMPTS, max_size=12), st.lists(ANSWERS, max_size=12))
def test_a_receipt_ends_once(attempts: list[str], answers: list[str]) -> None:
    receipt = sample_receipt(1)
    engine = Engine(EngineConfig((RegisterFacts("kkt", receipt.entity),), max_refusals=3))
    register = Register(list(attempts), list(answers))
    queue: list[events.Event] = [
        events.Started(START_US),
        events.Submitted("key", receipt, fingerprint(receipt)),
    ]
    now_us = 0
    path = [states.ACCEPTING]
    for _ in range(600):
        effects = engine.handle(queue.pop(0), now_us) if queue else []
        if not queue and not effects:
            if engine.settled and path[-1] in (states.RECORDED, states.CONFIRMED, states.SET_ASIDE):
                break
            now_us = max(now_us, engine.next_wakeup() or now_us)
            effects = engine.wake(now_us)
        for effect in effects:
            if isinstance(effect, events.Commit):
                queue.append(events.Committed(effect.ticket))
            elif isinstance(effect, events.Perform):
                outcome = register.perform(effect.task, now_us)
                queue.append(events.Performed(effect.register, effect.number, outcome))
            elif isinstance(effect, events.StatusChanged):
                path.append(effect.status)
    view = engine.status("key")
    assert view is not None
    assert set(path) <= set(states.RECEIPT)
    if register.made:
        assert register.made == 1, path
        assert view.status in (states.RECORDED, states.CONFIRMED), path
    else:
        assert view.status == states.SET_ASIDE, path
        assert view.reason
