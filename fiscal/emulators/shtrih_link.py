"""The device's end of Shtrih-M protocol version 1: when a byte is answered with ACK, with NAK, with the last answer again, or not at all.

The rules are those of the vendor's flow chart, kept here as data (`CHART`): a state and what came give the next state and the reply. Two
of them carry the protocol's promise. A command is confirmed *before* it is executed; and its answer is kept until the host has
confirmed it, so that a host that lost it asks with ENQ and gets the same bytes again. After power-up nothing is kept.

A whole frame that arrives in one chunk is taken at once; the chart is walked byte by byte only where the line misbehaves.
Source: reference sheet, section 1.1.
"""

from __future__ import annotations

from enum import IntEnum

from fiscal.registers.shtrih import frames

__all__ = ["CHART", "Came", "Link", "State"]


class State(IntEnum):
    """Where the device stands in the exchange."""

    WAIT_ENQ = 0  # after power-up: only ENQ wakes it
    WAIT_STX = 1  # ready for a command
    WAIT_LEN = 2
    BODY = 3  # collecting payload and checksum
    EXECUTING = 4  # the command is confirmed, the answer is in work
    WAIT_CONFIRM = 5  # the answer is sent, the host has not confirmed it
    WAIT_ENQ2 = 6  # it was not confirmed: only ENQ counts, and replays it


class Came(IntEnum):
    """What happened on the line."""

    OTHER = 0
    STX = 2
    ENQ = 5
    ACK = 6
    TIMEOUT = 256
    LENGTH = 257  # a plausible length byte
    GOOD = 258  # payload and a right checksum
    BAD = 259  # an impossible length or a wrong checksum
    ANSWER = 260  # the command has been executed


S, C = State, Came
CHART: dict[tuple[State, Came], tuple[State, bytes]] = {
    (S.WAIT_ENQ, C.ENQ): (S.WAIT_STX, frames.NAK),
    (S.WAIT_ENQ, C.OTHER): (S.WAIT_ENQ, b""),
    (S.WAIT_STX, C.STX): (S.WAIT_LEN, b""),
    (S.WAIT_STX, C.OTHER): (S.WAIT_STX, frames.NAK),  # ENQ as well: "waiting for a command"
    (S.WAIT_LEN, C.LENGTH): (S.BODY, b""),
    (S.WAIT_LEN, C.BAD): (S.WAIT_STX, frames.NAK),
    (S.WAIT_LEN, C.TIMEOUT): (S.WAIT_STX, frames.NAK),
    (S.BODY, C.GOOD): (S.EXECUTING, frames.ACK),
    (S.BODY, C.BAD): (S.WAIT_STX, frames.NAK),
    (S.BODY, C.TIMEOUT): (S.WAIT_STX, frames.NAK),
    (S.EXECUTING, C.ENQ): (S.EXECUTING, frames.ACK),
    (S.EXECUTING, C.OTHER): (S.EXECUTING, b""),
    (S.EXECUTING, C.ANSWER): (S.WAIT_CONFIRM, b""),
    (S.WAIT_CONFIRM, C.ACK): (S.WAIT_STX, b""),
    (S.WAIT_CONFIRM, C.OTHER): (S.WAIT_ENQ2, b""),
    (S.WAIT_CONFIRM, C.TIMEOUT): (S.WAIT_ENQ2, b""),
    (S.WAIT_ENQ2, C.ENQ): (S.WAIT_CONFIRM, frames.ACK),  # followed by the kept answer
    (S.WAIT_ENQ2, C.OTHER): (S.WAIT_ENQ2, b""),
}
"""(state, what came) -> (next state, reply). A byte without a row of its own counts as `Came.OTHER`."""
del S, C

_WAIT_ENQ, _WAIT_STX, _WAIT_LEN, _BODY, _EXECUTING, _WAIT_CONFIRM, _WAIT_ENQ2 = State
_STRAY_NAK = frames.STRAY + frames.NAK
# The same chart by byte value, for the walk: (state, byte) is looked up here first, (state, OTHER) second.
_BY_BYTE = {(state, int(came)): row for (state, came), row in CHART.items() if came < 256}


class Link:
    """One device's link. `receive` returns the reply bytes; a command that was accepted lies in ``command`` until taken.

    ``stray`` makes it emit the extra ``FF`` of network adapters after the host's confirmation.
    """

    __slots__ = (
        "_answer",
        "_body",
        "_byte_timeout_us",
        "_confirm_timeout_us",
        "_need",
        "_sent_us",
        "command",
        "deadline_us",
        "state",
        "stray",
    )

    def __init__(
        self, byte_timeout_us: int = 100_000, confirm_timeout_us: int = 1_000_000, *, stray: bool = False
    ) -> None:
        self._byte_timeout_us = byte_timeout_us
        self._confirm_timeout_us = confirm_timeout_us
        self.stray = stray
        self.reset()

    def reset(self) -> None:
        """Power-up: nothing is remembered."""
        self.state = State.WAIT_ENQ
        self.command: bytes | None = None
        self.deadline_us: int | None = None
        self._answer = b""
        self._body = bytearray()
        self._need = 0
        self._sent_us = 0

    def set_timeout(self, byte_timeout_us: int) -> None:
        """Command 14h: the pause between two bytes of a frame after which the device gives up."""
        self._byte_timeout_us = byte_timeout_us

    def receive(self, data: bytes, now_us: int) -> bytes:
        """Bytes arrived. Returns what the device puts on the line at once."""
        state = self.state
        if state is _WAIT_CONFIRM:
            if now_us - self._sent_us > self._confirm_timeout_us:
                self.state = _WAIT_ENQ2
            elif data == b"\x06\x05":  # confirmed, and the next question at once
                self.state = _WAIT_STX
                return _STRAY_NAK if self.stray else frames.NAK
            elif data == b"\x06":
                self.state = _WAIT_STX
                return frames.STRAY if self.stray else b""
        elif state is _WAIT_STX:
            if data == b"\x05":
                return frames.NAK
            if data[:1] == b"\x02" and len(data) > 3:
                try:
                    self.command = frames.parse(data)
                except frames.FrameError:
                    pass
                else:
                    self.state = _EXECUTING
                    return frames.ACK
        return self._walk(data, now_us)

    def answer(self, payload: bytes, now_us: int) -> bytes:
        """The command is executed: its answer leaves, and is kept until it is confirmed."""
        self.state = _WAIT_CONFIRM
        self._answer = frame = frames.build(payload)
        self._sent_us = now_us
        return frame

    def timeout(self, now_us: int) -> bytes:
        """The pause inside a frame was too long."""
        if self.deadline_us is None or now_us < self.deadline_us:
            return b""
        self.deadline_us = None
        self.state, reply = CHART[self.state, Came.TIMEOUT]
        return reply

    def _walk(self, data: bytes, now_us: int) -> bytes:
        out = bytearray(self.timeout(now_us))
        for byte in data:
            state = self.state
            if state is _WAIT_LEN:
                came = Came.LENGTH if byte else Came.BAD
                if byte:
                    self._need = byte + 2
                    self._body.clear()
                    self._body.append(byte)
                row = CHART[state, came]
            elif state is _BODY:
                self._body.append(byte)
                if len(self._body) < self._need:
                    continue
                row = self._check()
            else:
                row = _BY_BYTE.get((state, byte)) or _BY_BYTE[state, 0]
            self.state, reply = row
            out += reply
            if state is _WAIT_ENQ2 and self.state is _WAIT_CONFIRM:
                out += self._answer
                self._sent_us = now_us
            elif state is _WAIT_CONFIRM and self.state is _WAIT_STX and self.stray:
                out += frames.STRAY
        self.deadline_us = now_us + self._byte_timeout_us if self.state in (_WAIT_LEN, _BODY) else None
        return bytes(out)

    def _check(self) -> tuple[State, bytes]:
        body = bytes(self._body)
        if frames.lrc(body[:-1]) != body[-1]:
            return CHART[_BODY, Came.BAD]
        self.command = body[1:-1]
        return CHART[_BODY, Came.GOOD]
