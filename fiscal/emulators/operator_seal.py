"""The signs that drive and operator check each other by: emulated.

In reality both hold keys of a national cipher. Here the key is made from the number of the drive, as `fiscal.emulators.drive_seal` makes
it, and the signs are keyed BLAKE2b: they have no legal force. In genuine signs the first byte follows the number of the sign (1 document:
21 in test drives, 4 message: 81), the second is the length of what follows; the emulated signs of the operator continue that row.

========  ======  ===================================  ===========
sign      bytes   over                                 made by
========  ======  ===================================  ===========
2 (1078)  41 10   the document and when it came         operator
3         61 06   the whole confirmation               operator
4         81 06   the document                         drive
========  ======  ===================================  ===========
"""

from __future__ import annotations

from hashlib import blake2b

OPERATOR_SIGN_BYTES = 18


class SharedKey:
    """What one drive and the operator share. ``serial``: number of the drive."""

    __slots__ = ("_confirmation", "_message", "_operator")

    def __init__(self, serial: str) -> None:
        key = b"emulated key of " + serial.encode("ascii")
        self._message = blake2b(digest_size=6, key=key, person=b"message")
        self._confirmation = blake2b(digest_size=6, key=key, person=b"confirmation")
        self._operator = blake2b(digest_size=16, key=key, person=b"operator")

    def message_sign(self, tlv: bytes) -> bytes:
        """Sign 4, by which the operator knows that a document comes from the drive."""
        mac = self._message.copy()
        mac.update(tlv)
        return b"\x81\x06" + mac.digest()

    def confirmation_sign(self, tlv: bytes) -> bytes:
        """Sign 3, by which the drive knows that a confirmation comes from the operator."""
        mac = self._confirmation.copy()
        mac.update(tlv)
        return b"\x61\x06" + mac.digest()

    def operator_sign(self, document: bytes, moment: bytes) -> bytes:
        """Sign 2, tag 1078: over the document received and the moment of that."""
        mac = self._operator.copy()
        mac.update(document)
        mac.update(moment)
        return b"\x41\x10" + mac.digest()
