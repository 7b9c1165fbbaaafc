"""pyshtrih from PyPI, unchanged, talks to the emulated register through a pseudo terminal.

The driver is somebody else's, so it holds the emulator to the protocol as the field knows it. Here, and only here, the emulator runs on
the system's clock: a thread carries the bytes.
"""

from __future__ import annotations

import collections
import collections.abc
import contextlib
import datetime
import os
import select
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from shtrih_line import START_S, make_register

from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.ffd.tlv import walk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # pyshtrih's logging helper looks for these names where Python 3.9 still had them.
    for _name in ("Mapping", "Iterable", "Sequence"):
        if not hasattr(collections, _name):
            setattr(collections, _name, getattr(collections.abc, _name))
    pyshtrih = pytest.importorskip("pyshtrih")

SPEED = 0.02
"""The register does its work fifty times faster than its profile says; the link keeps its real timeouts."""


class Pump(threading.Thread):
    """Carries bytes between the pseudo terminal and the register, and wakes the register in time."""

    def __init__(self, register: ShtrihRegister) -> None:
        super().__init__(daemon=True)
        import tty

        self.register = register
        self.master, slave = os.openpty()
        tty.setraw(self.master)
        tty.setraw(slave)
        self.slave = slave  # kept open, so that the terminal survives the host's reconnections
        self.port = os.ttyname(slave)
        self.sent = bytearray()
        self.garble = 0
        self._stop_r, self._stop_w = os.pipe()
        self._start = time.monotonic()

    def now_us(self) -> int:
        return int((time.monotonic() - self._start) * 1e6)

    def run(self) -> None:
        register = self.register
        waiting: list[tuple[int, bytes]] = []
        while True:
            now = self.now_us()
            moments = [at for at, _ in waiting]
            due = register.next_wakeup()
            if due is not None:
                moments.append(due)
            pause = max(0, min(moments) - now) / 1e6 if moments else 1.0
            readable, _, _ = select.select([self.master, self._stop_r], [], [], min(pause, 1.0))
            if self._stop_r in readable:
                return
            now = self.now_us()
            if self.master in readable:
                waiting += register.receive(os.read(self.master, 4096), now)
            due = register.next_wakeup()
            if due is not None and due <= now:
                waiting += register.wake(now)
            while waiting and waiting[0][0] <= now:
                data = waiting.pop(0)[1]
                if self.garble and len(data) > 3:
                    self.garble -= 1
                    data = data[:-1] + bytes((data[-1] ^ 0x55,))
                os.write(self.master, data)

    def close(self) -> None:
        os.write(self._stop_w, b"x")
        self.join(5)
        for fd in (self.master, self.slave, self._stop_r, self._stop_w):
            with contextlib.suppress(OSError):
                os.close(fd)


@pytest.fixture
def pump() -> Iterator[Pump]:
    register = make_register(electronic=False)
    register.slow = SPEED
    made = Pump(register)
    made.start()
    yield made
    made.close()


@pytest.fixture
def printer(pump: Pump) -> Iterator[Any]:
    (found,) = pyshtrih.discovery(port=pump.port, baudrate=115200)
    found.connect()
    yield found
    found.disconnect()


def idle(printer: Any) -> None:
    """Until nothing is printed any more."""
    for _ in range(500):
        if printer.state()["Подрежим ФР"].state == 0:
            return
        time.sleep(0.05)
    raise AssertionError("never idle")


def sell(printer: Any, price: int = 10_000, cash: int = 20_000) -> Any:
    printer.open_check(0)
    printer.sale(("Чай", 2_000, price // 2))
    return printer.close_check(cash=cash)


def test_discovery_finds_the_model(pump: Pump) -> None:
    asked: list[tuple[str, int]] = []
    (found,) = pyshtrih.discovery(lambda port, baud: asked.append((port, baud)), pump.port, 115200)
    assert asked == [(pump.port, 115200)]
    assert isinstance(found, pyshtrih.ShtrihM01F)
    assert found.name == "ШТРИХ-М-01Ф"
    assert found.dev_info["Модель устройства"] == 250


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        ("shtrih-m-02f", "ShtrihM02F"),
        ("shtrih-lait-01f", "ShtrihLight01F"),
        ("shtrih-mini-01f", "ShtrihMini01F"),
        ("retail-01f", "Retail01F"),
        ("shtrih-on-line", "ShtrihOnLine"),
        ("shtrih-fr-01f", "ShtrihFR01F"),
    ],
)
def test_other_models_are_told_apart(profile: str, kind: str) -> None:
    made = Pump(make_register(name=profile))
    made.start()
    try:
        (found,) = pyshtrih.discovery(port=made.port, baudrate=115200)
        assert type(found) is getattr(pyshtrih, kind)
    finally:
        made.close()


def test_full_state(printer: Any) -> None:
    full = printer.full_state()
    assert full["Режим ФР"].state == (4, 0)
    assert full["Подрежим ФР"].state == 0
    assert full["Заводской номер"] == 4239
    assert full["Дата"] == datetime.datetime.fromtimestamp(START_S, datetime.UTC).date()
    assert full["Номер последней закрытой смены"] == 0
    # The client reads the number big-endian; real devices send it little-endian, and so do we.
    assert full["ИНН"].to_bytes(6, "big") == (7701234567).to_bytes(6, "little")
    state = printer.state()
    assert state["Флаги ФР"]["Оптический датчик чековой ленты"]
    assert repr(state)


def test_a_day_shift_receipt_x_z(pump: Pump, printer: Any) -> None:
    printer.open_shift()
    idle(printer)
    assert printer.state()["Режим ФР"].state == (2, 0)
    assert sell(printer, 10_000, 20_000)["Сдача"] == 10_000
    stored = pump.register.drive.find(3)
    assert (stored.form, stored.type, stored.total_kop) == (3, 1, 10_000)
    assert dict(walk(dict(walk(stored.tlv[4:]))[1059]))[1030] == "Чай".encode("cp866")
    printer.open_check(2)
    printer.return_sale(("Чай", 1_000, 5_000))
    printer.close_check(cash=5_000)
    assert pump.register.drive.find(4).type == 2
    printer.x_report()
    printer.z_report()
    assert printer.state()["Режим ФР"].state == (4, 0)
    assert printer.state()["Подрежим ФР"].state == 4
    assert pump.register.drive.last_document == 5
    assert printer.full_state()["Номер последней закрытой смены"] == 1
    with pytest.raises(pyshtrih.Error) as refused:
        printer.open_shift()
    assert refused.value.code == 0x72


def test_cancel_and_errors(pump: Pump, printer: Any) -> None:
    printer.open_shift()
    with pytest.raises(pyshtrih.Error) as refused:
        printer.cancel_check()
    assert refused.value.code == 0x73
    idle(printer)
    printer.open_check(0)
    assert printer.state()["Режим ФР"].state == (8, 0)
    printer.sale(("Чай", 1_000, 500))
    printer.discount(100)
    printer.allowance(50)
    with pytest.raises(pyshtrih.CloseCheckError):
        printer.close_check(cash=449)
    printer.cancel_check()
    idle(printer)
    assert printer.state()["Режим ФР"].state == (2, 0)
    assert pump.register.drive.last_document == 2
    with pytest.raises(pyshtrih.Error) as unknown:
        printer.request_table_structure(99)
    assert unknown.value.code == 0x5D


def test_drive_state_expiry_exchange(pump: Pump, printer: Any) -> None:
    printer.open_shift()
    sell(printer)
    state = printer.fs_state()
    assert state["Состояние фазы жизни"]["Открыт фискальный режим"]
    assert state["Номер ФН"] == bytearray(b"9999078900001234")
    assert state["Номер последнего ФД"] == 3
    assert state["Состояние смены"] == "смена открыта"
    expiry = printer.fs_expiration_time()
    assert expiry["Срок действия"] > datetime.date(2027, 1, 1)
    assert expiry["Выполнено отчетов о перерегистрации"] == 1
    exchange = printer.fs_info_exchange()
    assert exchange["Количество сообщений для ОФД"] == 3
    assert exchange["Номер документа для ОФД первого в очереди"] == 1
    assert printer.fs_unconfirmed_document_count()["Количество неподтверждённых ФД"] == 3
    assert printer.fs_shift_params()["Номер чека"] == 1
    assert printer.fs_find_document_by_num(3)["Тип фискального документа"] == 3
    idle(printer)
    printer.z_report()
    # the report may take its time: the register is deaf for printing, not for questions
    assert printer.fs_shift_params()["Состояние смены"] == "смена закрыта"


def test_tables_registers_and_clock(printer: Any) -> None:
    assert printer.request_table_structure(17)["Количество полей"] == 71
    field = printer.request_field_structure(17, 17)
    assert (field["Тип поля"], field["Максимальное значение поля"]) == (int, 4)
    assert printer.request_field_structure(2, 2)["Тип поля"] is str
    assert printer.read_table(17, 1, 17, int)["Значение"] == 2
    printer.write_table(2, 3, 2, "Кассир Петрова", str)
    assert printer.read_table(2, 3, 2, str)["Значение"].startswith("Кассир Петрова")
    printer.write_table(19, 1, 2, 7779, int)
    printer.write_table(19, 1, 2, 80, int)  # one byte for a two-byte field
    assert printer.read_table(19, 1, 2, int)["Значение"] == 80
    printer.set_datetime(datetime.datetime(2026, 10, 5, 12, 30, 0, tzinfo=datetime.UTC))
    assert printer.full_state()["Дата"] == datetime.date(2026, 10, 5)
    assert printer.read_exchange_params(0)["Код скорости обмена"] == 115200


def test_cash_in_and_out(printer: Any) -> None:
    printer.open_shift()
    printer.income(100_000)
    assert printer.request_monetary_register(241)["Содержимое регистра"] == 100_000
    printer.outcome(30_000)
    assert printer.request_monetary_register(241)["Содержимое регистра"] == 70_000
    idle(printer)
    with pytest.raises(pyshtrih.Error) as refused:
        printer.outcome(70_001)
    assert refused.value.code == 0x46
    assert printer.request_operational_register(153)["Содержимое регистра"] == 1


def test_shift_correction_and_tags_by_way_of_the_drive(pump: Pump) -> None:
    printer = pyshtrih.ShtrihAllCommands(pump.port, 115200)
    printer.connect()
    printer.fs_begin_open_shift()
    printer.fs_open_shift()
    idle(printer)
    printer.open_check(0)
    printer.send_tlv_struct(pyshtrih.FD({1008: "buyer@example.ru"}).dump())
    printer.sale(("Чай", 1_000, 500))
    printer.close_check(cash=500)
    assert dict(walk(pump.register.drive.find(3).tlv[4:]))[1008] == b"buyer@example.ru"
    printer.fs_begin_correction_check()
    idle(printer)
    assert printer.fs_correction_check(10_000, 1)["Номер ФД"] == 4
    idle(printer)
    printer.fs_begin_close_shift()
    assert printer.fs_close_shift()["Номер ФД"] == 5
    printer.disconnect()


def test_printing_commands_wait_for_the_printer(printer: Any) -> None:
    printer.print_string("строка")
    printer.print_line()
    printer.feed(3)
    printer.cut(True)
    printer.beep()
    printer.open_drawer()
    idle(printer)


def test_it_repairs_damaged_answers(pump: Pump, printer: Any) -> None:
    pump.garble = 1
    assert printer.state()["Режим ФР"].state == (4, 0)
    pump.garble = 2
    assert printer.full_state()["Номер в зале"] == 1
    assert pump.garble == 0
