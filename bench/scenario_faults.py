"""What goes wrong: the `faults` of a scenario.

A fault either happens at a set time (``at``) or at random times (``per_day``, drawn from the scenario's seed). One that lasts has
``for_s`` when it is set, ``mean_for_s`` (an exponential draw) when it is random. ``target`` names a register or a computer;
"any" is one chosen by the seed, "all" every one at the same time. ``per_day`` counts over the whole shop, not per target.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bench.scenario_model import Clock, Count, Name, Number, Seconds, Share, Table
from fiscal.makes import WEB

Target = Annotated[
    Name, Field(description='name of a register or computer, "any" (the seed chooses) or "all"')
]


class FaultTable(Table):
    """What every fault has."""

    at: Clock | None = Field(default=None, description="when, by the shop's clock; or give per_day")
    per_day: Annotated[Number, Field(gt=0, le=100_000)] | None = Field(
        default=None, description="mean number in 24 hours, at random times, over the whole shop; or give at"
    )
    chance: Share = Field(
        default=1.0,
        description="probability that a run has this fault at all; the seed decides (for swarms of seeds)",
    )


class _Lasting(FaultTable):
    for_s: Annotated[Seconds, Field(gt=0)] | None = Field(
        default=None, description="how long, seconds (with at)"
    )
    mean_for_s: Annotated[Seconds, Field(gt=0)] | None = Field(
        default=None, description="mean duration, seconds (with per_day)"
    )


class PowerCut(_Lasting):
    """No power: the computer and the registers on it, or one register, lose what is not durable."""

    kind: Literal["power_cut"]
    target: Target = "any"


class ComputerHang(_Lasting):
    """The computer answers nothing; its registers keep their power."""

    kind: Literal["computer_hang"]
    target: Target = "any"


class WebServerHang(_Lasting):
    """The web server in front of a register answers nothing and tells it nothing; what arrives meanwhile is answered later."""

    kind: Literal["web_server_hang"]
    target: Target = "any"


class CablePulled(_Lasting):
    """The cable to a register is out: bytes on the way are lost."""

    kind: Literal["cable_pulled"]
    target: Target = "any"


class ReplyLost(FaultTable):
    """The register records the receipt, its answer never arrives: the case that tempts software to print twice."""

    kind: Literal["reply_lost"]
    target: Target = "any"
    count: Annotated[Count, Field(ge=1, le=100_000)] = Field(
        default=1,
        description="how many answers in a row are lost, each after the drive has recorded the document",
    )


class GarbledBytes(_Lasting):
    """Noise on the line turns bytes into others, both ways. Without at and per_day it lasts the whole run."""

    kind: Literal["garbled_bytes"]
    target: Target = "all"
    probability: Annotated[Share, Field(gt=0)] = Field(
        default=0.01, description="probability that an exchange on the line is garbled"
    )


class PaperOut(_Lasting):
    """No paper until a person brings some."""

    kind: Literal["paper_out"]
    target: Target = "any"


class RegisterSlow(_Lasting):
    """A register takes longer for everything."""

    kind: Literal["register_slow"]
    target: Target = "any"
    factor: Annotated[Number, Field(gt=1, le=1000)] = Field(default=3.0, description="how many times slower")


EffectName = Literal["commit", "committed", "perform", "performed", "reply", "exchange", "exchanged"]


class EngineCrash(FaultTable):
    """The engine's process dies; what was not committed is gone. It comes back after restart_s and recovers from the journal."""

    kind: Literal["engine_crash"]
    effect: EffectName | None = Field(
        default=None,
        description="instead of at or per_day: die just before the nth step of this kind: "
        "an effect to be carried out (commit, perform, reply, exchange) or an event to be handled (committed, performed, exchanged)",
    )
    nth: Annotated[Count, Field(ge=1)] = Field(default=1, description="with effect: at which one of them")
    restart_s: Annotated[Seconds, Field(gt=0)] = Field(default=10.0, description="seconds until it is back")


class ClockJump(FaultTable):
    """The clock of a register jumps."""

    kind: Literal["clock_jump"]
    target: Target = "any"
    shift_s: Annotated[Number, Field(ge=-366 * 86_400, le=366 * 86_400)] = Field(
        default=-3600.0, description="seconds; negative: back"
    )


class OperatorUnreachable(_Lasting):
    """The fiscal data operator does not answer; registers go on recording and their unsent documents pile up."""

    kind: Literal["operator_unreachable"]


class InternetLost(_Lasting):
    """A register's way to the operator is gone, the cable to it is not: it goes on printing."""

    kind: Literal["internet_lost"]
    target: Target = "any"


class OperatorUnpaid(_Lasting):
    """The operator's account is empty: he takes connections, and no documents."""

    kind: Literal["operator_unpaid"]


class MarkingSilent(_Lasting):
    """The service that knows marked goods does not answer: what is sold meanwhile is told to it later."""

    kind: Literal["marking_silent"]


class DiskFull(_Lasting):
    """The journal cannot grow: commits fail, nothing more is accepted, nothing accepted is lost."""

    kind: Literal["disk_full"]


class PlannedOutage(_Lasting):
    """A register is planned to be out of service: it finishes the receipt in work, then gets none until the time is over."""

    kind: Literal["planned_outage"]
    target: Target = "any"


class DriveReplacement(FaultTable):
    """A register gets a new fiscal drive: shift and drive are closed, the operator gets everything, a person puts the new one in."""

    kind: Literal["drive_replacement"]
    target: Target = "any"
    hands_s: Annotated[Seconds, Field(gt=0)] = Field(
        default=900.0, description="how long the person needs, once the old drive may be taken out"
    )


FaultSpec = Annotated[
    PowerCut
    | ComputerHang
    | WebServerHang
    | CablePulled
    | ReplyLost
    | GarbledBytes
    | PaperOut
    | RegisterSlow
    | EngineCrash
    | ClockJump
    | OperatorUnreachable
    | OperatorUnpaid
    | InternetLost
    | MarkingSilent
    | DiskFull
    | PlannedOutage
    | DriveReplacement,
    Field(discriminator="kind"),
]

FaultKind = Literal[
    "power_cut",
    "computer_hang",
    "web_server_hang",
    "cable_pulled",
    "reply_lost",
    "garbled_bytes",
    "paper_out",
    "register_slow",
    "engine_crash",
    "clock_jump",
    "operator_unreachable",
    "operator_unpaid",
    "internet_lost",
    "marking_silent",
    "disk_full",
    "planned_outage",
    "drive_replacement",
]


def fits(kind: str, protocol: str | None) -> bool:
    """Whether a register that is spoken to so can suffer this kind of fault: only a web server hangs."""
    return kind != "web_server_hang" or protocol == WEB


# What a fault may hit: registers, computers, or the shop as a whole.
REACH: dict[str, tuple[str, ...]] = {
    "power_cut": ("register", "computer"),
    "computer_hang": ("computer",),
    "web_server_hang": ("register",),
    "cable_pulled": ("register",),
    "reply_lost": ("register",),
    "garbled_bytes": ("register",),
    "paper_out": ("register",),
    "register_slow": ("register",),
    "engine_crash": (),
    "clock_jump": ("register",),
    "operator_unreachable": (),
    "operator_unpaid": (),
    "internet_lost": ("register", "computer"),
    "marking_silent": (),
    "disk_full": (),
    "planned_outage": ("register",),
    "drive_replacement": ("register",),
}
