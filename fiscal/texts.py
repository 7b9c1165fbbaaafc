"""Texts that fit their fields: so many characters, all of them printable."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

UNWRITABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of characters: neither printable nor storable."""


@lru_cache(maxsize=8192)
def text_fault(text: str, limit: int) -> str:
    """Why a text does not fit a field of so many characters, or an empty string."""
    if len(text) > limit:
        return f"has {len(text)} characters, the field holds {limit}"
    found = UNWRITABLE.search(text)
    if found:
        return f"has an unprintable character (U+{ord(found.group()):04X}) at position {found.start() + 1}"
    return ""
