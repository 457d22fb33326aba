"""How fast a training reads labels: from a version, and from the files that benchmarks are handed out as.

python scripts/bench_data_set.py ROOT ... [--rounds N]

Each ROOT holds logs with voxel truth: of SemanticKITTI (``.label`` and ``.invalid``) or of Occ3D (``labels.npz``), as
``occlabel simulate`` writes them. The same volumes (semantics, and what was observed) are published into a version, and
both are read in the same run, in turn, in the same shuffled order, by one thread. Cold: the pages of each file are
dropped first; the time of dropping is not counted. Warm: seconds of the CPU, as nothing is waited for. What each reader
gives is what a loss needs: class ids, and a mask.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from occlabel.pipeline.published.data_set import LabelDataset
from occlabel.pipeline.published.manifest import encode
from occlabel.pipeline.published.version import manifest_path
from occlabel.schemas.arrays import OBSERVED, SEMANTICS, Extent
from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip
from occlabel.schemas.version import (
    ArrayPlace,
    Provenance,
    PublishedArray,
    VersionFrame,
    VersionInfo,
    content_digest,
)
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.artifact import Artifact, frame_digests
from occlabel.workers.store import Store, artifact_path

CLIP = 16
SPECS = (SEMANTICS, OBSERVED)


@dataclass
class Contender:
    """A way to read frame ``n``; ``files`` are those that it reads for it."""

    name: str
    read: Callable[[int], object]
    files: Callable[[int], list[Path]]
    bytes: float
    """On disk, of a frame."""


def publish(store: Store, reader: LogReader) -> LabelSpace:
    """The voxel truth of all logs as version v1."""
    rows, space = [], None
    for log in reader.logs():
        frames = [frame for frame in log.frames if frame.truth.voxels is not None]
        artifact = Artifact(store, "truth", "f00", log.id)
        for start in range(0, len(frames), CLIP):
            part = frames[start : start + CLIP]
            truths = [truth for frame in part if (truth := reader.voxel_truth(frame)) is not None]
            space = truths[0].space
            artifact.create(SPECS, Extent(len(frames), space.grid), CLIP)
            arrays: Arrays = {
                SEMANTICS.name: np.stack([truth.semantics for truth in truths]),
                OBSERVED.name: np.stack([truth.scored for truth in truths]).astype(np.uint8),
            }
            artifact.write(Clip(log.id, start, start + len(part)), arrays, SPECS, CLIP)
            digests = {name: frame_digests(array) for name, array in arrays.items()}
            for n, frame in enumerate(part):
                places = {name: ArrayPlace(path=f"{artifact.path}/{name}", digest=digests[name][n]) for name in arrays}
                rows.append(VersionFrame(log=log.id, index=start + n, name=frame.name, arrays=places))
    assert space is not None, "there is no voxel truth"
    info = VersionInfo(
        name="v1", created="2026-01-01T00:00:00+00:00", space=space,
        arrays={spec.name: PublishedArray(stage="truth", facts=spec.facts()) for spec in SPECS},
        logs=tuple(sorted({row.log for row in rows})), frames=len(rows), missing={}, gates=(),
        content_digest=content_digest(rows), provenance=Provenance(code="0", recipe="{}"),
    )  # fmt: skip
    store.check_layout(mark=True)
    store.put(manifest_path("v1"), encode(info, rows))
    return space


def version(store: Store) -> Contender:
    data = LabelDataset(f"{store.location}@v1", arrays=[spec.name for spec in SPECS])
    rows = data._source.rows
    root = Path(store.location)

    def files(n: int) -> list[Path]:
        row = rows[n]
        shards = f"c/{row.index // CLIP}/0/0/0"
        return [root / place.path / shards for place in row.arrays.values()]

    logs = {row.log for row in rows}
    size = sum(f.stat().st_size for log in logs for f in (root / artifact_path("truth", "f00", log)).rglob("*")
               if f.is_file())  # fmt: skip
    return Contender("occlabel.LabelDataset", data.__getitem__, files, size / len(rows))


def semantickitti(frames: list[Frame], space: LabelSpace) -> list[Contender]:
    """As the benchmark's own tools read them; and the bytes alone, which no loss takes."""
    table = np.zeros(65536, np.uint8)
    table[: len(space.taxonomy.from_raw)] = space.taxonomy.from_raw
    labels = [path for frame in frames if (path := frame.truth.voxels) is not None]

    def files(n: int) -> list[Path]:
        return [labels[n], labels[n].with_suffix(".invalid")]

    def read(n: int) -> object:
        volume = table[np.fromfile(labels[n], np.uint16)].reshape(space.grid.shape)
        invalid = np.unpackbits(np.fromfile(labels[n].with_suffix(".invalid"), np.uint8)).reshape(space.grid.shape)
        return volume, invalid

    size = statistics.mean(sum(path.stat().st_size for path in files(n)) for n in range(len(labels)))
    return [
        Contender(".label and .invalid to class ids", read, files, size),
        Contender(".label alone, raw ids", lambda n: np.fromfile(labels[n], np.uint16), files, size),
    ]


def occ3d(frames: list[Frame]) -> list[Contender]:
    labels = [path for frame in frames if (path := frame.truth.voxels) is not None]

    def read(n: int) -> object:
        with np.load(labels[n]) as file:
            return [file[name] for name in ("semantics", "mask_lidar", "mask_camera")]

    size = statistics.mean(path.stat().st_size for path in labels)
    return [Contender("np.load of labels.npz", read, lambda n: [labels[n]], size)]


def forgotten(path: Path) -> None:
    """Its pages are not in memory any more."""
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def seconds(contender: Contender, n: int, cold: bool) -> float:
    for path in contender.files(n) if cold else ():
        forgotten(path)
    clock = time.perf_counter if cold else time.thread_time
    start = clock()
    contender.read(n)
    return clock() - start


def measured(contenders: list[Contender], frames: int, rounds: int) -> dict[tuple[str, bool], list[float]]:
    """Name and whether cold -> seconds of each read. Frame by frame in turn, so that whatever else the machine does
    falls on all of them."""
    taken: dict[tuple[str, bool], list[float]] = {}
    order = list(range(frames))
    for turn in range(rounds):
        random.Random(turn).shuffle(order)
        for n in order:
            for contender in contenders:
                for cold in (True, False):
                    taken.setdefault((contender.name, cold), []).append(seconds(contender, n, cold))
    return taken


def shown(contender: Contender, ours: Contender, taken: dict[tuple[str, bool], list[float]]) -> str:
    told = [f"{contender.name:34} {contender.bytes / 1e3:7.1f} kB a frame"]
    for cold, word in ((True, "cold"), (False, "warm")):
        pair = [(statistics.median(taken[c.name, cold]), min(taken[c.name, cold])) for c in (contender, ours)]
        (middle, best), (our_middle, our_best) = pair
        ratio = f"{middle / our_middle:.2f} times our time, {best / our_best:.2f} at best"
        told.append(f"{word} {1000 * middle:6.2f} ms, {1000 * best:6.2f} at best ({ratio})")
    return "\n    ".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="+", type=Path, metavar="ROOT")
    parser.add_argument("--rounds", type=int, default=10)
    asked = parser.parse_args()
    for root in asked.roots:
        reader = open_logs(root)
        frames = [frame for log in reader.logs() for frame in log.frames if frame.truth.voxels is not None]
        with tempfile.TemporaryDirectory(dir=root.parent) as folder:  # on the same disk
            store = Store(Path(folder) / "store")
            space = publish(store, reader)
            others = occ3d(frames) if str(frames[0].truth.voxels).endswith(".npz") else semantickitti(frames, space)
            contenders = [version(store), *others]
            taken = measured(contenders, len(frames), asked.rounds)
        shape = "x".join(map(str, space.grid.shape))
        print(f"{root}: {len(frames)} frames of {shape}, {asked.rounds} rounds; medians")
        for contender in contenders:
            print(f"  {shown(contender, contenders[0], taken)}")


if __name__ == "__main__":
    main()
