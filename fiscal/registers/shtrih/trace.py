"""An exchange with a Shtrih-M register, readable: what went over the line, with commands and fields by name.

For people at the bench and for a log of errors. The decoder never fails: what it cannot read it shows as bytes. Versions 1 and 2 of the
protocol are told apart by how a chunk begins; plain transfer looks like version 1 at first sight and has to be announced.
"""

from __future__ import annotations

from typing import Any

from fiscal.registers.shtrih import frames, frames_v2
from fiscal.registers.shtrih.commands import COMMANDS, MODES, SUBMODES, code_of
from fiscal.registers.shtrih.errors import error
from fiscal.registers.shtrih.layouts import LayoutError

__all__ = ["Trace", "decode_frame", "decode_payload", "describe_commands"]

_NUMBERED = b"\x8f"
_CONTROL = {b"\x05": "ENQ", b"\x06": "ACK", b"\x15": "NAK", b"\xff": "stray FF"}
_SECRET = "password"


def decode_payload(payload: bytes, *, request: bool | None = None) -> str:
    """One line for the payload of a frame. Without ``request`` the direction is guessed from the length."""
    code = code_of(payload)
    command = COMMANDS.get(code)
    if command is None:
        return f"unknown command {payload[:2].hex(' ').upper()}: {payload.hex(' ')}"
    name = f"{code:02X} {command.name}"
    at = len(command.prefix)
    if request is None:
        request = _fits(command.request.size, payload, at) and not (
            _fits(command.reply.size, payload, at + 1) and payload[at : at + 1] == b"\0"
        )
        if len(payload) == at + 1 and payload[at]:
            request = False
    if not request:
        if len(payload) <= at:
            return f"{name}: cut short"
        if payload[at]:
            return f"{name}: error {payload[at]:02X}h, {error(payload[at]).meaning}"
        at += 1
    try:
        values = (command.request if request else command.reply).named(payload, at)
    except LayoutError:
        return f"{name}: {payload[at:].hex(' ')}"
    shown = ", ".join(f"{key}={_shown(key, value)}" for key, value in values.items() if value is not None)
    return f"{name}{' ' if request else ' ok '}({shown})"


def _fits(size: int, payload: bytes, at: int) -> bool:
    return len(payload) - at >= size


def _shown(key: str, value: Any) -> str:
    if key == _SECRET:
        return "*"
    if key == "mode":
        return f"{value} {MODES.get(value & 0x0F, 'unknown')}"
    if key == "submode":
        return f"{value} {SUBMODES.get(value, 'unknown')}"
    if isinstance(value, bytes):
        return value.hex(" ") or "empty"
    return repr(value) if isinstance(value, str) else str(value)


def decode_frame(raw: bytes, *, request: bool | None = None) -> str:
    """One line for a control byte or a whole frame."""
    if raw in _CONTROL:
        return _CONTROL[raw]
    if raw[:1] == _NUMBERED:
        try:
            return _numbered(frames_v2.parse(raw), request)
        except frames.FrameError as why:
            return f"{raw.hex(' ')} ({why})"
    try:
        payload = frames.parse(raw)
    except frames.FrameError as why:
        return f"{raw.hex(' ')} ({why})"
    return decode_payload(payload, request=request)


def _numbered(frame: frames_v2.Frame, request: bool | None) -> str:
    number, data = frame
    if number is None:
        return "which number was last?"
    return f"#{number} {decode_payload(data, request=request) if data else 'nothing to repeat'}"


class Trace:
    """Collects an exchange chunk by chunk as readable lines: ``>`` from the host, ``<`` from the register.

    ``plain`` announces plain transfer.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain
        self._readers = {">": frames.FrameReader(), "<": frames.FrameReader()}
        self._numbered = {">": frames_v2.FrameReader(), "<": frames_v2.FrameReader()}

    def feed(self, direction: str, chunk: bytes) -> list[str]:
        """The lines that this chunk completes."""
        request = direction == ">"
        if self._plain:
            if len(chunk) > 2 and chunk[0] == 2 and chunk[1] == len(chunk) - 2:
                return [f"{direction} {decode_payload(chunk[2:], request=request)}"]
            return [f"{direction} {chunk.hex(' ')}"] if chunk else []
        numbered = self._numbered[direction]
        if numbered.begun or (chunk[:1] == _NUMBERED and not self._readers[direction].pending):
            return [
                f"{direction} {_numbered(frame, request) if frame else 'a damaged frame'}"
                for frame in numbered.feed(chunk)
            ]
        lines = []
        for kind, data in self._readers[direction].feed(chunk):
            if kind == "frame":
                lines.append(f"{direction} {decode_payload(data, request=direction == '>')}")
            elif kind == "control":
                lines.append(f"{direction} {_CONTROL.get(data, data.hex())}")
            else:
                lines.append(f"{direction} {data.hex(' ')} (wrong checksum)")
        return lines


def describe_commands() -> list[dict[str, str]]:
    """The command table for documentation: one row a command."""
    return [
        {
            "code": f"{command.code:02X}",
            "name": command.name,
            "request": command.request.text,
            "reply": command.reply.text,
            "modes": "any"
            if command.modes == 0xFFFF
            else " ".join(str(mode) for mode in range(16) if command.modes >> mode & 1),
            "prints": "yes" if command.prints else "",
            "again": "yes" if command.repeatable else "",
        }
        for command in COMMANDS.values()
    ]
