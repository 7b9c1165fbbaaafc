"""The transports of Shtrih-M registers by name: ``v1`` (with a handshake), ``v2`` (numbered frames), ``plain`` (a bare length)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fiscal.registers.conversation import Settings
from fiscal.registers.shtrih.talk import AnyTalk, Talk
from fiscal.registers.shtrih.talk_plain import PlainTalk
from fiscal.registers.shtrih.talk_v2 import TalkV2

__all__ = ["TALKS", "Protocol"]

Protocol = Literal["v1", "v2", "plain"]

TALKS: dict[Protocol, Callable[[Settings], AnyTalk]] = {"v1": Talk, "v2": TalkV2, "plain": PlainTalk}
"""The host's end of each transport."""
