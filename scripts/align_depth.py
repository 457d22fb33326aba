"""Scores depth of images, as it is and aligned: as ViPOcc's table 4.

    occlabel simulate --format kitti --logs 2 --frames 40 --seed 3 --split val --out TOWN --priors degraded
    python scripts/align_depth.py TOWN [--frames 12] [--weights RESIDUAL.safetensors]
    python scripts/align_depth.py KITTI --eyes glance --log 04

The depth is that of a simulated town, as wrong as a model's, or what glance sees. Half of the points of each sweep
align it, the other half score it. With weights of occlabel train depth_alignment, alignments are also scored as the
residual network corrects them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from occlabel.pipeline.teaching.half_sweeps import HalfSweeps
from occlabel.schemas.arrays import DEPTH, resolved
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.log_arrays import log_array
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Stage
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.evaluation.depth import Scaling, depth_scores
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.priors.alignment.ground import GroundAlignment
from occlabel.stages.priors.alignment.lidar import LidarAlignment
from occlabel.stages.priors.alignment.residual.stage import ResidualAlignment
from occlabel.stages.priors.depth.lidar import LidarDepth
from occlabel.stages.priors.depth.stored import StoredDepth
from occlabel.stages.priors.glance.depth import GlanceDepth
from occlabel.stages.priors.glance.segments import GlanceSegments
from occlabel.stages.priors.segments.stored import StoredSegments
from occlabel.workers.sensors import FrameSensors


def run(stage: Stage, space: LabelSpace, log: DriveLog, arrays: Arrays, reader: LogReader) -> Arrays:
    """What ``stage`` writes over the whole log."""
    clip, rig = Clip(log.id, 0, len(log.frames)), log.rig
    given = {spec.name: arrays.get(spec.name) for spec in resolved(stage.needed, rig)}
    for spec in resolved(stage.needed, rig):
        if given[spec.name] is None:
            given[spec.name] = log_array(spec, log.frames, rig)
    moments = tuple(frame.moment for frame in log.frames)
    sensors = FrameSensors(reader, log.frames, 0, stage.senses)
    inputs = Inputs(0, moments, given, sensors, rig)  # type: ignore[arg-type]
    return stage.setup(space, rig, Hands())(clip, inputs)


def eyes(kind: str, root: Path) -> tuple[Stage, Stage]:
    """What sees depth, and what sees segments."""
    if kind == "glance":
        return GlanceDepth(), GlanceSegments()
    files = root / "priors/degraded"
    depth, segments = files / "depth/{log}/{camera}/{frame}.png", files / "segments/{log}/{camera}/{frame}.npz"
    return StoredDepth(path=depth), StoredSegments(path=segments)


def rows(
    log: DriveLog, seeing: tuple[Stage, Stage], reader: LogReader, layout: str, weights: Path | None
) -> Iterator[tuple[str, Arrays, Arrays, Scaling]]:
    """Name, depth, truth and what of the truth it is told."""
    grid, taxonomy = ("semantickitti", "semantickitti") if layout == "kitti" else ("occ3d", "occ3d")
    space = LabelSpace(GRIDS[grid], TAXONOMIES[taxonomy])
    known, held_out = HalfSweeps(reader, odd=False), HalfSweeps(reader, odd=True)
    said: Arrays = {}
    for stage in seeing:
        said |= run(stage, space, log, {}, known)
    true = run(LidarDepth(), space, log, {}, held_out)
    yield "no scaling", said, true, "none"
    yield "median scaling", said, true, "median"
    ground = GroundAlignment(ground=-1.73 if layout == "kitti" else 0.0)
    for stage in (ground, LidarAlignment()):
        aligned = run(stage, space, log, said, known)
        yield stage.kind, aligned, true, "none"
        if weights is not None:
            residual = run(ResidualAlignment(weights=weights), space, log, aligned, known)
            yield f"{stage.kind} + residual", residual, true, "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--frames", type=int, default=12, help="of each log")
    parser.add_argument("--weights", type=Path, help="of the residual network")
    parser.add_argument("--eyes", choices=("degraded", "glance"), default="degraded", help="of depth and segments")
    parser.add_argument("--log", action="append", help="one of the logs; may be given again")
    told = parser.parse_args()
    reader = open_logs(told.root)
    found: dict[str, list[tuple[float, ...]]] = {}
    layout, seeing = "kitti" if (told.root / "sequences").is_dir() else "nuscenes", eyes(told.eyes, told.root)
    for log in reader.logs(told.log):
        for name, said, true, scaling in rows(log.part(0, told.frames), seeing, reader, layout, told.weights):
            for camera in log.rig.names:
                array = DEPTH.on(camera).name
                for one, other in zip(said[array].astype(float), true[array].astype(float), strict=True):
                    known = np.where(np.isfinite(one) & (other < 80), other, 0)
                    if known.any():
                        scores = depth_scores(np.nan_to_num(one), known, scaling)
                        found.setdefault(name, []).append((scores.abs_rel, scores.rmse_log, scores.within[0]))
    print("depth                        Abs Rel  RMSE log  < 1.25   (mean over images, held-out points)")
    for name, scores_of in found.items():
        abs_rel, rmse_log, within = np.mean(scores_of, axis=0)
        print(f"{name:28s} {abs_rel:7.3f} {rmse_log:9.3f} {within:7.3f}")


if __name__ == "__main__":
    main()
