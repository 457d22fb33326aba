"""A small chain for tests: a reader that makes its data up, two stages, and failures that follow a script."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, PointTruth, Sweep, VoxelTruth
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.grid import Grid
from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Resources, Stage
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN

GRID = Grid(origin=(0.0, -4.0, -1.0), voxel_size=1.0, shape=(8, 8, 4), frame="lidar")


@dataclass(frozen=True)
class MadeUpReader:
    """Logs of random points. ``damaged`` scans (log/frame) cannot be read; ``blind`` logs have no LiDAR."""

    root: Path
    frames: dict[str, int]
    damaged: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    poseless: tuple[str, ...] = ()

    def log_ids(self) -> list[str]:
        return sorted(self.frames)

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log_id in ids or self.log_ids():
            if log_id not in self.frames:
                raise BadLog(f"no log {log_id}")
            yield DriveLog(
                log_id, f"digest of {log_id}", tuple(self._frame(log_id, i) for i in range(self.frames[log_id]))
            )

    def _frame(self, log_id: str, index: int) -> Frame:
        pose = np.eye(4)
        pose[0, 3] = index
        sweep = None if log_id in self.blind else Sweep(Path(f"{log_id}/{index:06d}"), np.eye(4), index / 10)
        return Frame(f"{index:06d}", index / 10, None if log_id in self.poseless else pose, (), sweep)

    def stamp(self) -> str | None:
        return None

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        if str(sweep.path) in self.damaged:
            raise DamagedFile(f"{sweep.path} is truncated")
        generator = np.random.default_rng([int(sweep.path.name), len(str(sweep.path))])
        return (generator.random((50, 4)) * [8, 8, 4, 1] + [0, -4, -1, 0]).astype(np.float32)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        raise DamagedFile("there are no images")

    def check_image(self, camera: Camera) -> None:
        raise DamagedFile("there are no images")

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return None

    def point_truth(self, frame: Frame) -> PointTruth | None:
        return None


class Voxelise(Stage):
    """Points -> a class per voxel; fails as ``faults`` say: clip name -> what its attempts do, in turn."""

    slot: ClassVar[str] = "completion"
    version: ClassVar[int] = 1
    senses: ClassVar = ("points",)
    writes: ClassVar = ("semantics", "confidence")
    kind: Literal["voxelise"] = "voxelise"
    label: int = 9
    faults: dict[str, tuple[str, ...]] = {}
    notes: Path | None = None
    """Folder where every call leaves a mark."""

    def setup(self, space: LabelSpace, device: str) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            self._misbehave(clip)
            shape = (clip.frames, *space.grid.shape)
            semantics = np.full(shape, UNKNOWN, np.uint8)
            for i, points in enumerate(inputs.points[inputs.target(clip)]):
                if points is None:
                    continue
                semantics[i] = space.taxonomy.free_id
                cells, inside = space.grid.cells(points)
                semantics[(i, *cells[inside].T)] = self.label
            return {"semantics": semantics, "confidence": np.where(semantics == UNKNOWN, 0, 200).astype(np.uint8)}

        return process

    def _misbehave(self, clip: Clip) -> None:
        if self.notes is None:
            return
        self.notes.mkdir(exist_ok=True, parents=True)
        name = f"{self.slot}-{clip.log}-{clip.name}"
        before = len(list(self.notes.glob(f"{name}.*")))
        (self.notes / f"{name}.{before}").touch()
        script = self.faults.get(f"{clip.log}/{clip.start}", ())
        match script[before] if before < len(script) else "":
            case "raise":
                raise ValueError("labels out of range")
            case "die":
                os._exit(9)
            case "store":
                raise OSError("the store is away")
            case "sleep":
                time.sleep(60)


class Smooth(Stage):
    """The most frequent class of three frames: needs a halo of one."""

    slot: ClassVar[str] = "voting"
    version: ClassVar[int] = 1
    reads: ClassVar = ("semantics",)
    senses: ClassVar = ("poses",)
    writes: ClassVar = ("semantics", "confidence", "support")
    kind: Literal["smooth"] = "smooth"
    radius: int = 1
    gigabytes: float = 0.1

    @property
    def halo(self) -> int:
        return self.radius

    def resources(self, space: LabelSpace) -> Resources:
        return Resources(memory=int(self.gigabytes * 2**30))

    def setup(self, space: LabelSpace, device: str) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            source = inputs.arrays["semantics"]
            result = np.empty((clip.frames, *space.grid.shape), np.uint8)
            support = np.empty(result.shape, np.uint16)
            for i in range(clip.frames):
                centre = clip.start - inputs.first + i
                window = source[max(0, centre - self.radius) : centre + self.radius + 1]
                votes = np.stack([(window == c).sum(axis=0) for c in range(len(space.taxonomy.classes))])
                support[i] = votes.sum(axis=0)
                result[i] = np.where(support[i] > 0, votes.argmax(axis=0), UNKNOWN)
            return {"semantics": result, "confidence": np.full(result.shape, 100, np.uint8), "support": support}

        return process


class Number(Stage):
    """Numbers frames through a log by what it wrote for the frame before: clips must come in turn."""

    slot: ClassVar[str] = "tracking"
    version: ClassVar[int] = 1
    reads: ClassVar = ("semantics",)
    writes: ClassVar = ("instance", "tracks")
    kind: Literal["number"] = "number"
    remembered: int = 1

    @property
    def memory(self) -> int:
        return self.remembered

    def setup(self, space: LabelSpace, device: str) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            before = inputs.past["tracks"][-1] if inputs.past else 0
            tracks = np.arange(before + 1, before + 1 + clip.frames, dtype=np.uint32)
            labelled = inputs.arrays["semantics"] == 9
            return {"instance": (labelled * tracks[:, None, None, None]).astype(np.uint16), "tracks": tracks}

        return process


class SmallRecipe(Recipe):
    """A recipe whose stages are those above."""

    first: Voxelise = Voxelise()
    second: Smooth | None = Smooth()
    third: Number | None = None

    def stages(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in (self.first, self.second, self.third) if stage is not None)


def small_recipe(clip_frames: int = 4, **changes: object) -> SmallRecipe:
    fields = {
        "grid": GRID,
        "taxonomy": TAXONOMIES["semantickitti"],
        "clip_frames": clip_frames,
        "completion": {"kind": "lmscnet"},
    }
    return SmallRecipe.model_validate({**fields, **changes})


@dataclass
class ScriptedExecutor:
    """Runs orders in this process, and answers what the script says for some of them instead of running them."""

    slots: int = 1
    script: dict[tuple[str, str, int], list[object]] = field(default_factory=dict)
    """(slot, log, start) -> outcomes to give before the order is really done."""
    orders: list[object] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)

    def submit(self, order: object) -> int:
        self.orders.append(order)
        return len(self.orders)

    def wait(self, timeout: float) -> list[tuple[int, object]]:
        from occlabel.workers.work import attempt

        order = self.orders[-1]
        outcomes = self.script.get((order.stage.slot, order.clip.log, order.clip.start), [])
        if outcomes:
            outcome = outcomes.pop(0)
            if outcome == "hang":
                time.sleep(timeout / 10)
                return []
            return [(len(self.orders), outcome)]
        return [(len(self.orders), attempt(order))]

    def kill(self, ticket: int) -> None:
        self.killed.append(ticket)

    def close(self) -> None:
        pass
