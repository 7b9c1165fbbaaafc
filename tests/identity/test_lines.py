"""One driver, one emulator, two lines: what passes over a pseudo terminal in real time is what passes in virtual time, byte for byte."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
import simpy
from shtrih_line import START_S, make_drive, make_driver, make_receipt

from bench.line import VirtualLine
from fiscal.devices import device
from fiscal.emulators import Output
from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.engine.outcomes import Attempt, Found, Recorded
from fiscal.live.converse import converse
from fiscal.live.emulated import EmulatedRegister, PtyEndpoint
from fiscal.live.links import open_link
from fiscal.receipt import mark
from fiscal.registers.conversation import Conversation
from fiscal.registers.shtrih.frames import ACK

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals")
MARK = mark("order-1")


class Tapped:
    """A register with a tap on its line: everything that goes in and out, in order."""

    def __init__(self, register: ShtrihRegister) -> None:
        self.register = register
        self.heard = bytearray()
        self.said = bytearray()

    def receive(self, data: bytes, now_us: int) -> Output:
        self.heard += data
        return self._tap(self.register.receive(data, now_us))

    def wake(self, now_us: int) -> Output:
        return self._tap(self.register.wake(now_us))

    def next_wakeup(self) -> int | None:
        return self.register.next_wakeup()

    def power_off(self, now_us: int) -> None:
        self.register.power_off(now_us)

    def power_on(self, now_us: int) -> None:
        self.register.power_on(now_us)

    def _tap(self, output: Output) -> Output:
        for _, chunk in output:
            self.said += chunk
        return output


def make_tapped() -> Tapped:
    """A register whose clock is at the beginning of a minute: documents know minutes, and both runs take a few seconds of this one."""
    register = ShtrihRegister(device("shtrih-m-01f"), make_drive(), epoch_s=START_S + 60, electronic=True)
    return Tapped(register)


def conversations() -> list[Conversation]:
    """A sale on a closed shift, a search for it, and a sale of more lines than fit a single block."""
    driver = make_driver()
    first = make_receipt(3)
    return [
        driver.fiscalize(first, MARK),
        driver.find(first, Attempt(MARK, 1)),
        driver.fiscalize(make_receipt(12), mark("order-2")),
    ]


def over_a_virtual_line() -> tuple[Tapped, list[Any]]:
    env = simpy.Environment()
    tapped = make_tapped()
    line = VirtualLine(env, tapped, 115_200, 0)
    outcomes: list[Any] = []
    for conversation in conversations():
        line.start(conversation, outcomes.append)
        env.run()
    return tapped, outcomes


def over_a_pseudo_terminal(folder: Path) -> tuple[Tapped, list[Any]]:
    tapped = make_tapped()
    emulated = EmulatedRegister(tapped, PtyEndpoint(folder / "kkt")).start()
    try:
        link = open_link(emulated.address)
        try:
            outcomes: list[Any] = [converse(link, conversation) for conversation in conversations()]
            until = time.monotonic() + 5.0
            while not tapped.heard.endswith(ACK) and time.monotonic() < until:
                time.sleep(0.01)  # the last confirmation is still on its way
        finally:
            link.close()
    finally:
        emulated.stop()
    assert emulated.failure == ""
    return tapped, outcomes


def test_the_same_bytes_pass_in_real_and_in_virtual_time(tmp_path: Path) -> None:
    virtual, expected = over_a_virtual_line()
    real, outcomes = over_a_pseudo_terminal(tmp_path)
    assert [type(outcome) for outcome in expected] == [Recorded, Found, Recorded]
    assert outcomes == expected
    assert bytes(real.heard) == bytes(virtual.heard)
    assert bytes(real.said) == bytes(virtual.said)
    assert len(virtual.heard) > 1_000
    assert real.register.drive.last_document == virtual.register.drive.last_document == 4
