"""The command ``fiscal``: what it prints, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fiscal.cli import main
from fiscal.ffd import Document, encode

GOOD = {"items": [{"name": "Tea", "price": "199.90"}], "buyer": {"email": "a@b.ru"}}


def run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code


@pytest.mark.parametrize(
    "command",
    [
        "",
        "serve",
        "emulate",
        "receipt",
        "z-reports",
        "x-report",
        "ports",
        "probe",
        "decode",
        "states",
        "selftest",
        "replace-drive",
    ],
)
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*([command] if command else []), "--help") == 0
    text = capsys.readouterr().out
    assert "usage: fiscal" in text
    assert "example" in text or command == "ports"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "COMMAND"),
        (["print"], 2, "invalid choice"),
        (["serve", "no.toml"], 3, "no.toml: no such file"),
        (["emulate", "shtrih"], 2, "--pty"),
        (
            ["emulate", "mercury", "--tcp", "127.0.0.1:0"],
            2,
            "there is no emulated 'mercury' yet; there is: shtrih, atol",
        ),
        (["emulate", "shtrih", "--tcp", "nowhere"], 2, "expected tcp://HOST:PORT"),
        (["emulate", "shtrih", "--tcp", "127.0.0.1:0", "--device", "x"], 2, "no device profile 'x'"),
        (["emulate", "shtrih", "--tcp", "127.0.0.1:0", "--speed", "0"], 2, "--speed"),
        (["emulate", "shtrih", "--tcp", "127.0.0.1:0", "--inn", "1"], 2, "--inn"),
        (["probe", "tcp://127.0.0.1:1"], 1, "connection refused"),
        (["probe", "foo://x"], 2, "unknown kind of address"),
        (["receipt", "no.json"], 1, "no.json: no such file"),
        (["decode", "no.bin"], 1, "no.bin: no such file"),
        (["decode", "0300"], 1, "not a fiscal document"),
        (["states", "order"], 2, "invalid choice"),
        (["selftest", "--server", "http://127.0.0.1:1"], 1, "is `fiscal serve` running there?"),
        (["replace-drive", "kkt1", "--server", "nowhere"], 1, "is no address of a server"),
    ],
)
def test_mistakes_are_one_line_on_stderr(
    arguments: list[str],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert says in told.err
    assert "Traceback" not in told.err
    if code != 2:
        assert told.err.count("\n") == 1


def test_receipts_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "order.json"
    path.write_text(json.dumps(GOOD))
    assert run("receipt", str(path)) == 0
    assert capsys.readouterr().out.startswith("fine: sale, 1 items, 199.90 roubles\n")
    path.write_text(json.dumps({**GOOD, "items": [{"name": "", "price": "1"}], "entity": "1"}))
    assert run("receipt", str(path)) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{path}: items[0].name: ")
    assert lines[1].startswith(f"{path}: entity: ")


def test_documents_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = encode(Document(3, ((1054, 1), (1020, 12345))))
    binary = tmp_path / "document.bin"
    binary.write_bytes(data)
    digits = tmp_path / "document.txt"
    digits.write_text(data.hex(" ") + "\n")
    shown = set()
    for given in (data.hex(), data.hex(" "), str(binary), str(digits)):
        assert run("decode", given) == 0
        shown.add(capsys.readouterr().out)
    (text,) = shown
    assert "123.45" in text


def test_diagrams(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("states") == 0
    text = capsys.readouterr().out
    assert text.count("stateDiagram-v2") == 3
    assert "printing --> in_doubt: unknown" in text
    assert run("states", "shift") == 0
    assert capsys.readouterr().out.count("stateDiagram-v2") == 1


def test_the_example_configuration_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("serve", "--example") == 0
    (tmp_path / "shop.toml").write_text(capsys.readouterr().out)
    (tmp_path / "r.json").write_text(json.dumps(GOOD))
    assert run("receipt", "--config", str(tmp_path / "shop.toml"), str(tmp_path / "r.json")) == 0


def test_a_wrong_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "shop.toml"
    path.write_text('[shop]\nentity = "7707083893"\n[[registers]]\nname = "a"\nadress = "COM3"\n')
    assert run("serve", str(path)) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{path}: registers[0].adress: unknown field (did you mean address?)"


@pytest.mark.parametrize("where", ["--pty", "--tcp"])
def test_an_emulated_register_answers_a_probe(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "kkt1") if where == "--pty" else "127.0.0.1:0"
    arguments = [
        "emulate",
        "shtrih",
        where,
        target,
        "--drive",
        str(tmp_path / "d"),
        "--name",
        "kkt1",
        "--speed",
        "100",
    ]
    documents = []
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "fiscal", *arguments], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("ready shtrih shtrih-m-01f at ")
        address = ready.split(" at ")[1].strip()
        assert run("probe", address) == 0
        shown = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
        assert shown["shift"] == "0, closed"
        documents.append((shown["last"], shown["drive"]))
        assert run("probe", address, "--trace") == 0
        assert " > 05 | ENQ\n" in capsys.readouterr().err
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()
    assert documents[0] == documents[1]  # its memory is in the file


def test_serve_stops_without_a_word_too_many(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(
        '[shop]\nentity = "7700000009"\nsite = "s"\ntaxation = "general"\n[http]\nport = 0\n[log]\nlevel = "warning"\n'
        'trace = "trace.txt"\n[[registers]]\nname = "kkt1"\nemulate = { speed = 100 }\n'
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-m", "fiscal", "serve", "shop.toml"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("serving at http://127.0.0.1:")
        time.sleep(0.3)
        process.send_signal(number)
        assert process.wait(15) == 0
        assert "curl http://127.0.0.1:" in process.stdout.read()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.stdout.close()
        process.stderr.close()
    assert " kkt1 > 05 | ENQ\n" in (tmp_path / "trace.txt").read_text()
    assert sorted(path.name for path in (tmp_path / "var").iterdir()) == [
        "journal.sqlite",
        "kkt1.drive.sqlite",
        "ports",
    ]
