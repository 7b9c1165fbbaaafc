"""The readable form of an exchange with the operator."""

from __future__ import annotations

from ofd_frames import FRAME_B
from ofd_world import SERIAL, answer_of, make_server, shift

from fiscal.emulators.operator_port import DrivePort
from fiscal.ofd import CrcMode, ping, read_message, write_message
from fiscal.ofd.trace import describe, explain


def test_an_exchange_in_words() -> None:
    message = DrivePort(shift(0)).message() or b""
    answer = answer_of(make_server().connect(), message, 1_000_000)
    size = len(message) - 30 - 32 - 10
    assert describe(message) == (
        f"drive {SERIAL}, FFD 1.2: document 1, registration report (form 1), {size} bytes, "
        f"sign {message[-10:-2].hex()}"
    )
    assert describe(answer) == (
        f"drive {SERIAL}, FFD 1.2: document 1, operator's confirmation (form 7) of operator 7709364346, "
        f"2026-09-21 14:14:01, answer 0 (document accepted), sign {answer[-10:-2].hex()}"
    )


def test_all_fields() -> None:
    lines = explain(FRAME_B).splitlines()
    assert lines[0].startswith(
        "drive 9999078900005488, FFD 1.0: document 1, registration change report (form 11)"
    )
    assert any("0000000000000" in line or "7702203276" in line for line in lines)
    assert len(lines) > 25


def test_what_cannot_be_read_is_shown() -> None:
    assert describe(b"") == "nothing (session: 0 bytes are no header)"
    assert describe(b"GET / HTTP/1.1" * 9).endswith("... (session: begins with 474554202f20)")
    assert explain(ping(SERIAL, 2)) == f"drive {SERIAL}, FFD 1.05: bare header"
    broken = write_message(SERIAL, 4, b"x" * 40, crc=CrcMode.ALL)
    assert "CRC of header and body: 78 78" in describe(broken)
    assert "container:" in describe(broken)
    header, body = read_message(FRAME_B)
    assert "sign missing" not in describe(write_message(header.drive, 1, body, reply=False))
    assert "no answer expected" in describe(write_message(header.drive, 1, body, reply=False))
