"""How a fiscal document gets from the drive to the fiscal data operator (OFD), byte for byte.

A register opens a TCP connection and sends a *message*: a session header of 30 bytes (`fiscal.ofd.session`) and a container
(`fiscal.ofd.container`) with the document as it stands in the drive and the sign of the message. The operator answers in the same form
with his confirmation (`fiscal.ofd.confirmation`), which goes back into the drive. One document at a time, in the order of their
numbers: the next message appears when the confirmation of the one before was accepted.

Some registers have a network of their own and do this themselves; for one that has none the host carries the bytes
(`fiscal.ofd.relay`). Either way nobody between drive and operator needs to understand them.

Containers are encrypted when the register is registered so (tag 1056). The national cipher and its keys are not public: only the
unencrypted form is read and written here.
"""

from __future__ import annotations

from fiscal.ofd.confirmation import Confirmation, read_confirmation, write_confirmation
from fiscal.ofd.container import Container, crc16, read_container, write_container
from fiscal.ofd.errors import OfdError
from fiscal.ofd.session import (
    CrcMode,
    Message,
    MessageReader,
    SessionHeader,
    missing,
    ping,
    read_message,
    write_message,
)

__all__ = [
    "Confirmation",
    "Container",
    "CrcMode",
    "Message",
    "MessageReader",
    "OfdError",
    "SessionHeader",
    "crc16",
    "missing",
    "ping",
    "read_confirmation",
    "read_container",
    "read_message",
    "write_confirmation",
    "write_container",
    "write_message",
]
