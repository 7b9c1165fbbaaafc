"""The tables of the format hang together."""

from __future__ import annotations

from fiscal.ffd.tags import CODES, FORMS, MASKS, REQUIREMENTS, TAGS, meaning
from fiscal.receipt import SettlementMethod, SettlementType, Taxation, Vat

_SIZES = {"byte": 1, "bitmask8": 1, "uint16": 2, "uint32": 4, "bitmask32": 4, "unixtime": 4}


def test_size_of_the_tables() -> None:
    assert len(TAGS) == 316
    assert {version for version, _ in REQUIREMENTS} == {2, 4}
    for form in (1, 11, 2, 3, 31, 5, 21, 6, 7):
        assert (2, form) in REQUIREMENTS and (4, form) in REQUIREMENTS
    assert (4, 81) in REQUIREMENTS and (2, 81) not in REQUIREMENTS


def test_every_tag_is_described() -> None:
    for number, tag in TAGS.items():
        assert tag.number == number
        assert tag.name and tag.name.isascii(), tag
        assert tag.max_length > 0, tag
        if tag.type in _SIZES:
            assert tag.fixed and tag.max_length == _SIZES[tag.type], tag
        elif tag.type in ("vln", "fvln"):
            assert not tag.fixed and tag.max_length <= 8, tag
        else:
            assert tag.type in ("string", "bytes", "stlv"), tag


def test_requirements_name_known_tags_and_parents() -> None:
    for (version, parent), demands in REQUIREMENTS.items():
        assert version in (2, 4)
        assert parent in FORMS or TAGS[parent].type == "stlv"
        for requirement in demands.values():
            assert requirement.tag in TAGS
            assert requirement.need in ("mandatory", "conditional", "optional")
            assert requirement.medium in ("print", "electronic", "both")


def test_structures_have_room_for_their_mandatory_children() -> None:
    for (_version, parent), demands in REQUIREMENTS.items():
        if parent in TAGS:
            least = sum(
                4 + (TAGS[tag].max_length if TAGS[tag].fixed else 1)
                for tag, requirement in demands.items()
                if requirement.need == "mandatory"
            )
            assert least <= TAGS[parent].max_length


def test_mandatory_tags_of_receipts_as_the_order_lists_them() -> None:
    def mandatory(version: int, form: int) -> set[int]:
        return {
            tag
            for tag, requirement in REQUIREMENTS[version, form].items()
            if requirement.need == "mandatory" and requirement.medium != "print"
        }

    common = {1040, 1041, 1077, 1209, 1042, 1012, 1038, 1054, 1037, 1059, 1020}
    assert mandatory(2, 3) == common
    assert mandatory(4, 3) == common | {1009, 1187}
    assert mandatory(2, 31) == common - {1059} | {1174}
    assert mandatory(4, 31) == common | {1009, 1187, 1174}
    assert mandatory(4, 5) - mandatory(2, 5) == {1194, 1157, 1213}


def test_codes_agree_with_the_vocabulary_of_receipts() -> None:
    assert set(CODES[1054]) == {int(kind) for kind in SettlementType}
    assert set(CODES[1214]) == {int(method) for method in SettlementMethod}
    assert set(CODES[1199]) == {int(rate) for rate in Vat}
    assert set(MASKS[1055]) == {int(system) for system in Taxation}
    assert CODES[2108][0] == "piece/unit"


def test_meaning_in_words() -> None:
    assert meaning(1199, 11) == "22 %"
    assert meaning(1062, 1 | 32) == "OSN general, patent"
    assert meaning(1199, 77) == ""
    assert meaning(1020, 5) == ""
