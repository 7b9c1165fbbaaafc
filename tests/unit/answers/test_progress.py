"""The bar: at a terminal only, and gone at the end."""

from __future__ import annotations

import io

from bench.progress import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_at_a_terminal() -> None:
    out = Terminal()
    with Bar("run", out, width=10) as bar:
        bar(0, 100)
        bar(50, 100)
        bar(50, 100)
        bar(100, 100)
        assert out.getvalue() == "\rrun [..........]   0%\rrun [#####.....]  50%\rrun [##########] 100%"
    assert out.getvalue().endswith("\r" + " " * 21 + "\r")


def test_nothing_is_written_where_no_one_looks() -> None:
    out = io.StringIO()
    with Bar("run", out) as bar:
        bar(1, 2)
    assert out.getvalue() == ""


def test_a_whole_of_nothing_is_done() -> None:
    out = Terminal()
    Bar("run", out, width=2)(0, 0)
    assert "[##] 100%" in out.getvalue()
