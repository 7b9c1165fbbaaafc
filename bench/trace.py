"""The trace of a run: every exchange with the registers in virtual time, as bytes and in words.

The same lines the live host writes, with the shop's clock of the scenario in front. Writing them costs time; without ``--trace`` nothing
of it happens. Buyers' addresses are masked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from fiscal.makes import MAKES, line_of

if TYPE_CHECKING:
    from bench.simulate import Simulation


def stamp(start_s: int, at_us: int) -> str:
    """The shop's clock at a moment of the run."""
    moment = datetime.fromtimestamp(start_s + at_us // 1_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{at_us % 1_000_000:06}"


def attach(simulation: Simulation, out: TextIO, registers: Iterable[str] = ()) -> None:
    """Write the exchanges of these registers (all, when none is named) to ``out`` while the run goes on.

    Raises ValueError for a name the farm does not have, and for fidelity ``timed``, which has no exchanges.
    """
    from bench.seats import WireSeat

    wanted = set(registers)
    unknown = wanted - {seat.name for seat in simulation.seats}
    if unknown:
        there = ", ".join(seat.name for seat in simulation.seats)
        raise ValueError(f"no register {sorted(unknown)[0]!r}; there are: {there}")
    start_s = simulation.scenario.start_s
    for seat in simulation.seats:
        if not isinstance(seat, WireSeat):
            raise ValueError("fidelity timed has no exchanges to trace; use wire")
        if not wanted or seat.name in wanted:
            words = MAKES[seat.make].words(seat.protocol)

            def tell(at_us: int, direction: str, data: bytes, name: str = seat.name, words=words) -> None:  # type: ignore[no-untyped-def]
                out.write(line_of(stamp(start_s, at_us), name, direction, data, words) + "\n")

            seat.line.trace = tell
