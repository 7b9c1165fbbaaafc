"""What a decoder of this package says of bytes that it cannot accept."""

from __future__ import annotations


class OfdError(ValueError):
    """Bytes, or values, that the protocol does not allow. ``part``: ``session``, ``container`` or ``confirmation``; ``reason``: what is
    wrong there. No decoder of this package raises anything else, whatever the bytes are."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part}: {reason}")
        self.part = part
        self.reason = reason
