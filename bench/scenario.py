"""What a scenario is: a question about a shop, in one file.

It says what the shop is, who comes, what registers it has, what goes wrong, and what is expected to come out. From a scenario and its
seed a run follows to the bit; with `expect` a scenario is a test. The file is TOML; its schema is these models (and
``scenarios/scenario.schema.json``, which is written from them, for editors).

    >>> scenario = load("scenarios/quiet_day.toml")
    >>> scenario.shop.deadline_s
    300.0
"""

from __future__ import annotations

import calendar
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from bench.scenario_arrivals import Arrivals
from bench.scenario_errors import ScenarioError, explain
from bench.scenario_farm import Farm, Operator, Register, Shifts, Shop
from bench.scenario_faults import FaultKind, FaultSpec
from bench.scenario_model import (
    US_PER_DAY,
    US_PER_S,
    Count,
    Moment,
    Name,
    Number,
    Share,
    Table,
    Text,
    day_time_us,
)
from fiscal.receipt import Taxation

__all__ = ["Expect", "Scenario", "ScenarioError", "apply_set", "load", "parse", "schema_text"]

DATA = Path(__file__).resolve().parents[1] / "data"
BUNDLED = {"online_retail": DATA / "online_retail.parquet"}


class Expect(Table):
    """What must come out; a run that differs fails."""

    lost: Count | None = Field(default=0, description="receipts accepted and never recorded (exactly)")
    doubled: Count | None = Field(
        default=0, description="receipts with more than one fiscal document (exactly)"
    )
    in_time_share_min: Share | None = Field(
        default=None, description="share of receipts within the deadline, at least"
    )
    in_time_share_max: Share | None = Field(
        default=None, description="at most: for scenarios that show how a farm fails"
    )
    late_max: Count | None = Field(default=None, description="late receipts, at most")
    late_min: Count | None = Field(default=None, description="late receipts, at least")
    wait_p95_max_s: Annotated[Number, Field(ge=0)] | None = Field(
        default=None,
        description="95 % quantile of the wait from payment to the recorded document, at most, seconds",
    )
    wait_max_s: Annotated[Number, Field(ge=0)] | None = Field(
        default=None, description="longest wait, at most, seconds"
    )
    queue_max: Count | None = Field(default=None, description="longest queue, at most, receipts")
    in_doubt_max: Count | None = Field(
        default=None, description="receipts still in doubt at the end, at most"
    )
    refused_max: Count | None = Field(default=None, description="receipts set aside, at most")
    refused_min: Count | None = Field(
        default=None, description="at least: for scenarios that show what must not be sold"
    )
    receipts_min: Count | None = Field(default=None, description="receipts submitted, at least")
    confirmed_share_min: Share | None = Field(
        default=None,
        description="of the receipts with a document, the share the operator has confirmed, at least",
    )
    operator_lag_max_s: Annotated[Number, Field(ge=0)] | None = Field(
        default=None,
        description="longest time from a document to the operator's confirmation, at most, seconds",
    )
    operator_lag_min_s: Annotated[Number, Field(ge=0)] | None = Field(
        default=None, description="at least: for scenarios that show what does not reach the operator"
    )
    fired: tuple[FaultKind, ...] = Field(default=(), description="kinds of faults that must have happened")


class Scenario(Table):
    """A question about a shop, with everything needed to answer it by simulation."""

    schema_version: Literal[1] = Field(description="version of this schema")
    name: Name = Field(description="short name, used for result folders")
    question: Text = Field(description="what the scenario is to find out, one sentence")
    seed: Annotated[Count, Field(lt=2**63)] = Field(default=1, description="all randomness follows from it")
    start: Moment = Field(description="local date and time at which the run starts")
    duration_h: Annotated[Number, Field(gt=0, le=24 * 1200)] = Field(
        default=24.0, description="hours during which orders come; the run goes on until the queues are empty"
    )
    drain_h: Annotated[Number, Field(ge=0, le=24 * 40)] = Field(
        default=4.0,
        description="hours allowed after the last order, all faults over, for the queues to empty",
    )
    shop: Shop = Field(description="who sells, under which rules")
    arrivals: Arrivals = Field(description="who comes, and when")
    farm: Farm = Field(description="the registers")
    shifts: Shifts = Field(default=Shifts(), description="when shifts open and close")
    operator: Operator = Field(default=Operator(), description="the fiscal data operator")
    faults: tuple[FaultSpec, ...] = Field(default=(), description="what goes wrong")
    expect: Expect = Field(default=Expect(), description="what must come out")

    _folder: Path = PrivateAttr(default_factory=Path)

    @property
    def duration_us(self) -> int:
        """How long orders come, microseconds."""
        return round(self.duration_h * 3600) * US_PER_S

    @property
    def start_s(self) -> int:
        """The start as seconds since 1970, local time written as if it were UTC (as tag 1012 does)."""
        return calendar.timegm(self.start.timetuple())

    @property
    def start_of_day_us(self) -> int:
        """The start as microseconds since its own midnight."""
        return (self.start.hour * 3600 + self.start.minute * 60 + self.start.second) * US_PER_S

    def at_us(self, clock: str) -> int:
        """Microseconds from the start of the run to a time of the shop's clock; negative when it is before the start."""
        return day_time_us(clock) - self.start_of_day_us

    def daily_us(self, clock: str) -> tuple[int, ...]:
        """Every moment of the run (microseconds from its start) at which the shop's clock shows this time of day."""
        first = day_time_us(clock) % US_PER_DAY - self.start_of_day_us
        return tuple(t for t in range(first, self.duration_us + 1, US_PER_DAY) if t >= 0)

    @property
    def folder(self) -> Path:
        """Where the scenario was read: the files it names are looked for there."""
        return self._folder.resolve()

    def file(self, name: str) -> Path:
        """A file the scenario names: a trace that comes with the bench, or a path relative to the scenario's folder."""
        return BUNDLED.get(name) or self._folder / name

    def registers(self) -> tuple[Register, ...]:
        """The farm one by one: counts expanded, entity, taxation and sites filled in. The order is the scenario's."""
        return tuple(one for register in self.farm.registers for one in self._expand(register))

    def computers(self) -> tuple[str, ...]:
        """The computers, in the order in which registers name them."""
        return tuple(dict.fromkeys(register.computer for register in self.registers()))

    def _expand(self, register: Register) -> Iterable[Register]:
        entity_name = register.entity or self.shop.entities[0].name
        entity = next((e for e in self.shop.entities if e.name == entity_name), self.shop.entities[0])
        for n in range(register.count):
            computer = register.computer
            if register.per_computer is not None:
                computer = f"{computer.removesuffix('-1')}-{n // register.per_computer + 1}"
            yield register.model_copy(
                update={
                    "name": register.name if register.count == 1 else f"{register.name}-{n + 1}",
                    "count": 1,
                    "computer": computer,
                    "per_computer": None,
                    "entity": entity_name,
                    "taxation": register.taxation or entity.taxation,
                    "sites": register.sites or entity.sites or self.shop.sites,
                }
            )


def taxation_mask(names: Iterable[str]) -> Taxation:
    """Taxation systems by name as the mask of tag 1062."""
    mask = Taxation(0)
    for name in names:
        mask |= Taxation[name.upper()]
    return mask


def load(path: str | Path, sets: Iterable[str] = ()) -> Scenario:
    """Read a scenario file; ``sets`` are changes such as ``"farm.registers[0].count=3"``.

    Raises ScenarioError with one line for each mistake; never anything else for what a file can hold.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file; give the path of a scenario (TOML)") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: byte {error.start} is no UTF-8 text; save the file as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise ScenarioError(f"{path}: not valid TOML: {message[:1].lower()}{message[1:]}") from None
    for change in sets:
        apply_set(data, change)
    return parse(data, str(path), path.parent)


def parse(data: Mapping[str, Any], source: str = "scenario", folder: str | Path = ".") -> Scenario:
    """A scenario from plain data. ``source`` names it in errors; ``folder`` is where the files it names are looked for.

    Raises ScenarioError.
    """
    from bench.scenario_checks import mistakes

    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise explain(error, Scenario, data, source) from None
    scenario._folder = Path(folder)
    wrong = mistakes(scenario)
    if wrong:
        raise ScenarioError(f"{source}: {field}: {what}" for field, what in wrong)
    return scenario


def schema_text() -> str:
    """The JSON Schema of scenario files, for editors: what ``scenarios/scenario.schema.json`` holds."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema()}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


_STEP = re.compile(r"([A-Za-z_]\w*)|\[?(\d+)\]?")


def apply_set(data: dict[str, Any], change: str, option: str = "--set") -> None:
    """Change plain scenario data in place: ``"path.to.field=value"``, lists by number (``faults[0].for_s=60``).

    The value is read as TOML; what is no TOML value is text. Whether the field exists is for `parse` to say. Raises ScenarioError, which
    names the option that asked for it.
    """
    path, sign, text = change.partition("=")
    steps: list[str | int] = []
    for dotted in re.sub(r"\[(\d+)\]", r".\1", path.strip()).split("."):
        match = _STEP.fullmatch(dotted)
        if not sign or match is None:
            raise ScenarioError(
                f"{option} {change}: write it as path.to.field=value, lists by number: faults[0].for_s=60"
            )
        steps.append(match[1] or int(match[2]))
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    here: Any = data
    for i, step in enumerate(steps):
        so_far = ".".join(map(str, steps[:i])) or "the scenario"
        if isinstance(step, int):
            if not isinstance(here, list) or step >= len(here):
                size = len(here) if isinstance(here, list) else 0
                raise ScenarioError(
                    f"{option} {change}: {so_far} has {size} entries, there is no number {step} (the first is 0)"
                )
        elif not isinstance(here, dict):
            raise ScenarioError(f"{option} {change}: {so_far} is no table, so it has no {step}")
        if i == len(steps) - 1:
            here[step] = value
        elif isinstance(step, int):
            here = here[step]
        else:
            here = here.setdefault(step, {})
