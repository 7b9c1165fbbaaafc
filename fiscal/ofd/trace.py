"""An exchange with the operator, readable: headers, the document or the confirmation in words.

For people at the bench and for a trace log. It never fails: what cannot be read is shown as bytes, with the reason.
"""

from __future__ import annotations

from fiscal.ffd.codec import decode
from fiscal.ffd.tags import FFD_NAMES, FORMS, meaning
from fiscal.ffd.tlv import FfdError
from fiscal.ffd.view import pretty, shown
from fiscal.ofd.confirmation import FORM, read_confirmation
from fiscal.ofd.container import read_container
from fiscal.ofd.errors import OfdError
from fiscal.ofd.session import CrcMode, read_message

_CRC = {CrcMode.NONE: "", CrcMode.HEADER: ", CRC of the header", CrcMode.ALL: ", CRC of header and body"}


def describe(data: bytes) -> str:
    """One line for a whole message, in either direction."""
    try:
        header, body = read_message(data)
    except OfdError as error:
        return f"{_bytes(data)} ({error})"
    start = f"drive {header.drive}, FFD {FFD_NAMES[header.ffd]}{_CRC[header.crc_mode]}"
    if not header.wants_reply:
        start += ", no answer expected"
    if not body:
        return f"{start}: bare header"
    try:
        container = read_container(body)
    except OfdError as error:
        return f"{start}: {_bytes(body)} ({error})"
    what = (
        f"document {container.document}, {FORMS.get(container.form, 'unknown form')} (form {container.form})"
    )
    if container.form != FORM:
        return f"{start}: {what}, {len(container.tlv)} bytes, sign {container.sign.hex() or 'missing'}"
    try:
        c = read_confirmation(container.tlv)
    except OfdError as error:
        return f"{start}: {what} {_bytes(container.tlv)} ({error})"
    answer = f"answer {c.code} ({meaning(1022, c.code) or 'unknown'})"
    return f"{start}: {what} of operator {c.operator}, {shown(1012, c.time_s)}, {answer}, sign {container.sign.hex() or 'missing'}"


def explain(data: bytes) -> str:
    """As `describe`, and below it all fields of the document."""
    first = describe(data)
    try:
        container = read_container(read_message(data).body)
        return f"{first}\n{pretty(decode(container.tlv))}"
    except (OfdError, FfdError):
        return first


def _bytes(data: bytes) -> str:
    return data[:48].hex(" ") + (" ..." if len(data) > 48 else "") if data else "nothing"
