"""The queues of many drives to one operator, settled when somebody looks.

In virtual time nothing has to happen at the very moment a message travels: drive and operator are asked now and then, and by then have to
stand where they would stand. So the exchange - the same messages, answers and confirmations as on a real connection - is carried out
when somebody looks, each step with the moment at which it would have happened. Looking often or seldom makes no difference, as long as
the operator's account and outages are not changed for moments that have passed.

A message is sent when the document is recorded and the one before is confirmed. Where the operator is away, when it leaves or when the
answer comes, it is sent (again) at the end of the outage.
"""

from __future__ import annotations

from fiscal.emulators.drive import Drive, DriveError
from fiscal.emulators.operator import OperatorServer
from fiscal.emulators.operator_port import DrivePort

RETRY_US = 60_000_000
"""The wait after an answer that was none: not paid, not recognised. *Assumed.*"""


class _Queue:
    __slots__ = ("answer", "at_us", "connection", "free_us", "port")

    def __init__(self, port: DrivePort, server: OperatorServer) -> None:
        self.port = port
        self.connection = server.connect()
        self.free_us = 0  # nothing is sent before
        self.at_us = 0
        self.answer = b""  # under way, arrives at at_us


class OperatorQueues:
    """``server`` tells delays (`OperatorProfile.reply_us` is the whole way there and back) and outages; its ``epoch_s`` is the wall
    clock when the host's clock shows 0 microseconds."""

    def __init__(self, server: OperatorServer, retry_us: int = RETRY_US) -> None:
        self.server = server
        self._retry_us = max(1, retry_us)
        self._queues: dict[str, _Queue] = {}

    def port(self, drive: Drive) -> DrivePort:
        """The drive's side of the exchange. A register tells its status from it, so share it: a second port would not know that an answer
        is awaited."""
        return self._queue(drive).port

    def settle(self, drive: Drive, clock_offset_s: int, now_us: int) -> None:
        """Everything that would have happened between ``drive`` and the operator by now. Its register's clock may be off."""
        queue = self._queues.get(drive.serial)
        if queue is None or queue.port.drive is not drive:
            queue = self._queue(drive)
        while True:
            if not queue.answer:
                head = drive.head
                if head is None:
                    return
                recorded_us = (head.time_s - self.server.epoch_s - clock_offset_s) * 1_000_000
                if not self._send(queue, max(queue.free_us, min(recorded_us, now_us), 0), now_us):
                    return
            if queue.at_us > now_us:
                return
            self._take(queue)

    def _queue(self, drive: Drive) -> _Queue:
        queue = self._queues.get(drive.serial)
        if queue is None or queue.port.drive is not drive:
            free_us = 0 if queue is None else queue.free_us
            queue = self._queues[drive.serial] = _Queue(DrivePort(drive), self.server)
            queue.port.connect()
            queue.free_us = free_us
        return queue

    def _end_of_outage(self, at_us: int) -> int:
        """When the operator is there again, ``at_us`` itself when he is."""
        for begin_us, end_us, _ in self.server.profile.outages:
            if begin_us <= at_us < end_us:
                return end_us
        return at_us

    def _send(self, queue: _Queue, at_us: int, now_us: int) -> bool:
        """Send the head of the queue; whether an answer is under way."""
        outages = self.server.profile.outages
        while at_us <= now_us:
            message = queue.port.message()
            assert message is not None  # the caller has seen the head
            connection = queue.connection
            output = connection.receive(message, at_us)
            if connection.closing_us is not None:
                queue.connection = self.server.connect()
            if output:
                queue.at_us, queue.answer = output[0]
                return True
            end_us = self._end_of_outage(at_us) if outages else at_us
            at_us = end_us if end_us > at_us else at_us + self._retry_us
        queue.free_us = at_us
        return False

    def _take(self, queue: _Queue) -> None:
        """The answer arrives, unless the operator went away meanwhile."""
        at_us = queue.at_us
        answer = queue.answer
        queue.answer = b""
        queue.free_us = at_us
        if self.server.profile.outages:
            end_us = self._end_of_outage(at_us)
            if end_us > at_us:
                queue.free_us = end_us
                queue.connection = self.server.connect()
                return
        try:
            queue.port.ticket(answer, self.server.epoch_s + at_us // 1_000_000)
        except DriveError:
            queue.free_us = at_us + self._retry_us
