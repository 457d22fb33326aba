"""The propagation benchmark, on a scene of a few voxels."""

import pytest

from occlabel.pipeline.quality.bench.propagation import bench_propagation
from occlabel.schemas.grid import Grid

TINY = Grid(origin=(0.0, -12.8, -2.0), voxel_size=0.8, shape=(32, 32, 8), frame="lidar")


def test_both_versions_are_measured_in_the_same_run() -> None:
    facts = bench_propagation(None, "cpu", grid=TINY)
    versions = facts["versions"]
    assert set(versions) == {"stage", "plain"}
    assert versions["plain"]["vs_plain"] == 1.0
    stage, plain = versions["stage"], versions["plain"]
    assert stage["ms_per_frame"] * stage["vs_plain"] == pytest.approx(plain["ms_per_frame"])
    assert versions["stage"]["peak_mb"] > 100
    assert facts["scene"]["shape"] == [32, 32, 8]
