"""What a scenario must hold beyond the form of each table: references that point at something, times that lie within the run.

Each mistake is a pair (field, sentence); `bench.scenario.parse` puts the name of the file before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.scenario_arrivals import LognormalLines, TraceArrivals
from bench.scenario_errors import near_miss
from bench.scenario_faults import REACH, EngineCrash, GarbledBytes, fits
from bench.scenario_model import US_PER_DAY, day_time_us
from fiscal.devices import load
from fiscal.makes import MAKES, WEB
from fiscal.marking import MOST_CODES

if TYPE_CHECKING:
    from bench.scenario import Scenario

Mistake = tuple[str, str]


def mistakes(scenario: Scenario) -> list[Mistake]:
    """Every mistake of a scenario whose tables are well formed."""
    shop_and_farm = [*_shop(scenario), *_farm(scenario)]
    return [
        *(shop_and_farm or _nobody_may(scenario)),
        *_arrivals(scenario),
        *_shifts(scenario),
        *_faults(scenario),
    ]


def _shop(scenario: Scenario) -> Iterator[Mistake]:
    shop = scenario.shop
    names: set[str] = set()
    for i, entity in enumerate(shop.entities):
        if entity.name in names:
            yield f"shop.entities[{i}].name", f'"{entity.name}" is taken by another entity; names must differ'
        names.add(entity.name)
        for k, site in enumerate(entity.sites):
            if site not in shop.sites:
                yield (
                    f"shop.entities[{i}].sites[{k}]",
                    f'"{site}" is no site of the shop{near_miss(site, shop.sites)}',
                )
    if not sum(entity.order_share for entity in shop.entities) > 0:
        yield "shop.entities[0].order_share", "no entity gets orders; give one a share above 0"
    if shop.goods.marked_share and shop.max_lines_per_receipt > MOST_CODES:
        yield (
            "shop.max_lines_per_receipt",
            f"a drive checks {MOST_CODES} marking codes a receipt; give {MOST_CODES} or less, or no shop.goods.marked_share",
        )
    paid = shop.payment
    total = paid.cashless + paid.cash + paid.mixed
    if abs(total - 1) > 1e-9:
        yield "shop.payment", f"shares must sum to 1, they sum to {total:g}"


def _farm(scenario: Scenario) -> Iterator[Mistake]:
    entities = {entity.name: entity for entity in scenario.shop.entities}
    devices = load()
    for i, register in enumerate(scenario.farm.registers):
        where = f"farm.registers[{i}]"
        if register.device not in devices:
            yield (
                f"{where}.device",
                f'no device profile "{register.device}"{near_miss(register.device, tuple(devices))}',
            )
        elif register.protocol is not None:
            make = devices[register.device].make
            known = MAKES[make].protocols
            if register.protocol not in known:
                yield (
                    f"{where}.protocol",
                    f'"{register.protocol}" is not spoken by {make} registers; they speak {", ".join(known)}',
                )
        if register.protocol == WEB:
            if register.line.kind != "tcp":
                yield f"{where}.line.kind", 'a web server is reached over TCP: give "tcp"'
            if register.sends == "relay":
                yield f"{where}.sends", 'a web server carries nothing for the operator: give "self"'
            if scenario.shop.goods.marked_share and scenario.shop.ffd == "1.2":
                yield (
                    f"{where}.protocol",
                    "a web server does not tell what became of the check of a marking code: no shop.goods.marked_share in FFD 1.2",
                )
        if register.entity is None and len(entities) > 1:
            yield f"{where}.entity", f"is missing; the shop has several entities: {', '.join(entities)}"
        entity = entities.get(register.entity) if register.entity else scenario.shop.entities[0]
        if entity is None:
            yield (
                f"{where}.entity",
                f'no entity "{register.entity}" in shop.entities{near_miss(register.entity, entities)}',
            )
            continue
        for k, taxation in enumerate(register.taxation):
            if taxation not in entity.taxation:
                yield (
                    f"{where}.taxation[{k}]",
                    f'entity {entity.name} has no taxation "{taxation}"{near_miss(taxation, entity.taxation)}',
                )
        for k, site in enumerate(register.sites):
            if site not in scenario.shop.sites:
                yield (
                    f"{where}.sites[{k}]",
                    f'"{site}" is no site of the shop{near_miss(site, scenario.shop.sites)}',
                )
    yield from _names(scenario)


def _names(scenario: Scenario) -> Iterator[Mistake]:
    seen: set[str] = {"any", "all"}
    computers = set(scenario.computers())
    for register in scenario.registers():
        if register.name in seen:
            yield "farm.registers", f'the name "{register.name}" is used twice; names must differ'
        elif register.name in computers:
            yield (
                "farm.registers",
                f'"{register.name}" names a register and a computer; faults could not tell them apart',
            )
        seen.add(register.name)


def _nobody_may(scenario: Scenario) -> Iterator[Mistake]:
    """An order that no register may take would wait for ever: say so before the run."""
    registers = scenario.registers()
    for i, entity in enumerate(scenario.shop.entities):
        if not entity.order_share:
            continue
        for taxation in entity.taxation:
            for site in entity.sites or scenario.shop.sites:
                if not any(
                    r.entity == entity.name and taxation in r.taxation and site in r.sites for r in registers
                ):
                    yield (
                        f"shop.entities[{i}]",
                        f"no register may take receipts of {entity.name}, {taxation}, {site}; register one for it in farm.registers",
                    )


def _within(scenario: Scenario, clock: str) -> str | None:
    at = scenario.at_us(clock)
    if at < 0:
        return f'"{clock}" is before the start of the run ({scenario.start:%H:%M:%S}); for a later day write "day 2 {clock}"'
    if at >= scenario.duration_us:
        return f'"{clock}" is after the end of the run ({scenario.duration_h:g} h from {scenario.start:%H:%M:%S})'
    return None


def _arrivals(scenario: Scenario) -> Iterator[Mistake]:
    arrivals = scenario.arrivals
    for i, burst in enumerate(arrivals.bursts):
        late = _within(scenario, burst.at)
        if late:
            yield f"arrivals.bursts[{i}].at", late
    for where, lines in (
        ("arrivals.lines", getattr(arrivals, "lines", None)),
        *((f"arrivals.bursts[{i}].lines", burst.lines) for i, burst in enumerate(arrivals.bursts)),
    ):
        if isinstance(lines, LognormalLines) and lines.mean < lines.median:
            yield f"{where}.mean", f"must not be below the median, {lines.mean:g} < {lines.median:g}"
    if isinstance(arrivals, TraceArrivals) and not _is_file(scenario.file(arrivals.file)):
        yield "arrivals.file", f'no such file "{arrivals.file}"; paths are relative to the scenario file'


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the file system, a folder that may not be read
        return False


def _shifts(scenario: Scenario) -> Iterator[Mistake]:
    for i, clock in enumerate(scenario.shifts.close_at):
        if day_time_us(clock) >= US_PER_DAY:
            yield f"shifts.close_at[{i}]", f'is a time of every day; write it without "day", not "{clock}"'


def _faults(scenario: Scenario) -> Iterator[Mistake]:
    places = {
        "register": tuple(register.name for register in scenario.registers()),
        "computer": scenario.computers(),
    }
    for i, fault in enumerate(scenario.faults):
        where = f"faults[{i}]"
        ways = [w for w in ("at", "per_day", "effect") if getattr(fault, w, None) is not None]
        if len(ways) > 1:
            yield f"{where}.{ways[1]}", f"either {' or '.join(ways)}, not both"
        if not ways and not isinstance(fault, GarbledBytes):
            choices = "at, per_day or effect" if isinstance(fault, EngineCrash) else "at or per_day"
            yield where, f"does not say when: give {choices}"
        yield from _how_long(where, fault)
        if fault.at is not None:
            late = _within(scenario, fault.at)
            if late:
                yield f"{where}.at", late
        target = getattr(fault, "target", None)
        known = [name for place in REACH[fault.kind] for name in places[place]]
        if target is not None and target not in ("any", "all", *known):
            reach = " or ".join(REACH[fault.kind])
            yield f"{where}.target", f'no {reach} "{target}"{near_miss(target, [*known, "any", "all"])}'
        elif fault.kind == "web_server_hang" and not any(
            fits(fault.kind, register.protocol)
            for register in scenario.registers()
            if target in ("any", "all", register.name)
        ):
            yield (
                f"{where}.target",
                'no register there is behind a web server (farm.registers protocol = "web")',
            )


def _how_long(where: str, fault: object) -> Iterator[Mistake]:
    if not hasattr(fault, "for_s"):
        return
    at, per_day = getattr(fault, "at", None), getattr(fault, "per_day", None)
    for_s, mean_for_s = fault.for_s, getattr(fault, "mean_for_s", None)
    if at is not None and for_s is None:
        yield f"{where}.for_s", "is missing (how long, seconds); add it"
    if per_day is not None and mean_for_s is None:
        yield f"{where}.mean_for_s", "is missing (mean duration, seconds); add it"
    if at is None and for_s is not None:
        yield f"{where}.for_s", "belongs to a fault with at; a random one has mean_for_s"
    if per_day is None and mean_for_s is not None:
        yield f"{where}.mean_for_s", "belongs to a random fault (per_day); one at a set time has for_s"
