"""The hand that writes and signs: what makes bytes a document of one drive.

The fiscal sign (tag 1077) is two marking bytes - 21h or 31h by the kind of drive, and the length 04 - and a
number of 32 bits, big-endian, which is the one that is printed. A real drive makes it with a national cipher
under a key nobody knows. Here it is a keyed BLAKE2b over the document without that field, cut to 32 bits,
under a key made from the serial number: emulated, without legal force.
"""

from __future__ import annotations

from hashlib import blake2b

from fiscal.emulators.drive_documents import NUMBERS, SIGN_BYTES
from fiscal.emulators.drive_registration import Registration, head_prefix
from fiscal.ffd.tlv import HEADER

_pack_header = HEADER.pack
_pack_numbers = NUMBERS.pack


class Seal:
    """Writes the documents of a drive under one registration. Raises `FfdError` when the registration has no
    such head."""

    __slots__ = ("_key", "_mac", "_prefix", "_sign_head", "overhead")

    def __init__(self, serial: str, registration: Registration, mark: int) -> None:
        self._key = b"emulated key of " + serial.encode("ascii")
        self._prefix = head_prefix(serial, registration)
        self._sign_head = _pack_header(1077, 6) + bytes((mark, 4))
        self._mac = blake2b(self._prefix, digest_size=4, key=self._key)
        self.overhead = HEADER.size + len(self._prefix) + NUMBERS.size + SIGN_BYTES
        """Bytes of a document beside its rest: everything up to and with the sign."""

    def write(self, form: int, document: int, time_s: int, rest: bytes) -> tuple[bytes, int]:
        """The whole document and the number of its sign. ``rest``: the fields after the sign."""
        lead = _pack_header(form, self.overhead - 4 + len(rest))
        numbers = _pack_numbers(1040, 4, document, 1012, 4, time_s)
        mac = self._mac.copy()
        mac.update(lead + numbers)
        mac.update(rest)
        digest = mac.digest()
        return b"".join((lead, self._prefix, numbers, self._sign_head, digest, rest)), int.from_bytes(
            digest, "big"
        )

    def verify(self, tlv: bytes) -> bool:
        """Whether these bytes are a document under this seal."""
        start = HEADER.size + len(self._prefix)
        end = start + NUMBERS.size
        if len(tlv) < self.overhead or tlv[HEADER.size : start] != self._prefix:
            return False
        mac = self._mac.copy()
        mac.update(tlv[: HEADER.size] + tlv[start:end])
        mac.update(tlv[self.overhead :])
        return tlv[end : self.overhead] == self._sign_head + mac.digest()

    def message_sign(self, tlv: bytes) -> bytes:
        """The sign of the message that carries a document to the operator, 8 bytes: 81 06 and six bytes."""
        return b"\x81\x06" + blake2b(tlv, digest_size=6, key=self._key, person=b"message").digest()
