"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ExecutorName(StrEnum):
    """Who executes units of work."""

    ray = "ray"
    local = "local"


Executor = Annotated[ExecutorName, typer.Option("--executor", help="ray: all cores or a cluster; local: this process.")]


RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file, or the name of a shipped recipe.")]
LogsRoots = Annotated[
    list[Path], typer.Option("--logs", help="Root of drive logs (a KITTI or nuScenes layout); may be given again.")
]
LogsRoot = Annotated[Path, typer.Option("--logs", help="Root of the drive logs (a KITTI or nuScenes layout).")]
LogIds = Annotated[list[str] | None, typer.Option("--log", help="Only this log; may be given again.")]
StorePath = Annotated[str, typer.Option("--store", help="Where artifacts and versions live: a folder or an s3:// URL.")]
ReaderName = Annotated[
    str | None, typer.Option("--reader", help="kitti, kitti_raw, nuscenes, or a package's; recognised when not given.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="STAGE.OPTION=VALUE", help="Changes an option of the recipe.")
]
Skips = Annotated[list[str] | None, typer.Option("--skip", metavar="SLOT", help="Leaves a slot out, e.g. voting.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
ClassMap = Annotated[
    Path | None,
    typer.Option("--map", metavar="YAML", help="Which class each of the labels' is: own name: name there, or null."),
]
