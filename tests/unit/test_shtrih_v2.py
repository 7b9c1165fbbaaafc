"""Protocol 2 and plain transfer: the vectors of genuine exchanges, the numbering rule by rule, and who decides what is spoken."""

from __future__ import annotations

import pytest
from shtrih_line import MARK, SITE, Line, make_receipt, make_register

from fiscal.emulators.shtrih_link_plain import PlainLink
from fiscal.emulators.shtrih_link_v2 import CHART, Came, LinkV2, State
from fiscal.engine.outcomes import Recorded, Refused, Seen, ShiftOpened, Unknown
from fiscal.registers.shtrih import Facts, ShtrihDriver, frames
from fiscal.registers.shtrih.commands import COMMANDS, code_of
from fiscal.registers.shtrih.frames_v2 import SYNC, FrameReader, build, parse
from fiscal.registers.shtrih.talk_plain import frame_of
from fiscal.registers.shtrih.trace import Trace, decode_frame

# (frame, number, data): captured on real lines
CAPTURES = [
    ("8F 02 00 01 00 99 5A", 1, ""),
    ("8F 03 00 04 00 FC 8D 0D", 4, "FC"),
    ("8F 03 00 06 00 FC ED 63", 6, "FC"),
    (
        "8F 1C 00 04 00 FC 00 00 00 02 00 2D 00 50 4F 53 43 45 4E 54 45 52 20 42 41 4E 4B 2D 30 31 D4 C7 2B",
        4,
        "FC 00 00 00 02 00 2D 00 50 4F 53 43 45 4E 54 45 52 20 42 41 4E 4B 2D 30 31 D4",
    ),
    (
        "8F 13 00 1A 00 10 00 1E 90 00 08 05 01 00 00 00 00 00 FF FF FF 05 06 C1",
        0x1A,
        "10 00 1E 90 00 08 05 01 00 00 00 00 00 FF FF FF 05",
    ),
    ("8F 07 00 08 00 11 1E 00 00 00 82 2D", 8, "11 1E 00 00 00"),
    (
        "8F 34 00 08 00 11 00 1E 43 32 31 88 0D 06 13 01 18 00 90 00 02 00 80 4E 41 00 00 01 01 10 02 08 13 0F 30 07 00 04 "
        "0E 00 00 24 00 00 00 00 00 A9 EA F2 CE B3 00 00 00 22 EF",
        8,
        "11 00 1E 43 32 31 88 0D 06 13 01 18 00 90 00 02 00 80 4E 41 00 00 01 01 10 02 08 13 0F 30 07 00 04 0E 00 00 24 00 00 "
        "00 00 00 A9 EA F2 CE B3 00 00 00",
    ),
    ("8F 0D 00 0F 00 FF 4D 01 00 00 00 C6 04 01 00 40 AB 7E", 15, "FF 4D 01 00 00 00 C6 04 01 00 40"),
    ("8F 05 00 0F 00 FF 4D 00 63 59", 15, "FF 4D 00"),
    ("8F 08 00 E6 00 FF 3B 1E 00 00 00 D3 56", 0xE6, "FF 3B 1E 00 00 00"),
]


@pytest.mark.parametrize(("raw", "number", "data"), CAPTURES)
def test_captured_frames_both_directions(raw: str, number: int, data: str) -> None:
    wire, carried = bytes.fromhex(raw), bytes.fromhex(data)
    assert build(number, carried) == wire
    assert parse(wire) == (number, carried)
    reader = FrameReader()
    assert [found for byte in wire for found in reader.feed(bytes((byte,)))] == [(number, carried)]


def test_the_captured_synchronisation() -> None:
    assert bytes.fromhex("8F 00 00 0F 1D") == SYNC
    assert parse(SYNC) == (None, b"")
    assert LinkV2().receive(SYNC, 0) == bytes.fromhex("8F 02 00 01 00 99 5A")


def test_captured_answers_say_what_the_layouts_read() -> None:
    full = COMMANDS[0x11].reply.named(parse(bytes.fromhex(CAPTURES[6][0]))[1], 2)
    assert (full["port"], full["version"], full["date"]) == (128, "C2", (2, 8, 19))
    status = COMMANDS[0x10].reply.named(parse(bytes.fromhex(CAPTURES[4][0]))[1], 2)
    assert (status["mode"], status["submode"], status["operations"], status["last_print"]) == (8, 5, 1, 5)


def test_8f_and_9f_are_escaped_wherever_they_stand() -> None:
    raw = build(0x9F8F, b"\x8f\x9f\x81\x83")
    assert raw.startswith(bytes.fromhex("8F 06 00 9F 81 9F 83 9F 81 9F 83 81 83"))
    assert parse(raw) == (0x9F8F, b"\x8f\x9f\x81\x83")


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "8F",
        "8F 01 00 01 00 00",  # a length of one is impossible
        "8F 03 00 04 00 FC 8D 0E",  # checksum
        "8F 03 00 04 00 FC 8D",
        "8F 03 00 04 00 FC 8D 0D 00",
        "8F 03 00 04 00 9F 80 8D 0D",
        "8F 03 00 04 00 8F 8D 0D",
        "02 03 00 04 00 FC 8D 0D",
    ],
)
def test_damaged_frames(raw: str) -> None:
    with pytest.raises(frames.FrameError):
        parse(bytes.fromhex(raw))


def test_what_does_not_fit_a_frame() -> None:
    for number, data in ((-1, b""), (65536, b""), (1, bytes(5000))):
        with pytest.raises(frames.FrameError):
            build(number, data)
    for data in (b"", bytes(256)):
        with pytest.raises(frames.FrameError):
            frame_of(data)


# ---- the device's link ----------------------------------------------------------------------------------------------------------


def test_the_next_number_acts_and_every_other_brings_the_answer_again() -> None:
    link = LinkV2()
    assert link.receive(build(2, b"\xfc"), 0) == b""
    assert (link.command, link.state) == (b"\xfc", State.EXECUTING)
    link.command = None
    assert link.receive(SYNC + build(2, b"\xfc") + build(3, b"\xfc"), 1) == b"", "one answer is in work"
    answer = link.answer(b"\xfc\x00", 2)
    assert answer == build(2, b"\xfc\x00")
    for number in (0, 1, 2, 4, 65535):
        assert link.receive(build(number, b"\xff\x45"), 3) == answer
    assert link.receive(SYNC, 3) == answer
    assert link.receive(build(3), 3) == answer, "an empty frame is no command"
    assert link.command is None
    assert link.receive(build(3, b"\x10"), 4) == b""
    assert link.command == b"\x10"
    link.reset()
    assert link.receive(build(4, b"\x10"), 5) == build(1), "after power-up counting begins anew"


def test_numbers_wrap() -> None:
    link = LinkV2(number=65535)
    assert link.receive(build(0, b"\xfc"), 0) == b""
    assert link.command == b"\xfc"
    assert link.answer(b"\xfc\x00", 0) == build(0, b"\xfc\x00")


def test_a_driver_counts_past_the_wrap() -> None:
    register = make_register(protocol="v2")
    register.link = LinkV2(number=65533)
    line, driver = Line(register), ShtrihDriver(facts=Facts(place=SITE), protocol="v2")
    outcome = line.run(driver.fiscalize(make_receipt(), MARK))
    assert isinstance(outcome, Recorded)
    assert register.link.number < 20


def test_a_frame_that_stops_in_the_middle_is_dropped_after_the_byte_timeout() -> None:
    for link, frame in ((LinkV2(), build(2, b"\xfc")), (PlainLink(), frame_of(b"\xfc"))):
        assert link.receive(frame[:2], 0) == b""
        assert link.deadline_us == 100_000
        assert link.timeout(100_000) == b""
        assert link.receive(frame, 100_001) == b""
        assert link.command == b"\xfc"


def test_every_state_knows_what_to_do() -> None:
    assert set(CHART) == {(s, c) for s in State for c in Came} - {(State.READY, Came.ANSWER)}


def test_plain_transfer_is_a_length_and_the_data() -> None:
    link = PlainLink()
    assert link.receive(b"\x06\x15" + frame_of(b"\xfc"), 0) == b""
    assert link.command == b"\xfc"
    assert link.answer(b"\xfc\x00", 0) == b"\x02\x02\xfc\x00"
    assert link.receive(b"\x02\x00", 1) == b""
    assert link.receive(frame_of(b"\x10\x1e\0\0\0"), 2) == b""
    assert link.command == b"\x10\x1e\0\0\0"


# ---- who decides ----------------------------------------------------------------------------------------------------------------


def probe(line: Line, protocol: str) -> object:
    return line.run(ShtrihDriver(protocol=protocol).probe())  # type: ignore[arg-type]


@pytest.mark.parametrize(("first", "second"), [("v1", "v2"), ("v2", "v1")])
def test_the_first_byte_decides_until_the_power_is_cut(first: str, second: str) -> None:
    line = Line(make_register())
    assert isinstance(probe(line, first), Seen)
    assert isinstance(probe(line, second), Refused)
    assert isinstance(probe(line, first), Seen)
    line.register.power_off(line.now_us)
    line.register.power_on(line.now_us)
    assert isinstance(probe(line, second), Seen)


def test_setting_the_link_opens_the_choice_again() -> None:
    register = make_register()
    register.receive(build(2, b"\x14\x1e\0\0\0\0\x06\x64"), 0)
    due = register.next_wakeup()
    assert due is not None
    assert [parse(data) for _, data in register.wake(due)] == [(2, b"\x14\0")]
    line = Line(register)
    line.now_us = due
    assert isinstance(probe(line, "v1"), Seen)


@pytest.mark.parametrize(
    ("protocol", "bits"), [("auto", 1 << 28), ("v1", 0), ("v2", 1 << 28), ("plain", 1 << 52)]
)
def test_the_model_parameters_tell(protocol: str, bits: int) -> None:
    register = make_register(protocol=protocol)
    register._payload, register._code = b"\xf7\x01", 0xF7
    flags = int.from_bytes(register._execute(0)[2:10], "little")
    assert flags & (1 << 28 | 1 << 52) == bits
    assert flags >> 43 & 1


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="no protocol 'v3'"):
        make_register(protocol="v3")


# ---- the host's end when something is wrong -------------------------------------------------------------------------------------


def test_a_lost_command_is_sent_again_under_its_own_number() -> None:
    line = Line(make_register(protocol="v2"))
    driver = ShtrihDriver(facts=Facts(place=SITE), protocol="v2")
    assert isinstance(line.run(driver.open_shift()), ShiftOpened)
    closings: list[bytes] = []

    def swallow(data: bytes) -> bytes:
        if code_of(parse(data)[1]) == 0xFF45:
            closings.append(data)
            return b"" if len(closings) == 1 else data
        return data

    line.to_register = swallow
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Recorded)
    assert len(closings) == 2
    assert closings[0] == closings[1]


@pytest.mark.parametrize("acted", [False, True])
def test_after_a_restart_nothing_is_sent_again(acted: bool) -> None:
    line = Line(make_register(protocol="v2"))
    driver = ShtrihDriver(facts=Facts(place=SITE), protocol="v2")
    register = line.register
    assert isinstance(line.run(driver.open_shift()), ShiftOpened)
    closings = 0

    def cut(data: bytes) -> bytes:
        nonlocal closings
        if code_of(parse(data)[1]) == 0xFF45:
            closings += 1
            register.receive(data, line.now_us)
            due = register.next_wakeup()
            if acted and due is not None:
                register.wake(due)
            register.power_off(line.now_us)
            register.power_on(line.now_us)
            return b""
        return data

    line.to_register = cut
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Unknown)
    assert closings == 1
    assert (register.drive.last_document == 3) is acted


# ---- the trace ------------------------------------------------------------------------------------------------------------------


def test_the_trace_reads_numbers_and_commands() -> None:
    trace = Trace()
    assert trace.feed(">", SYNC) == ["> which number was last?"]
    assert trace.feed("<", build(1)) == ["< #1 nothing to repeat"]
    asked = build(2, b"\x10\x1e\0\0\0")
    assert trace.feed(">", asked[:4]) == []
    assert trace.feed(">", asked[4:]) == ["> #2 10 short status (password=*)"]
    assert trace.feed("<", build(2, b"\x10\x4f")) == [f"< {decode_frame(build(2, bytes((0x10, 0x4F))))}"]
    assert "error 4Fh" in decode_frame(build(2, b"\x10\x4f"))
    assert "wrong checksum" in decode_frame(build(2, b"\x10")[:-1] + b"\0")
    assert Trace(plain=True).feed(">", frame_of(b"\x10\x1e\0\0\0")) == ["> 10 short status (password=*)"]
