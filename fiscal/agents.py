"""Agents: a shop that sells for somebody else says for whom, line by line.

A marketplace takes money for goods of its sellers, a terminal for telephone companies, a bank's agent for transfers. The
receipt then names the kind of agent (tag 1222, exactly one bit), what he does and where he and the others are reached (1223),
and the supplier: his INN (1226), name and telephones (1224). Each kind has data it must not lack: `KINDS` is the table.

Source: tables of the format (enums.csv 1222, requirements.csv 1223 and 1224); which kind owes which data is from memory of the
order's notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple

from fiscal.parties import inn_fault, normal_phone, phone_fault
from fiscal.texts import text_fault

TEXT_LENGTHS: Final = {
    "operation": 24,
    "operator_name": 64,
    "operator_address": 256,
    "supplier_name": 256,
}
"""Field of `Agent` -> characters it may have (tags 1044, 1026, 1005, 1225)."""
MOST_PHONES: Final = 5
"""Telephones of one kind that a line may name: each structure has room for some 500 bytes."""
STRUCTURE_LENGTH: Final = 512  # tags 1223 and 1224


@dataclass(frozen=True, slots=True)
class Agent:
    """For whom a line is sold. ``kind``: one bit of tag 1222; the comments say the tags."""

    kind: int
    supplier_inn: str  # 1226
    supplier_name: str = ""  # 1225
    supplier_phones: tuple[str, ...] = ()  # 1171
    operation: str = ""  # 1044: what the agent does
    phones: tuple[str, ...] = ()  # 1073: of the agent
    acceptor_phones: tuple[str, ...] = ()  # 1074: of who takes the payments in
    operator_phones: tuple[str, ...] = ()  # 1075: of who transfers the money ...
    operator_name: str = ""  # 1026
    operator_address: str = ""  # 1005
    operator_inn: str = ""  # 1016


class About(NamedTuple):
    """``needs``: the fields of `Agent` that must be given, beside the supplier's INN; ``may``: those that may."""

    name: str
    title: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()


_BANK = ("operation", "phones", "operator_phones", "operator_name", "operator_address", "operator_inn")
_PAYMENT = ("phones", "acceptor_phones", "supplier_phones")
_SUPPLIER = ("supplier_name", "supplier_phones")

KINDS: Final[dict[int, About]] = {
    1: About("bank_paying_agent", "a bank's paying agent", _BANK, _SUPPLIER),
    2: About("bank_paying_subagent", "a bank's paying subagent", _BANK, _SUPPLIER),
    4: About("paying_agent", "a paying agent", _PAYMENT, ("operation", "supplier_name")),
    8: About("paying_subagent", "a paying subagent", _PAYMENT, ("operation", "supplier_name")),
    16: About("attorney", "an attorney", (), _SUPPLIER),
    32: About("commission_agent", "a commission agent", (), _SUPPLIER),
    64: About("agent", "another agent", (), _SUPPLIER),
}
"""Kind -> its name outside, its title for people, what it owes."""
ALL_KINDS: Final = sum(KINDS)
"""Tag 1057 of a register that is registered for every kind."""
NAMES: Final = {about.name: kind for kind, about in KINDS.items()}

_PHONES: Final = ("supplier_phones", "phones", "acceptor_phones", "operator_phones")


def tidy(agent: Agent) -> Agent:
    """The same agent as it is kept: telephones in the form E.164 where they can be understood, white space made single."""
    made: dict[str, Any] = {name: tuple(map(_tidy_phone, getattr(agent, name))) for name in _PHONES}
    for name in (
        "supplier_inn",
        "supplier_name",
        "operation",
        "operator_name",
        "operator_address",
        "operator_inn",
    ):
        made[name] = " ".join(getattr(agent, name).split())
    return replace(agent, **made)


def _tidy_phone(phone: str) -> str:
    try:
        return normal_phone(phone)
    except ValueError:
        return phone.strip()


class Fault(NamedTuple):
    field: str
    why: str
    todo: str


def faults(agent: Agent) -> Iterator[Fault]:
    """All that is wrong with what a line says of its agent."""
    about = KINDS.get(agent.kind)
    if about is None:
        known = ", ".join(map(str, KINDS))
        yield Fault("kind", f"{agent.kind!r} is not one kind of agent", f"give one of {known}")
        return
    if fault := inn_fault(agent.supplier_inn):
        yield Fault(
            "supplier_inn", f"the supplier's tax number {agent.supplier_inn!r} {fault}", "give his INN"
        )
    for field in fields(agent):
        name = field.name
        value = getattr(agent, name)
        if name in about.needs and not value:
            yield Fault(name, f"is missing, {about.title} owes it to the buyer", "give it")
        elif value and name not in ("kind", "supplier_inn", *about.needs, *about.may):
            yield Fault(
                name, f"does not belong to {about.title}", "leave it out, or give another kind of agent"
            )
    yield from _form_faults(agent)
    yield from _size_faults(agent)


def _form_faults(agent: Agent) -> Iterator[Fault]:
    for name in _PHONES:
        phones: tuple[str, ...] = getattr(agent, name)
        if len(phones) > MOST_PHONES:
            yield Fault(name, f"{len(phones)} telephone numbers", f"give {MOST_PHONES} at most")
        for phone in phones:
            if fault := phone_fault(phone):
                yield Fault(name, f"{phone!r} {fault}", "give + and digits only")
    for name, length in TEXT_LENGTHS.items():
        if fault := text_fault(getattr(agent, name), length):
            yield Fault(name, fault, "mend or shorten it")
    if agent.operator_inn and (fault := inn_fault(agent.operator_inn)):
        yield Fault("operator_inn", f"the tax number {agent.operator_inn!r} {fault}", "give 10 or 12 digits")


def _size_faults(agent: Agent) -> Iterator[Fault]:
    """Whether the two structures have room for all of it: each text and telephone takes four bytes more."""
    own = [agent.operation, agent.operator_name, agent.operator_address, agent.operator_inn]
    size = sum(4 + len(text) for text in own if text) + sum(
        4 + len(phone) for phone in (*agent.phones, *agent.acceptor_phones, *agent.operator_phones)
    )
    if size > STRUCTURE_LENGTH:
        yield Fault("kind", f"the agent's data take {size} bytes, {STRUCTURE_LENGTH} at most", "shorten them")
