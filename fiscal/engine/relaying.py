"""Relaying: documents of registers that have no network of their own are carried to the operator.

The register is busy only while a message is read out of its drive, and while the operator's answer is written into it; while the operator
is awaited it makes receipts. One document at a time, in order: the drive shows the next one when it has the confirmation of the one
before. Nothing can be lost or doubled on the way: until its confirmation was accepted the drive shows the same message again, and an
operator answers a document he has with the confirmation he gave before. So nothing of this needs the journal but what is then known.
"""

from __future__ import annotations

from fiscal.engine import events, states
from fiscal.engine.farm import Relay, Station
from fiscal.engine.outcomes import AnswerTaken, Blame, MessageRead, Outcome, Refused, Seen, reason_of
from fiscal.engine.service import Service


class Relaying(Service):
    """What the engine does for documents on their way."""

    def _relay_asked(self, station: Station, now_us: int) -> None:
        """There is, or may be, something to carry."""
        relay = station.relay
        if relay is not None and relay.waits_since_us is None:
            relay.waits_since_us = now_us

    def _see_operator(self, station: Station, seen: Seen, now_us: int) -> None:
        super()._see_operator(station, seen, now_us)
        if seen.unsent:
            self._relay_asked(station, now_us)

    def _relay_due(self, station: Station, idle: bool, now_us: int) -> bool:
        relay = station.relay
        if relay is None:
            return False
        if relay.step == states.RELAY_ANSWERED:
            relay.move("write")
            self._serve(station, events.WriteAnswer(relay.answer), "operator's answer", now_us)
            return True
        waits_since_us = relay.waits_since_us
        if relay.step != states.RELAY_IDLE or waits_since_us is None or relay.retry_at_us > now_us:
            return False
        if not idle and now_us - waits_since_us < self.config.relay_patience_us:
            return False
        relay.move("read")
        self._serve(station, events.ReadMessage(), "message for the operator", now_us)
        return True

    def _message_read(
        self, station: Station, task: events.ReadMessage, outcome: Outcome, now_us: int
    ) -> None:
        relay = station.relay
        assert relay is not None
        if not isinstance(outcome, MessageRead):
            self._relay_broken(station, relay, outcome, now_us)
            return
        if outcome.message:
            relay.move("message")
            relay.number += 1
            relay.document = outcome.document
            self._out.append(events.Exchange(station.index, relay.number, outcome.message))
        else:
            relay.move("nothing")
            relay.waits_since_us = None
        self._well(station, now_us)

    def _exchanged(self, event: events.Exchanged, now_us: int) -> None:
        station = self._stations[event.register]
        relay = station.relay
        if relay is None or relay.step != states.RELAY_CARRYING or event.number != relay.number:
            return  # of an earlier life
        if event.connected:
            relay.connected_us = now_us
            self._on_its_way(station, station.drive, relay.document, now_us)
        if event.answer:
            relay.answered_us = now_us
            relay.answer = event.answer
            relay.move("answer")
        else:
            relay.move("no_answer")
            self._relay_failed(station, relay, event.problem or "no answer from the operator", now_us)
        self._next(station, now_us)

    def _answer_written(
        self, station: Station, task: events.WriteAnswer, outcome: Outcome, now_us: int
    ) -> None:
        relay = station.relay
        assert relay is not None
        relay.answer = b""
        if isinstance(outcome, AnswerTaken):
            relay.move("taken")
            relay.failures = 0
            relay.problem = ""
            relay.waits_since_us = now_us  # the next one may wait
            self._operator_has(station, station.drive, outcome.document, now_us)
            # a replacement, or a drive that blocks, may wait for this very confirmation
            station.probe_asked = station.replacement is not None or station.service is states.BLOCKED
            self._well(station, now_us)
        else:
            self._relay_broken(station, relay, outcome, now_us)

    def _relay_broken(self, station: Station, relay: Relay, outcome: Outcome, now_us: int) -> None:
        """The register did not do its part. If the line is gone that is what matters; else receipts go on."""
        reason = reason_of(outcome)
        if isinstance(outcome, Refused) and outcome.blame is Blame.REGISTER:
            relay.move("refused" if relay.step == states.RELAY_WRITING else "failed")
            self._relay_failed(station, relay, reason, now_us)
            self._well(station, now_us)
        else:
            relay.move("failed")
            self._relay_failed(station, relay, reason, now_us)
            self._fail(station, f"operator: {reason}", now_us)

    def _relay_failed(self, station: Station, relay: Relay, problem: str, now_us: int) -> None:
        relay.problem = problem
        pause_us = min(self.config.relay_retry_us << min(relay.failures, 20), self.config.relay_retry_max_us)
        relay.failures += 1
        relay.retry_at_us = now_us + pause_us
        self._at(relay.retry_at_us, self._relay_again, station)

    def _relay_again(self, station: Station, now_us: int) -> None:
        self._next(station, now_us)
