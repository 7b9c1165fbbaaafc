"""The words of JSON tasks for what a fiscal document says with numbers.

The same tables write tasks in the driver and read them in the emulated web server. Source: reference sheet, section 2.2; the words for
5, 7 and 22 % came later than the driver that the sheet was measured with.
"""

from __future__ import annotations

__all__ = [
    "AGENTS",
    "CHANNELS",
    "CORRECTIONS",
    "FFDS",
    "METHODS",
    "PAYMENTS",
    "RECEIPTS",
    "SUBJECTS",
    "TAXATIONS",
    "TAXES",
    "rub",
    "word_of",
]

RECEIPTS: dict[str, tuple[int, bool]] = {
    "sell": (1, False),
    "sellReturn": (2, False),
    "buy": (3, False),
    "buyReturn": (4, False),
    "sellCorrection": (1, True),
    "sellReturnCorrection": (2, True),
    "buyCorrection": (3, True),
    "buyReturnCorrection": (4, True),
}
"""Type of a task -> (tag 1054, is it a correction)."""

TAXATIONS: dict[str, int] = {
    "osn": 1,
    "usnIncome": 2,
    "usnIncomeOutcome": 4,
    "envd": 8,
    "esn": 16,
    "patent": 32,
}
"""Tag 1055."""

TAXES: dict[str, int] = {
    "none": 6,
    "vat0": 5,
    "vat10": 2,
    "vat110": 4,
    "vat18": 1,
    "vat118": 3,
    "vat20": 1,
    "vat120": 3,
    "vat5": 7,
    "vat7": 8,
    "vat105": 9,
    "vat107": 10,
    "vat22": 11,
    "vat122": 12,
}
"""Tag 1199."""

METHODS: dict[str, int] = {
    "fullPrepayment": 1,
    "prepayment": 2,
    "advance": 3,
    "fullPayment": 4,
    "partialPayment": 5,
    "credit": 6,
    "creditPayment": 7,
}
"""Tag 1214."""

SUBJECTS: dict[str, int] = {
    "commodity": 1,
    "excise": 2,
    "job": 3,
    "service": 4,
    "gamblingBet": 5,
    "gamblingPrize": 6,
    "lottery": 7,
    "lotteryPrize": 8,
    "intellectualActivity": 9,
    "payment": 10,
    "agentCommission": 11,
    "composite": 12,
    "another": 13,
    "proprietaryLaw": 14,
    "nonOperatingIncome": 15,
    "insuranceContributions": 16,
    "merchantTax": 17,
    "resortFee": 18,
    "deposit": 19,
    "consumption": 20,
    "soleProprietorCPIContributions": 21,
    "cpiContributions": 22,
    "soleProprietorCMIContributions": 23,
    "cmiContributions": 24,
    "csiContributions": 25,
    "casinoPayment": 26,
    "fundsIssuance": 27,
    "exciseWithoutMarking": 30,
    "exciseWithMarking": 31,
    "commodityWithoutMarking": 32,
    "commodityWithMarking": 33,
}
"""Tag 1212; its digits are understood as well."""

PAYMENTS: dict[str, int] = {"cash": 1, "electronically": 2, "prepaid": 3, "credit": 4, "other": 5}
"""Payment types of the register, as 99h counts them."""

AGENTS: dict[str, int] = {
    "bankPayingAgent": 1,
    "bankPayingSubagent": 2,
    "payingAgent": 4,
    "payingSubagent": 8,
    "attorney": 16,
    "commissionAgent": 32,
    "another": 64,
}
"""Tag 1222, and 1057 of a whole receipt."""

FFDS: dict[str, int] = {"1.0": 1, "1.05": 2, "1.1": 3, "1.2": 4}
"""Tag 1209; the last one is of drivers later than the one that the sheet was measured with."""

CHANNELS: dict[str, int] = {"usb": 1, "ethernet": 2, "wifi": 3, "gsm": 4, "proto": 5}
"""How a register reaches the operator, as its table 19 counts."""

CORRECTIONS: dict[str, int] = {"self": 0, "instruction": 1}
"""Tag 1173."""


def rub(kop: int) -> int | float:
    """Kopecks as tasks write roubles."""
    return kop // 100 if kop % 100 == 0 else kop / 100


def word_of(words: dict[str, int], number: int) -> str:
    """The last word for a number, which is the newest. Raises `KeyError`."""
    for word in reversed(words):
        if words[word] == number:
            return word
    raise KeyError(number)
