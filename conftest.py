"""What all tests share, notebooks included: the cells of a notebook run in their order, one notebook after the other.

A plugin that shuffles tests (pytest-randomly) would tear the cells of a notebook apart, and each jump between two notebooks would cost a
new kernel.
"""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    cells: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if _is_cell(item):
            cells.setdefault(item.path, []).append(item)
    ordered: list[pytest.Item] = []
    for item in items:
        if not _is_cell(item):
            ordered.append(item)
        elif item.path in cells:
            ordered += sorted(cells.pop(item.path), key=_number)
    items[:] = ordered


def _is_cell(item: pytest.Item) -> bool:
    return type(item).__name__ == "IPyNbCell"


def _number(item: pytest.Item) -> int:
    return int(item.cell_num)  # type: ignore[attr-defined]  # of nbval, which has no types
