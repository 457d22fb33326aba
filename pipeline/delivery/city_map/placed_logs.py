"""The labelled frames of a version, placed in the world by the poses of their logs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.versions import PublishedFrame, PublishedVersion
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.stage import LabelSpace
from occlabel.stages.mapping.fuse import PlacedFrame
from occlabel.workers.store import safe_name

METHOD = 1
"""Raised when the same labels and poses give other votes."""


@dataclass(frozen=True)
class PlacedLog:
    """What a log has to say: its labelled frames that have a pose."""

    id: str
    world: str
    fingerprint: str
    """Of everything that decides its votes."""
    frames: tuple[PlacedFrame, ...]
    poseless: int
    """Labelled frames without a pose."""


def placed_logs(
    version: PublishedVersion, reader: LogReader, logs: list[str] | None
) -> tuple[list[PlacedLog], tuple[str, ...]]:
    """The logs that can be placed, sorted, and the ids of those that have no pose.

    Raises BadLog when the version or ``reader`` has not these logs and frames, or none of them has a pose.
    """
    labelled: dict[str, list[PublishedFrame]] = {}
    for frame in version.frames():
        labelled.setdefault(frame.log, []).append(frame)
    chosen = sorted(set(labelled if logs is None else logs))
    unknown = [log for log in chosen if log not in labelled]
    if unknown:
        raise BadLog(
            f"version {version.name} has no log {', '.join(unknown)}; it has {', '.join(sorted(labelled)[:20])}"
        )
    placed = [_placed(log, labelled[log.id], version) for log in reader.logs(chosen)]
    poseless = tuple(log.id for log in placed if not log.frames)
    if len(poseless) == len(placed):
        raise BadLog(
            f"no labelled frame of {reader.root} has a pose, and without poses there is no map; `occlabel logs list` "
            "says what is missing"
        )
    return [log for log in placed if log.frames], poseless


def _placed(log: DriveLog, labelled: list[PublishedFrame], version: PublishedVersion) -> PlacedLog:
    by_name = {frame.name: frame for frame in log.frames}
    missing = [frame.name for frame in labelled if frame.name not in by_name]
    if missing:
        raise BadLog(
            f"log {log.id} has no frame {missing[0]}, which version {version.name} labels ({len(missing)} of "
            f"{len(labelled)} are missing); give the logs that the version was made from"
        )
    space = version.space
    frames, facts = [], []
    for frame in labelled:
        pose = by_name[frame.name].world_from_grid(space.grid)
        if pose is not None:
            frames.append(PlacedFrame(_loader(frame), pose))
            facts.append((frame.name, frame.row.digests["semantics"], pose.tobytes().hex()))
    world = safe_name(log.world or log.id, "world")
    return PlacedLog(log.id, world, _fingerprint(space, world, facts), tuple(frames), len(labelled) - len(frames))


def _loader(frame: PublishedFrame) -> Callable[[], NDArray[np.uint8]]:
    return lambda: frame.load("semantics").astype(np.uint8, copy=False)


def _fingerprint(space: LabelSpace, world: str, frames: list[tuple[str, str, str]]) -> str:
    facts = {
        "method": METHOD,
        "world": world,
        "grid": space.grid.model_dump(mode="json", exclude={"ranges"}),
        "taxonomy": [space.taxonomy.free_id, *[[c.name, c.movable] for c in space.taxonomy.classes]],
        "frames": frames,
    }
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=12).hexdigest()
