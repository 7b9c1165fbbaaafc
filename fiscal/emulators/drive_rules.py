"""Which document a drive allows when.

A table: for each form of document the current-document byte it has while it is being made, the phase and the
state of the shift it needs, which exhausted resources forbid it, and how long it may be. What ends things -
closing the shift, closing the drive - is never forbidden by an exhausted resource, or a full drive could not
be closed (reference sheet ``ffd_ofd.md`` section 6; which of these commands a worn-out drive still takes is
from memory there).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from fiscal.emulators.drive_profile import Phase, Refusal


class CurrentDocument(IntEnum):
    """The current-document byte of the status record."""

    NONE = 0x00
    REGISTRATION = 0x01
    SHIFT_OPENING = 0x02
    RECEIPT = 0x04
    SHIFT_CLOSING = 0x08
    DRIVE_CLOSING = 0x10
    STRICT_FORM = 0x11
    DRIVE_REPLACEMENT = 0x12
    REREGISTRATION = 0x13
    CORRECTION = 0x14
    STRICT_FORM_CORRECTION = 0x15
    STATE_REPORT = 0x17


class Block(IntEnum):
    """What may be used up: bits."""

    LIFE = 1
    KEYS = 2
    ARCHIVE = 4
    STORE = 8
    OPERATOR = 16
    SHIFT_AGE = 32


REFUSALS: dict[Block, Refusal] = {
    Block.LIFE: Refusal.LIFE_OVER,
    Block.KEYS: Refusal.KEYS_EXHAUSTED,
    Block.ARCHIVE: Refusal.ARCHIVE_FULL,
    Block.STORE: Refusal.STORE_FULL,
    Block.OPERATOR: Refusal.OPERATOR_OVERDUE,
}
"""In this order a drive complains when several things are wrong."""


class Rule(NamedTuple):
    """``shift``: must be open (True), closed (False), or does not matter (None); ``limit`` names the size
    limit in `DriveProfile`."""

    form: int
    kind: CurrentDocument
    phase: Phase
    shift: bool | None
    blocks: int  # a mask of `Block`
    limit: str


_NOTHING = 0
_RESOURCES = Block.LIFE | Block.KEYS | Block.ARCHIVE | Block.STORE | Block.OPERATOR
_RECEIPT = _RESOURCES | Block.SHIFT_AGE
_D = CurrentDocument

_ALL = (
    Rule(1, _D.REGISTRATION, Phase.READY, None, _NOTHING, "registration_bytes"),
    Rule(11, _D.DRIVE_REPLACEMENT, Phase.READY, None, _NOTHING, "registration_bytes"),
    Rule(11, _D.REREGISTRATION, Phase.FISCAL, False, _RESOURCES, "registration_bytes"),
    Rule(2, _D.SHIFT_OPENING, Phase.FISCAL, False, _RESOURCES, "shift_bytes"),
    Rule(3, _D.RECEIPT, Phase.FISCAL, True, _RECEIPT, "receipt_bytes"),
    Rule(4, _D.STRICT_FORM, Phase.FISCAL, True, _RECEIPT, "receipt_bytes"),
    Rule(31, _D.CORRECTION, Phase.FISCAL, True, _RECEIPT, "receipt_bytes"),
    Rule(41, _D.STRICT_FORM_CORRECTION, Phase.FISCAL, True, _RECEIPT, "receipt_bytes"),
    Rule(5, _D.SHIFT_CLOSING, Phase.FISCAL, True, _NOTHING, "shift_bytes"),
    Rule(21, _D.STATE_REPORT, Phase.FISCAL, None, Block.KEYS | Block.ARCHIVE, "shift_bytes"),
    Rule(6, _D.DRIVE_CLOSING, Phase.FISCAL, False, _NOTHING, "shift_bytes"),
)

BY_KIND: dict[int, Rule] = {int(rule.kind): rule for rule in _ALL}

RECEIPT_KINDS: dict[int, int] = {rule.form: int(rule.kind) for rule in _ALL if rule.limit == "receipt_bytes"}
"""Forms of receipts and corrections, with their current-document byte."""
