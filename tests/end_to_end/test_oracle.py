"""The town as oracle: depth and segments that simulate writes, through a recipe that reads them, against the LiDAR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chain import GRID, Voxelise
from simulated import ONE_ORACLE, Simulated

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import DEPTH, SEGMENT_CLASS, SEGMENT_INSTANCE, SEGMENT_SCORE
from occlabel.schemas.drive_log import Camera
from occlabel.schemas.geometry import inverse, project, transform_points
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.priors.depth.stored import StoredDepth
from occlabel.stages.priors.segments.stored import StoredSegments
from occlabel.workers.store import Store

TAXONOMY = {"kitti": "semantickitti", "nuscenes": "occ3d"}
STRIDE = DEPTH.stride
LOW = GRID.model_copy(update={"origin": (0.0, -4.0, -2.5)})


def recipe(root: Path, layout: str, prior: str) -> Recipe:
    files = root / "priors" / prior
    stages = {
        "depth": StoredDepth(path=files / "depth/{log}/{camera}/{frame}.png"),
        "segments": StoredSegments(path=files / "segments/{log}/{camera}/{frame}.npz"),
    }
    space = {"grid": LOW, "taxonomy": TAXONOMIES[TAXONOMY[layout]], "clip_frames": 2}
    return Recipe.model_validate({**space, "priors": stages, "completion": Voxelise()})


def at_points(points: np.ndarray, camera: Camera, depth: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, ...]:
    """Depth of points [n, 3] in the camera's frame, the depth that the image has there, and the class: where the four
    pixels around are of one class and near enough. Inverse depth is linear over a plane, so it is interpolated."""
    pixels, own = project(points, camera.intrinsics)
    u, v = pixels.T / STRIDE
    j, i = np.floor(u).astype(int), np.floor(v).astype(int)
    inside = (own > 1) & (i >= 0) & (j >= 0) & (i < depth.shape[0] - 1) & (j < depth.shape[1] - 1)
    i, j, own, a, b = (part[inside] for part in (i, j, own, v - i, u - j))
    corners = np.stack([1 / depth[i + m, j + n].astype(float) for m in (0, 1) for n in (0, 1)])
    named = np.stack([classes[i + m, j + n] for m in (0, 1) for n in (0, 1)])
    found = (corners * np.stack([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b])).sum(axis=0)
    whole = (named == named[0]).all(axis=0) & (named[0] != UNKNOWN) & np.isfinite(found) & (found > 1 / 15)
    return own[whole], 1 / found[whole], named[0][whole]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["kitti", "nuscenes"])
def test_a_recipe_reads_what_simulate_writes_and_exact_depth_is_where_the_lidar_hits(
    layout, simulated: Simulated, tmp_path: Path
) -> None:
    root = simulated(layout, ONE_ORACLE)
    reader = open_logs(root)
    (log,) = reader.logs()
    taxonomy = TAXONOMIES[TAXONOMY[layout]]
    flat = [taxonomy.names.index(name) for name in ("road", "building", "driveable_surface", "manmade")
            if name in taxonomy.names]  # fmt: skip
    frames = {}
    for prior in ("exact", "degraded"):
        store = Store(tmp_path / prior)
        report = label_logs(recipe(root, layout, prior), reader, store, "v1", workplace=Workplace("local"), quiet=True)
        assert report.state == "complete"
        frames[prior] = list(open_version(f"{tmp_path / prior}@v1").frames())
    errors, agreeing, better = [], [], 0
    for index, frame in enumerate(log.frames):
        ego = transform_points(frame.sweep.ego_from_lidar, reader.points(frame.sweep))
        truth = reader.point_truth(frame).semantics
        for camera in frame.cameras:
            local = transform_points(inverse(camera.ego_from_camera), ego)
            exact, degraded = (frames[prior][index] for prior in ("exact", "degraded"))
            classes = exact[SEGMENT_CLASS.on(camera.name)]
            for label_ in flat:
                own, found, named = at_points(
                    local[truth == label_],
                    camera,
                    exact[DEPTH.on(camera.name)],
                    np.where(classes == label_, classes, 255),
                )
                errors.append(np.abs(found - own))
                agreeing.append(len(named))
            other = degraded[DEPTH.on(camera.name)]
            both = np.isfinite(exact[DEPTH.on(camera.name)]) & np.isfinite(other)
            wrong = np.abs(other[both] / exact[DEPTH.on(camera.name)][both].astype(float) - 1)
            assert 0.02 < np.median(wrong) < 0.5
            assert (exact[SEGMENT_SCORE.on(camera.name)][classes != UNKNOWN] == 255).all()
            assert (classes != degraded[SEGMENT_CLASS.on(camera.name)]).mean() > 0.01
            better += int(exact[SEGMENT_INSTANCE.on(camera.name)].max() > 0)
    found_errors = np.concatenate(errors)
    assert len(found_errors) > 500 and better > 0
    assert np.quantile(found_errors, 0.9) < 0.1, "metres: nine in ten, and the others stand before or behind an edge"
    assert np.median(found_errors) < 0.04, "the noise of the LiDAR, which differs by log"
