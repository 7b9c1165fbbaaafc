"""The operator's confirmation, form 7."""

from __future__ import annotations

import pytest

from fiscal.ffd import decode
from fiscal.ffd.tlv import HEADER, byte, raw, stlv, text, u32
from fiscal.ffd.validation import validate
from fiscal.ofd import Confirmation, OfdError, read_confirmation, write_confirmation

GOOD = Confirmation("7709364346", "9999078900005488", 17, 1_790_000_040, 0, bytes(range(18)))


def document(*fields: bytes) -> bytes:
    body = b"".join(fields)
    return HEADER.pack(7, len(body)) + body


@pytest.mark.parametrize("code", [0, 11, 14, 255])
@pytest.mark.parametrize("size", [0, 16, 18])
def test_what_is_written_is_read(code: int, size: int) -> None:
    confirmation = GOOD._replace(code=code, sign=bytes(size))
    assert read_confirmation(write_confirmation(confirmation)) == confirmation


@pytest.mark.parametrize("ffd", [2, 4])
def test_the_tables_of_the_format_have_no_objection(ffd: int) -> None:
    read = decode(write_confirmation(GOOD))
    assert [str(problem) for problem in validate(read, ffd)] == []
    assert [tag for tag, _ in read.fields] == [1017, 1041, 1040, 1012, 1068, 1078]
    assert read.get(1068) == ((1022, 0),)


def test_other_orders_and_further_fields_are_read() -> None:
    fields = (
        raw(1078, GOOD.sign),
        byte(1206, 4),
        u32(1012, GOOD.time_s),
        u32(1040, 17),
        text(1041, GOOD.drive),
        stlv(1068, byte(1022, 14) + raw(1047, b"")),
        text(1017, GOOD.operator, 12),
    )
    assert read_confirmation(document(*fields)) == GOOD._replace(code=14)


def test_without_a_message_for_the_drive_the_answer_is_yes() -> None:
    data = document(text(1017, "7709364346", 12), text(1041, GOOD.drive), u32(1040, 1), u32(1012, 5))
    assert read_confirmation(data) == Confirmation("7709364346", GOOD.drive, 1, 5, 0, b"")


@pytest.mark.parametrize("missing", range(4))
def test_what_is_mandatory_must_be_there(missing: int) -> None:
    fields = [text(1017, "7709364346", 12), text(1041, GOOD.drive), u32(1040, 1), u32(1012, 5)]
    del fields[missing]
    with pytest.raises(OfdError, match="missing"):
        read_confirmation(document(*fields))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x07\0\1\0",
        b"\x03\0" + write_confirmation(GOOD)[2:],
        write_confirmation(GOOD)[:-1],
        write_confirmation(GOOD) + b"\0",
        write_confirmation(GOOD).replace(b"77093", b"77\xff93"),
        document(bytes(600)),
        document(raw(1068, b"\1")),
        document(raw(1068, raw(1022, b"12"))),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(OfdError) as error:
        read_confirmation(data)
    assert error.value.part == "confirmation"


def test_values_that_do_not_fit_are_refused() -> None:
    for bad in (
        GOOD._replace(operator="1234567890123"),
        GOOD._replace(drive="1"),
        GOOD._replace(document=1 << 32),
        GOOD._replace(code=256),
        GOOD._replace(sign=bytes(19)),
    ):
        with pytest.raises(OfdError):
            write_confirmation(bad)
