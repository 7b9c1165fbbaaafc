"""What the shop has: its legal entities, its farm of registers, the rules of its shifts, its fiscal data operator.

A receipt may go only to a register of its own legal entity, its taxation system and its place of settlement (*who may*); among
those a policy chooses (*who should*). A register hangs on a line (serial or TCP), the line on a computer; several registers on one
computer share that computer's fate.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bench.scenario_model import Clock, Count, Flag, Listed, Name, Number, Seconds, Share, Table, Text
from fiscal.registers.marking import REFUSE_BAD, Policy

TaxationName = Literal[
    "general",
    "simplified_income",
    "simplified_income_minus_expense",
    "imputed_income",
    "agricultural",
    "patent",
]
VatName = Literal["standard", "10", "0", "5", "7", "none"]
PolicyName = Literal[
    "round_robin", "random", "shortest_queue", "earliest_completion", "weighted", "sticky", "central"
]
Inn = Annotated[str, Field(pattern=r"^(\d{10}|\d{12})$")]


class Entity(Table):
    """A legal entity that sells in the shop."""

    name: Name = Field(description="short name, by which registers refer to it")
    inn: Inn = Field(description="tax number (INN): 10 digits for a company, 12 for a sole trader")
    user: Text = Field(description="legal name as the register is registered with it (tag 1048)")
    taxation: Annotated[tuple[TaxationName, ...], Listed(), Field(min_length=1)] = Field(
        default=("general",), description="taxation systems; orders are dealt to them evenly"
    )
    vat: VatName | None = Field(default=None, description="VAT of its goods, when it differs from the shop's")
    sites: tuple[Text, ...] = Field(default=(), description="sites it sells on; empty: all of the shop's")
    order_share: Annotated[Number, Field(ge=0)] = Field(
        default=1.0, description="weight of this entity when orders are dealt to entities"
    )


class PaymentShares(Table):
    """How orders are paid; the three shares sum to 1."""

    cashless: Share = Field(default=1.0, description="share of orders paid by card or another electronic way")
    cash: Share = Field(default=0.0, description="share of orders paid in cash to a courier")
    mixed: Share = Field(
        default=0.0, description="share of orders paid partly by card, partly from an earlier prepayment"
    )


class Goods(Table):
    """Goods that receipts say more of: marked pieces with a code each, and goods sold for a supplier."""

    marked_share: Share = Field(
        default=0.0,
        description="share of lines (of up to 6 pieces) that are marked goods: each piece becomes a line with its code",
    )
    sold_before_share: Share = Field(
        default=0.0, description="share of marked lines with a piece that the marking service knows as sold"
    )
    agent_share: Share = Field(default=0.0, description="share of lines sold on commission for a supplier")
    policy: Policy = Field(
        default=REFUSE_BAD,
        description="refuse_bad: goods that the marking service refuses are not sold; refuse_unchecked: only goods that it approved are; "
        "sell_all: all are, and the receipt says what was found",
    )


class Shop(Table):
    """The shop: who sells, under which rules."""

    entities: Annotated[tuple[Entity, ...], Field(min_length=1)] = Field(
        description="legal entities that sell"
    )
    sites: Annotated[tuple[Text, ...], Listed(), Field(min_length=1)] = Field(
        default=("https://shop.example",),
        description="places of settlement (tag 1187): the addresses of its sites",
    )
    deadline_s: Annotated[Seconds, Field(gt=0)] = Field(
        default=300.0,
        description="seconds from payment to the recorded receipt before the payment is refunded",
    )
    ffd: Annotated[
        Literal["1.05", "1.2"], BeforeValidator(lambda v: str(v) if isinstance(v, float) else v)
    ] = Field(default="1.2", description="version of the fiscal data format")
    in_doubt: Literal["wait", "reissue"] = Field(
        default="wait",
        description="a receipt whose fate is unknown waits for its register, or is issued again on another one "
        "(the orphan then gets a return receipt)",
    )
    vat: VatName = Field(
        default="standard", description='VAT of the goods; "standard" follows the date (22 % from 2026)'
    )
    payment: PaymentShares = Field(default=PaymentShares(), description="how orders are paid")
    goods: Goods = Field(default=Goods(), description="marked goods, and goods sold for others")
    electronic: Flag = Field(
        default=True, description="receipts go to the buyer's e-mail only; nothing is printed"
    )
    commit_ms: Annotated[Number, Field(ge=0, le=60_000)] = Field(
        default=2.0, description="how long one durable commit of the journal takes, milliseconds"
    )
    max_lines_per_receipt: Annotated[Count, Field(ge=1, le=10_000)] = Field(
        default=100, description="longer orders become several receipts"
    )


class Line(Table):
    """The line between a computer and a register."""

    kind: Literal["serial", "tcp"] = Field(default="serial", description="serial (COM, USB-COM) or TCP")
    baud_bps: Annotated[Count, Field(ge=2400, le=921_600)] = Field(
        default=115_200, description="speed of a serial line, bits per second (10 bits a byte)"
    )
    latency_ms: Annotated[Number, Field(ge=0, le=10_000)] = Field(
        default=1.0, description="one-way delay beside the bytes' own time, milliseconds"
    )


class DeterministicService(Table):
    """Every receipt takes the same time."""

    kind: Literal["deterministic"]
    mean_s: Annotated[Seconds, Field(gt=0, description="seconds")]


class ExponentialService(Table):
    """Memoryless service, for comparison with queueing theory."""

    kind: Literal["exponential"]
    mean_s: Annotated[Seconds, Field(gt=0, description="mean, seconds")]


class LognormalService(Table):
    """Log-normal service."""

    kind: Literal["lognormal"]
    mean_s: Annotated[Seconds, Field(gt=0, description="mean, seconds")]
    sd_s: Annotated[Seconds, Field(gt=0, description="standard deviation, seconds")]


class EmpiricalService(Table):
    """Service times drawn from a list of measured ones."""

    kind: Literal["empirical"]
    values_s: Annotated[
        tuple[Annotated[Seconds, Field(gt=0)], ...], Field(min_length=1, description="seconds")
    ]


Service = Annotated[
    DeterministicService | ExponentialService | LognormalService | EmpiricalService,
    Field(discriminator="kind"),
]


class Register(Table):
    """One register, or ``count`` equal ones."""

    name: Name = Field(description="name; with count above 1 the registers are name-1, name-2, ...")
    device: Name = Field(description="device profile: the make and its timings")
    count: Annotated[Count, Field(ge=1, le=10_000)] = Field(default=1, description="how many such registers")
    computer: Name = Field(default="computer-1", description="the computer the line hangs on")
    per_computer: Annotated[Count, Field(ge=1)] | None = Field(
        default=None,
        description="with count: so many registers a computer; the computers are computer-1, computer-2, ... after `computer`",
    )
    line: Line = Field(default=Line(), description="the line to the register")
    protocol: Literal["v1", "v2", "v3", "plain", "web"] | None = Field(
        default=None,
        description="transport: v1 (usual), v2 or plain for Shtrih-M; v3 (usual), v2, or web (its web server of JSON tasks) for ATOL",
    )
    entity: Name | None = Field(
        default=None, description="legal entity; may be left out when the shop has one"
    )
    taxation: Annotated[tuple[TaxationName, ...], Listed()] = Field(
        default=(), description="taxation systems it is registered for; empty: its entity's"
    )
    sites: Annotated[tuple[Text, ...], Listed()] = Field(
        default=(), description="sites it is registered for; empty: its entity's"
    )
    weight: Annotated[Number, Field(gt=0)] = Field(
        default=1.0, description='weight under the policy "weighted"'
    )
    spare: Flag = Field(
        default=False, description="joins only when the queue is long or no other register is alive"
    )
    print: Literal["electronic", "paper"] = Field(
        default="electronic",
        description="electronic: prints only what asks for paper; paper: prints everything",
    )
    drive: Literal["13", "15", "36"] = Field(
        default="15", description="fiscal drive, by the months on its label: how long it lives"
    )
    drive_age_days: Annotated[Count, Field(ge=0, le=2000)] = Field(
        default=30, description="how many days before the run the drive was registered"
    )
    sends: Literal["self", "relay"] = Field(
        default="self",
        description="self: the register sends its documents to the operator; relay: it has no network, the engine carries them",
    )
    service: Service | None = Field(
        default=None,
        description="service time in fidelity `timed`; without it the times measured from the device profile",
    )


class Farm(Table):
    """The registers and how receipts are dealt to them."""

    registers: Annotated[tuple[Register, ...], Field(min_length=1)] = Field(description="the registers")
    policy: PolicyName = Field(
        default="earliest_completion", description="which of the allowed registers gets a receipt"
    )
    reroute: Flag = Field(
        default=True,
        description="receipts that wait for a register which goes deaf or dies move to another one",
    )
    probe_s: Annotated[Seconds, Field(ge=1, le=86_400)] = Field(
        default=60.0,
        description="how often an idle register is asked how it is; a shop does it every minute, a run over months can do it less often",
    )
    spare_join_queue: Annotated[Count, Field(ge=1)] = Field(
        default=10, description="spare registers join when so many receipts wait"
    )
    queue_limit: Annotated[Count, Field(ge=0)] = Field(
        default=0,
        description="a receipt that comes while so many wait is refused at the door, and the shop must keep it; 0: none is",
    )


class Shifts(Table):
    """When shifts open and close. A register is deaf while it closes its shift (Z-report)."""

    open: Literal["first_receipt"] = Field(
        default="first_receipt", description="the first receipt opens the shift"
    )
    close_at: Annotated[tuple[Clock, ...], Listed()] = Field(
        default=("23:55",), description="daily closing times by the shop's clock"
    )
    stagger_min: Annotated[Number, Field(ge=0, le=1440)] = Field(
        default=0.0,
        description="minutes between the closings of one register and the next, so that the farm is never all deaf",
    )
    max_age_h: Annotated[Number, Field(gt=0, le=24)] = Field(
        default=23.5, description="a shift is closed at this age at the latest, hours; the law's limit is 24"
    )
    z_report_min: Annotated[Number, Field(gt=0, le=120)] | None = Field(
        default=None, description="how long a closing takes, minutes; without it the device profile says"
    )


class Operator(Table):
    """The fiscal data operator (OFD) that takes the documents."""

    delay_s: Seconds = Field(
        default=2.0, description="from a document's arrival to the confirmation, seconds"
    )
