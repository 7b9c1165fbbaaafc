"""The configuration of the live host: one TOML file, every mistake one line.

Paths in the file are relative to the file's folder. See `EXAMPLE` for all there is.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from fiscal.agents import ALL_KINDS
from fiscal.agents import NAMES as AGENT_NAMES
from fiscal.devices import DeviceError, device
from fiscal.engine.config import EngineConfig, RegisterFacts
from fiscal.engine.policies import POLICIES
from fiscal.live.links import check_address, split_tcp
from fiscal.live.schema import TAXATION_NAMES, Defaults, kopecks, path_of
from fiscal.makes import FFD, WEB, account_of, protocol_fault
from fiscal.parties import inn_fault
from fiscal.receipt import Taxation
from fiscal.registers.marking import REFUSE_BAD, Policy
from fiscal.watch.z_tables import template_fault

EXAMPLE = """\
# fiscal serve shop.toml

[shop]                            # what a receipt need not say itself
entity = "7707083893"             # tax number (INN) of the seller
site = "shop.example.ru"          # place of settlement
taxation = "general"
z_link = "https://ofd.example.ru/rn/{registration}/fn/{drive}/fd/{document}"   # where your operator shows a Z-report
marking = "refuse_bad"            # sell marked goods unless the marking service refuses them; or refuse_unchecked, sell_all

[journal]
path = "var/journal.sqlite"

[http]
host = "127.0.0.1"                # any other needs a token, here or in the environment as FISCAL_TOKEN
port = 8054

[engine]
policy = "shortest_queue"
close_at = ["23:55"]              # Z-reports, staggered over the farm

[operator]                        # where the engine carries documents of registers that have no network (relay = true)
address = "ofd.example.ru:7777"

[self_test]
internet = ["example.org:443"]    # one of these can be reached, or the network is down; the operator is another matter

[[registers]]                     # a real register on a serial port ...
name = "kkt1"
make = "shtrih"
address = "/dev/ttyUSB0"          # COM3, or tcp://192.0.2.10:7778
baud = 115200
ffd = "1.2"                       # or "1.05"; then agents = ["commission_agent"] names the kinds of agents it is registered for
seed = "0.20"                     # rung up when it was set up: its running total begins there

[[registers]]                     # ... one behind ATOL's web server of JSON tasks ...
name = "kkt2"
make = "atol"
protocol = "web"
address = "http://192.0.2.11:16732"
account = "cashier:secret"        # only when it asks

[[registers]]                     # ... and an emulated one
name = "kkt3"
make = "shtrih"
emulate = { device = "shtrih-m-01f", speed = 1.0 }
"""


class ConfigError(ValueError):
    """The configuration is wrong. One line for each mistake: file, field, reason."""


def _inn(value: str) -> str:
    if value and (fault := inn_fault(value)):
        raise ValueError(f"the tax number {value!r} {fault}")
    return value


def _taxation(value: str) -> str:
    if value and value not in TAXATION_NAMES:
        raise ValueError(f"{value!r} is unknown; there are: {', '.join(TAXATION_NAMES)}")
    return value


def _agent(value: str) -> str:
    if value not in AGENT_NAMES:
        raise ValueError(f"{value!r} is no kind of agent; there are: {', '.join(AGENT_NAMES)}")
    return value


def _policy(value: str) -> str:
    if value not in POLICIES:
        raise ValueError(f"{value!r} is unknown; there are: {', '.join(POLICIES)}")
    return value


def _device(value: str) -> str:
    try:
        device(value)
    except DeviceError as error:
        raise ValueError(str(error)) from None
    return value


def _link(value: str) -> str:
    if fault := template_fault(value):
        raise ValueError(fault)
    return value


def _host_port(value: str) -> str:
    if value:
        split_tcp(value)
    return value


def _address(value: str) -> str:
    if value:
        check_address(value)
    return value


def _seed(value: Any) -> Any:
    return value if value is None else kopecks(value)


_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _time_of_day(value: str) -> str:
    if not _TIME.fullmatch(value):
        raise ValueError(f'{value!r} is not a time of day such as "23:55"')
    return value


Inn = Annotated[str, AfterValidator(_inn)]
AgentName = Annotated[str, AfterValidator(_agent)]
TaxationName = Annotated[str, AfterValidator(_taxation)]
Seconds = Annotated[float, Field(gt=0, le=31 * 86_400)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shop(_Section):
    """Defaults for receipts. ``marking``: which marked goods are sold that could not be checked, or were refused: see
    `fiscal.registers.marking.Policy`. ``z_link``: where the operator shows a Z-report; what may stand in braces says
    `fiscal.watch.z_tables.LINK_FIELDS`.
    """

    entity: Inn = ""
    site: str = ""
    taxation: TaxationName = ""
    z_link: Annotated[str, AfterValidator(_link)] = ""
    marking: Policy = REFUSE_BAD


class JournalSection(_Section):
    path: Path = Path("var/journal.sqlite")


class Http(_Section):
    """``max_body_kib`` limits a request."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8054
    token: str = ""
    max_body_kib: Annotated[int, Field(ge=1, le=65_536)] = 1024


class EngineSection(_Section):
    """See `fiscal.engine.config.EngineConfig`; here in seconds and times of day."""

    policy: Annotated[str, AfterValidator(_policy)] = "shortest_queue"
    reroute: bool = True
    in_doubt: Literal["wait", "reissue"] = "wait"
    deadline_s: Seconds = 300
    close_at: list[Annotated[str, AfterValidator(_time_of_day)]] = ["23:55"]
    stagger_s: Annotated[float, Field(ge=0, le=86_400)] = 900
    max_age_h: Annotated[float, Field(gt=0, le=24)] = 23.5
    probe_s: Seconds = 60
    retry_s: Seconds = 2
    retry_max_s: Seconds = 60
    max_refusals: Annotated[int, Field(ge=1)] = 5
    spare_join_queue: Annotated[int, Field(ge=1)] = 10


class Log(_Section):
    """``trace``: a file that gets every exchange with the registers."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    trace: Path | None = None


class Emulate(_Section):
    """An emulated register. ``speed`` 10 is ten times as fast as the real one; ``drive`` is the file its memory lives in."""

    device: Annotated[str, AfterValidator(_device)] = "shtrih-m-01f"
    speed: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    drive: Path | None = None
    listen: str = ""  # HOST:PORT instead of a pseudo terminal
    ofd: Annotated[str, AfterValidator(_host_port)] = (
        ""  # HOST:PORT of an operator it sends to, instead of one of its own
    )


class OperatorSection(_Section):
    """Where the engine carries documents to, for registers that have no network of their own."""

    address: Annotated[str, AfterValidator(_host_port)] = ""


class SelfTest(_Section):
    """``internet``: places (HOST:PORT) one of which must be reachable, or the network is down; asked every ``every_s`` seconds."""

    internet: list[Annotated[str, AfterValidator(_host_port)]] = []
    every_s: Seconds = 45


class Register(_Section):
    """One register: a real one has an address, an emulated one the table ``emulate``.

    ``protocol``: how it is set up to speak, empty for the usual way of its make; ``account``: USER:PASSWORD, for a web server that asks
    who one is. ``ffd`` is the format it is registered with; ``agents``: the kinds of agents it is registered for in FFD 1.05, all when
    none is named;
    ``prints``: paper comes out for receipts that are not electronic; ``relay``: it has no network, the engine carries its documents;
    ``seed``: the seed money its running total began with (roubles outside, kopecks inside), left out when nobody knows.
    """

    name: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[\w.-]+$")]
    make: Literal["shtrih", "atol"] = "shtrih"
    protocol: str = ""
    account: str = ""
    address: Annotated[str, AfterValidator(_address)] = ""
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 115_200
    password: Annotated[int, Field(ge=0, le=99_999_999)] = 30
    byte_timeout_s: Seconds = 3
    answer_timeout_s: Seconds = 10
    entity: Inn = ""
    taxation: list[TaxationName] = []
    sites: list[str] = []
    weight: Annotated[int, Field(ge=1)] = 1
    spare: bool = False
    computer: str = ""
    ffd: Literal["1.05", "1.2"] = "1.2"
    agents: list[AgentName] = []
    prints: bool = False
    service_base_s: Seconds = 0.6
    service_line_s: Annotated[float, Field(ge=0)] = 0.025
    z_report_s: Seconds = 720
    seed: Annotated[int | None, BeforeValidator(_seed)] = None
    relay: bool = False
    emulate: Emulate | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Register:
        if bool(self.address) == bool(self.emulate):
            raise ValueError("give either an address or the table emulate")
        if self.emulate and device(self.emulate.device).make != self.make:
            raise ValueError(f"emulate.device: {self.emulate.device} is no model of {self.make}; name one")
        if fault := protocol_fault(self.make, self.protocol):
            raise ValueError(f"protocol: {fault}")
        web = self.protocol == WEB
        if self.address and web != self.address.startswith("http://"):
            raise ValueError(
                'address: a web server, and only one (protocol = "web"), is reached at http://HOST:PORT'
            )
        if web and self.relay:
            raise ValueError("relay: a web server carries nothing for the operator")
        if self.account and not web:
            raise ValueError('account: only a web server (protocol = "web") asks who one is')
        try:
            account_of(self.account)
        except ValueError as error:
            raise ValueError(str(error)) from None
        return self


class Config(_Section):
    shop: Shop = Shop()
    journal: JournalSection = JournalSection()
    http: Http = Http()
    engine: EngineSection = EngineSection()
    operator: OperatorSection = OperatorSection()
    self_test: SelfTest = SelfTest()
    log: Log = Log()
    registers: Annotated[list[Register], Field(min_length=1)]

    @model_validator(mode="after")
    def _agree(self) -> Config:
        if any(register.relay for register in self.registers) and not self.operator.address:
            raise ValueError("a register has relay = true: give [operator] address, where its documents go")
        seen: set[str] = set()
        for register in self.registers:
            if register.name in seen:
                raise ValueError(f"two registers are named {register.name!r}")
            seen.add(register.name)
            if not register.entity and not self.shop.entity:
                raise ValueError(f"register {register.name!r} has no entity, and [shop] has none")
        return self

    def defaults(self) -> Defaults:
        """What receipts need not say: what [shop] says, else what all registers agree on."""
        shop = self.shop
        entities = {register.entity or shop.entity for register in self.registers}
        sites = {site for register in self.registers for site in register.sites}
        taxations = {name for register in self.registers for name in register.taxation}
        taxation = shop.taxation or (taxations.pop() if len(taxations) == 1 else "")
        return Defaults(
            shop.entity or (entities.pop() if len(entities) == 1 else ""),
            shop.site or (sites.pop() if len(sites) == 1 else ""),
            TAXATION_NAMES[taxation] if taxation else None,
        )

    def seeds(self) -> dict[str, int]:
        """Seed money by register, in kopecks, of those it is known of."""
        return {register.name: register.seed for register in self.registers if register.seed is not None}

    def engine_config(self) -> EngineConfig:
        """The same in the engine's units."""
        rules = self.engine
        return EngineConfig(
            registers=tuple(self._facts(register) for register in self.registers),
            policy=rules.policy,
            reroute=rules.reroute,
            in_doubt=rules.in_doubt,
            deadline_us=_us(rules.deadline_s),
            close_at_s=tuple(
                int(hour) * 3600 + int(minute) * 60
                for hour, minute in (time.split(":") for time in rules.close_at)
            ),
            stagger_us=_us(rules.stagger_s),
            max_age_us=_us(rules.max_age_h * 3600),
            probe_us=_us(rules.probe_s),
            retry_us=_us(rules.retry_s),
            retry_max_us=_us(rules.retry_max_s),
            max_refusals=rules.max_refusals,
            spare_join_queue=rules.spare_join_queue,
        )

    def _facts(self, register: Register) -> RegisterFacts:
        mask = Taxation(0)
        for name in register.taxation:
            mask |= TAXATION_NAMES[name]
        return RegisterFacts(
            name=register.name,
            entity=register.entity or self.shop.entity,
            taxation=int(mask) or 63,
            ffd=FFD[register.ffd],
            agents=sum({AGENT_NAMES[name] for name in register.agents}) or ALL_KINDS,
            sites=tuple(register.sites),
            weight=register.weight,
            spare=register.spare,
            computer=register.computer,
            service_base_us=_us(register.service_base_s),
            service_line_us=_us(register.service_line_s),
            z_report_us=_us(register.z_report_s),
            relay=register.relay,
        )


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def load_config(path: Path) -> Config:
    """Read a configuration. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}") from None
    return parse_config(text, str(path), path.parent)


def parse_config(text: str, name: str, base: Path) -> Config:
    """The same from text; ``name`` stands in the errors, ``base`` is what relative paths start from."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not TOML: {error}") from None
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_lines(name, error))) from None
    return _rooted(config, base)


def _rooted(config: Config, base: Path) -> Config:
    trace = config.log.trace
    return config.model_copy(
        update={
            "journal": JournalSection(path=base / config.journal.path),
            "log": config.log.model_copy(update={"trace": base / trace if trace else None}),
            "registers": [
                register.model_copy(
                    update={
                        "emulate": register.emulate.model_copy(
                            update={
                                "drive": base
                                / (register.emulate.drive or f"var/{register.name}.drive.sqlite")
                            }
                        )
                    }
                )
                if register.emulate
                else register
                for register in config.registers
            ],
        }
    )


def _lines(name: str, error: ValidationError) -> list[str]:
    lines = []
    for detail in error.errors(include_url=False):
        path = path_of(detail["loc"])
        kind = detail["type"]
        if kind == "extra_forbidden":
            why = f"unknown field{_meant(detail['loc'])}"
        elif kind == "missing":
            why = "is missing"
        elif kind == "too_short" and path == "registers":
            why = "the farm is empty: give at least one register"
        else:
            why = str(detail["msg"]).removeprefix("Value error, ")
            given = detail.get("input")
            if isinstance(given, str | int | float) and kind != "value_error":
                why += f", not {given!r}"
            why = why[0].lower() + why[1:]
        lines.append(f"{name}: {path}: {why}" if detail["loc"] else f"{name}: {why}")
    return lines


def _meant(loc: tuple[int | str, ...]) -> str:
    """`` (did you mean ...?)`` for a name that is nearly right."""
    section: Any = Config
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        section = _SECTIONS.get(part, section)
    close = difflib.get_close_matches(str(loc[-1]), section.model_fields, 1)
    return f" (did you mean {close[0]}?)" if close else ""


_SECTIONS: dict[str, type[_Section]] = {
    "shop": Shop,
    "journal": JournalSection,
    "http": Http,
    "engine": EngineSection,
    "log": Log,
    "registers": Register,
    "emulate": Emulate,
}
