"""What a register counts for itself survives its process, whenever that ends."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from shtrih_line import MARK, SITE, START_S, Line, make_drive, make_receipt

from fiscal.devices import device
from fiscal.emulators.drive import Drive, Phase
from fiscal.emulators.drive_profile import PROFILES
from fiscal.engine.outcomes import Recorded, ShiftTotals
from fiscal.live.drive_file import DriveFile, DriveFileError
from fiscal.makes import MAKES, Setup
from fiscal.receipt import Payments, SettlementType
from fiscal.registers.conversation import Driver, Settings

EVERY_MAKE = pytest.mark.parametrize("make", list(MAKES))
SETUP = Setup(4, SITE)


def register_with(make: str, drive: Drive) -> tuple[Any, Driver]:
    row = MAKES[make]
    return row.register(device(row.device), drive, START_S + 60, SETUP), row.driver(Settings(), SETUP)


def kept_drive(file: DriveFile) -> Drive:
    """A drive in fiscal mode whose every document is in the file."""
    registration = make_drive(4).registration
    assert registration is not None
    drive = Drive("9999078900001234", PROFILES["15"], phase=int(Phase.READY))
    file.keep(drive)
    drive.register(registration, START_S)
    return drive


def put_cash(register: Any, kop: int) -> None:
    """A person puts money in, at the register's own keys."""
    if hasattr(register, "counters"):
        register.counters.cash(kop)
    elif kop > 0:
        register.drawer.put(kop)
    else:
        register.drawer.take(-kop)


def told(make: str, drive: Drive, register: Any, driver: Driver) -> ShiftTotals:
    line = Line(register)
    line.now_us = register.now_us
    totals = line.run(driver.read_totals(False))
    assert isinstance(totals, ShiftTotals)
    return totals


def act(line: Line, driver: Driver, chance: random.Random) -> None:
    what = chance.choice(("sell", "sell", "return", "cash", "close", "x"))
    paid = chance.choice((Payments(cash_kop=20_000), Payments(5_000, 5_000, 5_000, 4_000, 1_000)))
    if what == "cash":
        put_cash(line.register, chance.choice((500, 1_000, -100)))
    elif what == "close":
        line.run(driver.close_shift())
    elif what == "x":
        line.run(driver.read_totals(True))
    else:
        type_ = SettlementType.SALE if what == "sell" else SettlementType.SALE_RETURN
        outcome = line.run(driver.fiscalize(make_receipt(1, type_, payments=paid), MARK))
        assert isinstance(outcome, Recorded), outcome


@EVERY_MAKE
@pytest.mark.parametrize("seed", range(3))
def test_a_process_killed_at_any_moment_comes_back_with_its_money(
    make: str, seed: int, tmp_path: Path
) -> None:
    """Between two commands the files are taken as a kill would leave them."""
    chance = random.Random(seed)
    file = DriveFile(tmp_path / "drive")
    drive = kept_drive(file)
    register, driver = register_with(make, drive)
    file.keep_money(register.money)
    line = Line(register)
    for step in range(25):
        act(line, driver, chance)
        file.note_money()
        if step % 4:
            continue
        left = tmp_path / f"left{step}"
        left.mkdir()
        for name in ("drive", "drive-wal"):
            shutil.copy(tmp_path / name, left / name)
        again = DriveFile(left / "drive")
        back = again.load()
        assert back is not None
        assert back.last_document == drive.last_document
        twin, its_driver = register_with(make, back)
        again.keep_money(twin.money)
        twin.now_us, twin.now_s = register.now_us, register.now_s
        assert told(make, back, twin, its_driver) == told(make, drive, register, driver)
        again.close()
    file.close()


@EVERY_MAKE
def test_counters_of_a_drive_kept_by_an_earlier_version_are_played_from_its_documents(
    make: str, tmp_path: Path
) -> None:
    file = DriveFile(tmp_path / "drive")
    drive = kept_drive(file)
    register, driver = register_with(make, drive)
    line = Line(register)
    for type_ in (SettlementType.SALE, SettlementType.SALE_RETURN, SettlementType.PURCHASE):
        line.run(driver.fiscalize(make_receipt(2, type_), MARK))
    line.run(driver.close_shift())
    line.run(driver.fiscalize(make_receipt(1), MARK))
    before = told(make, drive, register, driver)
    file.close()
    with sqlite3.connect(tmp_path / "drive") as connection:
        connection.execute("DROP TABLE register")
    connection.close()
    again = DriveFile(tmp_path / "drive")
    back = again.load()
    assert back is not None
    twin, its_driver = register_with(make, back)
    again.keep_money(twin.money)
    twin.now_us = register.now_us
    assert told(make, back, twin, its_driver) == before
    again.close()


@pytest.mark.parametrize("text", ['{"money": []}', "[]", "{", '{"sum_kop": "x"}'])
@EVERY_MAKE
def test_damaged_counters_are_named(make: str, text: str, tmp_path: Path) -> None:
    file = DriveFile(tmp_path / "drive")
    kept_drive(file)
    file.close()
    with sqlite3.connect(tmp_path / "drive") as connection:
        connection.execute("INSERT OR REPLACE INTO register VALUES (1, 1, ?)", (text,))
    connection.close()
    again = DriveFile(tmp_path / "drive")
    drive = again.load()
    assert drive is not None
    register, _ = register_with(make, drive)
    with pytest.raises(DriveFileError, match="the register's counters are damaged"):
        again.keep_money(register.money)
    again.close()


@EVERY_MAKE
def test_a_snapshot_is_the_whole_account(make: str) -> None:
    register, driver = register_with(make, make_drive(4))
    line = Line(register)
    put_cash(register, 700)
    line.run(driver.fiscalize(make_receipt(2, payments=Payments(cash_kop=40_000)), MARK))
    text = json.dumps(register.money.snapshot())
    other, _ = register_with(make, make_drive(4))
    other.money.restore(json.loads(text))
    assert json.dumps(other.money.snapshot()) == text


@EVERY_MAKE
def test_a_new_drive_does_not_reset_what_is_never_reset(make: str) -> None:
    drive = make_drive(4)
    register, driver = register_with(make, drive)
    line = Line(register)
    line.run(driver.fiscalize(make_receipt(2), MARK))
    line.run(driver.close_shift())
    register.power_off(line.now_us)
    new = Drive("9999078900009999", PROFILES["15"], phase=int(Phase.READY))
    register.put_in(new)
    assert drive.registration is not None
    new.register(drive.registration, register.now_s, replaces=True)
    register.power_on(line.now_us)
    line.run(driver.fiscalize(make_receipt(1), MARK))
    totals = line.run(driver.read_totals(False))
    assert isinstance(totals, ShiftTotals)
    assert totals.turnovers[0].total_kop == 20_000
    assert totals.running_kop == (60_000, 0, 0, 0)
