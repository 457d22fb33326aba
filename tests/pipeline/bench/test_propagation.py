"""The propagation benchmark, on a scene of a few voxels."""

import pytest

from pipeline.bench.propagation import bench_propagation
from schemas.grid import Grid

TINY = Grid(origin=(0.0, -12.8, -2.0), voxel_size=0.8, shape=(32, 32, 8), frame="lidar")


def test_both_versions_are_measured_in_the_same_run() -> None:
    facts = bench_propagation(None, "cpu", grid=TINY)
    versions = facts["versions"]
    assert set(versions) == {"reused", "plain"}
    assert versions["plain"]["vs_plain"] == 1.0
    reused, plain = versions["reused"], versions["plain"]
    assert reused["ms_per_frame"] * reused["vs_plain"] == pytest.approx(plain["ms_per_frame"])
    assert versions["reused"]["peak_mb"] > 100
    assert facts["scene"]["shape"] == [32, 32, 8]
