"""The objects of a version as one table: a row for each object and frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.calibration import views
from occlabel.pipeline.delivery.export_points import refuse_without_instances
from occlabel.pipeline.delivery.exporters import ExportOptions
from occlabel.pipeline.delivery.trajectories import log_frame
from occlabel.pipeline.published.same_drive import labelled_drive
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import CONFIDENCE, INSTANCE, SEMANTICS
from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadLog, BadPredictions
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.objects import Objects, summarise
from occlabel.schemas.trajectories import Trajectories
from occlabel.schemas.words import counted
from occlabel.stages.export.object_list import boxes_in_images, mean_of
from occlabel.stages.tracking.logbook import Logbook

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "objects.parquet"
_PLACED = ("x", "y", "z", "length", "width", "height", "yaw")
_WORLD = ("world_x", "world_y", "world_z", "world_yaw")
_VELOCITY = ("vx", "vy", "vz")
_Row = dict[str, Any]


def to_objects(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
    """See ``Exporter``: ``objects.parquet``, in the version's own classes and the frame of its grid."""
    import pyarrow.parquet as pq

    if options.zipped:
        raise BadPredictions("--zip writes a submission to the SemanticKITTI server; a list of objects is none")
    for given, option in ((options.own_classes, "--own-classes"), (options.told, "--map")):
        if given:
            raise BadPredictions(f"{option} is for layouts of benchmarks; a list of objects has the version's classes")
    refuse_without_instances(version)
    if options.logs is not None and (lacking := sorted(set(version.logs) - set(options.logs.log_ids()))):
        raise BadLog(f"the logs have no log {lacking[0]}; with --logs give those that were labelled, or leave it out")
    schema, rows, seen = _schema(version), 0, 0
    with appearing(out / FILE) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        for log in version.logs:
            if found := _log_rows(version, log, options):
                writer.write_table(_table(found, schema))
            rows, seen = rows + len(found), seen + sum(row["boxes_2d"] is not None for row in found)
    said = f"wrote {counted(rows, 'row')} of objects in {counted(version.info.frames, 'frame')} to {out / FILE}"
    if not version.tracked:
        said += "; ids hold within a frame alone and moving is null: the version was not tracked"
    if seen < rows:
        known = "the version and the logs know" if options.logs is not None else "the version knows"
        said += f"; boxes_2d is null in {rows - seen} of them, where {known} no calibration"
    return said


def _log_rows(version: PublishedVersion, log: str, options: ExportOptions) -> list[_Row]:
    chosen = {frame.row.index: frame.row for frame in version.frames(log)}
    drive = None if options.logs is None else labelled_drive(options.logs, log, chosen.values())
    logged = {} if drive is None else {frame.name: frame for frame in drive.frames}
    book, result = Logbook(version.space.grid, version.space.taxonomy, tracked=version.tracked), list[_Row]()
    poses: dict[int, Matrix | None] = {}
    for frame in (options.whole or version).frames(log):
        if frame.row.index in chosen:
            result.extend(_frame_rows(version, frame, logged.get(frame.name)))
        log_frame(book, frame)
        poses[frame.row.index] = frame.world_from_grid
    boxes = book.boxes()
    for row in result:
        box = boxes[row["instance"], row["frame_index"]]
        row.update(zip(_PLACED, box.tolist(), strict=True))
        row.update(zip(_WORLD, _in_world(poses[row["frame_index"]], box), strict=True))
    if version.tracked:
        _add_motion(result, book.table())
    return result


def _frame_rows(version: PublishedVersion, frame: PublishedFrame, logged: Frame | None) -> Iterator[_Row]:
    """Without where objects are and how they move, which other frames tell as well."""
    grid, taxonomy = version.space.grid, version.space.taxonomy
    objects = summarise(frame[INSTANCE], frame[SEMANTICS], grid)
    cut, images = objects.cut(grid), _in_images(version, frame, logged, objects)
    sure = mean_of(frame[CONFIDENCE], objects) / 255 if frame.holds(CONFIDENCE) else None
    for n, class_id in enumerate(objects.classes.tolist()):
        yield {
            "log": frame.log,
            "frame": frame.name,
            "frame_index": frame.row.index,
            "time": frame.row.time,
            "instance": int(objects.ids[n]),
            "class": taxonomy.names[class_id] if class_id < len(taxonomy.names) else None,
            "class_id": class_id,
            "box_frame": grid.frame,
            "voxels": int(objects.voxels[n]),
            "confidence": None if sure is None else float(sure[n]),
            "cut": bool(cut[n]),
            "moving": None,
            **dict.fromkeys(_VELOCITY),
            "boxes_2d": None if images is None else images[n],
        }


def _in_world(pose: Matrix | None, box: NDArray[np.float64]) -> list[float | None]:
    """x, y, z and yaw of a box in the world, None without a pose."""
    if pose is None:
        return [None] * len(_WORLD)
    turned = box[6] + np.arctan2(pose[1, 0], pose[0, 0])
    turned = np.pi / 2 - (np.pi / 2 - turned) % np.pi  # in (-pi/2, pi/2], as yaw is
    return [*transform_points(pose, box[None, :3])[0].tolist(), float(turned)]


def _add_motion(rows: list[_Row], table: Trajectories) -> None:
    places = zip(table.track.tolist(), table.frame.tolist(), strict=True)
    motion = {at: (moving, velocity) for at, moving, velocity in zip(places, table.moving, table.velocity, strict=True)}
    for row in rows:
        moving, velocity = motion[row["instance"], row["frame_index"]]
        row["moving"] = bool(moving)
        row.update(zip(_VELOCITY, _finite(velocity), strict=True))


def _in_images(
    version: PublishedVersion, frame: PublishedFrame, logged: Frame | None, objects: Objects
) -> list[list[_Row]] | None:
    """For each object its boxes in the images that show it; None where no camera is calibrated."""
    calibrated = views(version, frame, logged)
    if not calibrated:
        return None
    result: list[list[_Row]] = [[] for _ in range(len(objects))]
    boxes = boxes_in_images(objects, version.space.grid, calibrated)
    for view, of_view in zip(calibrated, boxes, strict=True):
        for row, box in zip(result, of_view, strict=True):
            if np.isfinite(box).all():
                x, y, width, height = box.tolist()
                row.append({"camera": view.name, "x": x, "y": y, "width": width, "height": height})
    return result


def _finite(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _schema(version: PublishedVersion) -> pa.Schema:
    import pyarrow as pa

    box = pa.struct([("camera", pa.string()), *((side, pa.float32()) for side in ("x", "y", "width", "height"))])
    fields = [
        *((name, pa.string()) for name in ("log", "frame")),
        *(("frame_index", pa.int64()), ("time", pa.float64()), ("instance", pa.int64())),
        *(("class", pa.string()), ("class_id", pa.uint8()), ("box_frame", pa.string())),
        *((name, pa.float64()) for name in (*_PLACED, *_WORLD)),
        *(("voxels", pa.int64()), ("confidence", pa.float32()), ("cut", pa.bool_()), ("moving", pa.bool_())),
        *((name, pa.float64()) for name in _VELOCITY),
        ("boxes_2d", pa.list_(box)),
    ]
    about = {
        "version": version.name,
        "content_digest": version.info.content_digest,
        "grid": version.space.grid.model_dump(mode="json", exclude={"ranges"}),
        "categories": [{"id": entry.id, "name": entry.name} for entry in version.space.taxonomy.classes if entry.thing],
    }
    return pa.schema(fields, metadata={"occlabel": json.dumps(about)})


def _table(rows: list[_Row], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=schema)
