"""The propagation benchmark: a log refined clip by clip, beside a plain version that shares nothing between frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from occlabel.pipeline.quality.bench.bandwidth import cpus
from occlabel.pipeline.quality.bench.memory import forget_peak, status_of
from occlabel.pipeline.quality.bench.scene import FREE, Scene
from occlabel.pipeline.quality.bench.street import street_scene
from occlabel.schemas.grid import Grid, grid_preset
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import taxonomy_preset
from occlabel.stages.learning.trainer import check_device
from occlabel.stages.propagation.dualflow4d import DualFlow4D
from occlabel.stages.propagation.refine import Onboard, Refiner, refine_rows
from occlabel.stages.propagation.sequence import Glimpse, glimpse
from occlabel.stages.propagation.weight_file import load_network
from occlabel.stages.propagation.windows import Reach, Window, windows

_CLIP = slice(12, 20)
_SURE = 200
_ROUNDS = 2
_PLAIN_FRAMES = 2

Note = Callable[[str], None]


def bench_propagation(
    weights: Path | None, device: str, note: Note = lambda _: None, grid: Grid | None = None
) -> dict[str, Any]:
    """Milliseconds a frame, and peak MB of the process, of both versions on the street scene, for JSON.

    ``stage`` is what runs: clips of 8 frames, each encoded once, four refined a pass; on the CPU as many clips at a
    time as there are cores, as workers do it. ``plain`` refines one frame a pass, encodes all six frames of its window
    for it, and calls the network's layers one by one. Without ``weights`` the network is untrained, which takes the
    same time. Times are the least of several, in turns.
    """
    check_device(device)
    space = LabelSpace(grid or grid_preset("semantickitti"), taxonomy_preset("semantickitti"))
    scene = street_scene(_CLIP.start + 4, space.grid)  # references lie eight frames before and after
    torch.manual_seed(0)
    fresh = DualFlow4D(space.grid.shape[2], len(space.taxonomy.classes), FREE)
    refiner = Refiner(fresh if weights is None else load_network(weights, space)[0], device)
    layers = Refiner(refiner.network, device, layer_by_layer=True)
    versions: dict[str, Callable[[int], None]] = {
        "stage": lambda _: _refined(refiner, scene, space),
        "plain": lambda _: _plain(layers, scene, space),
    }
    hands = cpus() if device == "cpu" else 1
    torch.set_num_threads(1 if device == "cpu" else cpus())
    frames = {"stage": _CLIP.stop - _CLIP.start, "plain": _PLAIN_FRAMES}
    seconds: dict[str, list[float]] = {name: [] for name in versions}
    peaks: dict[str, float] = {}
    with ThreadPoolExecutor(hands) as pool:
        for round_ in range(_ROUNDS + 1):
            for name, version in versions.items():
                note(f"timing {name}, round {round_} of {_ROUNDS}")
                forget_peak()
                start = time.perf_counter()
                list(pool.map(version, range(hands)))
                if device != "cpu":
                    torch.cuda.synchronize()
                if round_ > 0:  # the first compiles and loads
                    seconds[name].append((time.perf_counter() - start) / (frames[name] * hands))
                    peaks[name] = max(peaks.get(name, 0.0), status_of("VmHWM") / 1e6)
    least = {name: min(samples) for name, samples in seconds.items()}
    return {
        "scene": {"shape": list(scene.shape), "window": 6, "n_classes": scene.classes},
        "machine": {"cpus": cpus(), "device": device, "clips_at_a_time": hands},
        "versions": {
            name: {"ms_per_frame": 1000 * least[name], "vs_plain": least["plain"] / least[name], "peak_mb": peaks[name]}
            for name in versions
        },
    }


def _refined(refiner: Refiner, scene: Scene, space: LabelSpace) -> None:
    poses, times, confidence = _log(scene)
    chosen = windows(0, _CLIP, poses, space.grid, Reach())
    classes = len(space.taxonomy.classes)
    refine_rows(refiner, chosen, _CLIP, Onboard(scene.labels, confidence, poses, times), space.grid, classes)


def _plain(refiner: Refiner, scene: Scene, space: LabelSpace) -> None:
    poses, times, confidence = _log(scene)
    classes = len(space.taxonomy.classes)
    for row in range(_CLIP.start, _CLIP.start + _PLAIN_FRAMES):
        (window,) = windows(0, slice(row, row + 1), poses, space.grid, Reach())
        own = Window((row, *(other for other in window.local if other != row)), window.reference)
        seen: Glimpse = glimpse(own, scene.labels, confidence, poses, times, space.grid, classes)
        refiner.refine(seen, 0, refiner.look(seen, 0))


def _log(scene: Scene) -> tuple[list[np.ndarray[Any, np.dtype[np.float64]] | None], list[float], Any]:
    times = [0.1 * frame for frame in range(scene.frames)]
    return list(scene.poses), times, np.broadcast_to(np.uint8(_SURE), scene.labels.shape)
