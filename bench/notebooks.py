"""Notebooks kept with their outputs: executing them again so that the outputs in the repository are those of the present code.

Each notebook is a question. Its outputs are compared by nbval in the test suite; when the world has changed on purpose, `refresh` makes
them anew. It writes the same bytes whenever the outputs are the same: nothing of the moment or the machine is kept (timing of cells,
state of widgets, version of Python).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
CELL_TIMEOUT_S = 120

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def every() -> list[Path]:
    """The notebooks that come with the bench, in the order in which to read them."""
    return sorted(FOLDER.glob("*.ipynb"))


def question(path: Path) -> str:
    """The question a notebook asks: its first heading. Raises OSError, ValueError for what is no notebook."""
    import nbformat

    for cell in nbformat.read(path, as_version=4).cells:  # type: ignore[no-untyped-call]
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source.partition("\n")[0][2:].strip())
    return ""


def refresh(paths: Sequence[Path]) -> int:
    """Execute notebooks in place, each in a kernel of its own that runs in the notebook's folder.

    Returns 0, or 1 when a notebook could not be read, executed or written; that one stays as it was, and stderr says which cell failed.
    Needs nbclient and ipykernel (extra ``dev``), without them 2.
    """
    try:
        import nbclient  # noqa: F401
        import nbformat  # noqa: F401
    except ImportError as missing:
        print(f"notebooks: {missing}; install the extra: pip install -e '.[dev]'", file=sys.stderr)  # noqa: T201
        return 2
    failed = 0
    for path in paths:
        why = _execute(path)
        failed += bool(why)
        print(f"{path.name}: {why or 'executed'}", file=sys.stderr if why else sys.stdout, flush=True)
    return 1 if failed else 0


def _execute(path: Path) -> str:
    """Execute one notebook and write it back. Returns what went wrong, in one line, or nothing."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    try:
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, nbformat.ValidationError) as error:
        return f"no notebook: {str(error).splitlines()[0]}"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )
    try:
        client.execute(
            stderr=subprocess.DEVNULL
        )  # the kernel's own remarks; what cells print comes as output
    except CellExecutionError as error:
        number = next((i for i, cell in enumerate(notebook.cells) if _raised(cell)), -1) + 1
        return f"cell {number} failed: {error.ename}: {str(error.evalue).partition(chr(10))[0]}"
    except CellTimeoutError:
        return f"a cell took longer than {CELL_TIMEOUT_S} s"
    except DeadKernelError:
        return "the kernel died"
    tidy(notebook)
    try:
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    except OSError as error:
        return f"cannot be written: {error.strerror or error}"
    return ""


def _raised(cell: Mapping[str, Any]) -> bool:
    return any(output.get("output_type") == "error" for output in cell.get("outputs", ()))


def tidy(notebook: Any) -> None:
    """Take out, in place, what is of the moment or the machine and not of the question."""
    notebook.metadata = type(notebook)({"kernelspec": dict(_KERNEL), "language_info": {"name": "python"}})
    for cell in notebook.cells:
        cell.metadata = type(notebook)(
            {key: value for key, value in cell.metadata.items() if key in ("tags", "jupyter")}
        )
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
