"""A drive against a model of twenty lines: random commands, a wandering clock, an operator that comes and goes.

The model knows numbers, states and sums, and shares no code with the drive.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fiscal.emulators.drive import Drive, DriveError, DriveProfile, Registration, Sums
from fiscal.ffd import decode
from fiscal.ffd.tlv import vln

MINUTE = 60
HOUR = 3_600
DAY = 86_400
START = 20_000 * DAY
PROFILE = DriveProfile(
    "small", life_days=45, max_documents=40, max_signatures=45, unsent_days=5, store_bytes=9_000
)
KINDS = {3: 0x04, 31: 0x14, 2: 0x02, 5: 0x08, 21: 0x17}


@dataclass
class Model:
    last: int = 0
    last_minute: int = 0
    shift: int = 0
    opened: int = 0
    is_open: bool = False
    receipts: list[tuple[int, int, int]] = field(default_factory=list)  # of the shift: form, type, total
    documents_in_shift: int = 0
    waiting: list[tuple[int, int, int]] = field(default_factory=list)  # number, minute, bytes
    current: int = 0
    begun: int | None = None

    def refusals(self, form: int, minute: int) -> set[int]:
        """Every reason that forbids this document now."""
        codes = set()
        if self.current not in (0, KINDS[form]):
            codes.add(0x02)
        if (form in (3, 31, 5) and not self.is_open) or (form == 2 and self.is_open):
            codes.add(0x02)
        if minute < self.last_minute:
            codes.add(0x07)
        if self.begun is not None and abs(minute - self.begun) > 5:
            codes.add(0x17)
        if form != 5:
            if self.last >= 40:
                codes.add(0x06)
            if self.last >= 45:
                codes.add(0x12)
        if form in (2, 3, 31):
            if minute * MINUTE >= START + 46 * DAY:
                codes.add(0x05)
            if self.waiting and minute - self.waiting[0][1] > 5 * 24 * 60:
                codes.add(0x15)
            if sum(size for _, _, size in self.waiting) >= 9_000:
                codes.add(0x14)
        if form in (3, 31) and self.is_open and minute - self.opened > 24 * 60:
            codes.add(0x16)
        return codes


class DriveAgainstModel(RuleBasedStateMachine):
    @initialize(ffd=st.sampled_from([2, 4]))
    def start(self, ffd: int) -> None:
        self.drive = Drive("9999078900001234", PROFILE)
        self.model = Model()
        self.now_s = START
        report = self.drive.register(Registration("7701234567", "1", ffd=ffd), START)
        self.ffd = ffd
        self.took(report.form, len(report.tlv))

    def took(self, form: int, size: int) -> None:
        model = self.model
        model.last += 1
        model.last_minute = self.now_s // MINUTE
        model.waiting.append((model.last, model.last_minute, size))
        model.current, model.begun = 0, None
        if form == 2:
            model.shift += 1
            model.is_open, model.opened = True, model.last_minute
            model.receipts, model.documents_in_shift = [], 0
        if model.is_open:
            model.documents_in_shift += 1
        if form == 5:
            model.is_open = False

    def attempt(self, form: int, *receipt: int) -> None:
        forbidden = self.model.refusals(form, self.now_s // MINUTE)
        if form == 31 and receipt[0] in (2, 4) and self.ffd == 2:
            forbidden.add(0x18)
        before = self.drive.snapshot()
        try:
            if receipt:
                kind, total, share = receipt
                sums = Sums(cash_kop=share, cashless_kop=total - share, vat=((1, total // 6),))
                body = vln(1031, share) + vln(1081, total - share) + vln(1102, total // 6)
                stored = self.drive.record(form, kind, total, sums, body, self.now_s)
            elif form == 2:
                stored = self.drive.open_shift(self.now_s)
            elif form == 5:
                stored = self.drive.close_shift(self.now_s)
            else:
                stored = self.drive.state_report(self.now_s)
        except DriveError as refused:
            assert refused.code in forbidden
            assert self.drive.snapshot() == before
            return
        assert not forbidden
        if receipt:
            self.model.receipts.append((form, receipt[0], receipt[1]))
            assert stored.receipt_number == len(self.model.receipts)
        self.took(form, len(stored.tlv))
        assert (stored.document, stored.shift) == (self.model.last, self.model.shift)
        assert stored.time_s == self.model.last_minute * MINUTE
        assert self.drive.verify(stored.tlv)
        if form == 5:
            self.closing_counts_the_receipts(stored.tlv)

    def closing_counts_the_receipts(self, tlv: bytes) -> None:
        fields = dict(decode(tlv).fields)
        receipts = self.model.receipts
        assert fields[1118] == len(receipts)
        assert fields[1111] == self.model.documents_in_shift
        if self.ffd == 4:
            counters = dict(fields[1194])
            assert counters[1134] == len(receipts)
            for type, tag in ((1, 1129), (2, 1130), (3, 1131), (4, 1132)):
                totals = [total for form, kind, total in receipts if (form, kind) == (3, type)]
                inner = dict(counters.get(tag, ()))
                assert (inner.get(1135, 0), inner.get(1201, 0)) == (len(totals), sum(totals))

    @rule(
        form=st.sampled_from([3, 3, 3, 31]),
        type=st.integers(1, 4),
        total=st.integers(0, 10**7),
        share=st.integers(0, 100),
    )
    def receipt(self, form: int, type: int, total: int, share: int) -> None:
        self.attempt(form, type, total, total * share // 100)

    @rule()
    def sell(self) -> None:
        self.attempt(3, 1, 1_000, 0)

    @rule()
    def open_shift(self) -> None:
        self.attempt(2)

    @rule()
    def close_shift(self) -> None:
        self.attempt(5)

    @rule()
    def state_report(self) -> None:
        self.attempt(21)

    @rule(form=st.sampled_from([3, 31, 2, 5, 21]), timed=st.booleans())
    def begin(self, form: int, timed: bool) -> None:
        minute = self.now_s // MINUTE
        forbidden = self.model.refusals(form, minute)
        if not timed:
            forbidden &= {0x02}
        if self.model.current:
            forbidden.add(0x02)
        try:
            self.drive.begin(KINDS[form], self.now_s if timed else None)
        except DriveError as refused:
            assert refused.code in forbidden
            return
        assert not forbidden
        self.model.current = KINDS[form]
        self.model.begun = minute if timed else None

    @rule()
    def cancel(self) -> None:
        self.drive.cancel()
        self.model.current, self.model.begun = 0, None

    @rule(
        step=st.one_of(
            st.integers(-90, 90),
            st.integers(0, 400),
            st.sampled_from([HOUR, 8 * HOUR, DAY - MINUTE, DAY, DAY + MINUTE, 5 * DAY, -2 * HOUR, 20 * DAY]),
        )
    )
    def time_passes(self, step: int) -> None:
        self.now_s += step

    @rule(many=st.integers(1, 5), off=st.sampled_from([0, 0, 0, 1, -1]))
    def operator_confirms(self, many: int, off: int) -> None:
        for _ in range(many):
            head = self.model.waiting[0][0] if self.model.waiting else self.model.last
            if off or not self.model.waiting:
                with pytest.raises(DriveError) as refused:
                    self.drive.confirm(head + off, self.now_s)
                assert refused.value.code == 0x20
                return
            self.drive.confirm(head, self.now_s)
            del self.model.waiting[0]

    @invariant()
    def drive_and_model_agree(self) -> None:
        drive, model = self.drive, self.model
        assert drive.last_document == model.last
        assert (drive.shift, drive.shift_open) == (model.shift, model.is_open)
        assert drive.current_document == model.current
        count = len(model.waiting)
        first, minute = model.waiting[0][:2] if count else (0, 0)
        assert drive.unsent == (count, first, minute * MINUTE)
        totals = drive.shift_counters
        for type in (1, 2, 3, 4):
            for form in (3, 31):
                mine = [total for f, t, total in model.receipts if (f, t) == (form, type)]
                assert totals.count(type, form == 31) == len(mine)
                assert totals.total_kop(type, form == 31) == sum(mine)

    def teardown(self) -> None:
        if not hasattr(self, "drive"):
            return
        numbers = [self.drive.find(n).document for n in range(1, self.drive.last_document + 1)]
        assert numbers == list(range(1, self.model.last + 1))
        receipts: dict[int, list[int]] = {}
        for n in numbers:
            stored = self.drive.find(n)
            if stored.receipt_number:
                receipts.setdefault(stored.shift, []).append(stored.receipt_number)
        for row in receipts.values():
            assert row == list(range(1, len(row) + 1))


DriveAgainstModel.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
test_drive_against_model = DriveAgainstModel.TestCase
