"""The fiscal data operator of a run, as far as a register notices it: documents are confirmed one by one, in order, unless it is away."""

from __future__ import annotations

from collections.abc import Sequence

from fiscal.emulators.drive import Drive


class Operator:
    """Confirms documents ``delay_us`` after they were recorded, one at a time for each drive; during an outage nothing gets through.

    Nothing needs to happen at the very moment: the state is settled when somebody looks.
    """

    def __init__(self, delay_us: int, outages: Sequence[tuple[int, int]], start_s: int) -> None:
        self._delay_us = delay_us
        self._outages = sorted(outages)
        self._start_s = start_s
        self._free_us: dict[str, int] = {}

    def settle(self, drive: Drive, clock_offset_s: int, now_us: int) -> None:
        """Confirm everything of ``drive`` that the operator would have confirmed by now. Its register's clock may be off."""
        head = drive.head
        while head is not None:
            recorded_us = (head.time_s - self._start_s - clock_offset_s) * 1_000_000
            at_us = max(self._free_us.get(drive.serial, 0), min(recorded_us, now_us)) + self._delay_us
            for begin_us, end_us in self._outages:
                if begin_us <= at_us < end_us:
                    at_us = end_us + self._delay_us
            if at_us > now_us:
                return
            self._free_us[drive.serial] = at_us
            drive.confirm(head.document, self._start_s + at_us // 1_000_000)
            head = drive.head
