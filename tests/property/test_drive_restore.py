"""A drive comes back from a snapshot of any moment and the documents kept since: the same drive, and it goes on the same way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.emulators.drive import (
    Confirmation,
    CurrentDocument,
    Drive,
    DriveError,
    DriveProfile,
    Mode,
    Registration,
    Stored,
    Sums,
)
from fiscal.ffd.tlv import vln

NOON = 20_000 * 86_400 + 43_200
PROFILE = DriveProfile("small", life_days=45, max_documents=60, unsent_days=5, max_registrations=4)
SHOP = Registration("7701234567", "0000000001012345", user="Лавка", place="shop.example", ffd=4)
AUTONOMOUS = replace(SHOP, mode=int(Mode.AUTONOMOUS))
VOLATILE = ("current_document", "begun_s", "data")

OPERATIONS = st.one_of(
    st.tuples(st.just("sell"), st.integers(1, 4), st.integers(0, 10**6)),
    st.tuples(st.just("sell"), st.integers(1, 4), st.integers(0, 10**6)),
    st.tuples(st.just("correct"), st.integers(1, 4), st.integers(0, 10**6)),
    st.tuples(st.just("begin"), st.sampled_from(list(CurrentDocument))),
    st.tuples(st.just("wait"), st.integers(0, 40_000)),
    st.tuples(st.just("confirm"), st.integers(1, 6)),
    st.tuples(st.sampled_from(["open", "open", "shut", "state", "cancel", "online", "autonomous"])),
    st.tuples(st.sampled_from(["open", "shut", "end"])),
    st.tuples(st.just("cut")),
)


class Shop:
    """A host that keeps on its disk what the hooks tell it, and snapshots."""

    def __init__(self, drive: Drive) -> None:
        self.now_s = NOON
        self.documents: list[bytes] = []
        self.confirmations: list[Confirmation] = []
        self.snapshots: list[str] = [json.dumps(drive.snapshot())]
        self.take(drive)

    def take(self, drive: Drive) -> None:
        self.drive = drive
        drive.on_record = lambda stored: self.documents.append(stored.tlv)
        drive.on_confirm = self.confirmations.append

    def restored(self, snapshot: str, parsed: bool = False) -> Drive:
        documents: list[Stored | bytes] = list(self.documents)
        if parsed:
            documents = [self.drive.find(number) for number in range(1, self.drive.last_document + 1)]
        return Drive.restore(json.loads(snapshot), documents, self.confirmations)

    def power_cut(self) -> None:
        """The process dies; what the drive held is on the disk."""
        self.take(self.restored(self.snapshots[-1]))

    def perform(self, operation: tuple[Any, ...]) -> None:
        drive, name = self.drive, operation[0]
        try:
            if name in ("sell", "correct"):
                _, type, total = operation
                form = 3 if name == "sell" else 31
                body = vln(1031, total // 3) + vln(1081, total - total // 3) + vln(1103, total // 11)
                vat = ((2, total // 11),) if total // 11 else ()
                drive.record(
                    form, type, total, Sums(total // 3, total - total // 3, vat=vat), body, self.now_s
                )
            elif name == "begin":
                drive.begin(operation[1], self.now_s)
                self.snapshots.append(json.dumps(drive.snapshot()))
            elif name == "wait":
                self.now_s += operation[1]
            elif name == "confirm":
                for _ in range(operation[1]):
                    drive.confirm(drive.unsent.first, self.now_s, b"sign")
            elif name == "open":
                drive.open_shift(self.now_s)
            elif name == "shut":
                drive.close_shift(self.now_s)
            elif name == "state":
                drive.state_report(self.now_s)
            elif name == "cancel":
                drive.cancel()
            elif name == "online":
                drive.reregister(SHOP, self.now_s)
            elif name == "autonomous":
                drive.reregister(AUTONOMOUS, self.now_s)
            elif name == "end" and len(self.documents) > 25:
                drive.close(self.now_s)
            elif name == "cut":
                self.power_cut()
        except DriveError:
            pass


def facts(drive: Drive, volatile: bool) -> dict[str, Any]:
    """All that can be asked of a drive."""
    result = drive.snapshot()
    if not volatile:
        for name in VOLATILE:
            del result[name]
    result["documents"] = [drive.find(number) for number in range(1, drive.last_document + 1)]
    result["memory"] = drive.memory
    result["unsent"] = drive.unsent
    result["flags"] = [drive.flags(NOON + days * 86_400) for days in range(50)]
    result["confirmations"] = [c for c in map(confirmation, [drive] * 99, range(99)) if c]
    return result


def confirmation(drive: Drive, document: int) -> Confirmation | None:
    try:
        return drive.confirmation(document)
    except DriveError:
        return None


@given(
    before=st.booleans(),
    operations=st.lists(OPERATIONS, min_size=1, max_size=60),
    more=st.lists(OPERATIONS, max_size=15),
    pick=st.integers(0, 1000),
    parsed=st.booleans(),
)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_restored_drive_is_the_same_and_goes_on_the_same(
    before: bool, operations: list[tuple[Any, ...]], more: list[tuple[Any, ...]], pick: int, parsed: bool
) -> None:
    shop = Shop(Drive("9999078900001234", PROFILE))
    shop.drive.register(AUTONOMOUS if before else SHOP, NOON)
    for operation in operations:
        shop.perform(operation)
        if len(shop.snapshots) % 3:
            shop.snapshots.append(json.dumps(shop.drive.snapshot()))
    newest = json.dumps(shop.drive.snapshot())
    assert facts(shop.restored(newest, parsed), True) == facts(shop.drive, True)
    old = shop.snapshots[pick % len(shop.snapshots)]
    again = shop.restored(old, parsed)
    assert facts(again, False) == facts(shop.drive, False)

    shop.drive.cancel()
    again.cancel()
    twin = Shop(again)
    twin.documents, twin.confirmations = list(shop.documents), list(shop.confirmations)
    twin.now_s = shop.now_s
    for operation in more:
        if operation[0] != "cut":
            shop.perform(operation)
            twin.perform(operation)
    assert twin.documents == shop.documents
    assert facts(twin.drive, True) == facts(shop.drive, True)


def small_drive() -> Drive:
    drive = Drive("9999078900001234", PROFILE)
    drive.register(SHOP, NOON)
    drive.open_shift(NOON)
    drive.close_shift(NOON)
    drive.confirm(1, NOON)
    return drive


def test_a_confirmed_past_may_be_missing() -> None:
    drive = small_drive()
    again = Drive.restore(drive.snapshot(), [drive.find(2), drive.find(3)])
    assert again.unsent == drive.unsent
    with pytest.raises(DriveError):
        again.find(1)
    drive.confirm(2, NOON)
    drive.confirm(3, NOON)
    bare = Drive.restore(drive.snapshot(), [])
    assert bare.open_shift(NOON) == drive.open_shift(NOON)


@pytest.mark.parametrize("kept", [(), (1,), (1, 2), (3,), (1, 3)])
def test_what_waits_for_the_operator_must_be_there(kept: tuple[int, ...]) -> None:
    drive = small_drive()
    with pytest.raises(ValueError, match="9999078900001234"):
        Drive.restore(drive.snapshot(), [drive.find(number) for number in kept])


def test_a_confirmation_out_of_order_is_not_believed() -> None:
    drive = small_drive()
    documents = [drive.find(number) for number in (1, 2, 3)]
    for wrong in (3, 4):
        with pytest.raises(ValueError, match="does not follow"):
            Drive.restore(drive.snapshot(), documents, [(1, NOON, b""), (wrong, NOON, b"")])
