"""Whatever bytes come: nothing raises, nothing grows without bound, and no receipt is lost or made twice."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shtrih_line import SITE, Line, make_driver, make_receipt, make_register

from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    Found,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftOpened,
    Unknown,
)
from fiscal.registers.conversation import Conversation, Receive, Send, Settings
from fiscal.registers.shtrih import Facts, ShtrihDriver, frames, frames_v2
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.talk_plain import frame_of
from fiscal.registers.shtrih.trace import Trace, decode_frame, decode_payload

SETTINGS = settings(derandomize=True, deadline=None, max_examples=120)

FRAMES = [frames.build(command.prefix + b"\x1e\0\0\0") for command in COMMANDS.values()]
REPLIES = [frames.build(command.prefix + b"\0" + bytes(command.reply.size)) for command in COMMANDS.values()]

noise = st.binary(max_size=40)
pieces = st.lists(
    st.one_of(
        noise,
        st.sampled_from(FRAMES),
        st.sampled_from(REPLIES),
        st.sampled_from([b"\x05", b"\x06", b"\x15", b"\xff", b"\x02"]),
    ),
    max_size=30,
)

PROTOCOLS: list[Any] = ["v1", "v2", "plain"]
V2_FRAMES = [
    frames_v2.build(number, payload)
    for number in (0, 1, 2, 3, 4, 7)
    for payload in (
        b"",
        b"\x10\x1e\0\0\0",
        b"\xff\x45\0",
        b"\x10\0" + bytes(14),
        b"\xfc",
        b"\x8d\x1e\0\0\0\0",
    )
]
PLAIN_FRAMES = [frame_of(command.prefix + b"\x1e\0\0\0") for command in COMMANDS.values()]
v2_pieces = st.lists(
    st.one_of(
        noise,
        st.sampled_from(V2_FRAMES),
        st.sampled_from(PLAIN_FRAMES),
        st.sampled_from([frames_v2.SYNC, b"\x8f", b"\x9f", b"\x8f\xff\xff", b"\x02"]),
    ),
    max_size=30,
)


@given(st.integers(0, 0xFFFF), st.binary(max_size=300))
@SETTINGS
def test_every_payload_survives_the_numbered_frame(number: int, data: bytes) -> None:
    raw = frames_v2.build(number, data)
    assert raw.count(b"\x8f") == 1
    assert frames_v2.parse(raw) == (number, data)


@given(st.binary(max_size=300), st.integers(1, 9), st.sampled_from(V2_FRAMES))
@SETTINGS
def test_the_numbered_reader_keeps_little_and_finds_the_frame_behind_any_noise(
    data: bytes, step: int, frame: bytes
) -> None:
    reader = frames_v2.FrameReader()
    stream = data + frame
    events = [event for at in range(0, len(stream), step) for event in reader.feed(stream[at : at + step])]
    assert reader.kept <= frames_v2.MAX_DATA + 6
    assert frames_v2.parse(frame) in events, "a bare 8F begins a frame, whatever was before"
    assert len(events) <= len(stream)


@given(st.binary(max_size=60), st.data())
@SETTINGS
def test_one_changed_byte_never_passes(data: bytes, draw: st.DataObject) -> None:
    raw = bytearray(frames_v2.build(7, data))
    raw[draw.draw(st.integers(0, len(raw) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(frames.FrameError):
        frames_v2.parse(bytes(raw))
    assert (7, data) not in frames_v2.FrameReader().feed(bytes(raw))


@given(st.binary(min_size=1, max_size=255))
@SETTINGS
def test_every_payload_survives_the_frame(payload: bytes) -> None:
    assert frames.parse(frames.build(payload)) == payload


@given(st.binary(max_size=300), st.integers(1, 7))
@SETTINGS
def test_the_reader_accounts_for_every_byte(data: bytes, step: int) -> None:
    reader = frames.FrameReader()
    events = [event for at in range(0, len(data), step) for event in reader.feed(data[at : at + step])]
    sizes = {"control": 0, "bad": 0, "frame": 3}
    assert sum(len(raw) + sizes[kind] for kind, raw in events) + len(reader.pending) == len(data)
    assert len(reader.pending) <= 257


@given(noise)
@SETTINGS
def test_the_trace_never_fails(data: bytes) -> None:
    assert decode_frame(data) is not None
    assert decode_payload(data) is not None
    assert decode_payload(data, request=True)
    trace = Trace()
    trace.feed(">", data)
    trace.feed("<", data)


@given(pieces, st.lists(st.integers(0, 2_000_000), min_size=30, max_size=30))
@SETTINGS
def test_the_register_survives_any_bytes(chunks: list[bytes], pauses: list[int]) -> None:
    register = make_register()
    now = 0
    for chunk, pause in zip(chunks, pauses, strict=False):
        now += pause
        while (at := register.next_wakeup()) is not None and at <= now:
            assert all(len(data) <= 258 for _, data in register.wake(at))
        out = register.receive(chunk, now)
        assert sum(len(data) for _, data in out) <= len(chunk) + 260 * (chunk.count(5) + 1)
    # afterwards it is as usable as ever
    line = Line(register)
    line.now_us = now + 2_000_000_000
    line.advance(0)
    outcome = line.run(make_driver().probe())
    assert not isinstance(outcome, Unknown)


@given(st.binary(min_size=1, max_size=120), st.sampled_from(sorted(COMMANDS)))
@SETTINGS
def test_any_parameters_get_one_answer(tail: bytes, code: int) -> None:
    register = make_register()
    register.receive(b"\x05", 0)
    payload = COMMANDS[code].prefix + b"\x1e\0\0\0" + tail
    assert register.receive(frames.build(payload), 0) == [(9_000, frames.ACK)]
    out: list[tuple[int, bytes]] = []
    for _ in range(3):
        due = register.next_wakeup()
        if due is not None:
            out += register.wake(due)
    assert len(out) == 1
    answer = frames.parse(out[0][1])
    assert answer[: len(COMMANDS[code].prefix)] == COMMANDS[code].prefix


@given(
    v2_pieces, st.lists(st.integers(0, 2_000_000), min_size=30, max_size=30), st.sampled_from(["v2", "plain"])
)
@SETTINGS
def test_the_register_survives_any_bytes_without_a_handshake(
    chunks: list[bytes], pauses: list[int], protocol: Any
) -> None:
    register = make_register(protocol=protocol)
    now = 0
    for chunk, pause in zip(chunks, pauses, strict=False):
        now += pause
        while (at := register.next_wakeup()) is not None and at <= now:
            assert all(len(data) <= 600 for _, data in register.wake(at))
        out = register.receive(chunk, now)
        assert sum(len(data) for _, data in out) <= 600 * chunk.count(0x8F)
    line = Line(register)
    line.now_us = now + 2_000_000_000
    line.advance(0)
    outcome = line.run(ShtrihDriver(protocol=protocol).probe())
    assert isinstance(outcome, Seen) or register.mode != 2


def feed(conversation: Conversation, chunks: list[bytes], limit: int = 30_000) -> Outcome:
    """A conversation against a line that says what it likes."""
    answer: bytes | None = None
    steps = 0
    queue = list(chunks)
    try:
        while True:
            step = conversation.send(answer)
            steps += 1
            assert steps < limit, "the driver never gives up"
            answer = None
            if isinstance(step, Receive):
                answer = queue.pop(0) if queue else b""
            else:
                assert not isinstance(step, Send) or len(step.data) <= 258
    except StopIteration as done:
        outcome: Outcome = done.value
        return outcome


@given(
    st.one_of(pieces, v2_pieces),
    st.sampled_from(["fiscalize", "find", "open", "close", "probe", "clock"]),
    st.sampled_from(PROTOCOLS),
)
@settings(SETTINGS, max_examples=300)
def test_the_driver_survives_any_bytes(chunks: list[bytes], task: str, protocol: Any) -> None:
    driver = ShtrihDriver(Settings(), Facts(), protocol=protocol)
    receipt = make_receipt()
    start = {
        "fiscalize": lambda: driver.fiscalize(receipt, "m" * 16),
        "find": lambda: driver.find(receipt, Attempt("m" * 16, 2)),
        "open": driver.open_shift,
        "close": driver.close_shift,
        "probe": driver.probe,
        "clock": lambda: driver.set_clock(1_790_000_000),
    }
    assert isinstance(feed(start[task](), chunks), (Refused, Unknown))


@given(pieces)
@SETTINGS
def test_the_driver_survives_a_line_that_never_stops(chunks: list[bytes]) -> None:
    for protocol in PROTOCOLS:
        driver = ShtrihDriver(Settings(), Facts(), protocol=protocol)
        outcome = feed(driver.probe(), [chunk or b"\0" for chunk in chunks or [b"\x8f"]] * 400)
        assert isinstance(outcome, (Refused, Unknown, Seen))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", range(16))
def test_a_bad_line_loses_and_doubles_nothing(seed: int, protocol: Any) -> None:
    """Chunks are lost, bytes change, the cable is pulled, the power fails: after each doubt the drive is asked, and the count is right.

    Nobody would notice a changed byte in plain transfer, so there chunks get lost and bytes are added only.
    """
    dice = random.Random(seed)
    line = Line(make_register(protocol=protocol))
    driver = ShtrihDriver(facts=Facts(place=SITE), protocol=protocol)
    register = line.register
    rate = 0.02 + 0.02 * (seed % 4)

    def spoil(data: bytes) -> bytes:
        chance = dice.random()
        if chance < rate:
            return b""
        if chance < 2 * rate and protocol != "plain":
            raw = bytearray(data)
            raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
            return bytes(raw)
        if chance < 2.3 * rate:
            return data + bytes((dice.randrange(256),))
        return data

    def spoil_or_cut(data: bytes) -> bytes:
        """Or the power fails while the command is on its way, or when it has just been carried out."""
        if dice.random() > rate / 3:
            return spoil(data)
        register.receive(data, line.now_us)
        at = register.next_wakeup()
        if at is not None and dice.random() < 0.6:
            register.wake(at)
        register.power_off(line.now_us)
        line._inbox.clear()
        register.power_on(line.now_us + 1)
        return b""

    def clean() -> None:
        line.to_host = line.to_register = lambda data: data
        line.lose_at = None

    assert isinstance(line.run(driver.open_shift()), ShiftOpened)
    recorded = 0
    for number in range(25):
        mark = f"receipt {seed:03} {number:04}"
        receipt = make_receipt(1 + number % 3)
        for _ in range(40):
            before = register.drive.last_document
            line.to_host, line.to_register = spoil, spoil_or_cut
            line.lose_at = dice.randrange(1, 60) if dice.random() < 0.2 else None
            outcome = line.run(driver.fiscalize(receipt, mark))
            if dice.random() < 0.1:
                register.power_off(line.now_us)
                line._inbox.clear()
                register.power_on(line.now_us + 1)
            clean()
            if isinstance(outcome, Recorded):
                assert outcome.document == before + 1
                assert outcome.sign == register.drive.find(outcome.document).sign
                assert register.drive.find(outcome.document).total_kop == receipt.total_kop
                recorded += 1
                break
            if isinstance(outcome, Unknown):
                line.to_host = line.to_register = spoil
                found = line.run(driver.find(receipt, Attempt(mark, before)))
                clean()
                if not isinstance(found, Found):  # the doubt stays; ask again on a better line
                    found = line.run(driver.find(receipt, Attempt(mark, before)))
                assert isinstance(found, Found), found
                if found.recorded is not None:
                    recorded += 1
                    break
            else:
                assert isinstance(outcome, Refused)
                assert outcome.blame is not Blame.RECEIPT, outcome
                line.advance(1_000_000)
                if register.drive.last_document != before:
                    pytest.fail(f"refused ({outcome.meaning}), but recorded")
        else:
            pytest.fail("never recorded")
    marks = [
        stored.tlv[stored.tlv.index(b"receipt ") :][:16]
        for stored in (register.drive.find(n) for n in range(1, register.drive.last_document + 1))
        if stored.form == 3
    ]
    assert recorded == 25
    assert len(marks) == len(set(marks)) == 25, "each receipt once"
