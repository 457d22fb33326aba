"""What a command prints keeps every number and name, in a pipe and in a terminal that is too narrow."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.table import Column

from occlabel.pipeline.running.console import Table, console

NAME, TOLD = "a-version-with-a-long-name", "a long text of many words that may be wrapped"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(out: io.StringIO, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout", out)
    table = Table("name", "voxels", Column("told", overflow="fold"), title="a title that is longer than one word")
    table.add_row(NAME, "12,348,725", TOLD)
    screen: Console = console()
    screen.print(table, f"log [bold]a[/]: :car: {TOLD}", sep="\n")
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()


@pytest.mark.parametrize("forced", [False, True])
def test_in_a_pipe_nothing_is_cut_or_wrapped_whatever_its_width(monkeypatch: pytest.MonkeyPatch, forced: bool) -> None:
    if forced:  # as services of continuous integration do, whose output is a pipe
        monkeypatch.setenv("FORCE_COLOR", "1")
    title, _, _, _, row, _, sentence = printed(io.StringIO(), 20, monkeypatch)
    assert "a title that is longer than one word" in title
    assert all(text in row for text in (NAME, "12,348,725", TOLD))
    assert sentence == f"log [bold]a[/]: :car: {TOLD}"


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_in_a_terminal_only_long_texts_are_wrapped(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = printed(Terminal(), width, monkeypatch)
    title, *rows, sentence = lines
    (row,) = (line for line in rows if NAME in line)
    assert "12,348,725" in row and "…" not in "".join(lines)
    assert set(TOLD.split()) <= set(" ".join(rows).replace("│", " ").split()), "and no word is cut"
    needed = len(NAME) + len("12,348,725") + len("wrapped") + 4
    assert max(map(len, rows)) <= max(width, needed)
    assert title.startswith("a title that is longer than one word") and sentence.endswith(TOLD)


def test_a_table_that_fits_has_its_lines_and_one_that_does_not_loses_them_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert any("│" in line for line in printed(Terminal(), 80, monkeypatch))
    assert not any("│" in line for line in printed(Terminal(), 52, monkeypatch))
