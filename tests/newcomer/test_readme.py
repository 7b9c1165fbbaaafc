"""What the README tells a newcomer to do can be done: its commands exist and work, its files are there, its Python runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from functools import lru_cache
from pathlib import Path

import pytest

from bench.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS: list[tuple[str, str]] = _FENCE.findall(README)
PROSE = _FENCE.sub("", README)
INLINE = re.findall(r"`([^`\n]+)`", PROSE)


def command_lines() -> list[str]:
    """Every ``bench ...`` and ``fiscal ...`` the README shows, in blocks and in sentences, without comments."""
    shown = [line for language, block in BLOCKS if not language for line in block.splitlines()] + INLINE
    found = []
    for line in shown:
        line = line.partition("  #")[0].strip().removeprefix(".venv/bin/")
        if re.match(r"(bench|fiscal) [a-z]+", line):
            found.append(line)
    return sorted(set(found))


COMMANDS = command_lines()


@lru_cache
def explained(program: str, command: str) -> str:
    """What ``PROGRAM COMMAND --help`` prints."""
    run = subprocess.run(
        [sys.executable, "-m", program, command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) > 8
    assert any(line.startswith("fiscal serve") for line in COMMANDS)
    assert "bench run scenarios/black_friday.toml" in COMMANDS


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_and_option_shown_exists(line: str) -> None:
    program, command, *arguments = shlex.split(line)
    text = explained(program, command)
    assert text.startswith(f"usage: {program} {command}")
    for argument in arguments:
        if argument.startswith("--"):
            assert argument in text, f"{line}: no option {argument}"


@pytest.mark.parametrize(
    "line",
    [line for line in COMMANDS if "burst_of_15" in line or line.startswith("bench check")],
)
def test_cheap_commands_work(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    arguments = [
        str(path)
        for word in shlex.split(line)[1:]
        for path in (sorted(Path().glob(word)) if "*" in word else [word])
    ]
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_every_extra_named_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {extra for extras in re.findall(r"-e '\.\[([\w,]+)\]'", README) for extra in extras.split(",")}
    assert named
    assert named <= project["optional-dependencies"].keys()


def test_every_file_named_exists() -> None:
    named = {
        word
        for text in (*INLINE, *(block for _, block in BLOCKS))
        for word in re.findall(r"(?:scenarios|data|notebooks|fiscal|bench|tests)/[\w./*-]+", text)
    }
    links = {target for target in re.findall(r"\]\(([^)#]+)\)", PROSE) if "://" not in target}
    assert len(named) > 4
    for name in named | links:
        assert list(ROOT.glob(name.rstrip("./"))), f"{name}: not there"


def test_every_figure_named_is_drawn() -> None:
    from bench.result import Result

    named = {Path(name).stem for name in re.findall(r"`(\w+)\.png`", README)}
    drawn = Result.figures.__code__.co_consts
    names = {name for const in drawn for name in (const if isinstance(const, tuple) else (const,))}
    assert named
    assert named <= names


NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
)


def test_as_many_scenarios_come_along_as_it_says() -> None:
    said = re.search(r"(\w+) come\s+along in `scenarios/`", README)
    assert said is not None
    assert NUMBERS[len(list((ROOT / "scenarios").glob("*.toml")))] == said[1].lower()


@pytest.mark.parametrize("block", [block for language, block in BLOCKS if language == "python"])
def test_the_python_shown_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a smaller day, so that it takes a second."""
    monkeypatch.chdir(ROOT)
    assert "black_friday" in block
    exec(compile(block.replace("black_friday", "burst_of_15"), "README.md", "exec"), {})
