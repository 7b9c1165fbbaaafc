"""Which transport an emulated register speaks: set up, or found out from the first byte that comes.

A register that may speak both versions of the protocol decides by the first byte after power-up, and after its link was set anew
(command 14h): 05 or 02 is version 1, 8F is version 2. It stays with it until then. Plain transfer begins with 02 like version 1, so it
is never found out; it must be set up. Source: reference sheet, sections 1.2 and 1.3.
"""

from __future__ import annotations

from typing import Literal

from fiscal.devices import Device
from fiscal.emulators.shtrih_link import Link
from fiscal.emulators.shtrih_link_plain import PlainLink
from fiscal.emulators.shtrih_link_v2 import LinkV2

__all__ = ["FIRST_BYTES", "FLAGS", "AnyLink", "Spoken", "links_of"]

AnyLink = Link | LinkV2 | PlainLink

Spoken = Literal["auto", "v1", "v2", "plain"]

FIRST_BYTES = {0x05: "v1", 0x02: "v1", 0x8F: "v2"}
"""First byte -> protocol. Any other byte decides nothing."""

FLAGS: dict[Spoken, int] = {"auto": 1 << 28, "v1": 0, "v2": 1 << 28, "plain": 1 << 52}
"""What the model parameters (F7h) say of the link."""


def links_of(spoken: Spoken, device: Device, *, stray: bool) -> dict[str, AnyLink]:
    """The links of a register by protocol; the first one is spoken until a byte decides."""
    made: dict[str, AnyLink] = {}
    if spoken in ("auto", "v1"):
        made["v1"] = Link(device.byte_timeout_us, device.confirm_timeout_us, stray=stray)
    if spoken in ("auto", "v2"):
        made["v2"] = LinkV2(device.byte_timeout_us)
    if spoken == "plain":
        made["plain"] = PlainLink(device.byte_timeout_us)
    if not made:
        raise ValueError(f"no protocol {spoken!r}; there are {', '.join(FLAGS)}")
    return made
