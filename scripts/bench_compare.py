"""How long two versions of 200 frames take to be held against each other, and in how much memory.

python scripts/bench_compare.py [--frames N] [--logs N]

Frames of 256x256x32 are made up: ground, boxes, and free or unknown space; the second version has every frame, with
about 1 in 50 of the occupied voxels in another class. Making them is not counted. The baseline of the same run reads
and compares the voxels of both, and counts nothing.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from occlabel.pipeline.published.manifest import encode
from occlabel.pipeline.published.version import manifest_path, open_version
from occlabel.pipeline.quality.compare.compare import compare
from occlabel.schemas.arrays import SEMANTICS, Extent
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.schemas.version import (
    ArrayPlace,
    Provenance,
    PublishedArray,
    VersionFrame,
    VersionInfo,
    content_digest,
)
from occlabel.workers.artifact import Artifact, frame_digests
from occlabel.workers.store import Store

SPACE = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
CLIP = 16


def labels(seed: int, other: bool) -> np.ndarray:
    """[x, y, z] of one frame."""
    rng = np.random.default_rng(seed)
    result = np.zeros(SPACE.grid.shape, np.uint8)
    result[:, :, 8] = 9
    for _ in range(60):
        x, y = rng.integers(0, 240, 2)
        result[x : x + 16, y : y + 8, 9:17] = rng.integers(1, 20)
    result[rng.integers(256, size=40_000), rng.integers(256, size=40_000), rng.integers(32, size=40_000)] = UNKNOWN
    if other:
        changed = (result > 0) & (result < UNKNOWN) & (rng.random(result.shape) < 0.02)
        result[changed] = 15
    return result


def publish(store: Store, name: str, logs: int, frames: int, other: bool) -> None:
    rows = []
    for log in (f"log-{n}" for n in range(logs)):
        artifact = Artifact(store, "made", name, log)
        artifact.create([SEMANTICS], Extent(frames, SPACE.grid), CLIP)
        for start in range(0, frames, CLIP):
            stop = min(start + CLIP, frames)
            made = np.stack([labels(1000 * int(log[4:]) + n, other) for n in range(start, stop)])
            artifact.write(Clip(log, start, stop), {SEMANTICS.name: made}, [SEMANTICS], CLIP)
            for n, digest in zip(range(start, stop), frame_digests(made), strict=True):
                place = ArrayPlace(path=f"{artifact.path}/{SEMANTICS.name}", digest=digest)
                rows.append(VersionFrame(log=log, index=n, name=f"{n:06d}", arrays={SEMANTICS.name: place}))
    info = VersionInfo(
        name=name,
        created="2026-01-01T00:00:00+00:00",
        space=SPACE,
        arrays={SEMANTICS.name: PublishedArray(stage="made", facts=SEMANTICS.facts())},
        logs=tuple(sorted({row.log for row in rows})),
        frames=len(rows),
        missing={},
        gates=(),
        content_digest=content_digest(rows),
        provenance=Provenance(code="0", recipe="{}"),
    )
    store.put(manifest_path(name), encode(info, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200, help="In all.")
    parser.add_argument("--logs", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        store.check_layout(mark=True)
        for name in ("a", "b"):
            publish(store, name, asked.logs, asked.frames // asked.logs, name == "b")
        a, b = specs = tuple(f"{folder}/store@{name}" for name in ("a", "b"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, cpu = time.perf_counter(), time.process_time()
        found = compare(a, b)
        first, worked = time.perf_counter() - start, time.process_time() - cpu
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        compare(a, b)
        again = time.perf_counter() - start
        start = time.perf_counter()
        pairs = zip(*(open_version(spec).frames() for spec in specs), strict=True)
        changed = sum(int((a[SEMANTICS] != b[SEMANTICS]).sum()) for a, b in pairs)
        read = time.perf_counter() - start
    assert changed == found.changed().changed
    print(f"{found.frames} frames, {changed:,} changed voxels")
    print(f"compared in {first:.1f} s ({worked:.1f} s of one core), again in {again:.2f} s; reading alone {read:.1f} s")
    print(f"peak memory {most >> 10} MB of the process, {before >> 10} MB before the comparison")


if __name__ == "__main__":
    main()
