"""The registry of exporters. One of ours is one line here; a user's package brings its own as entry points of the group
``occlabel.exporters``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from tempfile import TemporaryFile

from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadPredictions, BadRecipe, Ended, OcclabelError
from occlabel.schemas.words import meant


@dataclass(frozen=True)
class ExportOptions:
    """What an export may be told besides the version and the folder; who has no use for a thing refuses it."""

    logs: LogReader | None = None
    """The logs that were labelled."""
    told: tuple[tuple[str, str | None], ...] = ()
    """Own class -> class of the format, where names differ; None: none of them."""
    own_classes: bool = False
    """Whether classes and grid are written as they are."""
    zipped: bool = False
    """Whether a submission is packed too."""
    like: Path | None = None
    """The root whose frames were chosen, where one was named."""
    whole: PublishedVersion | None = None
    """The version with all its frames, where some were chosen: what an object is and how it moves, all tell."""
    split: str = "val"
    """The set that the devkit of nuScenes is to evaluate."""


Exporter = Callable[[PublishedVersion, Path, ExportOptions], str]
"""Writes the version under a folder that is empty or not there yet, and returns a sentence about it. Raises
BadPredictions, before anything is written, for a version that the format cannot hold."""

EXPORTERS: dict[str, str] = {
    "semantickitti": "occlabel.pipeline.delivery.export:to_semantickitti",
    "occ3d": "occlabel.pipeline.delivery.export:to_occ3d",
    "sscbench-kitti360": "occlabel.pipeline.delivery.export_sscbench:to_sscbench_kitti360",
    "objects": "occlabel.pipeline.delivery.export_objects:to_objects",
    "semantickitti-panoptic": "occlabel.pipeline.delivery.export_points:to_semantickitti_panoptic",
    "nuscenes-panoptic": "occlabel.pipeline.delivery.export_points:to_nuscenes_panoptic",
}
"""Format -> ``module:function``, imported when it is asked for."""

GROUP = "occlabel.exporters"


def formats() -> tuple[str, ...]:
    """Names of the formats, ours first."""
    return (*EXPORTERS, *sorted({point.name for point in metadata.entry_points(group=GROUP)} - set(EXPORTERS)))


def exporter(format: str) -> Exporter:
    """Raises BadRecipe for a format that nobody writes, or whose package cannot be imported.

    It looks after its folder, and an export that ends before its end says that a part of it lies there.
    """
    brought = list(metadata.entry_points(group=GROUP, name=format))
    if format in EXPORTERS:
        if brought:
            raise BadRecipe(
                f"the entry point {format} = {brought[0].value} (group {GROUP}) takes the name of a format that comes "
                "with occlabel; give it another one"
            )
        module, _, name = EXPORTERS[format].partition(":")
        found: Exporter = getattr(import_module(module), name)
        return _whole(found)
    for point in brought:
        try:
            loaded: Exporter = point.load()
        except Ended:
            raise
        except (Exception, SystemExit) as error:  # whatever a user's package raises when it is imported
            raise BadRecipe(
                f"the exporter {format} = {point.value} (group {GROUP}) cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
        return _whole(_of_package(loaded, f"{format} = {point.value}"))
    raise BadRecipe(f"there is no exporter {format!r}{meant(format, formats())}; there is {', '.join(formats())}")


def _whole(write: Exporter) -> Exporter:
    """Into an empty folder; whoever is left with a part of an export is told."""

    def checked(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
        refuse_full(out)
        try:
            return write(version, out, options)
        except OcclabelError as error:
            if out.is_dir() and any(out.iterdir()):
                said = f"{error}; what lies in {out} is a part of the export: remove it and export again"
                raise type(error)(said) from error
            raise

    return checked


def _of_package(write: Exporter, entry_point: str) -> Exporter:
    """What a package brings need not make its folder, and may raise anything."""

    def checked(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
        out.mkdir(parents=True, exist_ok=True)
        try:
            return write(version, out, options)
        except (OcclabelError, Ended):
            raise
        except (Exception, SystemExit) as error:
            raise BadPredictions(
                f"the exporter {entry_point} (group {GROUP}) failed: {type(error).__name__}: {error}"
            ) from error

    return checked


def refuse_full(out: Path) -> None:
    """Before anything is written. Raises OcclabelError unless ``out`` is an empty folder or not there yet, in a place
    where files can be written."""
    try:
        if out.is_symlink() and not out.exists():
            raise OcclabelError(f"{out} is a link to nothing; choose another folder, or remove it first")
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OcclabelError(f"{out} is not an empty folder; choose another one, or remove it first")
        there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        if not there.is_dir():
            raise OcclabelError(f"{out} cannot be written: {there} is a file, not a folder")
        with TemporaryFile(dir=there):  # nothing less tells: rights, a read-only disk
            pass
    except OSError as error:
        raise OcclabelError(f"{out} cannot be written: {error.strerror or error}") from error
