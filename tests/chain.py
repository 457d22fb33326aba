"""A small chain for tests: a reader that makes its data up, three stages, and failures that follow a script."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.planning.chain import Chain, Step
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.running.jobs import Job
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import CONFIDENCE, INSTANCE, POSES, SEMANTICS, SUPPORT, TRACKS
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, PointTruth, Sweep, VoxelTruth
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.workers.executor import Pool
from occlabel.workers.order import Order
from occlabel.workers.store import Store
from occlabel.workers.unit import Failure, Outcome, attempt

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
            frames = tuple(self._frame(log_id, i) for i in range(self.frames[log_id]))
            yield DriveLog(log_id, f"stamp of {log_id}", f"text of {log_id}", frames)

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

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        return None


class TestStage(Stage):
    """A stage that leaves a mark for every call, and fails as its script says."""

    __test__ = False

    faults: dict[str, tuple[str, ...]] = {}
    """``log/start`` of a clip -> what its attempts do, in turn: raise, die (by itself), killed (from outside), store,
    sleep, hold (until the file ``go`` is in ``notes``) or meet:NAME (wait until another clip meets the same name)."""
    notes: Path | None = None
    """Folder where every call leaves a mark: ``<slot>-<log>-<clip>.<number>``."""
    gpus: float = 0.0
    seconds: float = 0.0
    """How long a marked clip takes at least."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return Resources(gpus=self.gpus, memory=100 << 20)

    @contextmanager
    def marked(self, clip: Clip) -> Iterator[None]:
        """Does what the script says; the mark says when, and in which process, the clip was worked on."""
        if self.notes is None:
            yield
            return
        self.notes.mkdir(exist_ok=True, parents=True)
        name = f"{self.slot}-{clip.log}-{clip.name}"
        before = len(list(self.notes.glob(f"{name}.*")))
        mark, start = self.notes / f"{name}.{before}", time.time()
        told = {"stage": self.slot, "clip": f"{clip.log}/{clip.start}", "pid": os.getpid()}
        mark.write_text(json.dumps(told))
        script = self.faults.get(f"{clip.log}/{clip.start}", ())
        self._misbehave(script[before] if before < len(script) else "")
        yield
        time.sleep(self.seconds)
        mark.write_text(json.dumps({**told, "start": start, "end": time.time()}))

    def _misbehave(self, what: str) -> None:
        assert self.notes is not None
        match what.partition(":")[0]:
            case "raise":
                raise ValueError("labels out of range")
            case "die":
                os._exit(9)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "store":
                raise OSError("the store is away")
            case "sleep":
                time.sleep(60)
            case "hold":
                self._wait_until(lambda: (self.notes / "go").exists())
            case "meet":
                (self.notes / f"{what}-{self.slot}").touch()
                self._wait_until(lambda: len(list(self.notes.glob(f"{what}-*"))) > 1)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            time.sleep(0.1)
        raise ValueError("waited for a minute, and nobody came")


class Voxelise(TestStage):
    """Points -> a class per voxel."""

    slot: ClassVar[str] = "completion"
    version: ClassVar[int] = 1
    senses: ClassVar = ("points",)
    writes: ClassVar = (SEMANTICS, CONFIDENCE)
    kind: Literal["voxelise"] = "voxelise"
    label: int = 9

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            semantics = np.full((clip.frames, *space.grid.shape), UNKNOWN, np.uint8)
            with self.marked(clip):
                for i, row in enumerate(inputs.own(clip)):
                    points = inputs.points(row)
                    if points is None:
                        continue
                    semantics[i] = space.taxonomy.free_id
                    cells, inside = space.grid.cells(points)
                    semantics[(i, *cells[inside].T)] = self.label
            confidence = np.where(semantics == UNKNOWN, 0, 200).astype(np.uint8)
            return {"semantics": semantics, "confidence": confidence}

        return process


class WithPoses(Voxelise):
    """As a stage that finds poses, each log's from its own beginning."""

    @property
    def own_world(self) -> bool:
        return True


class Smooth(TestStage):
    """The most frequent class of three frames: needs a halo of one."""

    slot: ClassVar[str] = "voting"
    version: ClassVar[int] = 1
    reads: ClassVar = (SEMANTICS, POSES)
    writes: ClassVar = (SEMANTICS, CONFIDENCE, SUPPORT)
    kind: Literal["smooth"] = "smooth"
    radius: int = 1
    gigabytes: float = 0.1

    @property
    def halo(self) -> int:
        return self.radius

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return Resources(memory=int(self.gigabytes * 2**30))

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            source = inputs[SEMANTICS]
            result = np.empty((clip.frames, *space.grid.shape), np.uint8)
            support = np.empty(result.shape, np.uint16)
            with self.marked(clip):
                for i, centre in enumerate(inputs.own(clip)):
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
    reads: ClassVar = (SEMANTICS,)
    writes: ClassVar = (INSTANCE, TRACKS)
    kind: Literal["number"] = "number"
    remembered: int = 1

    @property
    def recalls(self) -> int:
        return self.remembered

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            before = inputs.past["tracks"][-1] if inputs.past else 0
            tracks = np.arange(before + 1, before + 1 + clip.frames, dtype=np.uint32)
            labelled = inputs[SEMANTICS] == 9
            return {"instance": (labelled * tracks[:, None, None, None]).astype(np.uint16), "tracks": tracks}

        return process


class FaultyJob(Job):
    """A unit's result is its name; ``faults``: unit -> what its attempts do, in turn: exit or kill."""

    name: ClassVar[str] = "faulty"
    version: ClassVar[int] = 1
    notes: Path
    faults: dict[str, tuple[str, ...]] = {}
    needs: Resources = Resources(memory=100 << 20)

    def fingerprint(self, unit: str) -> str:
        return "f00"

    @property
    def resources(self) -> Resources:
        return self.needs

    def work(self, unit: str) -> bytes:
        before = len(list(self.notes.glob(f"{unit}.*")))
        (self.notes / f"{unit}.{before}").touch()
        script = self.faults.get(unit, ())
        match script[before] if before < len(script) else "":
            case "exit":
                os._exit(9)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        return unit.encode()


class SmallRecipe(Recipe):
    """A recipe whose stages are those above."""

    first: Voxelise = Voxelise()
    second: Smooth | None = Smooth()
    third: Number | None = None

    @property
    def chain(self) -> Chain:
        return tuple(Step(stage.slot, stage) for stage in (self.first, self.second, self.third) if stage is not None)


def small_recipe(clip_frames: int = 4, **changes: object) -> SmallRecipe:
    fields = {"grid": GRID, "taxonomy": TAXONOMIES["semantickitti"], "clip_frames": clip_frames}
    return SmallRecipe.model_validate({**fields, **changes})


@dataclass
class ScriptedExecutor:
    """Runs orders in this process, and answers what the script says for some of them instead of running them."""

    workers: int = 1
    device: Literal["cpu", "cuda"] = "cpu"
    where: str = "a script"
    script: dict[tuple[str, str, int], list[Failure]] = field(default_factory=dict)
    """(stage, log, start) -> outcomes to give before the order is really done."""
    orders: list[Order] = field(default_factory=list)
    done: list[Pool] = field(default_factory=list)
    """Pools that were told that no unit will come."""
    _waiting: dict[int, Order] = field(default_factory=dict)

    def prepare(self, needs: Iterable[Resources]) -> None:
        pass

    def pool(self, needs: Resources) -> Pool:
        return Pool(needs.cpus, needs.gpus)

    def capacity(self, pool: Pool) -> int:
        return self.workers

    def has_room(self, pool: Pool) -> bool:
        return len(self._waiting) < self.workers

    def submit(self, unit: Order, pool: Pool, seconds: float) -> int:
        self.orders.append(unit)
        self._waiting[len(self.orders)] = unit
        return len(self.orders)

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        if not self._waiting:
            return []
        ticket, order = next(iter(self._waiting.items()))
        outcomes = self.script.get((order.name, order.clip.log, order.clip.start), [])
        if outcomes == ["hang"]:
            time.sleep(timeout / 10)
            return []
        del self._waiting[ticket]
        return [(ticket, outcomes.pop(0) if outcomes else attempt(order))]

    def done_with(self, pool: Pool) -> None:
        self.done.append(pool)

    def close(self) -> None:
        pass


def label(tmp_path: Path, recipe=None, reader=None, version="v1", store="store", **options):
    reader = reader or MadeUpReader(tmp_path, {"a": 10, "b": 6})
    return label_logs(
        recipe or small_recipe(),
        reader,
        Store(tmp_path / store),
        version,
        workplace=Workplace("local"),
        quiet=True,
        **options,
    )
