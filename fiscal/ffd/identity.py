"""How a shop knows its receipt again in a drive: the engine's mark among the fields of the document.

The mark stands in tag 1192, the additional requisite of the receipt. A correction that names the fiscal sign of the wrong document
needs that tag for the sign; its mark then stands in the user's own requisite (1084 {1085, 1086}), which both formats allow.
"""

from __future__ import annotations

from collections.abc import Iterable

from fiscal.ffd.tlv import FfdError, decode_text, encode_text, stlv, text, walk

__all__ = ["MARK_LENGTH", "OWN_NAME", "identity_fields", "marks_in"]

MARK_LENGTH = 16  # tag 1192
OWN_NAME = "КЛЮЧ"
"""Tag 1085: what the user's requisite is called."""


def identity_fields(mark: str, wrong_sign: str = "") -> bytes:
    """Tag 1192, and 1084 where that tag holds the sign of a wrong document. Raises `FfdError` for a mark of more than 16 bytes."""
    if len(encode_text(mark)) > MARK_LENGTH:
        raise FfdError(1192, f"the mark {mark!r} has more than {MARK_LENGTH} bytes")
    if not wrong_sign:
        return text(1192, mark) if mark else b""
    own = stlv(1084, text(1085, OWN_NAME) + text(1086, mark)) if mark else b""
    return text(1192, wrong_sign) + own


def marks_in(fields: Iterable[tuple[int, bytes]]) -> list[str]:
    """The marks among the top-level fields of a document. Raises `FfdError` when the bytes are malformed."""
    found = []
    for tag, value in fields:
        if tag == 1192:
            found.append(decode_text(value))
        elif tag == 1084:
            own = dict(walk(value))
            if decode_text(own.get(1085, b"")) == OWN_NAME:
                found.append(decode_text(own.get(1086, b"")))
    return found
