"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer

from occlabel.schemas.errors import OcclabelError


class ExecutorName(StrEnum):
    """Who executes units of work."""

    ray = "ray"
    local = "local"


LAYOUTS = "KITTI, KITTI raw, KITTI-360, nuScenes, Argoverse 2, MCAP, or video"
"""What a root of drive logs may be, for help."""

Executor = Annotated[ExecutorName, typer.Option("--executor", help="ray: all cores or a cluster; local: this process.")]


RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file, or the name of a shipped recipe.")]
LogsRoots = Annotated[
    list[Path],
    typer.Option("--logs", help=f"Root of drive logs ({LAYOUTS}); may be given again."),
]
LogsRoot = Annotated[Path, typer.Option("--logs", help=f"Root of the drive logs ({LAYOUTS}).")]
BaseName = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="VERSION",
        help="A version of the store whose other logs are published too, by reference: they need not be on disk.",
    ),
]
LogIds = Annotated[list[str] | None, typer.Option("--log", help="Only this log; may be given again.")]
StorePath = Annotated[str, typer.Option("--store", help="Where artifacts and versions live: a folder or an s3:// URL.")]
ReaderName = Annotated[
    str | None,
    typer.Option(
        "--reader",
        help="kitti, kitti_raw, kitti360, nuscenes, argoverse2, mcap, video, or a package's; recognised if not given.",
    ),
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


PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def writable(option: str, path: Path | None, suffixes: tuple[str, ...] = (), make: bool = False) -> None:
    """Before the work: that a command can write its result to the file ``path``; ``-`` is standard output where there
    are no ``suffixes``. ``make`` makes its folder.

    Raises OcclabelError where it cannot, or where the file's ending is none of ``suffixes``.
    """
    if path is None or (path == Path("-") and not suffixes):
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise OcclabelError(f"{option} {path}: a file that ends with {', '.join(suffixes)} is expected")
    try:
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.is_dir():
            raise OcclabelError(f"{option} {path} cannot be written: there is no folder {path.parent}; make it first")
        if path.is_dir():
            raise OcclabelError(f"{option} {path} is a folder; name a file")
        if path.exists() and not path.is_file():  # a pipe, a terminal
            return
        fresh = not path.exists()
        path.open("ab").close()  # nothing less tells: rights, a read-only disk, a name that is too long
        if fresh:
            path.unlink()
    except OSError as error:
        raise OcclabelError(f"{option} {path} cannot be written: {error.strerror or error}") from error


def aside(as_json: Path | None) -> bool:
    """Whether ``--json`` has standard output for itself, so that what is said for people goes to standard error."""
    return as_json == Path("-")


def writable_folder(option: str, path: Path) -> None:
    """The same for a folder, which need not be there: it is made to see whether it can be, and nothing is left of that,
    as what is refused later shall leave nothing."""
    try:
        fresh = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            pass
        with suppress(OSError):  # somebody put something there meanwhile
            for folder in fresh:
                folder.rmdir()
    except FileExistsError as error:
        raise OcclabelError(f"{option} {path} is a file; name a folder") from error
    except OSError as error:
        raise OcclabelError(f"{option} {path} cannot be written: {error.strerror or error}") from error
