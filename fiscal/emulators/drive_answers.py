"""What a drive answers when it is asked about itself."""

from __future__ import annotations

from typing import NamedTuple


class Status(NamedTuple):
    """The status record. ``time_s`` is the moment of the last document (0: none), ``current_document`` a
    `CurrentDocument`, ``data`` whether the register has given data for it, ``flags`` the bits of `Alarm`."""

    phase: int
    current_document: int
    data: bool
    shift_open: bool
    flags: int
    time_s: int
    serial: str
    last_document: int


class Expiry(NamedTuple):
    """``date_s``: midnight of the last day of life (0 before the registration); registration reports left and
    done."""

    date_s: int
    registrations_left: int
    registrations_done: int


class Unsent(NamedTuple):
    """The documents that the operator has not confirmed: how many, the number of the first, its moment. All 0
    when there are none."""

    count: int  # type: ignore[assignment]  # the name of a tuple method, which nobody misses here
    first: int
    time_s: int


class Memory(NamedTuple):
    """What is left: documents in the archive, bytes in the store of documents for the operator."""

    documents: int
    store_bytes: int
