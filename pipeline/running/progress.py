"""Live progress of a run: one table on a terminal, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.table import Table

from occlabel.pipeline.running.history import RunState

_LINE_EVERY = 15.0


@contextmanager
def progress(state: RunState, quiet: bool) -> Iterator[Callable[[RunState], None]]:
    """A function to call whenever the state may have changed."""
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with Live(_table(state), console=console, refresh_per_second=4) as live:
            yield lambda current: live.update(_table(current))
            live.update(_table(state))
        return
    last = [time.monotonic()]

    def line(current: RunState) -> None:
        if time.monotonic() - last[0] >= _LINE_EVERY:
            last[0] = time.monotonic()
            console.print(_line(current), soft_wrap=True)

    console.print(_line(state), soft_wrap=True)
    yield line
    console.print(_line(state), soft_wrap=True)


def _rows(state: RunState) -> Iterator[tuple[str, int, int, int, int, float, str]]:
    elapsed = max(1e-9, time.time() - state.started)
    for stage in state.stages:
        rate = stage.frames / elapsed
        left = stage.total - stage.done - stage.failed - stage.skipped
        remaining = "-" if not stage.done else f"{elapsed / stage.done * left:.0f} s"
        yield stage.slot, stage.done, stage.total, stage.failed, stage.skipped, rate, remaining


def _line(state: RunState) -> str:
    parts = []
    for slot, done, total, failed, skipped, rate, remaining in _rows(state):
        bad = f", {failed} failed, {skipped} skipped" if failed or skipped else ""
        parts.append(f"{slot} {done}/{total}{bad} ({rate:.1f} frames/s, {remaining} left)")
    return f"{time.strftime('%H:%M:%S')} " + "; ".join(parts)


def _table(state: RunState) -> Table:
    table = Table("stage", title=f"run {state.run}: {state.workers} workers", title_justify="left")
    for name in ("done", "total", "failed", "skipped", "frames/s", "left"):
        table.add_column(name, justify="right")
    for slot, done, total, failed, skipped, rate, remaining in _rows(state):
        table.add_row(slot, str(done), str(total), str(failed), str(skipped), f"{rate:.1f}", remaining)
    return table
