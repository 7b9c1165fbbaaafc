"""The device's end of ATOL transport version 3: a buffer of tasks behind packets.

The host puts a task in (Add), the register works the buffer off in order and says the result by itself, in a
packet with the id F0; the host confirms it (Ack), and the place is free. A result that was lost is asked for
(Req). So an answer can be lost and no command is ever carried out twice: a task whose number is taken is not
taken again. After power-up the buffer is empty. Source: reference sheet, section 1.2.
"""

from __future__ import annotations

from collections import deque

from fiscal.registers.atol.frames import ASYNC_ID, ID_LIMIT, PacketReader, build, build_often

__all__ = ["BUFFER", "PacketLink"]

ADD, ACK, REQ, ABORT, ACK_ADD = 0xC1, 0xC2, 0xC3, 0xC4, 0xC5
PENDING, IN_PROGRESS, RESULT, ERROR, STOPPED = 0xA1, 0xA2, 0xA3, 0xA4, 0xA5
ASYNC_RESULT, ASYNC_ERROR = 0xA6, 0xA7
OVERFLOW, EXISTS, NOT_FOUND, ILLEGAL = 0xB1, 0xB2, 0xB3, 0xB4

NEED_RESULT, IGNORE_ERROR, WAIT_ASYNC = 1, 2, 4
BUFFER = 32
"""So many tasks fit (*assumed*: the sheet has no figure)."""

_ONLY_DONE = 2
"""Size of an answer that says no more than that it is done."""
_STATE = tuple(bytes((n,)) for n in range(256))


class _Task:
    __slots__ = ("answer", "flags", "payload", "state")

    def __init__(self, flags: int, payload: bytes) -> None:
        self.flags = flags
        self.payload = payload
        self.state = PENDING
        self.answer = b""


class PacketLink:
    """One device's link. `receive` returns the reply bytes; `take` gives the next task to carry out, `done` what
    leaves when it is."""

    __slots__ = ("_queue", "_reader", "_running", "_tasks")

    deadline_us: int | None = None
    """This transport waits for nothing."""

    def __init__(self) -> None:
        self._reader = PacketReader()
        self.reset()

    def reset(self) -> None:
        """Power-up: nothing is remembered."""
        self._reader.reset()
        self._tasks: dict[int, _Task] = {}
        self._queue: deque[int] = deque()
        self._running = -1

    def timeout(self, now_us: int) -> bytes:
        return b""

    def receive(self, data: bytes, now_us: int) -> bytes:
        """Bytes arrived. Returns what the device puts on the line at once."""
        out = b""
        for id_, body, good in self._reader.feed(data):
            if id_ < ID_LIMIT and (body or not good):
                said = self._obey(body) if good else b""  # an empty one means "repeat it"
                out += build_often(id_, said) if len(said) <= 1 else build(id_, said)
        return out

    def take(self) -> bytes | None:
        """The next task begins, unless one is under way. Returns its payload."""
        if self._running >= 0 or not self._queue:
            return None
        self._running = number = self._queue.popleft()
        task = self._tasks[number]
        task.state = IN_PROGRESS
        return task.payload

    def done(self, answer: bytes, good: bool, now_us: int) -> bytes:
        """The task under way is done. Returns the packet that says so, if the host wants to know."""
        number = self._running
        self._running = -1
        task = self._tasks.get(number)
        if task is None:
            return b""  # dropped meanwhile
        if not good and not task.flags & IGNORE_ERROR:
            for waiting in self._queue:
                self._tasks[waiting].state = STOPPED
            self._queue.clear()
        if not task.flags & NEED_RESULT:
            del self._tasks[number]
            return b""
        task.state = RESULT if good else ERROR
        task.answer = answer
        said = _STATE[ASYNC_RESULT if good else ASYNC_ERROR] + _STATE[number] + answer
        return build_often(ASYNC_ID, said) if len(answer) == _ONLY_DONE else build(ASYNC_ID, said)

    def _obey(self, body: bytes) -> bytes:
        code = body[0]
        if code == ADD:
            return self._add(body, 1)
        if code == ACK and len(body) == 2:
            return self._ack(body[1])
        if code == REQ and len(body) == 2:
            task = self._tasks.get(body[1])
            return _STATE[NOT_FOUND] if task is None else _STATE[task.state] + task.answer
        if code == ABORT:
            self._tasks.clear()
            self._queue.clear()
            return _STATE[RESULT]
        if code == ACK_ADD and len(body) > 2:
            self._ack(body[1])
            return self._add(body, 2)
        return bytes((ILLEGAL, 0))

    def _add(self, body: bytes, at: int) -> bytes:
        if len(body) < at + 3:
            return bytes((ILLEGAL, 0))
        flags, number = body[at], body[at + 1]
        if flags > 7:
            return bytes((ILLEGAL, 0))
        if number >= ID_LIMIT:
            return bytes((ILLEGAL, 1))
        tasks = self._tasks
        if number in tasks:
            return _STATE[EXISTS]
        if len(tasks) >= BUFFER:
            return _STATE[OVERFLOW]
        tasks[number] = _Task(flags, body[at + 2 :])
        self._queue.append(number)
        return _STATE[PENDING]

    def _ack(self, number: int) -> bytes:
        task = self._tasks.get(number)
        if task is None:
            return _STATE[NOT_FOUND]
        if task.state in (PENDING, IN_PROGRESS):
            return _STATE[task.state]
        del self._tasks[number]
        return _STATE[RESULT]
