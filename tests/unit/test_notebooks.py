"""The notebooks as files: kept with outputs (without which nbval would compare nothing), small, and free of the machine they ran on."""

from __future__ import annotations

import getpass
import importlib.util
import json
import random
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bench import notebooks

ROOT = Path(__file__).resolve().parents[2]
PATHS = notebooks.every()
LARGEST_OUTPUT_BYTES = 300_000
# Absolute paths of any system; "//" of addresses and the rooms of a URL are none.
ABSOLUTE = re.compile(r"(?<![\w:/.])/(?:home|root|work|tmp|usr|var|opt|Users|mnt|private)/|\b[A-Z]:\\\w")

every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    return notebook


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def texts(path: Path) -> Iterator[str]:
    """All text of the outputs."""
    for cell in code_cells(path):
        for output in cell.outputs:
            yield output.get("text", "")
            yield from (value for kind, value in output.get("data", {}).items() if kind.startswith("text/"))


def test_there_are_notebooks_and_the_readme_names_each() -> None:
    readme = (notebooks.FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(PATHS) >= 5
    assert [path.stem for path in PATHS] == re.findall(r"^\| `(\w+)` \|", readme, re.M)


@every_notebook
def test_it_begins_with_its_question(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ") and "?" in first.source.partition("\n")[0]
    assert notebooks.question(path) == first.source.partition("\n")[0][2:]


@every_notebook
def test_every_code_cell_was_executed_in_order_and_none_failed(path: Path) -> None:
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [cell.source for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert not [cell.source for cell in cells for output in cell.outputs if output.get("name") == "stderr"]


@every_notebook
def test_it_shows_charts_and_asserts_what_it_claims(path: Path) -> None:
    cells = code_cells(path)
    assert sum("assert " in cell.source for cell in cells) >= 5
    ignored = [cell for cell in cells if "nbval-ignore-output" in cell.metadata.get("tags", ())]
    assert len(ignored) <= 1


@every_notebook
def test_outputs_are_small(path: Path) -> None:
    sizes = [len(json.dumps(output)) for cell in code_cells(path) for output in cell.outputs]
    assert max(sizes) <= LARGEST_OUTPUT_BYTES
    assert path.stat().st_size <= 2 * LARGEST_OUTPUT_BYTES


@every_notebook
def test_outputs_say_nothing_of_the_machine(path: Path) -> None:
    names = [name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 4]
    for text in texts(path):
        assert not ABSOLUTE.search(text), text
        assert str(ROOT) not in text
        assert not [name for name in names if re.search(rf"\b{re.escape(name)}\b", text)]
        assert not re.search(r"\b0x[0-9a-f]{8,}\b", text), "an address of the memory"


@every_notebook
def test_nothing_of_the_moment_is_kept(path: Path) -> None:
    notebook = read(path)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert dict(notebook.metadata.language_info) == {"name": "python"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}
    kinds = {kind for cell in code_cells(path) for output in cell.outputs for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds


# ---- refreshing -----------------------------------------------------------------------------------------------------


def write(path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_markdown_cell("# Is it so?\n\nText.", id="a")]  # type: ignore[no-untyped-call]
    cells += [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]  # type: ignore[no-untyped-call]
    metadata = {"widgets": {"state": {}}, "language_info": {"name": "python", "version": "3.0.0"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)  # type: ignore[no-untyped-call]
    return path


def test_refresh_executes_in_the_folder_of_the_notebook_and_keeps_the_outputs_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "beside.txt").write_text("beside\n")
    path = write(tmp_path / "one.ipynb", "print(open('beside.txt').read().strip())\nprint('twice')", "6 * 7")
    assert notebooks.refresh([path]) == 0
    first = path.read_bytes()
    cells = code_cells(path)
    assert cells[0].outputs[0].text == "beside\ntwice\n" and len(cells[0].outputs) == 1
    assert cells[1].outputs[0].data == {"text/plain": "42"}
    assert [set(cell.metadata) for cell in cells] == [set(), set()]
    assert (
        dict(read(path).metadata.language_info) == {"name": "python"} and "widgets" not in read(path).metadata
    )
    assert notebooks.refresh([path]) == 0
    assert path.read_bytes() == first
    assert capsys.readouterr().out == "one.ipynb: executed\n" * 2


def test_refresh_names_the_cell_that_failed_and_leaves_the_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "two.ipynb", "1", "raise ValueError('no goods')")
    before = path.read_bytes()
    torn = tmp_path / "torn.ipynb"
    torn.write_text("{")
    assert notebooks.refresh([path, torn, tmp_path / "missing.ipynb"]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "two.ipynb: cell 3 failed: ValueError: no goods"
    assert errors[1].startswith("torn.ipynb: no notebook") and errors[2].startswith(
        "missing.ipynb: no notebook"
    )
    assert path.read_bytes() == before


# ---- running as tests -----------------------------------------------------------------------------------------------


class IPyNbCell:
    """What the order of cells needs of an nbval item."""

    def __init__(self, path: str, cell_num: int) -> None:
        self.path, self.cell_num = Path(path), cell_num


def test_shuffled_cells_run_in_order_and_notebooks_one_after_the_other() -> None:
    spec = importlib.util.spec_from_file_location("root_conftest", ROOT / "conftest.py")
    assert spec is not None and spec.loader is not None
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    items: list[Any] = [IPyNbCell(path, number) for number in range(12) for path in ("a", "b")]
    items[3:3] = ["first test", "second test"]
    random.Random(7).shuffle(items)
    others = [item for item in items if isinstance(item, str)]
    conftest.pytest_collection_modifyitems(items)
    assert [item for item in items if isinstance(item, str)] == others
    for path in (Path("a"), Path("b")):
        places = [i for i, item in enumerate(items) if isinstance(item, IPyNbCell) and item.path == path]
        assert [items[i].cell_num for i in places] == list(range(12))
        assert places == list(range(places[0], places[0] + 12))
