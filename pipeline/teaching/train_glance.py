"""Training of glance on logs with images and with exact depth and segments of them: finds the pictures, then learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.teaching.apart import refuse_shared
from occlabel.pipeline.teaching.held_out import learned_and_held_out
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.taxonomy import Taxonomy, taxonomy_preset
from occlabel.stages.ingest.recognise import open_logs, recognise
from occlabel.stages.priors.image_files import ImageFiles
from occlabel.stages.town.writers.prior_files import FOLDER

if TYPE_CHECKING:
    from occlabel.stages.priors.glance.options import Options
    from occlabel.stages.priors.glance.pictures import Picture

_TAXONOMIES = {"kitti": "semantickitti", "kitti_raw": "semantickitti", "nuscenes": "occ3d"}
"""Whose classes the segments of a layout are in."""


def train(roots: Sequence[Path], held_out: Sequence[Path], out: Path, options: Options, command: str) -> dict[str, str]:
    """Trains on the images of the logs under ``roots`` and writes ``out``; returns the file's facts.

    Those under ``held_out`` are scored, or else every tenth log. Raises BadLog for logs without cameras, without
    calibration, or without exact priors, OcclabelError where a log would be learned from and scored.
    """
    from occlabel.stages.priors.glance.training import train_glance

    if held_out:
        both = {"logs": roots, "held_out": held_out}
        refuse_shared({name: [log for root in some for log in open_logs(root).logs()] for name, some in both.items()})
    found = [[log for root in some for log in pictures_of(root)] for some in (roots, held_out) if some]
    logs, others = learned_and_held_out(found, options.held_out_every)
    facts = {"logs": str(len(logs)), "command": command}
    return train_glance(_joined(logs), _joined(others), out, options, facts)


def _joined(logs: Sequence[Sequence[Picture]]) -> list[Picture]:
    return [picture for log in logs for picture in log]


def pictures_of(root: Path) -> Iterator[list[Picture]]:
    """Those of each log under a root. Raises BadLog for logs without cameras, calibration or exact priors."""
    layout, reader = recognise(root.absolute()).reader, open_logs(root)
    if layout not in _TAXONOMIES:
        raise BadLog(
            f"{root} is of the layout {layout}; in whose classes its segments are, only {', '.join(_TAXONOMIES)} say"
        )
    taxonomy = taxonomy_preset(_TAXONOMIES[layout])
    for log in reader.logs():
        yield list(_of_log(log, reader, reader.root / FOLDER / "exact", taxonomy))


def _of_log(log: DriveLog, reader: LogReader, priors: Path, taxonomy: Taxonomy) -> Iterator[Picture]:
    from occlabel.stages.priors.glance.pictures import Picture

    if not any(frame.cameras for frame in log.frames):
        raise BadLog(f"log {log.id} of {reader.root} has no cameras: simulate it without --no-images")
    depth = ImageFiles(priors / "depth/{log}/{camera}/{frame}.png")
    segments = ImageFiles(priors / "segments/{log}/{camera}/{frame}.npz")
    for frame in log.frames:
        for camera in frame.cameras:
            named = (log.id, camera.name, frame.name)
            if camera.intrinsics is None:
                raise BadLog(
                    f"log {log.id} of {reader.root}: {camera.name} is not calibrated, and depth is learned by K"
                )
            files = depth.place(*named), segments.place(*named)
            if lacking := next((file for file in files if not file.is_file()), None):
                raise BadLog(
                    f"log {log.id} of {reader.root} has no {lacking.relative_to(reader.root)}, which says what is true "
                    "of an image; simulate the logs with --priors exact"
                )
            yield Picture(partial(reader.image, camera), camera.intrinsics, *files, taxonomy)
