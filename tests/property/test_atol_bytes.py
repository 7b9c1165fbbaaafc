"""Random and mutated bytes: the codecs come back, the readers and the emulated register never fail and keep no more
than one frame."""

from __future__ import annotations

from atol_line import make_register
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.registers.atol import frames, frames_v2

QUICK = settings(max_examples=400, derandomize=True, deadline=None)
chunks = st.lists(st.binary(max_size=40), max_size=8)
packets = st.tuples(st.integers(0, 0xDF), st.binary(max_size=60))


@QUICK
@given(st.integers(0, 0xFC), st.binary(max_size=600))
def test_packets_come_back(id_: int, data: bytes) -> None:
    assert frames.parse(frames.build(id_, data)) == (id_, data)


@QUICK
@given(st.binary(min_size=1, max_size=200))
def test_frames_come_back(data: bytes) -> None:
    assert frames_v2.parse(frames_v2.build(data)) == data


@QUICK
@given(st.lists(packets, max_size=6), st.integers(1, 9))
def test_packets_come_in_any_pieces(sent: list[tuple[int, bytes]], size: int) -> None:
    stream = b"".join(frames.build(*packet) for packet in sent)
    reader = frames.PacketReader()
    got = [p for at in range(0, len(stream), size) for p in reader.feed(stream[at : at + size])]
    assert got == [(id_, data, True) for id_, data in sent]
    assert not reader.pending


@QUICK
@given(chunks)
def test_readers_bear_anything(data: list[bytes]) -> None:
    new, old = frames.PacketReader(), frames_v2.SessionReader()
    for chunk in data:
        new.feed(chunk)
        old.feed(chunk)
    assert len(new.pending) + len(old.pending) <= 2 * sum(map(len, data))


@QUICK
@given(st.lists(packets | st.binary(max_size=30), max_size=6), st.sampled_from(("v3", "v2")))
def test_the_register_bears_anything(sent: list[tuple[int, bytes] | bytes], transport: str) -> None:
    register = make_register(transport=transport)
    now_us = 0
    for part in sent:
        if isinstance(part, bytes):
            data = part
        elif transport == "v3":
            data = frames.build(part[0], b"\xc1\1" + bytes((part[0],)) + b"\0\0" + part[1])
        else:
            data = b"\5" + frames_v2.build(b"\0\0" + part[1]) + b"\4"
        for at_us, out in register.receive(data, now_us):
            assert at_us >= now_us and out
        for _ in range(20):
            at = register.next_wakeup()
            if at is None:
                break
            now_us = max(now_us, at)
            register.wake(now_us)
