"""What an emulated operator is like: how fast, how strict, when away.

No figure here is prescribed by the protocol; all are *assumed* and meant to be set.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from fiscal.ofd.container import KIND


class OutageKind(StrEnum):
    """How an operator is away."""

    REFUSED = "refused"
    """No connection: what is open is closed, nothing new is taken."""
    SILENT = "silent"
    """Connections are taken, bytes vanish."""
    UNANSWERED = "unanswered"
    """Documents arrive and are kept; the answers get lost. The register will send them again."""


class Outage(NamedTuple):
    """From ``begin_us`` on, before ``end_us``."""

    begin_us: int
    end_us: int
    kind: OutageKind = OutageKind.REFUSED


@dataclass(frozen=True, slots=True)
class OperatorProfile:
    """``reply_us``: from the last byte of a message to the answer. ``control``: hold every document against the tables of the format
    (format-logic control); it costs far more time than all the rest. ``verify``: a document whose message sign is not that of an
    emulated drive is not recognised. ``tax_us``: until the tax service has registered a document. ``keep_documents``: forget all but
    the last so many of each drive (for long simulated runs). ``kind``: type of the containers."""

    inn: str = "7709364346"
    name: str = "Emulated operator"
    reply_us: int = 150_000
    control: bool = True
    verify: bool = True
    tax_us: int = 300_000_000
    outages: tuple[Outage, ...] = ()
    keep_documents: int | None = None
    kind: int = KIND

    def outage(self, now_us: int) -> OutageKind | None:
        """How the operator is away at this moment, ``None`` when he is there."""
        for begin_us, end_us, kind in self.outages:
            if begin_us <= now_us < end_us:
                return kind
        return None
