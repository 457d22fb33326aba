"""Live progress of a run: one table on a terminal, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from occlabel.pipeline.running.console import Table, console
from occlabel.pipeline.running.history import RunState
from occlabel.schemas.words import counted

_LINE_EVERY = 15.0


@contextmanager
def progress(state: RunState, quiet: bool) -> Iterator[Callable[[RunState], None]]:
    """A function to call whenever the state may have changed."""
    if quiet:
        yield lambda _: None
        return
    from rich.live import Live

    screen = console(stderr=True)
    screen.print(f"workers: {state.where}")
    if screen.is_terminal:
        with Live(_table(state), console=screen, refresh_per_second=4) as live:
            yield lambda current: live.update(_table(current))
            live.update(_table(state))
        return
    last, said = time.monotonic(), ""

    def line(current: RunState) -> None:
        nonlocal last, said
        if time.monotonic() - last >= _LINE_EVERY and _counts(current) != said:
            last, said = time.monotonic(), _counts(current)
            screen.print(_line(current))

    screen.print(_line(state))
    yield line
    screen.print(_line(state))


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
    table = Table("stage", title=f"run {state.run}: {counted(state.workers, 'worker')}")
    for name in ("done", "total", "failed", "skipped", "frames/s", "left"):
        table.add_column(name, justify="right")
    for name, done, total, failed, skipped, rate, remaining in _rows(state):
        table.add_row(name, str(done), str(total), str(failed), str(skipped), f"{rate:.1f}", remaining)
    return table
