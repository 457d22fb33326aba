"""What is measured, and in which order; how long anything takes is not asserted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occlabel.pipeline.quality.bench import contenders, timing
from occlabel.pipeline.quality.bench.bandwidth import Bandwidth, measure_bandwidth, weight_bytes
from occlabel.pipeline.quality.bench.contenders import Contender
from occlabel.pipeline.quality.bench.memory import measure_peak
from occlabel.pipeline.quality.bench.scene import Scene
from occlabel.pipeline.quality.bench.street import street_scene
from occlabel.pipeline.quality.bench.timing import time_contenders
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.grid import Grid

GRID = Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.8, shape=(12, 16, 8), frame="lidar")


@pytest.fixture()
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the methods ``fast`` and ``slow``, a baseline, are asked for."""
    asked: list[str] = []

    class Fast(Contender):
        def __init__(self, scene: Scene) -> None:
            super().__init__(scene)
            asked.append("fast")

        def prepare(self, frame: int) -> None:
            asked.append(str(frame))

        def vote(self) -> np.ndarray:
            asked.append("vote")
            return np.zeros(self.scene.shape, np.uint8)

        def rewind(self) -> None:
            asked.append("rewind")

    class Slow(Fast):
        baseline = True

        def __init__(self, scene: Scene) -> None:
            Contender.__init__(self, scene)
            asked.append("slow")

    monkeypatch.setitem(contenders.CONTENDERS, "fast", Fast)
    monkeypatch.setitem(contenders.CONTENDERS, "slow", Slow)
    return asked


def test_methods_take_turns_and_a_step_is_one_frame_and_one_vote(calls: list[str]) -> None:
    timings = time_contenders(street_scene(1, GRID), ["fast", "slow"])
    fast = ["fast", "0", "1", "2", "vote", *["rewind", "2", "vote"] * timing._STEPS]
    slow = ["slow", "0", "1", "2", "vote"]
    assert calls == [*(fast + slow) * timing._BASELINE_ROUNDS, *fast * (timing._ROUNDS - timing._BASELINE_ROUNDS)]
    assert len(timings["fast"].steady) == timing._ROUNDS * timing._STEPS
    assert timings["slow"].steady == timings["slow"].cold
    assert timings["fast"].seconds <= timings["fast"].median


def test_a_method_that_takes_long_is_measured_once(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_ENOUGH", 0.0)
    timings = time_contenders(street_scene(1, GRID), ["fast", "slow"])
    assert [len(timings[name].cold) for name in ("fast", "slow")] == [1, 1]


def test_the_floor_reads_everything_once_and_writes_the_target() -> None:
    scene = street_scene(1, GRID)
    voxels = scene.truth.size
    assert Bandwidth(100.0, 10.0).floor_seconds(scene) == pytest.approx(4 * voxels / 100 + voxels / 10)
    each = replace(scene, weights=np.full(scene.labels.shape, 300, np.uint16))
    assert weight_bytes(each) == 2 * 3 * voxels
    bandwidth = measure_bandwidth(1 << 20)
    assert bandwidth.read > 0 and bandwidth.copy > 0


def test_a_fresh_process_measures_the_peak(tmp_path: Path) -> None:
    """The paper's votes, single precision for 20 classes, are most of what its baseline needs."""
    grid = Grid(origin=(0.0, -25.6, -2.0), voxel_size=0.4, shape=(128, 128, 16), frame="lidar")
    file = tmp_path / "scene.npz"
    street_scene(0, grid).save(file)
    peak = measure_peak(file, "paper_faithful")
    votes = 4 * 20 * grid.voxels / 1e6
    assert votes < peak.above_scene < 10 * votes
    assert peak.total > peak.above_scene


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(OcclabelError, match=r"memory of splat could not be measured: .*there is no scene file"):
        measure_peak(tmp_path / "missing.npz", "splat")
