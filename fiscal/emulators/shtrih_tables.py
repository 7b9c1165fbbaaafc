"""The settings of a Shtrih-M register: numbered tables of rows and fields, as a service engineer sees them.

Names, sizes and defaults follow a real register; third-party drivers read the structure of a table and of its fields before they touch a
value, so structure and values come from the same declarations (`TABLES`). Fields nobody asks for exist too, as plain bytes. Some values
are not settings at all but facts of the drive (tables 18 and 20): the register supplies them. Source: reference sheet, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fiscal.emulators.shtrih_dispatch import CommandError
from fiscal.registers.shtrih.layouts import decode_text, encode_text

__all__ = ["FFD_FORMAT", "PRINTING", "TABLES", "Setting", "Table", "Tables"]

NO_TABLE = 0x5D
READ_ONLY = 0x7A
SHIFT_IS_OPEN = 0xC7
BAD_VALUE = 0x33

PRINTING = (17, 1, 7)
FFD_FORMAT = (17, 1, 17)


class Setting(NamedTuple):
    """One field. ``size`` in bytes; ``text`` is CHAR, otherwise BIN with limits; ``default`` may depend on the row."""

    name: str
    size: int = 1
    default: int | str | Callable[[int], int | str] = 0
    text: bool = False
    low: int = 0
    high: int | None = None
    read_only: bool = False
    closed_only: bool = False
    fixed_rows: frozenset[int] = frozenset()  # rows that cannot be written

    @property
    def limits(self) -> tuple[int, int]:
        return self.low, (1 << 8 * self.size) - 1 if self.high is None else self.high


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    rows: int
    fields: int
    known: dict[int, Setting]

    def setting(self, number: int) -> Setting:
        return self.known.get(number) or Setting(f"ПОЛЕ {number}")


def _text(
    name: str, size: int, default: str | Callable[[int], int | str] = "", *, fixed: bool = False
) -> Setting:
    return Setting(name, size, default, text=True, read_only=fixed)


def _operator(row: int) -> str:
    return {29: "АДМИНИСТРАТОР", 30: "СИСТ. АДМИН."}.get(row, f"КАССИР {row}")


_PAYMENTS = {
    1: "НАЛИЧНЫМИ",
    14: "ПРЕДВАРИТЕЛЬНАЯ ОПЛАТА (АВАНС)",
    15: "ПОСЛЕДУЮЩАЯ ОПЛАТА (КРЕДИТ)",
    16: "ИНАЯ ФОРМА ОПЛАТЫ",
}
_RATES = (
    (2000, "НДС 20%"),
    (1000, "НДС 10%"),
    (0, "НДС 0%"),
    (0, "БЕЗ НДС"),
    (2000, "НДС 20/120"),
    (1000, "НДС 10/110"),
    (500, "НДС 5%"),
    (700, "НДС 7%"),
    (500, "НДС 5/105"),
    (700, "НДС 7/107"),
    (2200, "НДС 22%"),
    (2200, "НДС 22/122"),
)

TABLES: dict[int, Table] = {
    1: Table(
        "ТИП И РЕЖИМ КАССЫ",
        1,
        48,
        {
            1: Setting("НОМЕР МАГАЗИНА", 1, 1, low=1, high=99),
            2: Setting("АВТООБНУЛЕНИЕ НАЛИЧНОСТИ", high=1),
            6: Setting("ОТКРЫВАТЬ ЯЩИК", high=1),
            7: Setting("ОТРЕЗКА ЧЕКА", default=2, high=2),
            14: Setting("НАЧИСЛЕНИЕ НАЛОГОВ", high=3),
            16: Setting("ПЕЧАТЬ НАЛОГОВ", default=1, high=2),
            20: Setting("ПЕЧАТЬ ЧЕКА ПО ЗАКРЫТИЮ", default=1, low=1, high=1),
            23: Setting("ЗАПРЕТ НУЛЕВОГО ЧЕКА", high=1),
            40: Setting("СКОРОСТЬ ПЕЧАТИ", high=2),
        },
    ),
    2: Table(
        "ПАРОЛИ КАССИРОВ И АДМИНИСТРАТОРОВ",
        30,
        2,
        {1: Setting("ПАРОЛЬ", 4, lambda row: row, high=99_999_999), 2: _text("ИМЯ", 64, _operator)},
    ),
    3: Table("ПЕРЕВОД ВРЕМЕНИ", 20, 4, {}),
    4: Table("ТЕКСТ В ЧЕКЕ", 14, 1, {1: _text("СТРОКА", 64)}),
    5: Table(
        "НАИМЕНОВАНИЯ ТИПОВ ОПЛАТЫ",
        16,
        1,
        {
            1: _text("НАИМЕНОВАНИЕ", 64, lambda row: _PAYMENTS.get(row, f"ТИП ОПЛАТЫ {row}"))._replace(
                fixed_rows=frozenset((1,))
            )
        },
    ),
    6: Table(
        "НАЛОГОВЫЕ СТАВКИ",
        12,
        2,
        {
            1: Setting("СТАВКА", 2, lambda row: _RATES[row - 1][0], high=10_000),
            2: _text("НАИМЕНОВАНИЕ", 64, lambda row: _RATES[row - 1][1]),
        },
    ),
    7: Table("НАИМЕНОВАНИЯ ОТДЕЛОВ", 16, 1, {1: _text("НАИМЕНОВАНИЕ", 64, lambda row: f"ОТДЕЛ {row}")}),
    8: Table("ШРИФТЫ", 1, 25, {}),
    9: Table("ФОРМАТ ЧЕКА", 17, 5, {}),
    10: Table("СЛУЖЕБНАЯ", 1, 19, {10: Setting("ОЖИДАНИЕ ФН", default=30)}),
    11: Table("ПАРАМЕТРЫ QR-КОДА", 1, 9, {}),
    12: Table("ПАРАМЕТРЫ СВЯЗИ", 1, 3, {}),
    13: Table("ТЕРМОПЕЧАТЬ", 1, 7, {}),
    14: Table("SD-КАРТА", 1, 6, {}),
    15: Table("СЕРВЕР ТРАНЗАКЦИЙ", 1, 6, {}),
    16: Table("СЕТЬ", 1, 24, {}),
    17: Table(
        "РЕГИОНАЛЬНЫЕ НАСТРОЙКИ",
        1,
        71,
        {
            3: Setting("РЕЖИМ СКИДОК", high=2),
            7: Setting("НЕ ПЕЧАТАТЬ ДОКУМЕНТ", high=2),
            8: Setting("ОГРАНИЧИВАТЬ ВРЕМЯ СМЕНЫ", default=1, high=1),
            11: Setting("ПРОВЕРЯТЬ ИНН", high=1),
            17: Setting("ФОРМАТ ФД", default=2, low=1, high=4, closed_only=True),
            32: Setting("СОХРАНЯТЬ СКОРОСТЬ", high=1),
            36: Setting("РАСШИРЕННЫЕ ОТВЕТЫ ФД", default=1, high=1),
            64: Setting("СООТВЕТСТВИЕ НАЛОГОВ", high=3),
            71: Setting("ЗАМЕНА НДС 20 НА 22", high=1),
        },
    ),
    18: Table(
        "ФИСКАЛЬНОЕ ХРАНИЛИЩЕ",
        1,
        25,
        {
            1: _text("ЗАВОДСКОЙ НОМЕР", 21, fixed=True),
            2: _text("ИНН", 17, fixed=True),
            3: _text("РЕГ. НОМЕР ККТ", 21, fixed=True),
            4: _text("НОМЕР ФН", 17, fixed=True),
            5: Setting("СИСТЕМЫ НАЛОГООБЛОЖЕНИЯ", closed_only=True),
            6: Setting("РЕЖИМ РАБОТЫ", closed_only=True),
            7: _text("ПОЛЬЗОВАТЕЛЬ", 128),
            8: _text("ОПЕРАТОР", 64),
            9: _text("АДРЕС", 128),
            10: _text("ОФД", 128),
            11: _text("САЙТ ОФД", 64),
            12: _text("ИНН ОФД", 13),
            13: _text("САЙТ ФНС", 64, "www.nalog.gov.ru"),
            14: _text("МЕСТО РАСЧЕТОВ", 128),
            15: _text("АДРЕС ОТПРАВИТЕЛЯ", 64),
            16: Setting("ПРИЗНАК АГЕНТА"),
            21: Setting("РАСШ. РЕЖИМ РАБОТЫ", closed_only=True),
            22: Setting("ПРИЧИНЫ ПЕРЕРЕГИСТРАЦИИ", 4),
            23: _text("ИНН КАССИРА", 13),
            24: Setting("БЛОКИРОВКА ПО ОФД"),
        },
    ),
    19: Table(
        "ПАРАМЕТРЫ ОФД",
        1,
        11,
        {
            1: _text("СЕРВЕР", 64),
            2: Setting("ПОРТ", 2),
            3: Setting("ТАЙМАУТ ЧТЕНИЯ", 2, 300),
            4: Setting("ЗАДЕРЖКА", 2),
            5: _text("СЕРВЕР КМ", 64),
            6: Setting("ПОРТ КМ", 2),
            7: Setting("ТАЙМАУТ КМ", 1, 33),
            8: Setting("ТАЙМАУТ ПРОВЕРКИ КМ", 1, 5),
            9: _text("СЕРВЕР КЛЮЧЕЙ", 64),
            10: Setting("ПОРТ СЕРВЕРА КЛЮЧЕЙ", 2),
        },
    ),
    20: Table(
        "СОСТОЯНИЕ ОБМЕНА ФН",
        1,
        17,
        {
            1: Setting("СОСТОЯНИЕ ОБМЕНА", read_only=True),
            2: Setting("СОСТОЯНИЕ ЧТЕНИЯ", read_only=True),
            3: Setting("ДЛИНА ОЧЕРЕДИ", 2, read_only=True),
            4: Setting("ПЕРВЫЙ ДОКУМЕНТ", 4, read_only=True),
            5: _text("ДАТА И ВРЕМЯ", 20, fixed=True),
        },
    ),
    21: Table(
        "ИНТЕРФЕЙСЫ",
        1,
        17,
        {2: Setting("РЕЖИМ ОФД", high=2), 3: Setting("TCP-СЕРВЕР", high=1), 4: Setting("ПОРТ TCP", 2, 7778)},
    ),
    22: Table("WI-FI", 1, 5, {}),
    23: Table("УДАЛЕННЫЙ МОНИТОРИНГ", 1, 24, {}),
    24: Table("ВЕНДИНГ", 1, 16, {}),
    25: Table("ФИСКАЛИЗАЦИЯ", 1, 31, {}),
}
"""The set of a desktop register with a drive."""


class Tables:
    """The values of one register. ``fact`` may answer for a field before the stored value does."""

    def __init__(self, fact: Callable[[int, int], int | str | None] = lambda table, field: None) -> None:
        self._values: dict[tuple[int, int, int], bytes] = {}
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._fact = fact

    def number(self, place: tuple[int, int, int]) -> int:
        """The value of a BIN field the register itself looks at (table, row, field)."""
        known = self._numbers.get(place)
        if known is None:
            known = self._numbers[place] = int.from_bytes(self.read(*place), "little")
        return known

    def text(self, table: int, row: int, field: int) -> str:
        return decode_text(self.read(table, row, field))

    def set(self, place: tuple[int, int, int], value: int | str) -> None:
        """As a service engineer would, without any check of mode or limits."""
        self._store(place, _encode(self.setting(*place), value))

    def setting(self, table: int, row: int, field: int) -> Setting:
        """The declaration of a field. Raises `CommandError` when table, row or field do not exist."""
        declared = TABLES.get(table)
        if declared is None:
            raise CommandError(NO_TABLE)
        if not (1 <= row <= declared.rows and 1 <= field <= declared.fields):
            raise CommandError(BAD_VALUE)
        return declared.setting(field)

    def read(self, table: int, row: int, field: int) -> bytes:
        setting = self.setting(table, row, field)
        fact = self._fact(table, field)
        if fact is not None:
            return _encode(setting, fact)
        stored = self._values.get((table, row, field))
        if stored is not None:
            return stored
        default = setting.default
        return _encode(setting, default(row) if callable(default) else default)

    def write(self, table: int, row: int, field: int, value: bytes, *, shift_open: bool) -> None:
        """Command 1Eh. Short numbers are extended with zeros, short text is padded. Raises `CommandError`."""
        setting = self.setting(table, row, field)
        if setting.read_only or row in setting.fixed_rows:
            raise CommandError(READ_ONLY)
        if setting.closed_only and shift_open:
            raise CommandError(SHIFT_IS_OPEN)
        if value[setting.size :].strip(b"\0"):
            raise CommandError(BAD_VALUE)
        value = value[: setting.size].ljust(setting.size, b"\0")
        low, high = setting.limits
        if not setting.text and not low <= int.from_bytes(value, "little") <= high:
            raise CommandError(BAD_VALUE)
        self._store((table, row, field), value)

    def clear(self) -> None:
        """Command 24h: everything as from the factory."""
        self._values.clear()
        self._numbers.clear()

    def _store(self, place: tuple[int, int, int], value: bytes) -> None:
        self._values[place] = value
        self._numbers.pop(place, None)


def _encode(setting: Setting, value: int | str) -> bytes:
    if isinstance(value, str):
        return encode_text(value)[: setting.size].ljust(setting.size, b"\0")
    return value.to_bytes(setting.size, "little")
