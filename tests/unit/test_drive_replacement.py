"""A new drive in a register of either make, over each transport: one last document, one first, whatever happens to line and power."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import atol_line
import pytest
import shtrih_line
from shtrih_line import MARK, START_S, Line, make_receipt
from web_line import make_web

from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_profile import PROFILES, DriveError, Phase
from fiscal.emulators.drive_registration import Registration
from fiscal.engine.outcomes import (
    Blame,
    DriveClosed,
    DriveRegistered,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    Unknown,
)
from fiscal.registers.atol import Facts as AtolFacts
from fiscal.registers.atol_web import AtolWebDriver
from fiscal.registers.shtrih import Facts, ShtrihDriver

NEW = "9999078900009999"


def _shtrih(protocol: Any) -> Callable[[int], tuple[Line, Any]]:
    def make(ffd: int) -> tuple[Line, Any]:
        register = shtrih_line.make_register(ffd, protocol=protocol)
        return Line(register), ShtrihDriver(facts=Facts(place=shtrih_line.SITE, ffd=ffd), protocol=protocol)

    return make


def _atol(transport: str) -> Callable[[int], tuple[Line, Any]]:
    def make(ffd: int) -> tuple[Line, Any]:
        register: Any = atol_line.make_register(ffd, transport=transport)
        return Line(register), atol_line.make_driver(ffd=ffd, transport=transport)

    return make


def _web(ffd: int) -> tuple[Line, Any]:
    register: Any = make_web(ffd)
    return Line(register), AtolWebDriver(facts=AtolFacts(ffd=ffd, place=shtrih_line.SITE))


MAKES = {
    "shtrih v1": _shtrih("v1"),
    "shtrih v2": _shtrih("v2"),
    "shtrih plain": _shtrih("plain"),
    "atol v3": _atol("v3"),
    "atol v2": _atol("v2"),
    "atol web": _web,
}


@pytest.fixture(params=MAKES)
def make(request: pytest.FixtureRequest) -> Callable[[int], tuple[Line, Any]]:
    return MAKES[request.param]


def drain(line: Line) -> None:
    drive = line.register.drive
    while drive.head is not None:
        drive.confirm(drive.head.document, START_S)


def swap(line: Line, drive: Drive | None = None) -> None:
    """A person puts a new drive in."""
    register = line.register
    register.power_off(line.now_us)
    line._inbox.clear()
    register.put_in(drive or Drive(NEW, phase=int(Phase.READY)))
    register.power_on(line.now_us)
    line.advance(1_000_000)


def connect_anew(line: Line) -> None:
    """As a host does when a conversation lost its line: what was on its way is gone."""
    line._inbox.clear()
    line.register.hang_up()


def forms(drive: Drive) -> list[int]:
    return [drive.find(number).form for number in range(1, drive.last_document + 1)]


@pytest.mark.parametrize("ffd", [2, 4])
def test_a_drive_is_closed_and_the_next_one_registered(make: Callable[..., Any], ffd: int) -> None:
    line, driver = make(ffd)
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Recorded)
    refused = line.run(driver.close_drive())
    assert isinstance(refused, Refused) and refused.blame is Blame.REGISTER, "the shift is open"
    assert isinstance(line.run(driver.close_shift()), ShiftClosed)
    old = line.register.drive
    before = old.registration
    assert line.run(driver.close_drive()) == DriveClosed(5, old.serial)
    assert forms(old) == [1, 2, 3, 5, 6] and old.phase == Phase.CLOSED
    assert isinstance(line.run(driver.fiscalize(make_receipt(), "another mark    ")), Refused)
    drain(line)
    assert old.phase == Phase.ARCHIVE
    swap(line)
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen) and (seen.drive, seen.phase) == (NEW, Phase.READY)
    refused = line.run(driver.fiscalize(make_receipt(), MARK))
    assert isinstance(refused, Refused) and refused.blame is Blame.REGISTER, "the new drive is not registered"
    assert line.run(driver.register_drive()) == DriveRegistered(1, NEW)
    new = line.register.drive
    assert forms(new) == [11]
    after = new.registration
    assert before is not None and after is not None
    kept = ("inn", "rnm", "taxation", "agents", "mode", "user", "address", "place", "ffd")
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    recorded = line.run(driver.fiscalize(make_receipt(), "a receipt of now"))
    assert isinstance(recorded, Recorded) and (recorded.document, recorded.drive) == (3, NEW)


def test_what_was_done_before_is_told_not_done_again(make: Callable[..., Any]) -> None:
    line, driver = make(4)
    first = line.run(driver.close_drive())
    assert line.run(driver.close_drive()) == first == DriveClosed(2, line.register.drive.serial)
    drain(line)
    swap(line)
    assert line.run(driver.register_drive()) == line.run(driver.register_drive()) == DriveRegistered(1, NEW)
    assert forms(line.register.drive) == [11]


def _tried(line: Line, task: Callable[[], Any], wanted: type[Any]) -> None:
    """As the engine does: after a failure the register is asked how it is, and the task tried again if it is not done."""
    for _ in range(20):
        outcome = line.run(task())
        line.lose_at = None
        if isinstance(outcome, wanted):
            return
        connect_anew(line)
        assert isinstance(outcome, Unknown | Refused), outcome
        line.advance(5_000_000)
    pytest.fail(f"never {wanted.__name__}: {outcome}")


@pytest.mark.parametrize("power", [False, True], ids=["line lost", "power cut"])
def test_whatever_is_lost_on_the_way_there_is_one_last_and_one_first_document(
    make: Callable[..., Any], power: bool
) -> None:
    """The line dies, or the power fails, at every step of both conversations."""

    def steps(task: str) -> int:
        line, driver = make(4)
        if task == "register_drive":
            line.run(driver.close_drive())
            drain(line)
            swap(line)
        line.run(getattr(driver, task)())
        return line.steps

    for cut_closing in range(1, steps("close_drive") + 1):
        line, driver = make(4)
        line.lose_at = cut_closing
        if power:
            line.run(driver.close_drive())
            line.register.power_off(line.now_us)
            line._inbox.clear()
            line.register.power_on(line.now_us)
            line.lose_at = None
        _tried(line, driver.close_drive, DriveClosed)
        assert forms(line.register.drive) == [1, 6], cut_closing
    for cut_registering in range(1, steps("register_drive") + 1):
        line, driver = make(4)
        line.run(driver.close_drive())
        drain(line)
        swap(line)
        line.lose_at = cut_registering
        if power:
            line.run(driver.register_drive())
            line.register.power_off(line.now_us)
            line._inbox.clear()
            line.register.power_on(line.now_us)
            line.lose_at = None
        _tried(line, driver.register_drive, DriveRegistered)
        assert forms(line.register.drive) == [11], cut_registering


def test_the_drive_of_another_register_is_refused(make: Callable[..., Any]) -> None:
    line, driver = make(4)
    other = Drive(NEW)
    other.register(Registration("7701234567", "0000000000099999", ffd=4), START_S)
    line.register.power_off(0)
    line.register.put_in(other)
    line.register.power_on(0)
    outcome = line.run(driver.fiscalize(make_receipt(), MARK))
    assert isinstance(outcome, Refused) and outcome.blame is Blame.REGISTER
    assert forms(other) == [1]


@pytest.mark.parametrize("months", PROFILES)
def test_a_drive_whose_life_is_over_makes_no_receipt_but_can_still_be_closed(months: str) -> None:
    drive = Drive(NEW, PROFILES[months])
    drive.register(Registration("7701234567", "0000000000012345", ffd=4), START_S)
    over_s = START_S + PROFILES[months].life_days * 86_400 + 86_400
    with pytest.raises(DriveError) as refused:
        drive.open_shift(over_s)
    assert refused.value.code == 0x05
    assert drive.close(over_s).form == 6


@pytest.mark.parametrize("ffd", [2, 4])
@pytest.mark.parametrize("maker", [shtrih_line, atol_line], ids=["shtrih", "atol"])
def test_a_register_that_starts_with_a_new_drive_in_it_remembers_what_it_is(maker: Any, ffd: int) -> None:
    """Its process ended between the change of drives and the registration."""
    before = maker.make_register(ffd)
    known = before.registration
    drive = Drive(NEW, phase=int(Phase.READY))
    register = type(before)(before.device, drive, epoch_s=START_S + 60, electronic=True)
    register.remember(known)
    line = Line(register)
    driver = (
        ShtrihDriver(facts=Facts(place=shtrih_line.SITE, ffd=ffd))
        if maker is shtrih_line
        else atol_line.make_driver(ffd=ffd)
    )
    assert line.run(driver.register_drive()) == DriveRegistered(1, NEW)
    after = drive.registration
    kept = ("inn", "rnm", "taxation", "mode", "usage", "user", "address", "place", "ffd")
    kept += ("agents",) if ffd == 2 else ()  # the newer format registers none
    assert {name: getattr(after, name) for name in kept} == {name: getattr(known, name) for name in kept}
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Recorded)
