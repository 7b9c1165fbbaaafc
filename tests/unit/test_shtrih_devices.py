"""Device profiles: each figure says where it comes from, and mistakes are named."""

from __future__ import annotations

import pickle
import re

import pytest

from fiscal.devices import DeviceError, device, load, read
from fiscal.registers.shtrih.commands import COMMANDS

ONE = """
[one]
make = "shtrih"
model = "X"
model_id = 1
line_width = 32
paper_dots = 384
printer = true
[one.figures]
"""
FIGURES = [
    "enq_us",
    "ack_us",
    "byte_timeout_us",
    "confirm_timeout_us",
    "command_us",
    "lines_per_s",
    "cut_us",
    "receipt_lines",
    "item_lines",
    "report_lines",
    "z_report_us",
]
GOOD = ONE + "".join(f'{name} = {{ value = 5, assumed = "why" }}\n' for name in FIGURES)


def test_every_profile_loads_and_names_real_commands() -> None:
    profiles = load()
    assert {"shtrih-m-01f", "shtrih-lait-01f", "retail-01f", "cash-core"} <= set(profiles)
    for profile in profiles.values():
        if profile.make != "shtrih":
            continue
        assert set(profile.commands) <= set(COMMANDS)
        assert set(profile.replies) <= set(COMMANDS)
        assert all(basis.source for basis in profile.basis.values())
        assert profile.z_report_us >= 60_000_000
        assert pickle.loads(pickle.dumps(profile)) == profile


def test_a_profile_takes_over_what_it_does_not_say() -> None:
    core, desktop = device("cash-core"), device("shtrih-m-01f")
    assert core.commands[0xFF46] == 185_000
    assert core.commands[0xFF45] == desktop.commands[0xFF45]
    assert core.basis["commands.FF46"].measured
    assert not core.basis["figures.z_report_us"].measured
    assert desktop.print_us(75) == 1_400_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = [", "not TOML"),
        ("one = 3", "no profile 'one'"),
        ('[one]\nlike = "two"', "no profile 'two'"),
        ('[one]\nlike = "two"\n[two]\nlike = "one"', "circle"),
        (GOOD.replace("model_id = 1", 'model_id = "1"'), "one.model_id: int expected"),
        (GOOD.replace("paper_dots", "paper_dotz"), "one.paper_dots: int expected"),
        (GOOD.replace("cut_us", "cut"), "unknown cut; missing cut_us"),
        (GOOD.replace("cut_us = { value = 5", "cut_us = { value = -5"), "figures.cut_us"),
        (
            GOOD.replace('ack_us = { value = 5, assumed = "why" }', "ack_us = { value = 5 }"),
            "exactly one of measured and assumed",
        ),
        (GOOD.replace("lines_per_s = { value = 5", "lines_per_s = { value = 0"), "must be 1 or more"),
        (GOOD + '[one.commands]\nXY = { value = 1, assumed = "z" }\n', "not hexadecimal"),
    ],
)
def test_mistakes_are_named(text: str, words: str) -> None:
    with pytest.raises(DeviceError, match=re.escape(words)):
        read(text)


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(DeviceError, match="cash-core"):
        device("shtrih-x")
