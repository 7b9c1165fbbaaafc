"""The ``bench`` command: each mistake one clear line, no traceback, the promised exit codes; nothing half written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cli import main

ROOT = Path(__file__).parents[2]
BENCH = (sys.executable, "-m", "bench")

GOOD = """\
schema_version = 1
name = "tiny"
question = "Does the command do what it says?"
start = 2026-03-11T10:00:00
duration_h = 0.2

[[shop.entities]]
name = "llc"
inn = "7701234560"
user = "OOO Primer"

[arrivals]
kind = "poisson"
rate_per_min = 2

[[farm.registers]]
name = "front"
device = "shtrih-m-01f"

[[faults]]
kind = "reply_lost"
at = "10:01"

[expect]
lost = 0
"""
TRACE = GOOD.replace(
    'kind = "poisson"\nrate_per_min = 2',
    'kind = "trace"\nfile = "orders.csv"\n'
    'columns = { order = "id", time = "when", name = "name", quantity = "qty", price = "price" }',
)
FIELDS = [
    "scenario",
    "seed",
    "fidelity",
    "orders",
    "receipts",
    "fiscalized",
    "in_time_share",
    "late",
    "lost",
    "doubled",
    "in_doubt",
    "refused",
    "wait_s",
    "queue_max",
    "registers",
    "faults",
    "event_log_sha256",
    "simulated_s",
    "wall_s",
]
COMMANDS = ("run", "check", "replay", "speed", "notebooks", "schema")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def bench(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a command line."""
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("[expect]\nlost", "[expect]\nlots"), ["expect.lots", "unknown key", "lost?"]),
        (GOOD.replace("rate_per_min = 2", 'rate_per_min = "two"'), ["arrivals.rate_per_min", '"two"']),
        (GOOD.replace("shtrih-m-01f", "shtrih-x-01f"), ["device", "shtrih-x-01f"]),
        (GOOD.partition("[[farm")[0] + "[farm]\nregisters = []\n", ["farm.registers", "empty"]),
        (GOOD.replace("duration_h = 0.2", "duration_h = 0.2 h"), ["line 5"]),
        ("", ["is missing"]),
        (GOOD.replace('target = "front"', ""), []),
    ],
    ids=["misspelt key", "wrong type", "unknown device", "empty farm", "not TOML", "empty file", "right"],
)
def test_a_mistake_in_a_scenario_is_named(
    capsys: pytest.CaptureFixture[str], folder: Path, text: str, says: list[str]
) -> None:
    (folder / "wrong.toml").write_text(text, encoding="utf-8")
    for command in ("run", "check"):
        code, out, err = bench(capsys, command, "wrong.toml", *(["--json"] if command == "run" else []))
        assert code == (3 if says else 0)
        for word in says:
            assert word in err
        if says:
            assert out == ""
            assert all(line.startswith("wrong.toml: ") for line in err.splitlines())
            assert text == "" or len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("1,2026-03-11T10:00:00,Tea,1,10\n2,2026-03-11T10:01:00,,,\n", ["row 3", "order 2", "no goods"]),
        ("1,yesterday,Tea,1,10\n", ["row 2", "when", "yesterday"]),
        ("1,2026-03-11T10:00:00,Tea,some,10\n", ["row 2", "qty", "some"]),
    ],
)
def test_a_mistake_in_an_order_file_is_named_by_row(
    capsys: pytest.CaptureFixture[str], folder: Path, rows: str, says: list[str]
) -> None:
    (folder / "trace.toml").write_text(TRACE, encoding="utf-8")
    (folder / "orders.csv").write_text("id,when,name,qty,price\n" + rows, encoding="utf-8")
    code, out, err = bench(capsys, "run", "trace.toml")
    assert (code, out, len(err.splitlines())) == (3, "", 1)
    for word in ["orders.csv", *says]:
        assert word in err
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["run", "nothing.toml"], 3, "nothing.toml: no such file"),
        (["run", "."], 3, "cannot be read"),
        (["run", "tiny.toml", "--set", "farm.polcy=central"], 3, "farm.polcy"),
        (["run", "tiny.toml", "--set", "farm.policy=best"], 3, "farm.policy"),
        (["run", "tiny.toml", "--set", "farm.policy"], 3, "path.to.field=value"),
        (["run", "tiny.toml", "--set", "faults[7].at=10:00"], 3, "faults[7]"),
        (["run", "tiny.toml", "--out", "tiny.toml"], 2, "tiny.toml: cannot be written"),
        (["run", "tiny.toml", "--out", "tiny.toml/deep/er"], 2, "cannot be written"),
        (["run", "tiny.toml", "--seed", "-1"], 2, "--seed: must not be negative"),
        (["run", "tiny.toml", "--seed", "one"], 2, "--seed: 'one' is not a whole number"),
        (["run", "tiny.toml", "--replications", "0"], 2, "--replications: must be 1 or more"),
        (["run", "tiny.toml", "--fidelity", "rough"], 2, "--fidelity"),
        (["run"], 2, "SCENARIO"),
        (["dance"], 2, "dance"),
        ([], 2, "COMMAND"),
        (["replay", "nowhere"], 3, "nowhere/result.json: no such file"),
        (["replay", "tiny.toml"], 3, "tiny.toml/result.json"),
        (["check", "tiny.toml", "nothing.toml"], 3, "nothing.toml: no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_input_ends_in_a_clear_line(
    capsys: pytest.CaptureFixture[str], folder: Path, arguments: list[str], code: int, says: str
) -> None:
    before = sorted(folder.rglob("*"))
    got, _, err = bench(capsys, *arguments)
    assert got == code
    assert says in err.splitlines()[-1]
    assert "Traceback" not in err
    if code == 3:
        assert len(err.splitlines()) == 1
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        ("{", "not a result"),
        ("[]", "not a result"),
        ("{}", "'scenario' is missing"),
        ('{"scenario": {}, "seed": -1, "fidelity": "wire", "folder": ""}', "'summary' is missing"),
        ('{"scenario": {}, "seed": "x", "fidelity": "wire", "folder": ".", "summary": %s}', "seed is 'x'"),
        ('{"scenario": {}, "seed": -1, "fidelity": "wire", "folder": ".", "summary": %s}', "seed is -1"),
        ('{"scenario": {}, "seed": 1, "fidelity": "rough", "folder": ".", "summary": %s}', "'rough'"),
        ('{"scenario": 7, "seed": 1, "fidelity": "wire", "folder": ".", "summary": %s}', "no scenario"),
    ],
)
def test_a_folder_that_is_no_result_cannot_be_replayed(
    capsys: pytest.CaptureFixture[str], folder: Path, kept: str, says: str
) -> None:
    (folder / "result.json").write_text(kept.replace("%s", '{"event_log_sha256": "0"}'), encoding="utf-8")
    code, _, err = bench(capsys, "replay", ".")
    assert (code, len(err.splitlines())) == (3, 1)
    assert says in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, err = bench(capsys, command, "--help")
    assert (code, err) == (0, "")
    assert f"bench {command}" in out
    assert len(out.splitlines()) >= 4


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(capsys, "--help")
    assert code == 0
    for command in COMMANDS:
        assert f"\n    {command}" in out


def test_json_is_one_object_with_the_promised_fields(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, out, err = bench(capsys, "run", "tiny.toml", "--json", "--seed", "5")
    assert (code, err) == (0, "")
    summary = json.loads(out)
    further = ["sent_share", "confirmed_share", "operator_lag_s"]
    assert [name for name in summary if name not in further] == FIELDS
    assert set(summary) == {*FIELDS, *further}
    assert list(summary["wait_s"]) == ["mean", "p50", "p95", "p99", "max"]
    assert summary["registers"].keys() == {"front"}
    assert list(summary["registers"]["front"]) == ["receipts", "utilization", "z_reports"]
    assert summary["faults"].keys() == {"reply_lost"}
    assert (summary["scenario"], summary["seed"], summary["fidelity"]) == ("tiny", 5, "wire")
    assert (summary["lost"], summary["doubled"]) == (0, 0)
    assert summary["fiscalized"] == summary["receipts"] > 5
    assert len(summary["event_log_sha256"]) == 64
    assert not (folder / "runs").exists()


def test_a_run_prints_a_report_and_keeps_its_folder(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, _ = bench(capsys, "run", "tiny.toml")
    assert code == 0
    assert "runs/tiny" in out
    assert (folder / "runs" / "tiny" / "result.json").is_file()
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["tiny"]
    code, out, _ = bench(capsys, "replay", "runs/tiny")
    assert code == 0
    assert "the same" in out


def test_a_replay_that_differs_says_so(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    bench(capsys, "run", "tiny.toml", "--json", "--out", "kept")
    path = folder / "kept" / "result.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["seed"] += 1
    path.write_text(json.dumps(kept), encoding="utf-8")
    code, _, err = bench(capsys, "replay", "kept")
    assert code == 1
    assert "differs" in err


def test_a_second_run_replaces_the_first_and_leaves_other_files(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    bench(capsys, "run", "tiny.toml", "--json", "--out", "kept")
    (folder / "kept" / "notes.txt").write_text("mine", encoding="utf-8")
    bench(capsys, "run", "tiny.toml", "--json", "--out", "kept", "--seed", "9")
    assert json.loads((folder / "kept" / "result.json").read_text(encoding="utf-8"))["seed"] == 9
    assert (folder / "kept" / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in folder.iterdir()) == ["kept", "tiny.toml"]


@pytest.mark.parametrize(
    "expect", ["expect.late_min=100", "expect.receipts_min=10000", 'expect.fired=["reply_lost"]']
)
def test_an_expectation_that_fails_is_exit_code_one(capsys: pytest.CaptureFixture[str], expect: str) -> None:
    fine = "fired" in expect
    code, out, _ = bench(capsys, "run", "tiny.toml", "--json", "--set", expect)
    assert code == (0 if fine else 1)
    assert json.loads(out)["lost"] == 0  # the answer is printed all the same


def test_check_says_what_is_fine_and_what_is_not(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "wrong.toml").write_text(
        GOOD.replace("seed", "sed").replace("name", "nmae", 1), encoding="utf-8"
    )
    code, out, err = bench(capsys, "check", "tiny.toml", "wrong.toml")
    assert code == 3
    assert out.startswith("tiny.toml: fine, ")
    assert "nmae" in err


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(capsys, "schema")
    assert code == 0
    assert "properties" in json.loads(out)


def test_a_reader_that_stops_reading_is_no_error() -> None:
    process = subprocess.Popen([*BENCH, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) in (0, 1, 120)
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def long_run(folder: Path) -> Iterator[subprocess.Popen[str]]:
    scenario = GOOD.replace("rate_per_min = 2", "rate_per_min = 60").replace(
        "duration_h = 0.2", "duration_h = 10"
    )
    (folder / "long.toml").write_text(scenario, encoding="utf-8")
    process = subprocess.Popen(
        [*BENCH, "run", "long.toml", "--out", "kept"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a subprocess")
def test_ctrl_c_in_the_middle_of_a_run_leaves_nothing(folder: Path, long_run: subprocess.Popen[str]) -> None:
    time.sleep(8.0)  # long enough for a busy machine to have loaded everything
    assert long_run.poll() is None, "the run was over too soon for this test"
    long_run.send_signal(signal.SIGINT)
    out, err = long_run.communicate(timeout=60)
    assert long_run.returncode == 130
    assert out == ""
    assert err == "interrupted; nothing was written\n"
    assert sorted(path.name for path in folder.iterdir()) == ["long.toml", "tiny.toml"]


def test_ctrl_c_while_the_result_is_being_written_leaves_nothing(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.result import Result

    def interrupted(self: Result) -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Result, "figures", interrupted)
    code, _, err = bench(capsys, "run", "tiny.toml", "--out", "kept")
    assert code == 130
    assert err == "interrupted; nothing was written\n"
    assert sorted(path.name for path in folder.iterdir()) == ["tiny.toml"]


def test_a_disk_that_fills_while_the_result_is_being_written_is_told(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.result import Result

    def full(self: Result) -> dict[str, object]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Result, "figures", full)
    code, _, err = bench(capsys, "run", "tiny.toml", "--out", "kept")
    assert (code, err) == (2, "kept: cannot be written: No space left on device\n")
    assert sorted(path.name for path in folder.iterdir()) == ["tiny.toml"]


def test_the_installed_command_is_there() -> None:
    assert shutil.which("bench", path=str(Path(sys.executable).parent))
