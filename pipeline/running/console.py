"""How commands print: in a terminal what fits it, into a pipe or a file one row a line, whatever its width."""

from __future__ import annotations

from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table as RichTable

_ANY = 100_000
"""Characters in a line that is not bounded."""


def console(stderr: bool = False) -> Console:
    """One that wraps no sentence and prints every text as it is: names and paths may hold square brackets and colons,
    which are markup and emoji elsewhere."""
    return Console(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)


class Table(RichTable):
    """A table that cuts nothing: a number or a name that was cut is another one. In a terminal that is too narrow,
    columns whose ``overflow`` is "fold" are wrapped; where that is not enough, it has no lines between its cells."""

    def __init__(self, *headers: Any, **settings: Any) -> None:
        super().__init__(*headers, **{"title_justify": "left", **settings})

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.update(max_width=_ANY)
        if not console.file.isatty():  # is_terminal is also what FORCE_COLOR says of a pipe
            return super().__rich_console__(console, wide)
        for column in self.columns:
            if column.overflow != "fold":
                column.no_wrap = True
                cells = (column.header, *column.cells)
                column.min_width = max(Measurement.get(console, wide, cell).maximum for cell in cells)
        if self._least(console, wide) > options.max_width:
            self.box, self.pad_edge = None, False
        least = self._least(console, wide)
        return super().__rich_console__(console, options.update(max_width=max(options.max_width, least)))

    def _least(self, console: Console, wide: ConsoleOptions) -> int:
        return Measurement.get(console, wide, self).minimum
