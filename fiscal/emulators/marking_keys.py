"""Genuine codes, as far as an emulation can have them: who signs them, and who can tell.

A real code is signed by the marking system with a national cipher; some of the keys are in the drives. Here the signature is a
keyed BLAKE2b over number of goods and serial number, in Base64: 44 characters or 88. Nobody outside an emulation takes such a code
for genuine.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b

from fiscal.gs1 import GS, check_digit
from fiscal.marking import MarkingCode

DRIVE_KEYS = frozenset(("EE06", "EE07", "8029"))
"""Keys (91) that an emulated drive has. Codes under other keys are left to the marking service."""


def proof_of(gtin: str, serial: str, key: str, size: int) -> str:
    """The signature (92) of a genuine code: 44 or 88 characters."""
    made = blake2b(
        f"{gtin} {serial}".encode(),
        digest_size=32 if size == 44 else 64,
        key=b"emulated marking " + key.encode(),
    )
    return b64encode(made.digest()).decode()


def genuine(code: MarkingCode) -> bool:
    """Whether the signature of a code with key is that of the emulated marking system."""
    return code.proof == proof_of(code.gtin, code.serial, code.key, len(code.proof))


def issue(gtin: str, serial: str, key: str = "EE06", size: int = 44) -> str:
    """A genuine code. ``gtin``: 13 digits without the check digit, or all 14; ``size`` 4 makes one with four characters and no key."""
    whole = gtin if len(gtin) == 14 else gtin + str(check_digit(gtin))
    row = f"01{whole}21{serial}"
    if size == 4:
        return f"{row}{GS}93{proof_of(whole, serial, '93', 44)[:4]}"
    return f"{row}{GS}91{key}{GS}92{proof_of(whole, serial, key, size)}"
