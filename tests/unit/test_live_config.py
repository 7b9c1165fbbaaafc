"""A configuration, and each mistake in one: one line with file, field and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiscal.live.config import EXAMPLE, ConfigError, load_config, parse_config
from fiscal.live.serve import DEMO, DEMO_INN, token_of
from fiscal.receipt import Taxation

SHOP = '[shop]\nentity = "7707083893"\n'
ONE = '[[registers]]\nname = "a"\naddress = "COM3"\n'


def said(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "shop.toml", Path())
    lines = str(caught.value).splitlines()
    assert all(line.startswith("shop.toml: ") for line in lines)
    return [line.removeprefix("shop.toml: ") for line in lines]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = [", "not TOML"),
        ("", "registers: is missing"),
        ("registers = []", "registers: the farm is empty"),
        (SHOP + ONE + "adress = 1", "registers[0].adress: unknown field (did you mean address?)"),
        (SHOP + ONE + 'baud = "fast"', "registers[0].baud: input should be a valid integer"),
        (SHOP + ONE + "baud = 1", "registers[0].baud: input should be greater than or equal to 300, not 1"),
        (
            SHOP + '[[registers]]\nname = "a"\naddress = "foo://x"',
            "registers[0].address: 'foo://x': unknown kind",
        ),
        (SHOP + '[[registers]]\nname = "a"\n', "registers[0]: give either an address or the table emulate"),
        (SHOP + ONE + "emulate = {}", "registers[0]: give either an address or the table emulate"),
        (SHOP + ONE + ONE, "two registers are named 'a'"),
        (ONE, "register 'a' has no entity, and [shop] has none"),
        (
            '[shop]\nentity = "7707083894"\n' + ONE,
            "shop.entity: the tax number '7707083894' has wrong check digits",
        ),
        (
            SHOP + '[engine]\npolicy = "best"\n' + ONE,
            "engine.policy: 'best' is unknown; there are: round_robin",
        ),
        (SHOP + '[engine]\nclose_at = ["24:00"]\n' + ONE, "engine.close_at[0]: '24:00' is not a time of day"),
        (SHOP + "[engine]\ndeadline_s = -1\n" + ONE, "engine.deadline_s: input should be greater than 0"),
        (
            SHOP + '[[registers]]\nname = "a"\nemulate = { device = "x" }',
            "registers[0].emulate.device: no device profile 'x'",
        ),
        (SHOP + "[jurnal]\n" + ONE, "jurnal: unknown field (did you mean journal?)"),
        (SHOP + ONE + 'make = "mercury"', "registers[0].make: input should be 'shtrih' or 'atol'"),
        (SHOP + "[http]\nport = 99999\n" + ONE, "http.port: input should be less than or equal to 65535"),
    ],
)
def test_each_mistake_is_one_line(text: str, line: str) -> None:
    found = said(text)
    assert len(found) == 1
    assert found[0].startswith(line)


def test_all_mistakes_at_once() -> None:
    assert (
        len(said('[http]\nport = "x"\n[engine]\nreroute = 3\n[[registers]]\nname = ""\naddress = "COM1"\n'))
        == 3
    )


def test_a_missing_file_and_a_file_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml: no such file"):
        load_config(tmp_path / "no.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 0"):
        load_config(tmp_path / "b.toml")


def test_the_example_and_the_built_in_configuration_hold(tmp_path: Path) -> None:
    config = parse_config(EXAMPLE, "example", tmp_path)
    engine = config.engine_config()
    assert [one.name for one in engine.registers] == ["kkt1", "kkt2", "kkt3"]
    assert engine.close_at_s == (86_100,)
    assert config.journal.path == tmp_path / "var/journal.sqlite"
    assert config.registers[2].emulate is not None
    assert config.registers[2].emulate.drive == tmp_path / "var/kkt3.drive.sqlite"
    assert config.defaults().taxation is Taxation.GENERAL
    demo = parse_config(DEMO.format(inn=DEMO_INN), "demo", tmp_path)
    assert len(demo.registers) == 2
    assert token_of(demo) == ""


def test_beyond_loopback_a_token_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FISCAL_TOKEN", raising=False)
    open_to_all = SHOP + '[http]\nhost = "0.0.0.0"\n' + ONE
    config = parse_config(open_to_all, "shop.toml", Path())
    with pytest.raises(ConfigError, match="reachable from outside"):
        token_of(config)
    monkeypatch.setenv("FISCAL_TOKEN", "s3cret")
    assert token_of(config) == "s3cret"


def test_engine_figures_are_whole_microseconds() -> None:
    config = parse_config(
        SHOP
        + "[engine]\ndeadline_s = 299.5\nmax_age_h = 23\n"
        + ONE
        + 'taxation = ["general", "patent"]\nweight = 3',
        "shop.toml",
        Path(),
    ).engine_config()
    assert config.deadline_us == 299_500_000
    assert config.max_age_us == 23 * 3_600_000_000
    assert config.registers[0].taxation == 33
    assert config.registers[0].weight == 3
