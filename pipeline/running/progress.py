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
    console.print(f"workers: {state.where}", soft_wrap=True)
    if console.is_terminal:
        with Live(_table(state), console=console, refresh_per_second=4) as live:
            yield lambda current: live.update(_table(current))
            live.update(_table(state))
        return
    last, said = time.monotonic(), ""

    def line(current: RunState) -> None:
        nonlocal last, said
        if time.monotonic() - last >= _LINE_EVERY and _counts(current) != said:
            last, said = time.monotonic(), _counts(current)
            console.print(_line(current), soft_wrap=True)

    console.print(_line(state), soft_wrap=True)
    yield line
    console.print(_line(state), soft_wrap=True)


def _counts(state: RunState) -> str:
    """What must change for a line to be worth printing."""
    return str([(stage.done, stage.failed, stage.skipped) for stage in state.stages] + [state.retried])


def _rows(state: RunState) -> Iterator[tuple[str, int, int, int, int, float, str]]:
    elapsed = max(1e-9, time.time() - state.started)
    for stage in state.stages:
        rate = stage.frames / elapsed
        remaining = "-" if not stage.done else f"{elapsed / stage.done * stage.left:.0f} s"
        yield stage.stage, stage.done, stage.total, stage.failed, stage.skipped, rate, remaining


def _line(state: RunState) -> str:
    parts = []
    for name, done, total, failed, skipped, rate, remaining in _rows(state):
        bad = f", {failed} failed, {skipped} skipped" if failed or skipped else ""
        parts.append(f"{name} {done}/{total}{bad} ({rate:.1f} frames/s, {remaining} left)")
    retried = f"; {state.retried} retried" if state.retried else ""
    return f"{time.strftime('%H:%M:%S')} " + "; ".join(parts) + retried


def _table(state: RunState) -> Table:
    table = Table("stage", title=f"run {state.run}: {state.workers} workers", title_justify="left")
    for name in ("done", "total", "failed", "skipped", "frames/s", "left"):
        table.add_column(name, justify="right")
    for name, done, total, failed, skipped, rate, remaining in _rows(state):
        table.add_row(name, str(done), str(total), str(failed), str(skipped), f"{rate:.1f}", remaining)
    return table
