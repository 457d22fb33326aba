"""``occlabel view --3d``: a log in space and time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from occlabel.pipeline.cli.options import writable
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.words import counted, in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from occlabel.pipeline.delivery.scene.log_scene import LogScene
    from occlabel.pipeline.delivery.scene.shapes import Moment
    from occlabel.schemas.drive_log import LogReader


def log_scene(
    version: str, log: str | None, against: str | None, map_: Path | None, logs: tuple[list[Path], str | None]
) -> LogScene:
    """What is to be seen; ``logs``: their roots, and the reader. Raises OcclabelError before any work."""
    from occlabel.pipeline.delivery.scene.log_scene import LogScene
    from occlabel.pipeline.delivery.scene.recording import rerun
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.quality.compare.job import opened
    from occlabel.schemas.taxonomy_map import read_map
    from occlabel.stages.ingest.recognise import open_logs

    rerun()
    if map_ is not None and against is None:
        raise OcclabelError("--map says which classes those of another version are: add --against, or leave it out")
    told = () if map_ is None else tuple(read_map(map_).items())
    pair = None if against is None else opened(version, against, told)
    labels = open_version(version) if pair is None else pair.a.version
    log = log or labels.logs[0]
    list(labels.frames(log))  # or it has no such log
    if pair is not None and not pair.common(log):
        raise OcclabelError(f"{pair.b.title} has no frame of log {log} that {labels.spec} has too")
    reader: LogReader | None = open_logs(*logs) if logs[0] else None
    found = LogScene(labels, log, pair, reader)
    _ = found.drive  # or the logs are others
    return found


def show_scene(found: LogScene, out: Path | None) -> bool:
    """Writes the scene to ``out``, or opens it, or writes it here where no window can be opened; whether all of it was
    read."""
    from occlabel.pipeline.delivery.scene.viewer import command, has_display, open_viewer

    for sentence in found.left_out:
        typer.echo(sentence, err=True)
    with TemporaryDirectory() as folder:
        shown = out is None and has_display()
        path = out or Path(folder if shown else ".") / f"{found.version.name}-{found.log}.rrd"
        writable("--out", path)
        _record(found, path)
        if shown:
            if code := open_viewer(path):
                raise OcclabelError(
                    f"the viewer ended with exit code {code}; write a file instead, with --out FILE.rrd"
                )
        else:
            why = "" if out is not None else "no window can be opened here: "
            typer.echo(f"{why}wrote {path} ({in_bytes(path.stat().st_size)}); open it with {command(path)}")
    return not found.damaged


def _record(found: LogScene, path: Path) -> None:
    """Writes the file, and says what is not in it."""
    from rich.console import Console

    from occlabel.pipeline.delivery.scene.recording import record

    def noted() -> Iterator[Moment]:
        for moment in found.moments():
            status.update(f"log {found.log}, frame {moment.index}")
            yield moment

    with Console(stderr=True).status("") as status:
        record(found.scene, noted(), path)
    for layer, frames in found.thinned.items():
        thinned = counted(frames, "frame")
        typer.echo(f"{layer}: not all voxels of {thinned} are drawn; notes in the scene say how many", err=True)
    for sentence in found.damaged:
        typer.echo(f"occlabel: cannot be read: {sentence}", err=True)
