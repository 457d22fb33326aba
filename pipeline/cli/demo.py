"""``occlabel demo``: the whole chain on two simulated logs, in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlabel.pipeline.cli.options import writable_folder


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the demo; it becomes a store.")] = Path("demo"),
    logs: Annotated[int, typer.Option(min=1, help="Logs to simulate.")] = 2,
    frames: Annotated[int, typer.Option(min=1, help="Frames per log.")] = 48,
) -> None:
    """Simulate two drives, label them, publish demo@v1, score it against the truth and draw it.

    OUT is a store like any other: try occlabel status OUT, occlabel versions show OUT@v1.
    """
    from occlabel.pipeline.teaching.demo import run_demo

    writable_folder("--out", out)
    run_demo(out, logs, frames)
