"""One clip of one stage, done safely: fetch, process, check, write, verify, then the receipt."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from occlabel.schemas.arrays import ARRAYS
from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.errors import DamagedFile, OcclabelError, StoreError
from occlabel.schemas.receipt import Damage, Receipt, Timings
from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Stage
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.workers.artifact import Artifact, frame_digests
from occlabel.workers.store import Store


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a worker must know to do one clip of one stage. Small: it holds references, no voxels."""

    stage: Stage
    space: LabelSpace
    reader: LogReader
    store: Store
    clip: Clip
    log: DriveLog
    """The frames [first, ...) that the stage may see: the clip and its halo."""
    first: int
    log_frames: int
    clip_frames: int
    fingerprint: str
    sources: dict[str, tuple[str, str]]
    """Array name -> slot and fingerprint of the artifact to read it from."""
    device: str = "cpu"
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a clip was not done. ``data`` will fail again; ``store`` and ``crash`` may not. ``damaged`` clips were done,
    without the files that could not be read."""

    cause: Literal["data", "store", "crash", "timeout", "damaged"]
    error: str
    traceback: str = ""


Outcome = Receipt | Failure


def attempt(order: Order) -> Outcome:
    """Does the order and reports what became of it; never raises, so that a bad clip cannot take a worker along."""
    try:
        return execute(order)
    except (OSError, StoreError) as error:
        return Failure("store", f"{type(error).__name__}: {error}", traceback.format_exc())
    except MemoryError as error:
        return Failure("crash", f"out of memory: {error}", traceback.format_exc())
    except Exception as error:  # whatever a stage raises on bad data ends this clip, not the run
        return Failure("data", f"{type(error).__name__}: {error}", traceback.format_exc())


def execute(order: Order) -> Receipt:
    """Does the order unless it has a receipt, and returns the receipt.

    Raises StoreError or OSError when the store fails, and whatever the stage raises on its input.
    """
    slot, clip, store = order.stage.slot, order.clip, order.store
    done = store.receipt(slot, order.fingerprint, clip)
    if done is not None:
        return done
    outputs, damaged, clock = rehearse(order)
    artifact = Artifact(store, slot, order.fingerprint, clip.log)
    artifact.create(order.stage.written, order.log_frames, order.clip_frames, order.space.grid)
    digests = {name: frame_digests(array) for name, array in outputs.items()}
    written = artifact.write(clip, outputs, order.clip_frames)
    artifact.verify(clip, digests)
    clock.append(time.perf_counter())
    load, setup, run, write = np.diff(clock)
    receipt = Receipt(
        slot=slot,
        fingerprint=order.fingerprint,
        log=clip.log,
        start=clip.start,
        stop=clip.stop,
        frames=tuple(frame.name for frame in order.log.frames[clip.start - order.first : clip.stop - order.first]),
        known=_known(outputs),
        digests=digests,
        bytes_written=written,
        reads={name: fingerprint for name, (_, fingerprint) in order.sources.items()},
        damaged=damaged,
        attempt=order.attempt,
        timings=Timings(load=load, setup=setup, process=run, write=write),
    )
    return _commit(store, receipt, clip)


def rehearse(order: Order) -> tuple[Arrays, tuple[Damage, ...], list[float]]:
    """Does the order's compute and writes nothing. Returns the arrays, what was damaged, and the clock after each step.

    Raises whatever the stage raises on its input.
    """
    clock = [time.perf_counter()]
    inputs, damaged = fetch(order)
    clock.append(time.perf_counter())
    process = _loaded(order.stage, order.space, order.device)
    clock.append(time.perf_counter())
    # Sums over more threads round otherwise: the bytes must not depend on how many cores a worker happens to have.
    with threadpool_limits(order.stage.resources(order.space).cpus):
        outputs = process(order.clip, inputs)
    clock.append(time.perf_counter())
    _check(order, outputs)
    return outputs, damaged, clock


def _known(outputs: Arrays) -> tuple[float, ...]:
    semantics = outputs.get("semantics")
    if semantics is None:
        return ()
    return tuple(round(float((frame != UNKNOWN).mean()), 6) for frame in semantics)


def _commit(store: Store, receipt: Receipt, clip: Clip) -> Receipt:
    """The first receipt wins; a second worker must have written the same bytes."""
    path = store.receipt_path(receipt.slot, receipt.fingerprint, clip)
    if store.create(path, receipt.model_dump_json(indent=1).encode()):
        return receipt
    first = store.receipt(receipt.slot, receipt.fingerprint, clip)
    if first is None or first.digests != receipt.digests:
        raise OcclabelError(
            f"two workers wrote different voxels for {clip.log} {clip.name} of {receipt.slot}: the stage is not "
            "deterministic; make it so (seeds, threads) and delete the artifact"
        )
    return first


_LOADED: dict[str, Process] = {}


def _loaded(stage: Stage, space: LabelSpace, device: str) -> Process:
    """The stage, set up once per worker process; a worker serves every stage of a run."""
    key = f"{stage.slot}|{stage.model_dump_json()}|{space.grid.model_dump_json()}|{space.taxonomy.name}|{device}"
    if key not in _LOADED:
        _LOADED[key] = stage.setup(space, device)
    return _LOADED[key]


def _check(order: Order, outputs: Arrays) -> None:
    stage = order.stage
    if set(outputs) != set(stage.written):
        raise OcclabelError(f"stage {stage.slot} wrote {sorted(outputs)}, declared {sorted(stage.written)}")
    for name, array in outputs.items():
        ARRAYS[name].check(array, order.clip.frames, order.space.grid)


def fetch(order: Order) -> tuple[Inputs, tuple[Damage, ...]]:
    """What the stage reads: arrays from the store, sensor data through the log's reader.

    A sensor file that cannot be read becomes a Damage, and its frame goes on without it. A stage that reads any
    sensor is where a log's files are first touched, so all files of its frames are checked, images too.
    """
    frames, first, stage = order.log.frames, order.first, order.stage
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, (slot, fingerprint) in order.sources.items():
        artifact = Artifact(order.store, slot, fingerprint, order.clip.log)
        arrays[name] = artifact.read(name, first, first + len(frames))
    damaged: list[Damage] = []
    points: list[NDArray[np.float32] | None] = []
    images: list[tuple[NDArray[np.uint8] | None, ...]] = []
    touches = "points" in stage.senses or "images" in stage.senses
    for index, frame in enumerate(frames if touches else ()):
        sensors = _Sensors(order.reader, frame, first + index, damaged)
        if "points" in stage.senses:
            points.append(sensors.points())
        images.append(sensors.images(decode="images" in stage.senses))
    seen = tuple(images) if "images" in stage.senses else ()
    inputs = Inputs(first, frames, arrays, tuple(points), seen, _past(order))
    own = range(order.clip.start, order.clip.stop)
    return inputs, tuple(damage for damage in damaged if damage.frame in own)


def _past(order: Order) -> Arrays:
    """What the stage wrote for the frames before the clip that it remembers."""
    start = order.clip.start
    first = max(0, start - order.stage.memory)
    if first == start:
        return {}
    artifact = Artifact(order.store, order.stage.slot, order.fingerprint, order.clip.log)
    return {name: artifact.read(name, first, start) for name in order.stage.written}


@dataclass(frozen=True, slots=True)
class _Sensors:
    """The sensor files of one frame; a file that cannot be read is noted in ``damaged``."""

    reader: LogReader
    frame: Frame
    index: int
    damaged: list[Damage]

    def _note(self, sensor: str, error: DamagedFile) -> None:
        self.damaged.append(Damage(frame=self.index, name=self.frame.name, sensor=sensor, error=str(error)))

    def points(self) -> NDArray[np.float32] | None:
        if self.frame.sweep is None:
            self._note("lidar", DamagedFile(f"frame {self.frame.name} has no scan"))
            return None
        try:
            return self.reader.points(self.frame.sweep)
        except DamagedFile as error:
            self._note("lidar", error)
            return None

    def images(self, decode: bool) -> tuple[NDArray[np.uint8] | None, ...]:
        result: list[NDArray[np.uint8] | None] = []
        for camera in self.frame.cameras:
            try:
                if decode:
                    result.append(self.reader.image(camera))
                else:
                    self.reader.check_image(camera)
            except DamagedFile as error:
                self._note(camera.name, error)
                result.append(None)
        return tuple(result)
