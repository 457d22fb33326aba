"""The registry of exporters. One of ours is one line here; a user's package brings its own as entry points of the group
``occlabel.exporters``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadRecipe, OcclabelError
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
    split: str = "val"
    """The set that the devkit of nuScenes is to evaluate."""


Exporter = Callable[[PublishedVersion, Path, ExportOptions], str]
"""Writes the version under a folder that is empty or not there yet, and returns a sentence about it. Raises
BadPredictions, before anything is written, for a version that the format cannot hold."""

EXPORTERS: dict[str, str] = {
    "semantickitti": "occlabel.pipeline.delivery.export:to_semantickitti",
    "occ3d": "occlabel.pipeline.delivery.export:to_occ3d",
    "semantickitti-panoptic": "occlabel.pipeline.delivery.export_points:to_semantickitti_panoptic",
    "nuscenes-panoptic": "occlabel.pipeline.delivery.export_points:to_nuscenes_panoptic",
}
"""Format -> ``module:function``, imported when it is asked for."""

GROUP = "occlabel.exporters"


def formats() -> tuple[str, ...]:
    """Names of the formats, ours first."""
    return (*EXPORTERS, *sorted({point.name for point in metadata.entry_points(group=GROUP)} - set(EXPORTERS)))


def exporter(format: str) -> Exporter:
    """Raises BadRecipe for a format that nobody writes, or whose package cannot be imported."""
    brought = list(metadata.entry_points(group=GROUP, name=format))
    if format in EXPORTERS:
        if brought:
            raise BadRecipe(
                f"the entry point {format} = {brought[0].value} (group {GROUP}) takes the name of a format that comes "
                "with occlabel; give it another one"
            )
        module, _, name = EXPORTERS[format].partition(":")
        found: Exporter = getattr(import_module(module), name)
        return found
    for point in brought:
        try:
            loaded: Exporter = point.load()
        except Exception as error:  # whatever a user's package raises when it is imported
            raise BadRecipe(
                f"the exporter {format} = {point.value} (group {GROUP}) cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
        return _into_empty(loaded)
    raise BadRecipe(f"there is no exporter {format!r}{meant(format, formats())}; there is {', '.join(formats())}")


def _into_empty(write: Exporter) -> Exporter:
    """What a package brings need not look after its folder."""

    def checked(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
        refuse_full(out)
        out.mkdir(parents=True, exist_ok=True)
        return write(version, out, options)

    return checked


def refuse_full(out: Path) -> None:
    """Raises OcclabelError unless ``out`` is an empty folder or not there yet."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OcclabelError(f"{out} is not an empty folder; choose another one, or remove it first")
