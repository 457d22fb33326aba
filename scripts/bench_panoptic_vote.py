"""How fast and in how much memory the panoptic vote assigns the voxels of a full scene, beside plain NumPy.

    python scripts/bench_panoptic_vote.py [--objects 60] [--voxel-size 0.4] [--threads 2]

The scene is 80 x 80 x 6.4 m with cars at random places; the baseline counts, for one offset of the ball after the
other, the seeds that lie there, for all thing voxels at once. Both give the same ids.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.instances.panoptic_vote import panoptic_vote, radius_in_voxels

CAR, FREE = 4, 17
THINGS = np.arange(256) == CAR
_ROUNDS = 20

Ids = NDArray[np.uint32]


def scene(objects: int, size: float) -> tuple[NDArray[np.uint8], Ids]:
    """Semantics, and seeds on four voxels of five of each car, one in twenty of them another car's."""
    draw = np.random.default_rng(0)
    shape = np.round(np.array([80, 80, 6.4]) / size).astype(int)
    truth = np.zeros(shape, np.uint32)
    for car in range(objects):
        box = np.round(np.array([4.5, 1.9, 1.6]) / size).astype(int)[[[0, 1, 2], [1, 0, 2]][car % 2]]
        x, y, z = (draw.integers(0, n - b) for n, b in zip(shape, box, strict=True))
        truth[x : x + box[0], y : y + box[1], z : z + box[2]] = car + 1
    wrong = draw.integers(1, objects + 1, truth.shape)
    seeds = np.where(draw.random(truth.shape) < 0.05, wrong, truth) * (draw.random(truth.shape) < 0.8) * (truth > 0)
    return np.where(truth > 0, np.uint8(CAR), np.uint8(FREE)), seeds.astype(np.uint32)


def naive(semantics: NDArray[np.uint8], seeds: Ids, size: float) -> Ids:
    r = radius_in_voxels(3.6, size)
    padded = np.pad(seeds, r)
    voxels = np.argwhere(THINGS[semantics])
    counts = np.zeros((len(voxels), int(seeds.max()) + 1), np.int32)
    rows = np.arange(len(voxels))
    for offset in np.ndindex(2 * r + 1, 2 * r + 1, 2 * r + 1):
        if np.abs(np.array(offset) - r).sum() <= r:
            x, y, z = (voxels + offset).T
            counts[rows, padded[x, y, z]] += 1
    counts[:, 0] = 0
    result = np.zeros(semantics.shape, np.uint32)
    result[tuple(voxels.T)] = counts.argmax(axis=1)
    return result


def clock(run: Callable[[], Ids], rounds: int) -> tuple[float, float]:
    """Least wall and least CPU seconds, all threads together."""
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def peak(run: Callable[[], Ids]) -> float:
    """MB that arrays take at most beyond what is there; Numba's arrays are not in it: they are a few kB a thread."""
    tracemalloc.start()
    run()
    result = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=60)
    parser.add_argument("--voxel-size", type=float, default=0.4)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    semantics, seeds = scene(options.objects, options.voxel_size)
    print(f"{semantics.shape} voxels, {THINGS[semantics].sum():,} of things, {np.count_nonzero(seeds):,} seeds")

    def vote(threads: int) -> Ids:
        return panoptic_vote(semantics, seeds, THINGS, options.voxel_size, threads=threads)

    plain = naive(semantics, seeds, options.voxel_size)
    assert np.array_equal(vote(1), plain), "the vote and the baseline differ"
    baseline = clock(lambda: naive(semantics, seeds, options.voxel_size), 1)
    print(f"{'NumPy':12} {1e3 * baseline[0]:8.1f} ms  CPU {1e3 * baseline[1]:8.1f} ms")
    for threads in sorted({1, options.threads}):
        wall, cpu = clock(partial(vote, threads), _ROUNDS)
        ratio = f"{baseline[0] / wall:6.0f} times faster"
        print(f"{f'{threads} threads':12} {1e3 * wall:8.1f} ms  CPU {1e3 * cpu:8.1f} ms  {ratio}")
    print(f"peak of the vote's arrays: {peak(lambda: vote(options.threads)):.1f} MB")


if __name__ == "__main__":
    main()
