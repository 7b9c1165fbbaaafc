"""The receipt in the making inside an ATOL register.

It collects attributes, positions and payments, one command each; an attribute between "begin position" and "end
position" belongs to the position. At closing it becomes the body of a fiscal document, in the same order of
fields as in any register. Source: reference sheet, section 1.3.
"""

from __future__ import annotations

from fiscal.emulators.shtrih_receipt import OpenReceipt

__all__ = ["PAYMENT_SUMS", "RECEIPT_TYPES", "Sale", "type_of"]

RECEIPT_TYPES: dict[int, tuple[int, bool]] = {
    1: (1, False),
    2: (2, False),
    4: (3, False),
    5: (4, False),
    7: (1, True),
    8: (2, True),
    9: (3, True),
    10: (4, True),
}
"""Receipt type of an ATOL register -> (tag 1054, is it a correction). 8 and 10 are disputed between sources."""

PAYMENT_SUMS = (0, 1, 2, 3, 4, 1, 1, 1, 1, 1)
"""Payment type (from 1) -> which of the five sums it goes into: cash, cashless, prepaid, credit, provision."""


def type_of(settlement: int, correction: bool) -> int:
    """The receipt type for a settlement type (tag 1054)."""
    for number, meaning in RECEIPT_TYPES.items():
        if meaning == (settlement, correction):
            return number
    raise KeyError(settlement)


class Sale(OpenReceipt):
    """What has been entered since the receipt was opened. ``type`` is tag 1054, ``kind`` the register's own type."""

    __slots__ = (
        "change_kop",
        "item_code",
        "item_tags",
        "kind",
        "paid",
        "position",
        "quiet",
        "taxation",
        "taxes",
    )

    def __init__(self, kind: int, quiet: bool) -> None:
        type_, correction = RECEIPT_TYPES[kind]
        super().__init__(type_, correction)
        self.kind = kind
        self.quiet = quiet  # is not printed
        self.paid = [0] * 10
        self.change_kop = 0
        self.taxation = 0
        self.taxes: dict[int, int] = {}  # given for the whole receipt, by code of tag 1199
        self.position = False  # a position was begun
        self.item_tags: list[bytes] = []
        self.item_code = b""  # the marking code of the position in work

    @property
    def paid_kop(self) -> int:
        return sum(self.paid)

    @property
    def due_kop(self) -> int:
        """What the receipt comes to: its lines, or, for a correction without goods, what is paid."""
        return self.total_kop if self.lines or not self.correction else self.paid_kop
