"""Links over real ptys and sockets: what arrives, what a lost line looks like, and which addresses make sense."""

from __future__ import annotations

import os
import socket
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from fiscal.live.converse import converse
from fiscal.live.links import LineLost, Link, SerialLink, TcpLink, check_address, open_link, split_tcp
from fiscal.registers.conversation import (
    Blame,
    Conversation,
    Pause,
    Receive,
    Refused,
    Seen,
    Send,
    ShiftState,
    Unknown,
)

SEEN = Seen(ShiftState.CLOSED, 0, 0, "", 3, 0, 0, 0, True, 0)


class Pty:
    """The device's end of a pseudo terminal."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.name = os.ttyname(self.slave)

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def got(self) -> bytes:
        return os.read(self.master, 100)

    def unplug(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            os.close(self.slave)
            self.master = -1


class Tcp:
    """The device's end of a connection."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.name = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.peer: socket.socket | None = None

    def accepted(self) -> socket.socket:
        if self.peer is None:
            self.peer = self.listener.accept()[0]
        return self.peer

    def send(self, data: bytes) -> None:
        self.accepted().sendall(data)

    def got(self) -> bytes:
        return self.accepted().recv(100)

    def unplug(self) -> None:
        self.accepted().close()
        self.listener.close()


@pytest.fixture(params=[Pty, Tcp])
def line(request: pytest.FixtureRequest) -> Iterator[tuple[Link, Pty | Tcp]]:
    device = request.param()
    link = open_link(device.name)
    yield link, device
    link.close()
    device.unplug()


def test_bytes_go_both_ways(line: tuple[Link, Pty | Tcp]) -> None:
    link, device = line
    every = bytes(range(256))
    link.write(every)
    got = b""
    while len(got) < 256:
        got += device.got()
    assert got == every
    device.send(every)
    got = b""
    while len(got) < 256:
        got += link.read(1.0)
    assert got == every


def test_silence_ends_after_the_timeout(line: tuple[Link, Pty | Tcp]) -> None:
    link, _ = line
    for timeout in (0.02, 0.15, 0.02):
        start = time.monotonic()
        assert link.read(timeout) == b""
        assert timeout * 0.9 <= time.monotonic() - start < timeout + 0.5


def test_unplugging_is_a_lost_line(line: tuple[Link, Pty | Tcp]) -> None:
    link, device = line
    link.write(b"x")
    device.got()
    device.unplug()
    with pytest.raises(LineLost) as caught:
        for _ in range(5):
            link.read(0.1)
    assert device.name in str(caught.value)
    with pytest.raises(LineLost):
        for _ in range(5):
            link.write(b"y")
            time.sleep(0.02)
    link.close()
    link.close()
    with pytest.raises(LineLost):
        open_link(device.name)


@pytest.mark.parametrize("make", [Pty, Tcp])
def test_closing_under_use_is_a_lost_line(make: type[Pty] | type[Tcp]) -> None:
    device = make()
    link = open_link(device.name)
    if isinstance(device, Tcp):
        device.accepted()
    link.close()
    with pytest.raises(LineLost):
        link.read(0.2)
    with pytest.raises(LineLost):
        link.write(b"x")
    device.unplug()


def test_a_port_is_opened_once(line: tuple[Link, Pty | Tcp]) -> None:
    link, device = line
    if isinstance(link, TcpLink):
        pytest.skip("a TCP port decides itself")
    with pytest.raises(LineLost, match="in use by another program"):
        SerialLink(device.name)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/dev/nothing-here", "no such file or directory"),
        ("tcp://127.0.0.1:1", "connection refused"),
        (str(Path(__file__)), "cannot open"),
    ],
)
def test_nothing_there(address: str, says: str) -> None:
    with pytest.raises(LineLost, match=says) as caught:
        open_link(address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "empty"),
        ("tcp://host", "expected tcp://HOST:PORT"),
        ("tcp://host:port", "not a port number"),
        ("tcp://host:70000", "not a port number"),
        ("socket://x:1", "unknown kind"),
    ],
)
def test_addresses_that_make_no_sense(address: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_address(address)


def test_addresses_that_do() -> None:
    for address in ("COM3", "/dev/ttyUSB0", "./kkt1", "tcp://192.0.2.1:7778", "tcp://[::1]:7778"):
        check_address(address)
    assert split_tcp("tcp://[::1]:7778") == ("::1", 7778)


def asks(gives_up: bool = False, acts: bool = False) -> Conversation:
    try:
        yield Send(b"?", command=acts)
        answer = yield Receive(300_000)
        yield Pause(1000)
        if answer == b"!":
            return SEEN
        return Unknown(f"heard {answer!r}")
    except LineLost:
        if gives_up:
            raise
        return Unknown("the driver saw it")


def test_a_conversation_gets_its_answer(line: tuple[Link, Pty | Tcp]) -> None:
    link, device = line
    device.send(b"!")
    told: list[tuple[str, bytes]] = []
    assert converse(link, asks(), lambda way, data: told.append((way, data))) == SEEN
    assert told == [(">", b"?"), ("<", b"!")]
    assert converse(link, asks()) == Unknown("heard b''")


def test_a_lost_line_reaches_the_driver(line: tuple[Link, Pty | Tcp]) -> None:
    link, device = line
    if isinstance(device, Tcp):
        device.accepted()
    device.unplug()
    assert converse(link, asks()) == Unknown("the driver saw it")
    given_up = converse(link, asks(gives_up=True))
    assert isinstance(given_up, Refused)
    assert given_up.blame is Blame.LINE
    assert isinstance(converse(link, asks(gives_up=True, acts=True)), Unknown)
