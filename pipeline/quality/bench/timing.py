"""How long methods take, interleaved: what else the machine does falls on all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.bench.contenders import CONTENDERS, Contender
from occlabel.pipeline.quality.bench.scene import Scene
from occlabel.pipeline.quality.bench.street import street_scene
from occlabel.schemas.grid import Grid

_ROUNDS, _BASELINE_ROUNDS = 5, 2
_STEPS = 3  # a round, after the cold start
_ENOUGH = 10.0  # seconds: a method that was measured for so long is not measured again

_TINY = Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.8, shape=(16, 16, 8), frame="lidar")


class _Clock:
    """Wall and CPU time [s] of this process."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def since(self) -> _Clock:
        """What went by."""
        now = _Clock()
        now.wall, now.cpu = now.wall - self.wall, now.cpu - self.cpu
        return now


@dataclass(slots=True)
class Timing:
    """The samples [s] of one method, and the labels it gave."""

    cold: list[float] = field(default_factory=list)
    """All frames prepared, then the target voted."""
    steady: list[float] = field(default_factory=list)
    """One frame prepared, then the target voted."""
    steady_cpu: list[float] = field(default_factory=list)
    """The same, in CPU seconds of all threads: what other programs take from a wall clock is not in it."""
    volume: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 0, 0), np.uint8))
    """[X, Y, Z]."""

    def add(self, step: _Clock) -> None:
        """Takes in a steady sample."""
        self.steady.append(step.wall)
        self.steady_cpu.append(step.cpu)

    @property
    def seconds(self) -> float:
        """The fastest steady sample: what disturbs a sample can only slow it down."""
        return min(self.steady)

    @property
    def median(self) -> float:
        return statistics.median(self.steady)


def warm_up(name: str) -> None:
    """Compiles and loads all that method ``name`` needs, on a scene of a few voxels."""
    contender = cold_start(name, street_scene(1, _TINY))
    step(contender)


def cold_start(name: str, scene: Scene) -> Contender:
    """Method ``name`` with every frame of ``scene`` prepared."""
    contender = CONTENDERS[name](scene)
    for frame in range(scene.frames):
        contender.prepare(frame)
    return contender


def step(contender: Contender) -> NDArray[np.uint8]:
    """What a running log asks for again and again: the newest frame prepared, the target voted."""
    contender.prepare(contender.scene.frames - 1)
    return contender.vote()


def time_contenders(
    scene: Scene, names: Sequence[str], note: Callable[[str], None] = lambda _: None
) -> dict[str, Timing]:
    """Times methods ``names`` on ``scene``; ``note`` is told what is being timed. The caller has warmed them up."""
    timings = {name: Timing() for name in names}
    for round_ in range(_ROUNDS):
        for name, timing in timings.items():
            if _has_enough(CONTENDERS[name], timing, round_):
                continue
            note(f"timing {name}, round {round_ + 1}")
            _time_round(name, scene, timing)
    return timings


def _has_enough(method: type[Contender], timing: Timing, round_: int) -> bool:
    spent = sum(timing.cold) + (0.0 if method.baseline else sum(timing.steady))
    return spent > _ENOUGH or (method.baseline and round_ >= _BASELINE_ROUNDS)


def _time_round(name: str, scene: Scene, timing: Timing) -> None:
    start = _Clock()
    contender = cold_start(name, scene)
    timing.volume = contender.vote()
    cold = start.since()
    timing.cold.append(cold.wall)
    if contender.baseline:
        timing.add(cold)  # it prepared nothing, so that was a step as well
        return
    for _ in range(_STEPS):
        contender.rewind()
        start = _Clock()
        timing.volume = step(contender)
        timing.add(start.since())
