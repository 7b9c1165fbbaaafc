"""Text of the fiscal data format: the code page CP866, made total.

Strings of a fiscal document are bytes of CP866 (the DOS Cyrillic page). A shop's goods are not: they carry pound signs, accents,
typographic dashes and emoji. A receipt must not fail for that, so every Unicode string has an encoding here:

1. characters of CP866 stay as they are;
2. characters of the table below (currency, dashes, quotes, Cyrillic of neighbouring languages, ...) become their usual spelling;
3. letters with marks lose the marks, compatibility forms become plain ones (NFKD: ``é`` -> ``e``, ``ﬁ`` -> ``fi``, ``½`` -> ``1/2``);
4. invisible characters (combining marks, joiners, variation selectors) vanish; whatever is left becomes ``?``.

The step is lossy by nature and deterministic. `decode_text` is the inverse on CP866 itself: all 256 bytes have a meaning.
"""

from __future__ import annotations

import codecs
import unicodedata

_SPELLINGS = {
    # currency
    "£": "GBP",
    "€": "EUR",
    "¥": "JPY",
    "₽": "руб.",
    "₴": "грн",
    "₸": "тг",
    "¢": "c",
    "₿": "BTC",
    # dashes, quotes, points
    "‐": "-",
    "‑": "-",
    "‒": "-",
    "–": "-",
    "—": "-",
    "―": "-",
    "−": "-",
    "«": '"',
    "»": '"',
    "“": '"',
    "”": '"',
    "„": '"',
    "‟": '"',
    "‘": "'",
    "’": "'",
    "‚": "'",
    "‛": "'",
    "‹": "'",
    "›": "'",
    "′": "'",
    "″": '"',
    "´": "'",
    "•": "·",
    "‣": "·",
    "¡": "!",
    "¿": "?",
    "¦": "|",
    "⁄": "/",
    # signs
    "×": "x",
    "÷": "/",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "≠": "<>",
    "≈": "~",
    "©": "(c)",
    "®": "(R)",
    "™": "(TM)",
    "℠": "(SM)",
    "§": "par.",
    "¶": "par.",
    "¬": "not",
    "µ": "u",
    "μ": "u",
    "Ω": "Ohm",
    "ø": "o",
    "Ø": "O",
    # Latin letters without a decomposition
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "đ": "d",
    "Đ": "D",
    "ł": "l",
    "Ł": "L",
    "ı": "i",
    # Cyrillic beyond CP866
    "і": "i",
    "І": "I",
    "ґ": "г",
    "Ґ": "Г",
    "ј": "j",
    "Ј": "J",
    "љ": "ль",
    "Љ": "ЛЬ",
    "њ": "нь",
    "Њ": "НЬ",
    "ђ": "дь",
    "Ђ": "ДЬ",
    "ћ": "ть",
    "Ћ": "ТЬ",
    "џ": "дж",
    "Џ": "ДЖ",
    "ѕ": "s",
    "Ѕ": "S",
    "қ": "к",
    "Қ": "К",
    "ғ": "г",
    "Ғ": "Г",
    "ң": "н",
    "Ң": "Н",
    "ө": "о",
    "Ө": "О",
    "ұ": "у",
    "Ұ": "У",
    "ү": "у",
    "Ү": "У",
    "һ": "х",
    "Һ": "Х",
    "ә": "э",
    "Ә": "Э",
}

_spelt: dict[str, str] = {}  # a memo of characters already seen; its content depends on the character alone


def _in_page(character: str) -> bool:
    try:
        character.encode("cp866")
    except UnicodeEncodeError:
        return False
    return True


def _spell(character: str) -> str:
    known = _SPELLINGS.get(character)
    if known is not None:
        return known
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    parts: list[str] = []
    for part in unicodedata.normalize("NFKD", character):
        if _in_page(part):
            parts.append(part)
        elif part in _SPELLINGS:
            parts.append(_SPELLINGS[part])
        elif unicodedata.category(part) not in ("Mn", "Me", "Cf"):
            return "?"
    return "".join(parts) or "?"


def _transliterate(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    parts = []
    for character in error.object[error.start : error.end]:
        spelt = _spelt.get(character)
        if spelt is None:
            spelt = _spell(character)
            if len(_spelt) < 4096:
                _spelt[character] = spelt
        parts.append(spelt)
    return "".join(parts), error.end


_PAGE = codecs.charmap_build(bytes(range(256)).decode("cp866"))
_charmap_encode = codecs.charmap_encode
_HANDLER = "fiscal-cp866"
codecs.register_error(_HANDLER, _transliterate)


def encode_text(text: str) -> bytes:
    """Bytes of CP866 for any string; never fails (rules: module docstring)."""
    if text.isascii():  # by far the fastest way out, and the page begins with ASCII
        return text.encode("ascii")
    try:
        return _charmap_encode(text, "strict", _PAGE)[0]
    except UnicodeEncodeError:
        # composed first: a decomposed й is one letter of the page, not и with a mark to drop
        return _charmap_encode(unicodedata.normalize("NFC", text), _HANDLER, _PAGE)[0]


def decode_text(data: bytes) -> str:
    """The string behind bytes of CP866; never fails."""
    return data.decode("cp866")
