"""The end of a drive's life, and the first document of the next, as JSON tasks. See `fiscal.emulators.atol_json`."""

from __future__ import annotations

from typing import Any

from fiscal.emulators.atol_json import (
    Run,
    Session,
    Task,
    ask,
    attribute,
    cashier,
    document,
    leave_for,
    look,
    ready,
    status,
    task,
)
from fiscal.emulators.atol_json_checks import OPERATOR, REGISTRATION, Rules
from fiscal.ffd.tlv import byte, text, u32
from fiscal.registers.atol_web.words import AGENTS, CHANNELS, FFDS, TAXATIONS

__all__: list[str] = []

_DRIVE_MODE = 6
_NETWORK_TABLE = 0x13
_NEWER_FFD = 3
_FLAGS: tuple[tuple[int, str], ...] = (
    (1002, "offlineMode"),
    (1056, "encryption"),
    (1109, "service"),
    (1207, "excise"),
    (1193, "gambling"),
    (1126, "lottery"),
    (1110, "bso"),
    (1108, "internet"),
    (1221, "machineInstallation"),
)
"""What the register is used for, in the order in which the driver writes it."""

_CHANGE: Rules = {**OPERATOR, **REGISTRATION}


@task("closeArchive", makes=True)
def close_archive(talk: Session, asked: Task) -> Run:
    """Close the drive: from now on it only sends."""
    yield from ready(talk, asked)
    yield from look(talk, 0x3F, 0x9134)
    yield from leave_for(talk, _DRIVE_MODE)
    yield from ask(talk, 0xA7)
    yield from look(talk, 0x45, 0x9137, 0x913B, 0x9136)
    params, warnings = yield from document(talk)
    return {"fiscalParams": params, "warnings": warnings}


@task("fnChange", rules=_CHANGE, makes=True)
def change(talk: Session, asked: Task) -> Run:
    """Register the register anew, with the drive that was put in. What the task does not say stays as the register remembers it."""
    organization, device, operator = asked["organization"], asked["device"], asked["ofd"]
    yield from look(talk, 0x913B)
    yield from ready(talk, {})
    yield from status(talk)
    if asked.get("operator"):
        talk.operator = asked["operator"]
        yield from cashier(talk)
    yield from _network(talk, device, operator)
    yield from ask(talk, 0x48)
    yield from look(talk, 0x3F, 0x9134)
    for tlv in _requisites(organization, device, operator):
        yield from attribute(talk, tlv)
    yield from leave_for(talk, _DRIVE_MODE)
    yield from ask(talk, 0xA6)
    yield from look(talk, 0x45, 0x9137, 0x913B, 0x9136)
    # the driver does not look whether this one is printed, and says that it is not
    params, _ = yield from document(talk, printed=False)
    return {"fiscalParams": params, "warnings": {"notPrinted": True}}


def _network(talk: Session, device: dict[str, Any], operator: dict[str, Any]) -> Run:
    """Where the operator is: written where it differs."""
    wanted = (
        str(operator.get("host") or "").encode("ascii", "replace"),
        int(operator.get("port") or 0).to_bytes(2, "big"),
        bytes(
            int(part) & 0xFF for part in str(operator.get("dns") or "0.0.0.0").split(".") if part.isdigit()
        ),
        bytes((CHANNELS.get(device.get("ofdChannel", ""), 0),)),
    )
    for field, value in enumerate(wanted, 1):
        (known,) = yield from ask(talk, 0x46, _NETWORK_TABLE, 1, field)
        padded = value.ljust(len(known), b"\0")[: len(known)]
        if padded != known and any(value):
            yield from ask(talk, 0x50, _NETWORK_TABLE, 1, field, padded)


def _requisites(
    organization: dict[str, Any], device: dict[str, Any], operator: dict[str, Any]
) -> list[bytes]:
    """The attributes of the report, in the driver's order. Why it is made is tag 1101, or the mask 1205 in newer formats."""
    ffd = FFDS.get(device.get("ffdVersion", ""), 0)
    made = [u32(1205, 1) if ffd >= _NEWER_FFD else byte(1101, 1)]
    texts = (
        (1037, device.get("registrationNumber"), 20),
        (1018, organization.get("vatin"), 12),
        (1017, operator.get("vatin"), 12),
        (1046, operator.get("name"), 0),
        (1048, organization.get("name"), 0),
        (1009, organization.get("address"), 0),
        (1117, organization.get("email"), 0),
        (1187, device.get("paymentsAddress"), 0),
    )
    made += [text(tag, value, width=width, limit=256) for tag, value, width in texts if value]
    made += [byte(tag, int(device[name])) for tag, name in _FLAGS if device.get(name) is not None]
    if device.get("fnsUrl"):
        made.append(text(1060, device["fnsUrl"], limit=256))
    if device.get("autoMode") is not None:
        made.append(byte(1001, int(device["autoMode"])))
    if ffd:
        made.append(byte(1209, ffd))
    made.append(byte(1062, sum({TAXATIONS[name] for name in organization.get("taxationTypes") or ()})))
    made.append(byte(1057, sum({AGENTS[name] for name in organization.get("agents") or ()})))
    return made
