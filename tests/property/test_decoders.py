"""Every decoder in one table, fed with what nobody meant: nothing but the documented errors, in bounded time and memory.

Each takes bytes that come from outside: off a line, out of a drive, from a shop, from the operator, out of a file. The samples are genuine;
what is fed is samples with a few bytes changed, and noise. `test_how_many_cases` counts and prints them.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from mutated import Batch, anything
from ofd_frames import FRAME_A, FRAME_B
from ofd_world import START_S, answer_of, make_server, shift
from shtrih_line import make_receipt

from fiscal.emulators import atol_json, atol_web  # noqa: F401  the server knows all tasks
from fiscal.emulators.atol_json_checks import TaskFailed
from fiscal.emulators.drive_documents import fields_of, read_stored
from fiscal.emulators.operator_port import DrivePort
from fiscal.emulators.shtrih_link_plain import PlainLink
from fiscal.engine import records
from fiscal.ffd import FfdError
from fiscal.ffd.codec import decode as decode_document
from fiscal.ffd.codec import decode_fields
from fiscal.ffd.tlv import walk
from fiscal.gs1 import GS, BadCode, elements
from fiscal.journal.encode import EncodingError
from fiscal.journal.encode import decode as decode_record
from fiscal.journal.encode import encode as encode_record
from fiscal.live.schema import Defaults, read_receipt
from fiscal.marking import parse as parse_code
from fiscal.ofd import MessageReader, OfdError, read_confirmation, read_container, read_message
from fiscal.ofd.session import HEADER_BYTES
from fiscal.ofd.trace import explain
from fiscal.receipt import Invalid, Taxation
from fiscal.registers.atol import frames as atol_v3
from fiscal.registers.atol import frames_v2 as atol_v2
from fiscal.registers.atol import trace as atol_trace
from fiscal.registers.atol.commands import COMMANDS as ATOL
from fiscal.registers.atol.layouts import LayoutError as AtolLayoutError
from fiscal.registers.atol_web.messages import BadMessage, Reader, Request, Response
from fiscal.registers.shtrih import frames as shtrih_v1
from fiscal.registers.shtrih import frames_v2 as shtrih_v2
from fiscal.registers.shtrih import trace as shtrih_trace
from fiscal.registers.shtrih.commands import COMMANDS as SHTRIH
from fiscal.registers.shtrih.layouts import LayoutError as ShtrihLayoutError
from fiscal.registers.shtrih.talk_plain import frame_of

EXAMPLES = 70
WANTED = 100_000
SECONDS_A_CASE = 0.25
BYTES_A_CASE = 400_000
"""What a decoder may take at most for one case of a few hundred bytes, whatever stands in it."""


class Decoder(NamedTuple):
    """``decode`` takes any bytes; ``errors`` are all it may raise; ``samples`` are what it is for."""

    decode: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    samples: Sequence[bytes]


def _exchange() -> tuple[list[bytes], list[bytes]]:
    """Messages of a drive's day to the operator, and his answers."""
    port = DrivePort(shift(2))
    connection = make_server().connect()
    messages, answers = [FRAME_B], []
    while (message := port.message()) is not None:
        messages.append(message)
        answers.append(answer_of(connection, message))
        port.ticket(answers[-1], START_S)
    return messages, answers


def _in_pieces(reader: Any) -> Callable[[bytes], object]:
    """A stream cut into pieces of seven bytes."""

    def decode(data: bytes) -> object:
        mine = reader()
        return [list(mine.feed(data[at : at + 7])) for at in range(0, len(data), 7)]

    return decode


def _answers(commands: dict[int, Any]) -> Callable[[bytes], object]:
    """The first byte chooses a command, the rest is its answer and its request."""
    layouts = [layout for command in commands.values() for layout in (command.reply, command.request)]

    def decode(data: bytes) -> object:
        return layouts[(data[0] if data else 0) * 7919 % len(layouts)].unpack(data[1:])

    return decode


def _record(data: bytes) -> object:
    """The kind of the record, a space, and its bytes."""
    kind, _, rest = data.partition(b" ")
    return decode_record(kind.decode("latin-1"), rest)


def _task(data: bytes) -> object:
    return atol_json.parse(json.loads(data, parse_float=Decimal))


def _frames(build: Callable[..., bytes], commands: dict[int, Any], password: bytes) -> list[bytes]:
    """A request and an answer of zeros for each command."""
    return [
        build(body)
        for command in commands.values()
        for body in (
            password + command.prefix + b"\x1e\0\0\0",
            command.prefix + bytes(command.reply.size + 1),
        )
    ]


RECORDS = (
    records.Accepted("order-1", 1, "f" * 64, make_receipt(), 1_790_000_000_000_000, 1_790_000_300_000_000),
    records.Attempted("order-1", 1, "kkt1", 7, "9999078900000001"),
    records.SetAside("order-1", "the sum is wrong"),
)
MESSAGES, ANSWERS = _exchange()
CONTAINERS = [FRAME_A, *(data[HEADER_BYTES:] for data in MESSAGES + ANSWERS)]
DOCUMENTS = [read_container(data).tlv for data in CONTAINERS]
CONFIRMATIONS = [read_container(data[HEADER_BYTES:]).tlv for data in ANSWERS]
CODES = [
    f"0104600439931256213Ij0x7{GS}91EE06{GS}92{'dGVz' * 11}".encode(),
    f"\x1d0104600439931256215WeM00BSK2m2Y{GS}93RcGY".encode(),
    b"00000046198488X?io+qCABm8wAYa",
]
ORDER = {
    "items": [{"name": "Tea", "price": "199.90", "quantity": 2, "vat": "20%"}],
    "buyer": {"email": "b@example.org"},
}
TASKS: list[dict[str, Any]] = [
    {"type": "getDeviceStatus"},
    {"type": "openShift", "operator": {"name": "Ivanova", "vatin": "123654789507"}},
    {
        "type": "sell",
        "taxationType": "osn",
        "items": [
            {
                "type": "position",
                "name": "Tea",
                "price": 1.5,
                "quantity": 2,
                "amount": 3,
                "tax": {"type": "vat20"},
            }
        ],
        "payments": [{"type": "cash", "sum": 3}],
        "total": 3,
    },
]
SHTRIH_FRAMES = _frames(shtrih_v1.build, SHTRIH, b"")
SHTRIH_V2_FRAMES = _frames(lambda body: shtrih_v2.build(7, body), SHTRIH, b"")
ATOL_FRAMES = _frames(lambda body: atol_v3.build(7, b"\xc1\1\7" + body), ATOL, b"\0\0")
ATOL_V2_FRAMES = _frames(atol_v2.build, ATOL, b"\0\0")
SHTRIH_PLAIN = _frames(frame_of, SHTRIH, b"")
PAYLOADS = [bytes((n,)) + bytes(60) for n in range(0, 256, 5)]
DEFAULTS = Defaults(entity="7700000009", site="shop.example", taxation=Taxation.GENERAL)

DECODERS: dict[str, Decoder] = {
    "Shtrih-M frame": Decoder(shtrih_v1.parse, (shtrih_v1.FrameError,), SHTRIH_FRAMES),
    "Shtrih-M stream": Decoder(_in_pieces(shtrih_v1.FrameReader), (), SHTRIH_FRAMES),
    "Shtrih-M frame, protocol 2": Decoder(shtrih_v2.parse, (shtrih_v1.FrameError,), SHTRIH_V2_FRAMES),
    "Shtrih-M stream, protocol 2": Decoder(_in_pieces(shtrih_v2.FrameReader), (), SHTRIH_V2_FRAMES),
    "Shtrih-M plain transfer": Decoder(lambda data: PlainLink().receive(data, 0), (), SHTRIH_PLAIN),
    "Shtrih-M answers": Decoder(_answers(SHTRIH), (ShtrihLayoutError,), PAYLOADS),
    "Shtrih-M in words": Decoder(shtrih_trace.decode_frame, (), SHTRIH_FRAMES + SHTRIH_V2_FRAMES),
    "ATOL packet": Decoder(atol_v3.parse, (atol_v3.FrameError,), ATOL_FRAMES),
    "ATOL stream": Decoder(_in_pieces(atol_v3.PacketReader), (), ATOL_FRAMES),
    "ATOL frame, transport 2": Decoder(atol_v2.parse, (atol_v2.FrameError,), ATOL_V2_FRAMES),
    "ATOL stream, transport 2": Decoder(_in_pieces(atol_v2.SessionReader), (), ATOL_V2_FRAMES),
    "ATOL answers": Decoder(_answers(ATOL), (AtolLayoutError,), PAYLOADS),
    "ATOL in words": Decoder(atol_trace.decode_command, (), [b"\0\0" + data for data in PAYLOADS]),
    "ATOL web server, requests": Decoder(
        _in_pieces(Reader),
        (BadMessage,),
        [bytes(Request("POST", "/api/v2/requests", json.dumps(task).encode())) for task in TASKS],
    ),
    "ATOL web server, answers": Decoder(
        _in_pieces(lambda: Reader(True)),
        (BadMessage,),
        [bytes(Response(200, json.dumps(task).encode())) for task in TASKS],
    ),
    "ATOL tasks": Decoder(
        _task, (TaskFailed, ValueError, RecursionError), [json.dumps(task).encode() for task in TASKS]
    ),
    "fields of a document": Decoder(walk, (FfdError,), [data[4:] for data in DOCUMENTS]),
    "document": Decoder(decode_document, (FfdError,), DOCUMENTS),
    "fields in fields": Decoder(decode_fields, (FfdError,), [data[4:] for data in DOCUMENTS]),
    "document of a drive": Decoder(read_stored, (FfdError,), DOCUMENTS),
    "top of a document": Decoder(fields_of, (FfdError,), DOCUMENTS),
    "operator's container": Decoder(read_container, (OfdError,), CONTAINERS),
    "operator's message": Decoder(read_message, (OfdError,), MESSAGES + ANSWERS),
    "operator's stream": Decoder(_in_pieces(MessageReader), (OfdError,), MESSAGES + ANSWERS),
    "operator's confirmation": Decoder(read_confirmation, (OfdError,), CONFIRMATIONS),
    "operator's messages in words": Decoder(explain, (), MESSAGES + ANSWERS),
    "marking code": Decoder(parse_code, (BadCode,), CODES),
    "GS1 row": Decoder(lambda data: elements(data.decode("latin-1")), (BadCode,), CODES),
    "journal record": Decoder(
        _record, (EncodingError,), [record.kind.encode() + b" " + encode_record(record) for record in RECORDS]
    ),
    "shop's order": Decoder(
        lambda data: read_receipt(data, DEFAULTS), (Invalid,), [json.dumps(ORDER).encode()]
    ),
}
CASES: Counter[str] = Counter()


def bears(name: str, batch: list[bytes]) -> None:
    """Decode each string of a batch: documented errors only, in bounded time."""
    decode, errors, _ = DECODERS[name]
    began = time.process_time()
    for data in batch:
        with suppress(*errors):
            decode(data)
    spent = time.process_time() - began
    assert spent < SECONDS_A_CASE * (1 + len(batch) / 25), f"{name}: {spent:.1f} s for {len(batch)} cases"
    CASES[name] += len(batch)


def fuzz(name: str, examples: int) -> None:
    @settings(derandomize=True, deadline=None, max_examples=examples, database=None)
    @given(anything(DECODERS[name].samples))
    def run(batch: list[bytes]) -> None:
        bears(name, batch)

    run()


@pytest.mark.parametrize("name", DECODERS)
def test_samples_are_understood(name: str) -> None:
    decode, _, samples = DECODERS[name]
    understood = 0
    for data in samples:
        with suppress(*DECODERS[name].errors):
            decode(data)
            understood += 1
    assert understood, "no sample gets through: nothing behind the first check would be reached"


@pytest.mark.parametrize("name", DECODERS)
def test_memory_is_bounded(name: str) -> None:
    decode, errors, samples = DECODERS[name]
    decode_all = Batch(5, samples)
    tracemalloc.start()
    try:
        for data in decode_all:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            with suppress(*errors):
                decode(data)
            _, peak = tracemalloc.get_traced_memory()
            assert peak - before < BYTES_A_CASE, f"{peak - before} bytes for {data[:80]!r}"
    finally:
        tracemalloc.stop()


def test_how_many_cases(capsys: pytest.CaptureFixture[str]) -> None:
    """All decoders, and at least as many cases as are wanted."""
    CASES.clear()
    for name in DECODERS:
        fuzz(name, EXAMPLES)
    total = sum(CASES.values())
    with capsys.disabled():
        print(f"\n{total:,} cases for {len(CASES)} decoders, {min(CASES.values()):,} or more for each")
    assert set(CASES) == set(DECODERS)
    assert total >= WANTED


@pytest.mark.parametrize(
    ("responses", "data"),
    [
        (False, b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"),
        (False, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000),
        (True, "HTTP/1.1 \u00b900 OK\r\nContent-Length: 0\r\n\r\n".encode("latin-1")),
    ],
)
def test_numbers_of_a_web_message_that_are_none(responses: bool, data: bytes) -> None:
    with pytest.raises(BadMessage):
        list(Reader(responses).feed(data))
