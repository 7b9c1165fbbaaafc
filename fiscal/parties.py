"""Who takes part in a settlement: tax numbers, telephone numbers, mail addresses.

A seller and a cashier are known by their tax number (INN), whose last digits check the others. A buyer is reached by e-mail or by
telephone; the format keeps one of them (tag 1008), a telephone in the international form E.164, ``+`` and digits only.

The ``..._fault`` functions say what is wrong, in words that continue "the number ...", or an empty string. Sources: reference sheet on the
format, section 2 (lengths) and 7 (contact); on shops, section 9, fault F44. The check digits are the tax service's.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

CONTACT_LENGTH: Final = 64  # tag 1008

_EMAIL = re.compile(r"[^\s@,;:<>()\"\\]+@[^\s@,;:<>()\"\\.]+(?:\.[^\s@,;:<>()\"\\.]+)+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PHONE_ORNAMENT = re.compile(r"[\s().\-\u2010-\u2015\u00a0]+")


_INN_WEIGHTS = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


def _inn_digit(digits: str) -> int:
    weights = _INN_WEIGHTS[len(_INN_WEIGHTS) - len(digits) :]
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11 % 10


@lru_cache(maxsize=4096)
def inn_fault(inn: str) -> str:
    """Why this is no tax number (INN: 10 digits of an organisation, 12 of a person, the last 1 or 2 check digits), or an empty string."""
    if not (inn.isascii() and inn.isdigit() and len(inn) in (10, 12)):
        return "is not 10 or 12 digits"
    if not inn.strip("0"):
        return "is all zeros"
    checks = (9,) if len(inn) == 10 else (10, 11)
    if any(_inn_digit(inn[:place]) != int(inn[place]) for place in checks):
        return "has wrong check digits"
    return ""


def email_fault(email: str) -> str:
    """Why mail can't be sent there, or an empty string."""
    if len(email) > CONTACT_LENGTH:
        return f"has {len(email)} characters, the field holds {CONTACT_LENGTH}"
    return "" if _EMAIL.fullmatch(email) else "is not an e-mail address"


def phone_fault(phone: str) -> str:
    """Why this is no telephone number in the international form (E.164: + and digits only), or an empty string."""
    if not _E164.fullmatch(phone) or (phone[1] == "7" and len(phone) != 12):
        return "is not a telephone number in the form +79001234567"
    return ""


def normal_phone(text: str) -> str:
    """A telephone number as people write it, in the form E.164. Numbers without a country are Russian. Raises `ValueError`."""
    bare = _PHONE_ORNAMENT.sub("", text)
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    elif not bare.startswith("+") and len(bare) == 11 and bare[0] in "78":
        bare = "+7" + bare[1:]
    elif len(bare) == 10:
        bare = "+7" + bare
    if phone_fault(bare):
        raise ValueError(f"{text!r} is not a telephone number")
    return bare
