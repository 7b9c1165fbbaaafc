"""From the engine's task to a driver's conversation: one table, the same for both hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fiscal.engine.events import (
    CloseDrive,
    CloseShift,
    Find,
    FindReport,
    Fiscalize,
    OpenShift,
    Probe,
    ReadMessage,
    ReadTotals,
    RegisterDrive,
    SetClock,
    Task,
    WriteAnswer,
)
from fiscal.registers.conversation import Conversation, Driver

START: dict[type[Task], Callable[[Driver, Any, int], Conversation]] = {
    Fiscalize: lambda driver, task, wall_s: driver.fiscalize(task.receipt, task.mark),
    Find: lambda driver, task, wall_s: driver.find(task.receipt, task.attempt),
    OpenShift: lambda driver, task, wall_s: driver.open_shift(),
    CloseShift: lambda driver, task, wall_s: driver.close_shift(),
    FindReport: lambda driver, task, wall_s: driver.find_report(),
    Probe: lambda driver, task, wall_s: driver.probe(),
    SetClock: lambda driver, task, wall_s: driver.set_clock(wall_s),
    ReadTotals: lambda driver, task, wall_s: driver.read_totals(task.paper),
    ReadMessage: lambda driver, task, wall_s: driver.read_message(),
    WriteAnswer: lambda driver, task, wall_s: driver.write_answer(task.answer),
    CloseDrive: lambda driver, task, wall_s: driver.close_drive(),
    RegisterDrive: lambda driver, task, wall_s: driver.register_drive(),
}


def start(driver: Driver, task: Task, wall_s: int) -> Conversation:
    """The conversation that carries out ``task``. ``wall_s`` is the local wall clock now, seconds, as tag 1012 counts."""
    return START[type(task)](driver, task, wall_s)
