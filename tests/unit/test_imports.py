"""The house has floors, and arrows run downwards only; what decides and what speaks bytes has no clock, no line, no file and no chance.

The rules are tables. They are read against the syntax tree of every module, imports inside functions included; made-up modules
that break each rule show that the reading works.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOORS: dict[str, int] = {
    "bench": 6,
    "fiscal.__main__": 5,
    "fiscal.cli": 5,
    "fiscal.cli_code": 5,
    "fiscal.cli_emulate": 5,
    "fiscal.cli_ofd": 5,
    "fiscal.cli_parts": 5,
    "fiscal.cli_receipt": 5,
    "fiscal.cli_reports": 5,
    "fiscal.cli_service": 5,
    "fiscal.live": 4,
    "fiscal.emulators": 3,
    "fiscal.registers": 3,
    "fiscal.shops": 3,
    "fiscal.watch": 3,
    "fiscal.devices": 3,
    "fiscal.makes": 3,
    "fiscal.journal": 2,
    "fiscal.ofd": 2,
    "fiscal.engine": 1,
    "fiscal.ffd": 0,
    "fiscal": 0,  # receipts, orders, money, VAT: what everybody speaks of
}
"""The longest name that fits says on which floor a module lives. It may import from its own floor and below."""

IMPURE = (
    "bench",
    "fiscal.live",
    "fiscal.cli",
    "fiscal.cli_code",
    "fiscal.cli_emulate",
    "fiscal.cli_ofd",
    "fiscal.cli_parts",
    "fiscal.cli_receipt",
    "fiscal.cli_reports",
    "fiscal.cli_service",
    "fiscal.__main__",
    "fiscal.journal",
    "fiscal.shops",
    "fiscal.watch",
)
"""Everything else under ``fiscal`` is pure."""

# fmt: off
FORBIDDEN = frozenset({
    "asyncio", "concurrent", "ctypes", "fcntl", "glob", "http", "importlib", "io", "multiprocessing", "numpy", "os", "pathlib",
    "pty", "queue", "random", "secrets", "select", "selectors", "serial", "shutil", "signal", "simpy", "smtplib", "socket",
    "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "termios", "threading", "time", "urllib", "uuid",
})
# fmt: on
"""Clocks, lines, threads, chance and files."""

ALLOWED: dict[str, str] = {
    "fiscal.ffd": "importlib.resources",  # its tables, packed beside it
    "fiscal.devices": "importlib.resources",
    "fiscal.ffd.qr": "io",  # a picture made in memory
}
"""Which package may use what nevertheless."""

FORBIDDEN_CALLS = frozenset({"open", "input", "print", "hash", "id"})
FORBIDDEN_METHODS = frozenset({"now", "utcnow", "today"})
"""``datetime.now`` and its kin: the time comes in as an argument."""


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def floor(name: str) -> int:
    return FLOORS[max((package for package in FLOORS if within(name, package)), key=len)]


def is_pure(name: str) -> bool:
    return within(name, "fiscal") and not any(within(name, package) for package in IMPURE)


def imported(tree: ast.AST, name: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """(line, absolute name) of everything a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = name.split(".")
                parents = parents[: len(parents) - node.level + is_package]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def faults_of(name: str, source: str, is_package: bool = False) -> list[str]:
    """What this module does that its place in the house does not allow."""
    tree = ast.parse(source)
    faults = []
    for line, target in imported(tree, name, is_package):
        where = f"{name}:{line} imports {target}"
        if target.split(".")[0] in ("bench", "fiscal") and floor(target) > floor(name):
            faults.append(f"{where}: an arrow up, from floor {floor(name)} to floor {floor(target)}")
        allowed = any(within(name, package) and within(target, what) for package, what in ALLOWED.items())
        if is_pure(name) and target.split(".")[0] in FORBIDDEN and not allowed:
            faults.append(f"{where}: {name} is pure")
    if is_pure(name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Name) and called.id in FORBIDDEN_CALLS:
                    faults.append(f"{name}:{node.lineno} calls {called.id}(): {name} is pure")
                elif isinstance(called, ast.Attribute) and called.attr in FORBIDDEN_METHODS:
                    faults.append(f"{name}:{node.lineno} calls .{called.attr}(): {name} is pure")
    return faults


def modules() -> Iterator[tuple[str, Path]]:
    for top in ("bench", "fiscal"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_arrows_run_downwards_and_the_pure_stay_pure() -> None:
    found = list(modules())
    assert len(found) > 50
    faults = [
        fault
        for name, path in found
        for fault in faults_of(name, path.read_text(encoding="utf-8"), path.name == "__init__.py")
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("fiscal.receipt", "from fiscal.engine.engine import Engine"),
        ("fiscal.engine.core", "import fiscal.journal"),
        ("fiscal.engine.core", "from fiscal import journal"),
        ("fiscal.engine.core", "from ..journal import memory"),
        ("fiscal.engine.core", "def f():\n    from fiscal.registers import tasks"),
        ("fiscal.journal.sqlite", "from fiscal.live import clock"),
        ("fiscal.live.runtime", "import bench.world"),
        ("fiscal.registers.tasks", "from fiscal.cli import main"),
        ("fiscal.engine.core", "import time"),
        ("fiscal.engine.core", "from random import Random"),
        ("fiscal.engine.core", "if True:\n    import os.path"),
        ("fiscal.vat", "from importlib.resources import files"),
        ("fiscal.emulators.drive", "from pathlib import Path"),
        ("fiscal.registers.shtrih.driver", "import serial"),
        ("fiscal.ofd.relay", "import socket as s"),
        ("fiscal.orders", "import uuid"),
        ("fiscal.engine.core", "from datetime import datetime\nx = datetime.now()"),
        ("fiscal.ffd.tags", "f = open('tags.csv')"),
        ("fiscal.engine.policies", "x = hash('buyer') % 3"),
    ],
)
def test_a_module_that_breaks_a_rule_is_found(name: str, source: str) -> None:
    assert faults_of(name, source)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("bench.world", "import simpy, random, time\nfrom fiscal.engine.engine import Engine"),
        ("fiscal.live.runtime", "import threading\nfrom fiscal.emulators import drive"),
        ("fiscal.journal.sqlite", "import sqlite3\nfrom fiscal.engine.records import Record"),
        ("fiscal.ffd.tags", "from importlib.resources import files\nfrom fiscal.receipt import Receipt"),
        ("fiscal.engine.core", "from datetime import UTC, datetime\nx = datetime.fromtimestamp(0, UTC)"),
        ("fiscal.engine.policies", "def random(): ...\nx = random()"),
    ],
)
def test_a_module_that_keeps_the_rules_is_not_accused(name: str, source: str) -> None:
    assert not faults_of(name, source)


def test_every_module_lives_on_a_floor() -> None:
    assert all(floor(name) >= 0 for name, _ in modules())
    assert (
        floor("fiscal.engine.core")
        < floor("fiscal.journal")
        < floor("fiscal.registers.tasks")
        < floor("bench")
    )
