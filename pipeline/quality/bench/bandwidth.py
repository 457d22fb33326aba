"""What the machine's memory allows: the least time in which any method could vote."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.bench.scene import Scene

_BYTES = 256 << 20  # well beyond any cache
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Of all CPUs of this process together, bytes per second."""

    read: float
    copy: float
    """Bytes read plus bytes written."""

    def floor_seconds(self, scene: Scene) -> float:
        """The time to read every source label and weight of ``scene`` once and to write the target.

        Weights count in the narrowest integer that holds them, and once where all frames share them: no method may
        seem to be faster than memory because it packs them.
        """
        return (scene.labels.nbytes + weight_bytes(scene)) / self.read + scene.truth.nbytes / self.copy


def weight_bytes(scene: Scene) -> int:
    """Bytes of the weights of ``scene`` in the narrowest unsigned integer."""
    return scene.weights.size * np.min_scalar_type(int(scene.weights.max())).itemsize


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def measure_bandwidth(size: int = _BYTES) -> Bandwidth:
    """The best of several passes over ``size`` bytes, each CPU at a part of its own."""
    source = np.ones(size // 8, np.uint64)
    target = np.zeros_like(source)  # touched, so that no page is new when it is timed
    with ThreadPoolExecutor(cpus()) as threads:
        parts, copies = np.array_split(source, cpus()), np.array_split(target, cpus())

        def read() -> None:
            list(threads.map(_largest, parts))

        def copy() -> None:
            list(threads.map(np.copyto, copies, parts))

        return Bandwidth(source.nbytes / _fastest(read), 2 * source.nbytes / _fastest(copy))


def _largest(part: NDArray[Any]) -> Any:
    return part.max()  # NumPy's fastest pass that reads everything and writes nothing


def _fastest(run: Callable[[], None]) -> float:
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)
