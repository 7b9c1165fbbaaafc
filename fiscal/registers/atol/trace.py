"""An exchange with an ATOL register, readable: packets and sessions, tasks and their results, commands and fields by name.

For people at the bench and for a trace log. The decoder never fails: what it cannot read it shows as bytes. In transport 3 a result comes
apart from its command, so the decoder remembers which task carries which command; in transport 2 the answer belongs to the command before
it. Everything it says of a command stands in the table of commands that driver and emulator use.
"""

from __future__ import annotations

from typing import Any

from fiscal.registers.atol.commands import COMMANDS, Command, code_of
from fiscal.registers.atol.errors import error
from fiscal.registers.atol.frames import ASYNC_ID, Packet, PacketReader
from fiscal.registers.atol.frames_v2 import SessionReader
from fiscal.registers.atol.layouts import LayoutError

__all__ = ["Trace", "decode_answer", "decode_command"]

_PASSWORD = 2
_ADD, _ACKNOWLEDGE, _ASK, _ABORT, _ACKNOWLEDGE_AND_ADD = 0xC1, 0xC2, 0xC3, 0xC4, 0xC5
_BUFFER = {_ACKNOWLEDGE: "acknowledge", _ASK: "ask for", _ABORT: "abort all tasks"}
_STATES = {
    0xA1: "pending",
    0xA2: "in progress",
    0xA3: "result",
    0xA4: "failed",
    0xA5: "stopped by an earlier failure",
    0xA6: "result",
    0xA7: "failed",
    0xA8: "waits for another device",
    0xB1: "refused: the buffer is full",
    0xB2: "refused: the task exists already",
    0xB3: "refused: there is no such task",
    0xB4: "refused: a wrong value",
}
_CARRIES_ANSWER = frozenset((0xA3, 0xA4))
_CARRIES_TASK = frozenset((0xA6, 0xA7))
_CONTROL = {b"\x04": "EOT", b"\x05": "ENQ", b"\x06": "ACK", b"\x15": "NAK"}


def decode_command(payload: bytes) -> tuple[Command | None, str]:
    """A command (password in front) and one line about it."""
    body = payload[_PASSWORD:]
    command = COMMANDS.get(code_of(body))
    if command is None:
        return None, f"unknown command {body[:2].hex(' ').upper()}: {payload.hex(' ')}"
    try:
        values = command.request.named(body, len(command.prefix))
    except LayoutError:
        return command, f"{_name(command)}: {body.hex(' ')}"
    return command, f"{_name(command)} ({_fields(values)})"


def decode_answer(command: Command | None, answer: bytes) -> str:
    """One line about the answer to a command."""
    if command is None:
        return answer.hex(" ") or "nothing"
    head = command.head
    if not answer.startswith(head):
        if len(answer) > 1 and answer[0] == 0x55:
            return f"{_name(command)}: error {answer[1]:02X}h, {error(answer[1]).meaning}"
        return f"{_name(command)}: {answer.hex(' ') or 'nothing'}"
    try:
        values = command.reply.named(answer, len(head))
    except LayoutError:
        return f"{_name(command)}: {answer[len(head) :].hex(' ')}"
    return f"{_name(command)} ok ({_fields(values)})"


def _name(command: Command) -> str:
    return f"{command.code:02X} {command.name}"


def _fields(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={_shown(key, value)}" for key, value in values.items() if value is not None)


def _shown(key: str, value: Any) -> str:
    if key == "password":
        return "*"
    if isinstance(value, bytes):
        return value.hex(" ") or "empty"
    return repr(value) if isinstance(value, str) else str(value)


class Trace:
    """Collects an exchange chunk by chunk as readable lines: ``>`` from the host, ``<`` from the register. ``transport``: v3 or v2."""

    def __init__(self, transport: str = "v3") -> None:
        self._packets = {">": PacketReader(), "<": PacketReader()}
        self._sessions = {">": SessionReader(), "<": SessionReader()}
        self._feed = self._feed_v2 if transport == "v2" else self._feed_v3
        self._commands: dict[int, Command | None] = {}  # by task
        self._tasks: dict[int, int] = {}  # by packet: the task it spoke of
        self._last: Command | None = None

    def feed(self, direction: str, chunk: bytes) -> list[str]:
        """The lines that this chunk completes."""
        return [f"{direction} {line}" for line in self._feed(direction, chunk)]

    # --- transport 3 -------------------------------------------------------------------------------------------------

    def _feed_v3(self, direction: str, chunk: bytes) -> list[str]:
        lines = []
        for packet in self._packets[direction].feed(chunk):
            if not packet.good:
                lines.append(f"#{packet.id:02X} a damaged packet")
            elif not packet.data:
                lines.append(f"#{packet.id:02X} repeat the packet")
            elif direction == ">":
                lines.append(f"#{packet.id:02X} {self._from_host(packet)}")
            else:
                lines.append(f"#{packet.id:02X} {self._from_register(packet)}")
        return lines

    def _from_host(self, packet: Packet) -> str:
        data = packet.data
        what = data[0]
        if what in (_ADD, _ACKNOWLEDGE_AND_ADD) and len(data) > 3:
            at = 1 if what == _ADD else 2
            flags, task, payload = data[at], data[at + 1], data[at + 2 :]
            self._tasks[packet.id] = task
            self._commands[task], line = decode_command(payload)
            first = "" if what == _ADD else f"acknowledge task {data[1]:02X}, "
            return f"{first}add task {task:02X} flags {flags:02X}: {line}"
        if what in _BUFFER:
            if len(data) == 1:
                return _BUFFER[what]
            self._tasks[packet.id] = data[1]
            return f"{_BUFFER[what]} task {data[1]:02X}"
        return data.hex(" ")

    def _from_register(self, packet: Packet) -> str:
        data = packet.data
        state = _STATES.get(data[0])
        if state is None:
            return data.hex(" ")
        if data[0] in _CARRIES_TASK and len(data) > 1:
            unasked = "" if packet.id == ASYNC_ID else " (in answer)"
            answer = decode_answer(self._commands.get(data[1]), data[2:])
            return f"{state} of task {data[1]:02X}{unasked}: {answer}"
        if data[0] in _CARRIES_ANSWER and len(data) > 1:
            return f"{state}: {decode_answer(self._commands.get(self._tasks.get(packet.id, -1)), data[1:])}"
        return state if len(data) == 1 else f"{state} {data[1:].hex(' ')}"

    # --- transport 2 -------------------------------------------------------------------------------------------------

    def _feed_v2(self, direction: str, chunk: bytes) -> list[str]:
        lines = []
        for kind, data in self._sessions[direction].feed(chunk):
            if kind == "control":
                lines.append(_CONTROL.get(data, data.hex()))
            elif kind == "bad":
                lines.append(f"{data.hex(' ')} (wrong checksum)")
            elif direction == ">":
                self._last, line = decode_command(data)
                lines.append(line)
            else:
                lines.append(decode_answer(self._last, data))
        return lines
