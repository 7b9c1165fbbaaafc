"""Random and mutated bytes into every decoder of the operator's protocol: only the documented errors, and no state that grows."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from mutated import anything
from ofd_frames import FRAME_A, FRAME_B
from ofd_world import SERIAL, START_S, answer_of, drain, make_server, relay, shift

from fiscal.emulators.drive import DriveError
from fiscal.emulators.operator import read_head
from fiscal.emulators.operator_port import DrivePort, OperatorBuffer
from fiscal.ffd import FfdError
from fiscal.ofd import (
    Confirmation,
    Container,
    CrcMode,
    MessageReader,
    OfdError,
    missing,
    read_confirmation,
    read_container,
    read_message,
    write_confirmation,
    write_container,
    write_message,
)
from fiscal.ofd.relay import CommandBuffer
from fiscal.ofd.session import HEADER_BYTES, MAX_BODY


def _samples() -> tuple[list[bytes], list[bytes]]:
    port = DrivePort(shift(2))
    connection = make_server().connect()
    messages, answers = [FRAME_B], []
    while (message := port.message()) is not None:
        messages.append(message)
        answers.append(answer_of(connection, message))
        port.ticket(answers[-1], START_S)
    return messages, answers


MESSAGES, ANSWERS = _samples()
CONTAINERS = [FRAME_A, *(data[HEADER_BYTES:] for data in MESSAGES + ANSWERS)]
DOCUMENTS = [read_container(data).tlv for data in CONTAINERS]
CONFIRMATIONS = [read_container(data[HEADER_BYTES:]).tlv for data in ANSWERS]
WHOLE = MESSAGES + ANSWERS


def resealed(container: bytes) -> bytes:
    """With the right length and CRC, so that what lies behind them is reached."""
    total = (len(container) & 0xFFFF).to_bytes(2, "little")
    return total + crc_hqx(container[4:], crc_hqx(total, 0xFFFF)).to_bytes(2, "little") + container[4:]


EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)


def survives(decoder: Callable[[bytes], object], data: bytes, error: type[Exception] = OfdError) -> bool:
    try:
        decoder(data)
    except error:
        return False
    return True


@EXAMPLES
@given(anything(WHOLE))
def test_messages(batch: list[bytes]) -> None:
    for data in batch:
        good = survives(read_message, data)
        survives(missing, data)
        if good:
            header, body = read_message(data)
            assert missing(data) == 0
            assert len(body) == header.length <= MAX_BODY
            assert header.ffd in (1, 2, 3, 4)


@EXAMPLES
@given(anything(CONTAINERS))
def test_containers(batch: list[bytes]) -> None:
    for data in batch:
        for form in (data, resealed(data)):
            if survives(read_container, form):
                container = read_container(form)
                assert write_container(container) == form
                survives(read_head, container.tlv, FfdError)
                survives(read_confirmation, container.tlv)


@EXAMPLES
@given(anything(CONFIRMATIONS))
def test_confirmations(batch: list[bytes]) -> None:
    for data in batch:
        if survives(read_confirmation, data):
            again = read_confirmation(data)
            if len(again.drive) == 16:
                assert read_confirmation(write_confirmation(again)) == again


@EXAMPLES
@given(anything(DOCUMENTS))
def test_heads(batch: list[bytes]) -> None:
    for data in batch:
        survives(read_head, data, FfdError)


@EXAMPLES
@given(anything(WHOLE), st.integers(1, 50))
def test_streams(batch: list[bytes], size: int) -> None:
    for data in batch:
        reader = MessageReader()
        try:
            for at in range(0, len(data), size):
                reader.feed(data[at : at + size])
        except OfdError:
            continue
        assert len(reader._buffer) < HEADER_BYTES + MAX_BODY


@EXAMPLES
@given(anything(CONTAINERS))
def test_the_operator_answers_or_closes_whatever_comes(batch: list[bytes]) -> None:
    server = make_server()
    for data in batch:
        body = resealed(data)
        for message in (data, write_message(SERIAL, 4, body[:MAX_BODY])):
            connection = server.connect()
            output = connection.receive(message, 0)
            for _, answer in output:
                read_message(answer)
            assert len(output) <= 1
    # nothing forged was kept: what is there is what some drive signed
    for entry in server.store:
        assert entry.tlv in DOCUMENTS


@EXAMPLES
@given(anything(ANSWERS))
def test_the_drive_takes_nothing_but_the_operators_confirmation(batch: list[bytes]) -> None:
    drive = shift(0)
    port = DrivePort(drive)
    for data in batch:
        port.message()
        for answer in (data, data[:HEADER_BYTES] + resealed(data[HEADER_BYTES:])):
            head = drive.unsent.first
            try:
                confirmation = port.ticket(answer, START_S)
            except DriveError as error:
                assert error.code in (0x20, 0x11)
            else:
                assert confirmation.document == head
                assert drive.is_confirmed(head)
                assert read_container(read_message(answer).body).tlv in CONFIRMATIONS
                port.message()


@EXAMPLES
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2000), st.binary(max_size=255)), max_size=20))
def test_blocks_in_any_order(calls: list[tuple[int, int, bytes]]) -> None:
    drive = shift(0)
    buffer = OperatorBuffer(DrivePort(drive))
    for what, number, data in calls:
        try:
            if what == 0:
                buffer.state()
                buffer.read(number, len(data))
            elif what == 1:
                buffer.begin(number)
            else:
                buffer.write(number % 4, data, START_S)
        except DriveError as error:
            assert error.code in (0x02, 0x08, 0x09, 0x11, 0x20)
    assert drive.unsent.first == 1
    assert drain(buffer.port, make_server().connect()) == 3


@EXAMPLES
@given(st.lists(st.binary(max_size=60), max_size=20), st.integers(0, 500), st.integers(0, 255))
def test_a_relay_ends_whatever_register_and_operator_say(replies: list[bytes], size: int, block: int) -> None:
    steps = relay(CommandBuffer(_strange(replies, size, block), ValueError), limit=3)
    answer: object = None
    for turn in range(2000):
        try:
            step = steps.send(answer)
        except StopIteration as done:
            assert done.value.confirmed <= 3
            return
        answer = replies[turn % len(replies)] if replies and not isinstance(step, str) else None
    raise AssertionError("the relay never ends")


def _strange(replies: list[bytes], size: int, block: int) -> Callable[..., object]:
    def ask(code: int, *values: object) -> object:
        yield "step"
        if code == 0xFF30:
            return size, block
        if code == 0xFF31:
            return (bytes(values[1]),)  # type: ignore[call-overload]
        return (block,) if code == 0xFF32 else ()

    return ask


@EXAMPLES
@given(
    st.from_regex(r"[0-9]{1,16}", fullmatch=True),
    st.sampled_from((1, 2, 3, 4)),
    st.integers(0, 255),
    st.integers(0, 2**24 - 1),
    st.binary(max_size=300),
    st.binary(min_size=8, max_size=8) | st.just(b""),
    st.sampled_from(list(CrcMode)),
    st.booleans(),
)
def test_what_is_written_is_read(
    drive: str, ffd: int, form: int, document: int, rest: bytes, sign: bytes, mode: CrcMode, reply: bool
) -> None:
    tlv = form.to_bytes(2, "little") + len(rest).to_bytes(2, "little") + rest
    container = Container(form, drive, document, tlv, sign, b"\0\0" if sign else b"")
    message = read_message(write_message(drive, ffd, write_container(container), crc=mode, reply=reply))
    assert (message.header.drive, message.header.ffd, message.header.wants_reply) == (drive, ffd, reply)
    assert read_container(message.body) == container


@EXAMPLES
@given(
    st.from_regex(r"[0-9]{10}([0-9]{2})?", fullmatch=True),
    st.from_regex(r"[0-9]{16}", fullmatch=True),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.binary(max_size=18),
)
def test_confirmations_written_are_read(
    operator: str, drive: str, document: int, time_s: int, code: int, sign: bytes
) -> None:
    confirmation = Confirmation(operator, drive, document, time_s, code, sign)
    assert read_confirmation(write_confirmation(confirmation)) == confirmation
