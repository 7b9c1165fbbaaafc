"""Makes of register: how to build the driver of one, an emulated one, and a reader of what they say.

The one place that knows that there are makes; both hosts build from it. A new make, or another way to reach one, is a new row of `MAKES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from fiscal.devices import Device
from fiscal.emulators import Emulator
from fiscal.emulators.atol import AtolRegister
from fiscal.emulators.atol_web_register import WebRegister
from fiscal.emulators.drive import Drive, Registration
from fiscal.emulators.marking_service import MarkingService
from fiscal.emulators.money_memory import MoneyMemory
from fiscal.emulators.operator_port import DrivePort
from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.registers.atol.driver import AtolDriver
from fiscal.registers.atol.receipts import Facts as AtolFacts
from fiscal.registers.atol.trace import Trace as AtolTrace
from fiscal.registers.atol_web.driver import AtolWebDriver
from fiscal.registers.atol_web.messages import basic
from fiscal.registers.atol_web.trace import SECRET as WEB_SECRET
from fiscal.registers.atol_web.trace import Trace as WebTrace
from fiscal.registers.conversation import Driver, Settings
from fiscal.registers.marking import REFUSE_BAD, Policy
from fiscal.registers.shtrih.driver import ShtrihDriver
from fiscal.registers.shtrih.receipts import Facts as ShtrihFacts
from fiscal.registers.shtrih.trace import Trace as ShtrihTrace

FFD = MappingProxyType({"1.05": 2, "1.2": 4})
"""Versions of the format as people write them, and as tag 1209 does."""

WEB = "web"
"""The protocol of registers that are reached through a web server of tasks: HTTP over TCP."""

Words = Callable[[str, bytes], list[str]]
"""What an exchange means: given direction (``>`` to the register, ``<`` from it) and chunk, what is complete now, in words."""


class EmulatedRegister(Emulator, Protocol):
    """An emulated register, and what may happen to it."""

    slow: float
    clock_offset_s: float
    cover_open: bool
    drive: Drive
    relayed: bool
    port_of: Callable[[Drive], DrivePort]
    marking: MarkingService | None
    offline: bool

    @property
    def port(self) -> DrivePort: ...

    @property
    def money(self) -> MoneyMemory: ...

    def paper_out(self, now_us: int) -> None: ...

    def paper_in(self, now_us: int) -> None: ...

    def put_in(self, drive: Drive) -> None: ...

    def remember(self, registration: Registration) -> None: ...

    def send_notices(self, now_s: int) -> None: ...

    def hang_up(self) -> None: ...

    def hang(self, until_us: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Setup:
    """How a register is set up. ``ffd`` by tag 1209; ``place``: of settlement (tag 1187); ``prints``: paper comes out of it, for receipts
    that are not electronic; ``prints_all``: for those that are, too; ``protocol``: how one speaks to it, empty for the usual way;
    ``marking``: which marked goods are sold that could not be checked, or were refused (`fiscal.registers.marking.POLICIES`);
    ``account``: USER:PASSWORD of a web server that asks who one is."""

    ffd: int = FFD["1.2"]
    place: str = ""
    prints: bool = False
    prints_all: bool = False
    protocol: str = ""
    marking: Policy = REFUSE_BAD
    account: str = ""


@dataclass(frozen=True, slots=True)
class Make:
    """``device``: the model emulated unless another is named; ``protocols``: the ways to speak to it, the usual one first."""

    device: str
    protocols: tuple[str, ...]
    driver: Callable[[Settings, Setup], Driver]
    register: Callable[[Device, Drive, int, Setup], EmulatedRegister]
    words: Callable[[str], Words]


def _shtrih_driver(settings: Settings, setup: Setup) -> Driver:
    facts = ShtrihFacts(
        ffd=setup.ffd,
        place=setup.place,
        prints=setup.prints,
        prints_all=setup.prints and setup.prints_all,
        marking=setup.marking,
    )
    protocol: Any = setup.protocol or "v1"
    return ShtrihDriver(settings, facts, protocol=protocol)


def _shtrih_register(device: Device, drive: Drive, epoch_s: int, setup: Setup) -> EmulatedRegister:
    protocol: Any = setup.protocol or "auto"  # it hears from the first byte which one is spoken
    return ShtrihRegister(device, drive, epoch_s=epoch_s, electronic=not setup.prints, protocol=protocol)


def _shtrih_words(protocol: str) -> Words:
    return _words(ShtrihTrace(plain=protocol == "plain").feed)


def _atol_driver(settings: Settings, setup: Setup) -> Driver:
    facts = AtolFacts(
        ffd=setup.ffd,
        place=setup.place,
        prints=setup.prints,
        prints_all=setup.prints and setup.prints_all,
        transport="v3" if setup.protocol in ("", WEB) else setup.protocol,
        marking=setup.marking,
    )
    if setup.protocol == WEB:
        return AtolWebDriver(settings, facts, account_of(setup.account))
    return AtolDriver(settings, facts)


def _atol_register(device: Device, drive: Drive, epoch_s: int, setup: Setup) -> EmulatedRegister:
    if setup.protocol == WEB:
        account = account_of(setup.account)
        return WebRegister(device, drive, epoch_s=epoch_s, electronic=not setup.prints, account=account)
    transport = setup.protocol or "v3"
    return AtolRegister(device, drive, epoch_s=epoch_s, electronic=not setup.prints, transport=transport)


def account_of(account: str) -> str:
    """USER:PASSWORD as the header that a web server wants; empty for nobody. Raises `ValueError` when it is neither."""
    if not account:
        return ""
    user, colon, password = account.partition(":")
    if not (user and colon and password):
        raise ValueError("account: expected USER:PASSWORD")
    return basic(user, password)


def _atol_words(protocol: str) -> Words:
    if protocol == WEB:
        return _words(WebTrace().feed)
    return _words(AtolTrace(protocol or "v3").feed)


def _words(feed: Words) -> Words:
    """Without the direction that the reader puts before each line."""
    return lambda direction, data: [line.removeprefix(f"{direction} ") for line in feed(direction, data)]


MAKES: Mapping[str, Make] = MappingProxyType(
    {
        "shtrih": Make(
            "shtrih-m-01f", ("v1", "v2", "plain"), _shtrih_driver, _shtrih_register, _shtrih_words
        ),
        "atol": Make("atol-55f", ("v3", "v2", WEB), _atol_driver, _atol_register, _atol_words),
    }
)


def protocol_fault(make: str, protocol: str) -> str:
    """Why one cannot speak so to this make, for people; empty when one can."""
    known = MAKES[make].protocols
    if not protocol or protocol in known:
        return ""
    return f"{make} registers speak {', '.join(known)}, not {protocol!r}"


_CONTACT = b"\xf0\x03"
"""Tag 1008, the buyer's address, as it stands in every exchange."""


def line_of(stamp: str, name: str, direction: str, data: bytes, words: Words) -> str:
    """A line of a trace: when, which register, direction (``!``: the line was lost, the bytes are the reason), bytes, what they mean.

    Buyers' addresses are masked.
    """
    if direction == "!":
        return f"{stamp} {name} ! {data.decode('utf-8', 'replace')}"
    said = "; ".join(words(direction, data))
    line = f"{stamp} {name} {direction} {data.hex(' ')}" + (f" | {said}" if said else "")
    at = data.find(_CONTACT)
    while at >= 0:
        size = int.from_bytes(data[at + 2 : at + 4], "little")
        contact = data[at + 4 : at + 4 + size]
        if 4 < size <= 64 and len(contact) == size:
            line = line.replace(contact.hex(" "), " ".join(["**"] * size))
        at = data.find(_CONTACT, at + 1)
    for found in WEB_SECRET.finditer(data):
        line = line.replace(found[1].hex(" "), " ".join(["**"] * len(found[1])))
    return line
