"""The fiscal data format (FFD): what a fiscal document is, byte for byte.

A fiscal drive stores documents and an operator receives them in this format: fields of tag, length and value
(`fiscal.ffd.tlv`), described by tables (`fiscal.ffd.tags`), collected to documents (`Document`). `fiscal.ffd.documents` makes
the documents of a register from receipts and says what is wrong with one; `fiscal.ffd.qr` is the code that a buyer scans.

>>> document = Document(3, ((1054, 1), (1059, ((1030, "Tea"), (1023, Quantity(1_500_000)))), (1020, 12345)))
>>> encode(document).hex(" ")
'03 00 1c 00 1e 04 01 00 01 23 04 0d 00 06 04 03 00 54 65 61 ff 03 02 00 01 0f fc 03 02 00 39 30'
>>> decode(encode(document)) == document
True
"""

from __future__ import annotations

from fiscal.ffd.codec import Document, Fields, Quantity, Value, decode, decode_fields, encode, encode_fields
from fiscal.ffd.tags import FFD_12, FFD_105, FORMS, TAGS, Tag
from fiscal.ffd.tlv import FfdError
from fiscal.ffd.view import pretty

__all__ = [
    "FFD_12",
    "FFD_105",
    "FORMS",
    "TAGS",
    "Document",
    "FfdError",
    "Fields",
    "Quantity",
    "Tag",
    "Value",
    "decode",
    "decode_fields",
    "encode",
    "encode_fields",
    "pretty",
]
