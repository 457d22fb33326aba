"""The voting benchmark: methods on one scene, their time, memory and quality beside the baselines of the same run."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.bench.bandwidth import Bandwidth, cpus, measure_bandwidth
from occlabel.pipeline.quality.bench.contenders import CONTENDERS, DEFAULT
from occlabel.pipeline.quality.bench.memory import Peak, measure_peak
from occlabel.pipeline.quality.bench.quality import Quality, quality
from occlabel.pipeline.quality.bench.scene import Scene, read_scene
from occlabel.pipeline.quality.bench.street import RADIUS, street_scene
from occlabel.pipeline.quality.bench.timing import Timing, time_contenders, warm_up
from occlabel.schemas.errors import BadRecipe

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One method."""

    timing: Timing
    peak: Peak
    quality: Quality


@dataclass(frozen=True)
class Report:
    """What a run of the benchmark found."""

    scene: Scene
    rows: dict[str, Row]
    single_frame: Quality
    """Of the target's own labels, before any vote."""
    bandwidth: Bandwidth
    chosen: str
    """The method whose labels are the result: the named one, else the default."""

    @property
    def labels(self) -> NDArray[np.uint8]:
        """[X, Y, Z], of the chosen method."""
        return self.rows[self.chosen].timing.volume

    def facts(self) -> dict[str, Any]:
        """For JSON: seconds, MB of 10^6 bytes, fractions of 1, GB/s; None where there is no number."""
        scene, floor = self.scene, self.bandwidth.floor_seconds(self.scene)
        return {
            "scene": {
                "frames": scene.frames,
                "target": scene.target,
                "shape": list(scene.shape),
                "voxel_size": scene.voxel_size,
                "n_classes": scene.classes,
                "weight_volumes": len(scene.weights),
                "single_frame": {"iou": _number(self.single_frame.iou), "miou": _number(self.single_frame.miou)},
            },
            "machine": {
                "cpus": cpus(),
                "read_gb_per_s": self.bandwidth.read / 1e9,
                "copy_gb_per_s": self.bandwidth.copy / 1e9,
                "floor_seconds": floor,
            },
            "methods": {name: self._method(row, floor) for name, row in self.rows.items()},
        }

    def _method(self, row: Row, floor: float) -> dict[str, Any]:
        timing = row.timing
        return {
            "seconds_per_frame": timing.seconds,
            "median_seconds": timing.median,
            "cpu_seconds": min(timing.steady_cpu),
            "cold_seconds": min(timing.cold),
            "samples": len(timing.steady),
            "vs_paper_faithful": self._ratio("paper_faithful", timing),
            "vs_numpy_tuned": self._ratio("numpy_tuned", timing),
            "bandwidth_share": floor / timing.seconds,
            "peak_mb": row.peak.above_scene,
            "peak_total_mb": row.peak.total,
            "iou": _number(row.quality.iou),
            "miou": _number(row.quality.miou),
            "differs_from_paper_faithful": self._difference(timing.volume),
        }

    def _ratio(self, baseline: str, timing: Timing) -> float | None:
        """How many times faster than the baseline."""
        return self.rows[baseline].timing.seconds / timing.seconds if baseline in self.rows else None

    def _difference(self, volume: NDArray[np.uint8]) -> float | None:
        """Share of the voxels."""
        paper = self.rows.get("paper_faithful")
        return None if paper is None else float((volume != paper.timing.volume).mean())


def bench_voting(
    scene_file: Path | None,
    method: str | None = None,
    radius: int | None = None,
    skip_baselines: bool = False,
    note: Note = lambda _: None,
) -> Report:
    """Measures all methods, or ``method`` and the baselines, on a scene file or a made-up scene.

    ``radius``: use the frames at most so far from the target; all of a file, or 25, when None. ``note`` is told what
    is going on. Raises BadRecipe for an unknown method or a radius below 0, BadLog for a bad scene file.
    """
    names = _names(method, skip_baselines)
    scene = _scene(scene_file, radius, note)
    note("measuring the memory bandwidth")
    bandwidth = measure_bandwidth()
    for name in names:
        note(f"compiling {name}")
        warm_up(name)
    timings = time_contenders(scene, names, note)
    peaks = _peaks(scene, names, note)
    return Report(
        scene,
        {name: Row(timings[name], peaks[name], quality(timings[name].volume, scene, name)) for name in names},
        quality(_without_unknown(scene), scene, "the target frame"),
        bandwidth,
        method or DEFAULT,
    )


def _names(method: str | None, skip_baselines: bool) -> list[str]:
    if method is not None and method not in CONTENDERS:
        raise BadRecipe(f"unknown voting method {method!r}; known: {', '.join(CONTENDERS)}")
    return [
        name
        for name, contender in CONTENDERS.items()
        if name == method or (not skip_baselines if contender.baseline else method is None)
    ]


def _scene(scene_file: Path | None, radius: int | None, note: Note) -> Scene:
    if radius is not None and radius < 0:
        raise BadRecipe(f"a radius of {radius} leaves no source frame; give 0, the target alone, or more")
    if scene_file is None:
        note("making up a street")
        return street_scene(RADIUS if radius is None else radius)
    note("reading the scene")
    scene = read_scene(scene_file)
    return scene if radius is None else scene.within(radius)


def _peaks(scene: Scene, names: list[str], note: Note) -> dict[str, Peak]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scene.npz"
        scene.save(file)
        peaks = {}
        for name in names:
            note(f"measuring the memory of {name}")
            peaks[name] = measure_peak(file, name)
        return peaks


def _without_unknown(scene: Scene) -> NDArray[np.uint8]:
    """The target frame's labels, unknown as free: scores know classes only."""
    labels = scene.labels[scene.target]
    return np.where(labels < scene.classes, labels, np.uint8(0))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
