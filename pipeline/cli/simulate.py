"""``occlabel simulate``: drive logs of a procedural town, with exact truth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from occlabel.pipeline.cli.options import writable_folder
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.words import counted, inflected


class Format(StrEnum):
    """The layouts that can be written."""

    nuscenes = "nuscenes"
    kitti = "kitti"


class SplitName(StrEnum):
    """Towns of different splits never share a seed."""

    train = "train"
    val = "val"
    test = "test"


class PriorName(StrEnum):
    """How good the depth and segments are that are written beside the images."""

    exact = "exact"
    degraded = "degraded"


class ConditionsName(StrEnum):
    """Light and weather that cameras see."""

    day = "day"
    rain = "rain"
    night = "night"
    rainy_night = "rainy-night"


def simulate(
    format_: Annotated[Format, typer.Option("--format", help="The layout to write.")],
    logs: Annotated[int, typer.Option("--logs", min=1, help="How many logs.")],
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames per log.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Town of the first log; the next ones count up.")],
    out: Annotated[Path, typer.Option("--out", help="The root to write or to extend.")],
    image_scale: Annotated[
        float | None, typer.Option(help="Image size, as a share of the data set's own. [default: 0.25]")
    ] = None,
    no_images: Annotated[bool, typer.Option("--no-images", help="Logs without cameras: LiDAR and truth only.")] = False,
    priors: Annotated[
        list[PriorName] | None,
        typer.Option(
            help="Also write depth and segments of each image under OUT/priors, as stored_depth and stored_segments "
            "read them: the truth, or as wrong as models of images are; may be given again."
        ),
    ] = None,
    conditions: Annotated[
        ConditionsName | None,
        typer.Option(help="Light and weather before the cameras of all logs. [default: drawn for each log]"),
    ] = None,
    split: Annotated[SplitName, typer.Option(help="Towns of different splits are never the same.")] = SplitName.test,
    rate: Annotated[float | None, typer.Option(help="Frames per second. [default: kitti 10, nuscenes 2]")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Logs to simulate at the same time.")] = 1,
) -> None:
    """Simulate drives through a procedural town and write them as genuine nuScenes or KITTI logs, with truth.

    The same seed gives the same bytes. Logs that OUT already holds are kept, so a killed command can be repeated.
    """
    _refuse(no_images, image_scale, priors, conditions)
    if rate is not None and not 0 < rate <= 100:
        raise OcclabelError(f"--rate {rate} is not between 0 and 100 frames per second")
    writable_folder("--out", out)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from occlabel.pipeline.running.console import console
    from occlabel.pipeline.teaching.simulate import Drives, simulate_logs

    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("frames"), TimeRemainingColumn())
    with Progress(*columns, console=console()) as progress:
        task = progress.add_task("", total=logs * frames)
        written = simulate_logs(
            format_.value,
            out,
            Drives(
                logs=logs,
                frames=frames,
                seed=seed,
                split=split.value,
                rate=rate,
                image_scale=None if no_images else image_scale or 0.25,
                priors=tuple(prior.value for prior in priors or ()),
                conditions=conditions.value if conditions else None,
            ),
            jobs=jobs,
            frame_done=lambda: progress.advance(task),
            log_done=lambda log_id, drive: progress.console.print(f"log {log_id}: town {drive.split} {drive.seed}"),
        )
        progress.update(task, completed=logs * frames)
    typer.echo(f"{counted(len(written), 'log')} written to {out}{_there(logs - len(written))}")


def _there(kept: int) -> str:
    return f", {kept} {inflected(kept, 'was', 'were')} there already" if kept else ""


def _refuse(
    no_images: bool, image_scale: float | None, priors: list[PriorName] | None, conditions: ConditionsName | None
) -> None:
    """Raises OcclabelError for wishes about images that exclude each other."""
    if no_images and image_scale is not None:
        raise OcclabelError("--no-images and --image-scale exclude each other; give one of them")
    if no_images and priors:
        raise OcclabelError("--no-images and --priors exclude each other: priors are of images; give one of them")
    if no_images and conditions:
        raise OcclabelError("--no-images and --conditions exclude each other: only cameras see them; give one of them")
    if image_scale is not None and not 0 < image_scale <= 1:
        raise OcclabelError(f"--image-scale {image_scale} is not between 0 and 1")
