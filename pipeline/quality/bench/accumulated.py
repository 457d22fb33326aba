"""The benchmark of accumulation: a frame of the kind ``accumulated``, beside how label makers generate one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.bench.bandwidth import cpus
from occlabel.pipeline.quality.bench.surface_labels import NamedSweep, cut_out, surface_labels
from occlabel.schemas.arrays import POSES, SEMANTICS
from occlabel.schemas.drive_log import DriveLog, VoxelTruth
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import inverse
from occlabel.schemas.grid import grid_preset
from occlabel.schemas.log_arrays import log_array
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.completion.accumulated.boxes import BoxFiles
from occlabel.stages.completion.accumulated.labels import PointFiles
from occlabel.stages.completion.accumulated.stage import Accumulated
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.sensing.scan import scan_in_grid

Note = Callable[[str], None]
Preset = Literal["semantickitti", "occ3d"]


def bench_accumulated(
    root: Path, preset: Preset, note: Note = lambda _: None, frames: int = 8, depth: int = 10, radius: int = 25
) -> dict[str, Any]:
    """CPU seconds of all threads a frame, for JSON, and scores where the log, the first under ``root``, has truth.

    ``stage`` is what runs, on a clip of ``frames`` frames in the middle of the log; ``surface`` is what
    ``surface_labels`` does for the one in the middle. Both have the same sweeps, labels of points and boxes, those of
    the log; reading scans is in neither figure, reading labels and boxes in that of the stage alone. Raises BadLog
    without a log of which points and boxes are labelled.
    """
    space = LabelSpace(grid_preset(preset), taxonomy_preset(preset))
    stage = Accumulated(labels=root, boxes=root, radius=radius)
    if (reason := stage.refuse(space, None)) is not None:
        raise BadLog(f"there is nothing to measure by: {reason}")
    reader = open_logs(root)
    log = next(reader.logs(reader.log_ids()[:1]))
    middle = len(log.frames) // 2
    clip = Clip(log.id, max(0, middle - frames // 2), min(len(log.frames), middle + (frames + 1) // 2))
    rows = range(max(0, clip.start - radius), min(len(log.frames), clip.stop + radius))
    sweeps = {row: log.frames[row].sweep for row in rows}
    scans = {row: reader.points(sweep) for row, sweep in sweeps.items() if sweep is not None}

    process = stage.setup(space, log.rig, Hands())
    note("compiling")
    process(Clip(log.id, middle, middle + 1), _inputs(log, scans, range(middle, middle + 1)))
    note(f"stacking {clip.frames} frames")
    start = time.process_time()
    found = process(clip, _inputs(log, scans, rows))[SEMANTICS.name][middle - clip.start]
    ours = (time.process_time() - start) / clip.frames

    near = [row for row in scans if abs(row - middle) <= radius]
    named = {row: _named(log, row, scans[row], stage, space) for row in near}
    note("cutting objects out")
    start = time.process_time()
    cut = [cut_out(sweep) for sweep in named.values()]
    once = (time.process_time() - start) / len(cut)
    note(f"a frame by a surface of depth {depth}")
    start = time.process_time()
    other = surface_labels(cut, named[middle], space, depth)
    theirs = once + time.process_time() - start

    truth = reader.voxel_truth(log.frames[middle])
    rivals = {"stage": (ours, found), "surface": (theirs, other)}
    return {
        "scene": {"log": log.id, "sweeps": len(near), "points": int(np.mean([len(scans[row]) for row in near]))},
        "machine": {"cpus": cpus()},
        "versions": {
            name: {"cpu_seconds": spent, "vs_surface": theirs / spent, **_scores(labels, truth, space)}
            for name, (spent, labels) in rivals.items()
        },
    }


@dataclass(frozen=True)
class _Loaded:
    """The ``Sensors`` of scans that lie in memory."""

    scans: Mapping[int, NDArray[np.float32]]
    first: int

    def points(self, row: int) -> NDArray[np.float32] | None:
        return self.scans.get(self.first + row)

    def image(self, row: int, camera: str) -> None:
        return None


def _inputs(log: DriveLog, scans: Mapping[int, NDArray[np.float32]], rows: range) -> Inputs:
    frames = log.frames[rows.start : rows.stop]
    poses = {POSES.name: log_array(POSES, frames, log.rig)}
    moments = tuple(frame.moment for frame in frames)
    return Inputs(rows.start, moments, poses, _Loaded(scans, rows.start), log.rig)


def _named(log: DriveLog, row: int, points: NDArray[np.float32], stage: Accumulated, space: LabelSpace) -> NamedSweep:
    """Raises BadLog for a frame without a pose."""
    assert stage.labels is not None and stage.boxes is not None
    frame = log.frames[row]
    world_from_grid = frame.world_from_grid(space.grid)
    if world_from_grid is None or frame.world_from_ego is None:
        raise BadLog(f"log {log.id}: frame {frame.name} has no pose, and the surface needs that of every frame")
    scan = scan_in_grid(frame.moment, points, space.grid)
    classes = PointFiles(stage.labels).labeller(space)(log.id, frame.moment, scan)
    boxes = {
        box.instance: (inverse(world_from_grid) @ box.in_world(frame.world_from_ego), box.size)
        for box in BoxFiles(stage.boxes).of(log.id, space.taxonomy).get(frame.name, [])
    }
    unnamed = np.full(len(points), UNKNOWN, np.uint8)
    xyz = scan.points[:, :3].astype(np.float64)
    return NamedSweep(xyz, unnamed if classes is None else classes, scan.sensor, boxes, world_from_grid)


def _scores(labels: NDArray[np.uint8], truth: VoxelTruth | None, space: LabelSpace) -> dict[str, float | None]:
    """Of occupied voxels, unknown ones counting as not; over all that the truth scores."""
    if truth is None:
        return {"iou": None, "precision": None, "recall": None}
    scored = truth.scored & (truth.semantics != UNKNOWN)
    said, is_there = (
        ((volume != space.taxonomy.free_id) & (volume != UNKNOWN))[scored] for volume in (labels, truth.semantics)
    )
    both = int((said & is_there).sum())
    return {
        "iou": both / max(int((said | is_there).sum()), 1),
        "precision": both / max(int(said.sum()), 1),
        "recall": both / max(int(is_there.sum()), 1),
    }
