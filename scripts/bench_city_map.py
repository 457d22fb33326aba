"""How fast a city map grows and in how much memory: the drive of a KITTI sequence through a made-up city.

python scripts/bench_city_map.py KITTI [--sequence 00] [--frames N] [--picture FILE]

KITTI holds poses/00.txt and sequences/00/calib.txt. Labels are a function of the world alone (road, sidewalk, houses,
trees along the real trajectory) as a network would complete each frame, with surfaces that shake and
classes that are mixed up; making them is not counted. Streets differ: to tell a map that slows down
from streets that cost more, the first tenth of the drive comes once more at the end.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import argparse
import io
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from pykitti.utils import read_calib_file
from scipy.spatial import cKDTree

from occlabel.pipeline.delivery.city_map.files import draw_map
from occlabel.pipeline.delivery.city_map.tiles import add_up, tile_sums
from occlabel.pipeline.delivery.city_map.votes_file import VotesFile
from occlabel.schemas.arrays import SEMANTICS, Extent
from occlabel.schemas.city_map import Contribution, MapIndex
from occlabel.schemas.geometry import inverse, rigid
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.mapping.ballot import Ballot, ballot
from occlabel.stages.mapping.fuse import PlacedFrame, cast_frames, survey_frames
from occlabel.workers.artifact import Artifact
from occlabel.workers.map_store import MapStore
from occlabel.workers.store import Store

SPACE = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
IDS = {name: i for i, name in enumerate(SPACE.taxonomy.names)}
FREE, CAR, ROAD, PARKING, SIDEWALK = (IDS[n] for n in ("free", "car", "road", "parking", "sidewalk"))
HOUSE, FENCE, TREE, TRUNK, GRASS, POLE = (
    IDS[n] for n in ("building", "fence", "vegetation", "trunk", "terrain", "pole")
)
CELL = 0.5
"""Edge [m] of the cells in which the height of the ground and the distance to the road are known."""


def world_from_lidar(root: Path, sequence: str) -> np.ndarray:
    """As the KITTI reader has it: ``inv(Tr) @ pose @ Tr``, [frames, 4, 4]."""
    rows = np.loadtxt(root / "poses" / f"{sequence}.txt").reshape(-1, 3, 4)
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3] = rows
    camera0_from_lidar = rigid(read_calib_file(root / f"sequences/{sequence}/calib.txt")["Tr"].reshape(3, 4), "Tr")
    return inverse(camera0_from_lidar) @ poses @ camera0_from_lidar


class City:
    """Streets along the trajectory, and what stands beside them."""

    def __init__(self, poses: np.ndarray) -> None:
        path = poses[:, :3, 3]
        self.low = path[:, :2].min(axis=0) - 90
        size = ((path[:, :2].max(axis=0) + 90 - self.low) / CELL).astype(int)
        centres = np.stack(np.meshgrid(*((np.arange(n) + 0.5) * CELL for n in size), indexing="ij"), -1) + self.low
        self.distance, nearest = (a.astype(t) for a, t in zip(cKDTree(path[:, :2]).query(centres), "fi", strict=True))
        self.ground = (path[nearest, 2] - 1.73).astype(np.float32)

    def labels(self, pose: np.ndarray, frame: int) -> np.ndarray:
        result = np.empty(SPACE.grid.shape, np.uint8)
        grid = SPACE.grid
        first = pose[:3, :3] @ (np.array(grid.origin) + 0.5 * grid.voxel_size) + pose[:3, 3]
        _fill(result, pose[:3, :3] * grid.voxel_size, first, frame, self.low, self.distance, self.ground)
        return result


@numba.njit(cache=True)
def _random(a, b, c):  # type: ignore[no-untyped-def]
    """0..1, a function of three integers."""
    h = np.uint32(np.int64(a)) * np.uint32(73856093)
    h ^= np.uint32(np.int64(b)) * np.uint32(19349663) ^ np.uint32(np.int64(c)) * np.uint32(83492791)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
    return np.float64((h ^ (h >> np.uint32(16))) & np.uint32(0xFFFF)) / 65536.0


@numba.njit(cache=True)
def _fill(result, step, first, frame, low, distance, ground):  # type: ignore[no-untyped-def]
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            shake = 0.4 * _random(frame, i, j) - 0.2
            confused = _random(frame, j, i) < 0.05
            for k in range(result.shape[2]):
                x = first[0] + step[0, 0] * i + step[0, 1] * j + step[0, 2] * k + shake
                y = first[1] + step[1, 0] * i + step[1, 1] * j + step[1, 2] * k - shake
                z = first[2] + step[2, 0] * i + step[2, 1] * j + step[2, 2] * k
                a, b = int((x - low[0]) / CELL), int((y - low[1]) / CELL)
                d, h = distance[a, b], z - ground[a, b] + 0.5 * shake
                lot = _random(np.floor(x / 14), np.floor(y / 14), 1)
                label = FREE
                if h < -0.2:
                    label = FREE
                elif h < 0.1:
                    label = ROAD if d < 4 else PARKING if d < 5.5 and lot < 0.3 else SIDEWALK if d < 8 else GRASS
                elif d < 5.5:
                    if d > 4 and h < 1.6 and lot > 0.7 and _random(np.floor(x / 5), np.floor(y / 5), 2) < 0.4:
                        label = CAR
                elif d < 9:
                    tree = np.hypot(x - 9 * np.round(x / 9), y - 9 * np.round(y / 9))
                    if tree < 0.2 and h < 4:
                        label = TRUNK if lot < 0.5 else POLE
                    elif lot < 0.5 and 2.5 < h < 4.5 and tree < 2 and _random(x / 0.4, y / 0.4, int(h / 0.4)) < 0.6:
                        label = TREE
                    elif d > 8.6 and h < 1.2 and lot > 0.6:
                        label = FENCE
                elif 10 < d < 10.6 and lot < 0.7:
                    label = HOUSE if h < 7 else FREE
                elif 10 < d < 16 and lot < 0.4:
                    label = UNKNOWN
                elif h < 3 and _random(np.floor(x / 0.6), np.floor(y / 0.6), 5) < 0.2:
                    label = TREE
                if confused and label != FREE and label != UNKNOWN:
                    label = GRASS if label == SIDEWALK else TREE if label >= HOUSE else SIDEWALK
                result[i, j, k] = label


class Clock:
    """Times what happens between two calls for labels: what the map does with a frame."""

    def __init__(self, frames: int) -> None:
        self.spent = np.zeros(frames)
        self.cpu = np.zeros(frames)
        self._since: tuple[int, float, float] | None = None

    def timed(self, frame: int, labels: Callable[[], np.ndarray]) -> Callable[[], np.ndarray]:
        def made() -> np.ndarray:
            self.stop()
            result = labels()
            self._since = (frame, time.perf_counter(), time.thread_time())
            return result

        return made

    def stop(self) -> None:
        if self._since is not None:
            frame, wall, cpu = self._since
            self.spent[frame] += time.perf_counter() - wall
            self.cpu[frame] += time.thread_time() - cpu
        self._since = None


def cast(frames: list[PlacedFrame], rows: Ballot, clock: Clock) -> tuple[Contribution, bytes, float]:
    """What ``contribute`` does with a log, and the seconds of it that its votes take to be written."""
    file, written, seconds = VotesFile(), [], 0.0
    surveyed = survey_frames(frames, SPACE.grid, rows)
    for tiles, votes in cast_frames(frames, SPACE.grid, rows, surveyed):
        clock.stop()
        start = time.perf_counter()
        for tile in tiles:
            file.add(tile, votes.part(tile), rows)
        seconds += time.perf_counter() - start
        written += tiles
        del votes  # or it would lie beside the next ones
    about = Contribution(
        log="drive", world="drive", fingerprint="f", frames=len(frames), poseless=0, tiles=tuple(sorted(written))
    )
    return about, file.finish(about), seconds


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def reading(labels: list[np.ndarray], folder: Path) -> float:
    """Seconds to read one frame of labels from a store."""
    artifact, clip = Artifact(Store(folder), "voting", "f", "00"), Clip("00", 0, len(labels))
    artifact.create([SEMANTICS], Extent(clip.frames, SPACE.grid), clip.frames)
    artifact.write(clip, {"semantics": np.stack(labels)}, [SEMANTICS], clip.frames)
    start = time.perf_counter()
    for n in range(clip.frames):
        artifact.read("semantics", n, n + 1)
    return (time.perf_counter() - start) / clip.frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kitti", type=Path)
    parser.add_argument("--sequence", default="00")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    poses = world_from_lidar(options.kitti, options.sequence)[: options.frames]
    city = City(poses)
    tenth = max(1, len(poses) // 10)
    order = [*range(len(poses)), *range(tenth)]
    clock = Clock(len(order))

    def frame(place: int, n: int) -> PlacedFrame:
        return PlacedFrame(clock.timed(place, lambda: city.labels(poses[n], n)), poses[n])

    frames = [frame(place, n) for place, n in enumerate(order)]
    some = [city.labels(poses[n], n) for n in range(0, len(poses), -(-len(poses) // 8))]
    occupied = np.mean([np.isin(labels, [FREE, UNKNOWN], invert=True).mean() for labels in some])
    known = np.mean([(labels != UNKNOWN).mean() for labels in some])
    print(f"{len(poses)} frames of {SPACE.grid.voxels:,} voxels: {known:.0%} known, {occupied:.1%} occupied")
    rows = ballot(SPACE.taxonomy)
    with tempfile.TemporaryDirectory() as folder:
        print(f"reading a frame from a store (twice a frame): {1000 * reading(some, Path(folder) / 'store'):.1f} ms")
        print(f"peak memory before the map: {peak():.2f} GB")
        cast(frames[:2], rows, clock)  # compiles
        clock.spent[:], clock.cpu[:] = 0, 0
        out = MapStore(f"{folder}/map")
        start = time.perf_counter()
        contribution, votes, writing = cast(frames, rows, clock)
        fused = time.perf_counter()
        tiles = tuple(add_up(out, tile, rows, lambda *_: io.BytesIO(votes)) for tile in tile_sums([contribution]))
        ended = time.perf_counter()
        size = sum(file.stat().st_size for file in Path(f"{folder}/map/tiles").rglob("*") if file.is_file())
        index = MapIndex(voxel_size=0.2, taxonomy=SPACE.taxonomy, contributions=(contribution,), tiles=tiles)
        if options.picture:
            draw_map(out, index, None, options.picture)
    print("time per frame, both passes, without making labels:")
    parts = {
        "all frames": slice(len(poses)),
        "first tenth": slice(tenth),
        "last tenth": slice(len(poses) - tenth, len(poses)),
        "first tenth, driven again at the end": slice(len(poses), None),
    }
    for name, part in parts.items():
        mean, cpu, median = 1e3 * np.array(
            [f(a[part]) for f, a in ((np.mean, clock.spent), (np.mean, clock.cpu), (np.median, clock.cpu))]
        )
        print(f"  {name:36}  mean {mean:5.1f} ms, CPU {cpu:5.1f} ms; median CPU {median:5.1f} ms")
    blocks, voxels = sum(tile.blocks for tile in tiles), sum(tile.occupied for tile in tiles)
    print(f"{len(tiles)} tiles, {blocks:,} blocks, {voxels:,} static voxels, {size / 2**20:.0f} MB on disk")
    print(
        f"writing votes {writing:.0f} s, {len(votes) / 2**20:.0f} MB; adding tiles up {ended - fused:.0f} s, "
        f"all of it {ended - start:.0f} s"
    )
    print(f"peak memory: {peak():.2f} GB")


if __name__ == "__main__":
    main()
