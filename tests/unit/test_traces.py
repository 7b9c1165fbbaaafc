"""An exchange in words: both makes, every transport, in virtual time and live; what went over the line and what it meant."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shtrih_line
from hypothesis import given, settings
from hypothesis import strategies as st
from shtrih_line import MARK, Line, make_receipt
from small_shop import small

import bench
from fiscal.devices import load
from fiscal.emulators.drive import Drive
from fiscal.engine.outcomes import Recorded, Seen
from fiscal.makes import MAKES, Setup, line_of, protocol_fault
from fiscal.registers.atol.trace import Trace
from fiscal.registers.conversation import Settings

WAYS = [(make, protocol) for make, row in MAKES.items() for protocol in row.protocols]

# What the vendor's driver and a register said (reference sheet, section 1.2), and what it means.
CAPTURED = [
    (">", "FE 01 00 00 C4 02", "#00 abort all tasks"),
    ("<", "FE 01 00 00 A3 2E", "#00 result"),
    (">", "FE 06 00 00 C1 01 00 00 00 A5 77", "#00 add task 00 flags 01: A5 device ()"),
    ("<", "FE 01 00 00 A1 4C", "#00 pending"),
    (">", "FE 02 00 01 C2 00 7E", "#01 acknowledge task 00"),
    ("<", "FE 01 00 01 A3 DA", "#01 result"),
    (
        ">",
        "FE 0A 00 0E C1 01 07 00 00 46 13 00 01 04 3F",
        "#0E add task 07 flags 01: 46 read table (table=19, row=1, field=4)",
    ),
    ("<", "FE 01 00 0E A1 21", "#0E pending"),
    ("<", "FE 04 00 F0 A6 07 55 00 9E", "#F0 result of task 07: 46 read table ok (value=empty)"),
]


def test_a_captured_exchange_of_transport_3() -> None:
    trace = Trace()
    for direction, raw, meaning in CAPTURED:
        assert trace.feed(direction, bytes.fromhex(raw)) == [f"{direction} {meaning}"]


def test_an_error_is_told_in_words() -> None:
    trace = Trace("v2")
    assert trace.feed(">", b"\x05") == ["> ENQ"]
    assert trace.feed(">", bytes.fromhex("02 00 00 3F 03 3C")) == ["> 3F status ()"]
    trace.feed(">", bytes.fromhex("02 00 00 5A 03 59"))
    (line,) = trace.feed("<", bytes.fromhex("02 55 9B 03 CD"))
    assert line.startswith("< 5A close shift: error 9Bh, ") and len(line) > 40


def test_passwords_are_not_shown() -> None:
    trace = Trace("v2")
    (line,) = trace.feed(">", bytes.fromhex("02 00 00 56 10 03 00 00 00 30 03 76"))
    assert "password=*" in line and "30" not in line.partition("(")[2]


@pytest.mark.parametrize(("make", "protocol"), WAYS)
def test_every_exchange_of_a_receipt_has_its_words(make: str, protocol: str) -> None:
    setup = Setup(2, shtrih_line.SITE, protocol=protocol)
    row = MAKES[make]
    register: Any = row.register(
        load()[row.device], shtrih_line.make_drive(2), shtrih_line.START_S + 60, setup
    )
    line = Line(register)
    assert isinstance(
        line.run(MAKES[make].driver(Settings(), setup).fiscalize(make_receipt(), MARK)), Recorded
    )
    words = MAKES[make].words(protocol)
    said = [text for direction, data in line.log for text in words(direction, data)]
    records = ("FF45", "4A close receipt", "POST /api/v2/requests sell as ")
    assert any(record in text for text in said for record in records)
    assert not any(
        "unknown" in text or "no HTTP" in text or "damaged" in text or "wrong checksum" in text
        for text in said
    ), said


@pytest.mark.parametrize(("make", "protocol"), WAYS)
@given(chunks=st.lists(st.tuples(st.sampled_from("><"), st.binary(max_size=60)), max_size=12))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_whatever_bytes_come_the_reader_goes_on(
    make: str, protocol: str, chunks: list[tuple[str, bytes]]
) -> None:
    words = MAKES[make].words(protocol)
    for direction, data in chunks:
        assert all(isinstance(text, str) for text in words(direction, data))
        assert line_of("t", "r", direction, data, words).startswith(f"t r {direction} ")


def test_the_buyer_s_address_is_masked() -> None:
    contact = b"buyer@example.ru"
    data = b"\x01\xf0\x03" + len(contact).to_bytes(2, "little") + contact + b"\x02"
    line = line_of("t", "r", ">", data, lambda direction, chunk: [chunk.hex(" ")])
    assert contact.hex(" ") not in line and line.count("**") == 2 * len(contact)


def test_what_a_web_server_is_told_of_people_is_masked() -> None:
    secrets = (b"buyer@example.ru", b"a2Fzc2E6c2VjcmV0")
    body = b'{"uuid": "a", "request": {"type": "sell", "clientInfo": {"emailOrPhone": "buyer@example.ru"}}}'
    head = b"POST /api/v2/requests HTTP/1.1\r\nAuthorization: Basic a2Fzc2E6c2VjcmV0\r\nContent-Length: %d\r\n\r\n"
    line = line_of("t", "r", ">", head % len(body) + body, MAKES["atol"].words("web"))
    assert line.endswith("| POST /api/v2/requests sell as a")
    for secret in secrets:
        assert secret.hex(" ") not in line and secret.decode() not in line


def test_a_run_writes_what_its_registers_said(tmp_path: Path) -> None:
    scenario = small(registers=2)
    everything, one = io.StringIO(), io.StringIO()
    result = bench.run(scenario, trace=everything)
    same = bench.run(scenario, trace=one, trace_registers=[scenario.registers()[0].name])
    quiet = bench.run(scenario)
    assert (
        result.summary["event_log_sha256"]
        == same.summary["event_log_sha256"]
        == quiet.summary["event_log_sha256"]
    )
    lines = everything.getvalue().splitlines()
    assert {line.split()[2] for line in lines} == {register.name for register in scenario.registers()}
    assert {line.split()[2] for line in one.getvalue().splitlines()} == {scenario.registers()[0].name}
    assert (
        sum("| FF45 close receipt" in line and " > " in line for line in lines) == quiet.summary["fiscalized"]
    )
    with pytest.raises(ValueError, match="no register 'nobody'; there are"):
        bench.run(scenario, trace=io.StringIO(), trace_registers=["nobody"])
    with pytest.raises(ValueError, match="timed has no exchanges"):
        bench.run(scenario, trace=io.StringIO(), fidelity="timed")


def test_a_protocol_that_is_not_spoken_is_named() -> None:
    assert protocol_fault("atol", "v1") == "atol registers speak v3, v2, web, not 'v1'"
    assert not protocol_fault("shtrih", "plain") and not protocol_fault("shtrih", "")


def models() -> Iterator[Any]:
    for name, device in load().items():
        for protocol in MAKES[device.make].protocols[:1]:
            yield pytest.param(name, protocol, id=name)


@pytest.mark.parametrize(("name", "protocol"), list(models()))
def test_every_model_says_its_name_and_makes_a_receipt(name: str, protocol: str) -> None:
    device = load()[name]
    make = MAKES[device.make]
    drive: Drive = shtrih_line.make_drive(4)
    setup = Setup(4, shtrih_line.SITE, prints=device.printer, protocol=protocol)
    line: Any = Line(make.register(device, drive, shtrih_line.START_S + 60, setup))  # type: ignore[arg-type]
    driver = make.driver(Settings(), setup)
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen) and seen.model == device.model
    receipt = make_receipt(electronic=not device.printer)
    recorded = line.run(driver.fiscalize(receipt, MARK))
    assert isinstance(recorded, Recorded) and recorded.document == drive.last_document
