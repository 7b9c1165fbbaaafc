"""What makes a receipt impossible, and how to say so.

A register that refuses a receipt blocks the queue behind it, and a drive that has taken a wrong one keeps it for years. So a receipt is
checked at the door, against the rules of the format and of the law on the day in question, and *all* its problems are reported at
once: which field, what is wrong, what to do. The rules are tables where they are many (`METHODS`) and plain comparisons where they are few.

The kinds of rule: money is whole kopecks and agrees (lines, payments, price times quantity); codes exist and are legal on that day;
the settlement methods of the lines allow the payments; texts fit their fields; the buyer can be reached; tax numbers have right check
digits; a correction says what it corrects.

Sources: reference sheet on the format, sections 2 (lengths), 4 (codes), 6 (corrections), 7 (contact); on shops, section 9 (faults).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from fiscal import vat
from fiscal.marking import MOST_CODES
from fiscal.parties import email_fault, inn_fault, phone_fault
from fiscal.texts import text_fault
from fiscal.validation_correction import correction_faults, day_of
from fiscal.validation_goods import WITH_CODE, agent_faults, mark_faults

if TYPE_CHECKING:
    from fiscal.receipt import Item, Payments, Receipt

FFD_105: Final = 2
FFD_12: Final = 4
"""Versions of the format as tag 1209 has them."""

MAX_SUM_KOP: Final = 2**48 - 1
"""The largest sum of the format: a VLN of 6 bytes (tags 1020, 1031, 1043, 1079, ...)."""
MAX_QUANTITY_E6: Final = 2**48 - 1
"""The largest quantity, in millionths: the registers' commands have 6 bytes, which the format's FVLN can hold."""

NAME_LENGTH: Final = 128  # tag 1030
SITE_LENGTH: Final = 256  # tag 1187
CASHIER_LENGTH: Final = 64  # tag 1021
BUYER_LENGTH: Final = 256  # tag 1227

SUBJECTS: Final = frozenset((*range(1, 28), *range(30, 34)))
"""Tag 1212; 30-33 are goods under mandatory marking and exist only in FFD 1.2."""
MARKED_SUBJECTS: Final = frozenset(range(30, 34))
PAYMENT_SUBJECT: Final = 10
"""Tag 1212: the line is not goods but a payment."""
# fmt: off
UNITS: Final = frozenset((0, 10, 11, 12, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 70, 71, 72, 73, 80, 81, 82, 83, 255))
# fmt: on
"""Tag 2108."""
TAXATIONS: Final = frozenset((1, 2, 4, 8, 16, 32))
"""Tag 1055: exactly one bit."""
RETURNS: Final = frozenset((2, 4))
"""Tag 1054: what was settled before is taken back, so old rates are legal."""


class MethodRule(NamedTuple):
    """Which payments a settlement method (tag 1214) allows for the lines under it.

    Money in hand, a counter-provision and an offset of earlier money are distinguished from credit: ``credit`` is "no" (nothing may stay
    unpaid), "part" (some paid, some not) or "all"; ``prepaid`` says whether earlier money may be offset.
    """

    title: str
    prepaid: bool
    credit: str


METHODS: Final[dict[int, MethodRule]] = {
    1: MethodRule("full prepayment", True, "no"),
    2: MethodRule("prepayment", True, "no"),
    3: MethodRule("advance", False, "no"),
    4: MethodRule("full settlement", True, "no"),
    5: MethodRule("partial settlement and credit", True, "part"),
    6: MethodRule("transfer on credit", False, "all"),
    7: MethodRule("payment of credit", True, "no"),
}
ADVANCE: Final = 3


class Problem(NamedTuple):
    """One thing wrong: the path of the field, why it is wrong, what to do about it."""

    field: str
    why: str
    todo: str

    def __str__(self) -> str:
        return f"{self.field}: {self.why}; {self.todo}"


class Invalid(ValueError):
    """The request's fault: what was asked for is impossible. ``problems`` are all of them; the text shows the first ten."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        shown = " | ".join(str(problem) for problem in self.problems[:10])
        more = len(self.problems) - 10
        return f"{shown} | and {more} more" if more > 0 else shown


class InvalidReceipt(Invalid):
    """A receipt that no register may get."""


class InvalidOrder(Invalid):
    """An order that no receipt can be made of."""


# --- the whole receipt -----------------------------------------------------------------------------------------------


def check(receipt: Receipt, on: date, ffd: int | None = None) -> list[Problem]:
    """All problems of a receipt that is to be made on this day; ``ffd`` (tag 1209) adds the rules of one version of the format."""
    problems: list[Problem] = []
    correction = receipt.correction
    kind = receipt.type
    if correction is not None:
        for field, why, todo in correction_faults(receipt.type, correction, on, ffd):
            problems.append(Problem(field, why, todo))
        on = day_of(correction, on)
    elif kind not in (1, 2, 3, 4):
        problems.append(Problem("type", f"{kind!r} is not a type of settlement", "give 1 to 4"))
    rates = vat.known(on) if kind in RETURNS else vat.legal(on)

    by_method = [0] * 8
    counted = True
    codes: dict[str, int] = {}
    index = 0
    for item in receipt.items:
        sum_kop = item.sum_kop
        price_kop = item.price_kop
        quantity_e6 = item.quantity_e6
        method = item.method
        name = item.name
        # One comparison for the common case; what exactly is wrong is worked out only when something is.
        if not (
            type(sum_kop) is int
            and type(price_kop) is int
            and type(quantity_e6) is int
            and 0 <= sum_kop <= MAX_SUM_KOP
            and 0 <= price_kop <= MAX_SUM_KOP
            and 0 < quantity_e6 <= MAX_QUANTITY_E6
            and -1_000_000 <= price_kop * quantity_e6 - sum_kop * 1_000_000 <= 1_000_000
            and item.vat in rates
            and method in METHODS
            and name
            and not text_fault(name, NAME_LENGTH)
            and item.unit in UNITS
            and item.subject in SUBJECTS
            and (method != ADVANCE or item.subject == PAYMENT_SUBJECT)
            and (ffd != FFD_105 or item.subject not in MARKED_SUBJECTS)
        ):
            _check_item(problems, f"items[{index}]", item, on, rates, ffd)
            if method not in METHODS or _whole(sum_kop, 0, MAX_SUM_KOP):
                counted = False
                index += 1
                continue
        if item.mark is not None or item.agent is not None or item.subject in WITH_CODE:
            _check_goods(problems, index, item, ffd, codes)
        by_method[method] += sum_kop
        index += 1
    if len(codes) > MOST_CODES:
        problems.append(
            Problem("items", f"{len(codes)} marking codes, a drive checks {MOST_CODES}", "divide the receipt")
        )
    if not index:
        problems.append(
            Problem(
                "items",
                "there is nothing in this receipt",
                "give at least one item, or cancel the order by a return",
            )
        )
    _check_money(problems, receipt, by_method, counted)
    _check_parties(problems, receipt)
    return problems


def validate(receipt: Receipt, on: date, *, ffd: int | None = None) -> None:
    """Raise `InvalidReceipt` with all problems if this receipt can't be made on this day (of the register's local calendar)."""
    problems = check(receipt, on, ffd)
    if problems:
        raise InvalidReceipt(problems)


def _whole(value: object, least: int, most: int) -> str:
    if type(value) is not int:
        return f"{value!r} is not a whole number"
    if value < least:
        return f"{value} is less than {least}"
    if value > most:
        return f"{value} is more than {most}"
    return ""


def _check_item(
    problems: list[Problem], path: str, item: Item, on: date, rates: frozenset[int], ffd: int | None
) -> None:
    """The problems of one line. Must find at least one wherever the quick comparison in `check` fails."""

    def wrong(name: str, why: str, todo: str) -> None:
        problems.append(Problem(f"{path}.{name}", why, todo))

    fault = "is empty" if not item.name else text_fault(item.name, NAME_LENGTH)
    if fault:
        wrong("name", f"the name {fault}", f"give 1 to {NAME_LENGTH} printable characters")
    bad_price = _whole(item.price_kop, 0, MAX_SUM_KOP)
    bad_quantity = _whole(item.quantity_e6, 1, MAX_QUANTITY_E6)
    bad_sum = _whole(item.sum_kop, 0, MAX_SUM_KOP)
    if bad_price:
        wrong("price_kop", bad_price, "give the price of one unit in kopecks")
    if bad_quantity:
        wrong("quantity_e6", bad_quantity, "give the quantity in millionths of a unit, above zero")
    if bad_sum:
        wrong("sum_kop", bad_sum, "give the sum of the line in kopecks")
    if not (bad_price or bad_quantity or bad_sum):
        off_e6 = item.price_kop * item.quantity_e6 - item.sum_kop * 1_000_000
        if abs(off_e6) > 1_000_000:
            wrong(
                "sum_kop",
                f"price times quantity differs from the sum {item.sum_kop} by {abs(off_e6) / 1e6:.6g} kopecks, more than one",
                "let the price follow the discounted sum, or divide the line in two",
            )
    if item.vat not in rates:
        exists = item.vat in vat.known(date.max)
        why = (
            f"VAT code {int(item.vat)} is not in force on {on.isoformat()}"
            if exists
            else f"{item.vat!r} is no VAT code"
        )
        wrong("vat", why, "give one of " + ", ".join(str(code) for code in sorted(rates)))
    if item.method not in METHODS:
        wrong("method", f"{item.method!r} is not a settlement method", "give 1 to 7")
    if item.unit not in UNITS:
        wrong(
            "unit",
            f"{item.unit!r} is not a unit of quantity",
            "give a code of tag 2108, 0 for pieces, 255 for others",
        )
    if item.subject not in SUBJECTS:
        wrong(
            "subject",
            f"{item.subject!r} is not a settlement subject",
            "give 1 to 27 or 30 to 33, 1 for goods",
        )
    elif item.method == ADVANCE and item.subject != PAYMENT_SUBJECT:
        wrong(
            "subject", "an advance is not for goods yet, it is a payment", f"give subject {PAYMENT_SUBJECT}"
        )
    elif ffd == FFD_105 and item.subject in MARKED_SUBJECTS:
        wrong(
            "subject",
            f"subject {item.subject} does not exist in FFD 1.05",
            "send it to a register with FFD 1.2",
        )


def _check_goods(
    problems: list[Problem], index: int, item: Item, ffd: int | None, codes: dict[str, int]
) -> None:
    """Marking code and agent of one line; ``codes`` are those of the lines before."""
    for name, why, todo in (*mark_faults(item, ffd), *agent_faults(item)):
        problems.append(Problem(f"items[{index}].{name}", why, todo))
    if item.mark is not None:
        first = codes.setdefault(item.mark.code, index)
        if first != index:
            why = f"is the code of items[{first}] again"
            problems.append(Problem(f"items[{index}].mark.code", why, "each piece has a code of its own"))


_FORMS = ("cash_kop", "cashless_kop", "prepaid_kop", "credit_kop", "provision_kop")


def _check_money(problems: list[Problem], receipt: Receipt, by_method: list[int], counted: bool) -> None:
    """The payments by themselves, and (if the lines could be ``counted``) against the lines."""
    payments = receipt.payments
    total = sum(by_method)
    cash, cashless, prepaid = payments.cash_kop, payments.cashless_kop, payments.prepaid_kop
    credit, provision = payments.credit_kop, payments.provision_kop
    sane = True
    for name, paid in zip(_FORMS, (cash, cashless, prepaid, credit, provision), strict=True):
        if type(paid) is not int or not 0 <= paid <= MAX_SUM_KOP:
            sane = False
            fault = _whole(paid, 0, MAX_SUM_KOP)
            problems.append(Problem(f"payments.{name}", fault, "give kopecks, zero or more"))
    if not receipt.items or not sane or not counted:
        return
    if total > MAX_SUM_KOP:
        problems.append(
            Problem("items", f"the total {total} is more than a receipt holds", "divide the receipt")
        )
    if total == 0:
        problems.append(
            Problem("items", "the total is zero: nothing is settled", "make no receipt, or give the sums")
        )
    paid_kop = cash + cashless + prepaid + credit + provision
    if paid_kop != total:
        problems.append(
            Problem(
                "payments", f"add up to {paid_kop}, the items to {total}", "make both agree to the kopeck"
            )
        )
        if cashless > total:
            problems.append(
                Problem(
                    "payments.cashless_kop",
                    f"{cashless} is more than the total {total}",
                    "change is given in cash only",
                )
            )
        return
    _check_methods(problems, payments, by_method, receipt.parts > 1)


def _check_methods(problems: list[Problem], payments: Payments, by_method: list[int], divided: bool) -> None:
    """Whether the payments can be matched with the methods. A part of a divided receipt may have its credit in another part."""
    prepaid, credit = payments.prepaid_kop, payments.credit_kop
    if not prepaid and not credit and not by_method[5] and not by_method[6]:
        return
    least = most = offset = 0
    for code, rule in METHODS.items():
        sum_kop = by_method[code]
        if not sum_kop:
            continue
        if rule.credit == "all":
            least += sum_kop
            most += sum_kop
        elif rule.credit == "part":
            slack = 0 if divided else 1
            least += slack
            most += sum_kop - slack
        if rule.prepaid:
            offset += sum_kop
    titles = ", ".join(METHODS[code].title for code in METHODS if by_method[code])
    if not least <= credit <= most:
        problems.append(
            Problem(
                "payments.credit_kop",
                f"{credit} stays unpaid, but the lines ({titles}) ask for {least} to {most}",
                "give the unpaid part as credit, or the lines another settlement method",
            )
        )
    elif prepaid > offset:
        problems.append(
            Problem(
                "payments.prepaid_kop",
                f"{prepaid} of earlier money is offset, but the lines ({titles}) allow {offset}",
                "an advance and a transfer on credit can't be paid with earlier money",
            )
        )


def _check_parties(problems: list[Problem], receipt: Receipt) -> None:
    def wrong(field: str, why: str, todo: str) -> None:
        problems.append(Problem(field, why, todo))

    if receipt.taxation not in TAXATIONS:
        wrong(
            "taxation",
            f"{int(receipt.taxation)} is not exactly one taxation system",
            "give 1, 2, 4, 8, 16 or 32",
        )
    if fault := inn_fault(receipt.entity):
        wrong(
            "entity",
            f"the seller's tax number {receipt.entity!r} {fault}",
            "give the INN of the legal entity",
        )
    if not receipt.site:
        wrong("site", "the place of settlement is missing", "give the address of the site or of the shop")
    elif fault := text_fault(receipt.site, SITE_LENGTH):
        wrong("site", f"the place of settlement {fault}", "shorten it")
    if receipt.cashier and (fault := text_fault(receipt.cashier, CASHIER_LENGTH)):
        wrong("cashier", f"the name {fault}", "shorten it")
    if receipt.cashier_inn and (fault := inn_fault(receipt.cashier_inn)):
        wrong("cashier_inn", f"the tax number {fault}", "give 12 digits, or leave it out")
    buyer = receipt.buyer
    if buyer.email:
        if fault := email_fault(buyer.email):
            wrong("buyer.email", f"{buyer.email!r} {fault}", "give an address like name@example.org")
    elif not buyer.phone and receipt.electronic:
        wrong("buyer", "an electronic receipt has nowhere to go", "give the buyer's e-mail or phone")
    if buyer.phone and (fault := phone_fault(buyer.phone)):
        wrong("buyer.phone", f"{buyer.phone!r} {fault}", "give + and digits only")
    if buyer.name and (fault := text_fault(buyer.name, BUYER_LENGTH)):
        wrong("buyer.name", f"the name {fault}", "shorten it")
    if buyer.inn and (fault := inn_fault(buyer.inn)):
        wrong("buyer.inn", f"the tax number {fault}", "give 10 or 12 digits, or leave it out")
    part, parts = receipt.part, receipt.parts
    if not (type(part) is int and type(parts) is int and 1 <= part <= parts):
        wrong("part", f"part {part} of {parts} does not exist", "count the parts from 1")
