"""One clip of one stage, done safely: fetch, process, check, write, verify, then the receipt."""

from __future__ import annotations

import platform
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from occlabel.schemas.arrays import SEMANTICS, ArraySpec, Extent, resolved
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import AlteredArtifact, BadLog, OcclabelError
from occlabel.schemas.log_arrays import log_array
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.receipt import Damage, Receipt, Timings
from occlabel.schemas.rig import Rig
from occlabel.schemas.scan_facts import ScanFacts
from occlabel.schemas.seal import sealed
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.workers.artifact import Artifact, frame_digests
from occlabel.workers.changes import Glance, glance_at
from occlabel.workers.ledger import demand, intact, void_damaged
from occlabel.workers.sensors import FrameSensors
from occlabel.workers.store import Store

LOG = "log"
"""Writer zero: the log itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an array is read from: the artifact of a stage, or the log (``stage`` is LOG)."""

    spec: ArraySpec[Any]
    """As the writer declared it, over the images of one camera if over any."""
    stage: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What a stage reads beside the frames of an order, as it was when the fingerprint of the log was made of it."""

    log: LogFacts
    """Of these frames alone."""
    told: str
    """What ``Stage.fingerprint_extra`` said of them."""


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a worker must know to do one clip of one stage. Small: it holds references, no voxels."""

    name: str
    """Of the stage in its chain."""
    stage: Stage
    space: LabelSpace
    rig: Rig
    reader: LogReader
    store: Store
    clip: Clip
    log: DriveLog
    """The frames [first, ...) that the stage may see: the clip and its halo."""
    first: int
    log_frames: int
    clip_frames: int
    fingerprint: str
    sources: tuple[Source, ...]
    hands: Hands = Hands()
    attempt: int = 1
    seen: ScanFacts = ScanFacts()
    beside: Beside | None = None
    files: Glance | None = None
    """The sensor files of the frames as they were when the log was planned; None for a stage that senses nothing."""

    @property
    def resources(self) -> Resources:
        return self.stage.resources(self.space, self.rig, self.clip_frames)

    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        """The arrays of the stage as they are stored."""
        return resolved(self.stage.written, self.rig)

    def clips(self) -> Iterator[Clip]:
        """The clips of the log."""
        for start in range(0, self.log_frames, self.clip_frames):
            yield Clip(self.clip.log, start, min(start + self.clip_frames, self.log_frames))

    def perform(self) -> Receipt:
        """See ``Unit``."""
        done = intact(self.store, self.name, self.fingerprint, self.clip)
        if done is not None:
            return done
        self.store.delete(self.store.receipt_path(self.name, self.fingerprint, self.clip))  # of what is not there
        return _execute(self)


def _execute(order: Order) -> Receipt:
    clip, store = order.clip, order.store
    outputs, damaged, clock = rehearse(order)
    _refuse_changed(order)
    artifact = Artifact(store, order.name, order.fingerprint, clip.log)
    artifact.create(order.written, Extent(order.log_frames, order.space.grid, order.rig), order.clip_frames)
    digests = {name: frame_digests(array) for name, array in outputs.items()}
    written = artifact.write(clip, outputs, order.written, order.clip_frames)
    artifact.verify(clip, digests)
    clock.append(time.perf_counter())
    load, setup, process, write = np.diff(clock)
    receipt = Receipt(
        stage=order.name,
        fingerprint=order.fingerprint,
        log=clip.log,
        start=clip.start,
        stop=clip.stop,
        names=tuple(frame.name for frame in order.log.frames[clip.start - order.first : clip.stop - order.first]),
        known=_known(outputs),
        digests=digests,
        objects=artifact.objects(clip, digests),
        bytes_written=written,
        reads={source.spec.name: (source.stage, source.fingerprint) for source in order.sources},
        damaged=damaged,
        attempt=order.attempt,
        node=platform.node(),
        timings=Timings(load=load, setup=setup, process=process, write=write),
    )
    return _commit(store, receipt, clip)


def _refuse_changed(order: Order) -> None:
    """Raises BadLog when the stage may have read other files than those that its fingerprint tells of."""
    beside = order.beside
    if beside is not None and order.stage.fingerprint_extra(order.space, beside.log) != beside.told:
        raise BadLog(
            f"what {order.name} reads beside log {order.clip.log} was changed while the run was on, and nothing of "
            f"clip {order.clip.name} was kept: run again, once nothing writes there any more"
        )
    if order.files is not None and glance_at(order.log.frames) != order.files:
        raise BadLog(
            f"scans or images of log {order.clip.log} were changed while {order.name} read them, and nothing of clip "
            f"{order.clip.name} was kept: run again, once nothing writes there any more"
        )


def rehearse(order: Order) -> tuple[Arrays, tuple[Damage, ...], list[float]]:
    """Does the order's compute and writes nothing. Returns the arrays, what was damaged, and the clock after each step.

    Raises whatever the stage raises on its input.
    """
    clock = [time.perf_counter()]
    frames = order.log.frames
    sensors = FrameSensors(order.reader, frames, order.first, order.stage.senses)
    inputs = Inputs(
        first=order.first,
        frames=tuple(frame.moment for frame in frames),
        arrays={source.spec.name: _read(order, source) for source in order.sources},
        sensors=sensors,
        rig=order.rig,
        past=_past(order),
        seen=order.seen,
    )
    clock.append(time.perf_counter())
    process = _loaded(order)
    clock.append(time.perf_counter())
    # Sums over more threads round otherwise: the bytes must not depend on how many cores a worker happens to have.
    with threadpool_limits(order.hands.threads):
        outputs = process(order.clip, inputs)
    clock.append(time.perf_counter())
    _check(order, outputs)
    return outputs, sensors.damaged(inputs.own(order.clip)), clock


def _read(order: Order, source: Source) -> Any:
    """The frames of the order of one array that the stage reads."""
    frames, first = order.log.frames, order.first
    if source.stage == LOG:
        return log_array(source.spec, frames, order.rig)
    return _fetched(order, source.stage, source.fingerprint, [source.spec.name], first, first + len(frames))[0]


def _past(order: Order) -> Arrays:
    """What the stage wrote for the frames before the clip that it recalls."""
    start = order.clip.start
    first = max(0, start - order.stage.recalls)
    if first == start:
        return {}
    names = [spec.name for spec in order.written]
    return dict(zip(names, _fetched(order, order.name, order.fingerprint, names, first, start), strict=True))


def _fetched(
    order: Order, stage: str, fingerprint: str, names: list[str], start: int, stop: int
) -> list[NDArray[np.generic]]:
    """Frames [start, stop) of arrays that ``stage`` wrote. Raises AlteredArtifact when they are not what was committed:
    nothing is ever labelled from a hole. The receipts of what cannot be read any more are void then."""
    clips = [clip for clip in order.clips() if clip.start < stop and clip.stop > start]
    demand(order.store, stage, fingerprint, clips)
    artifact = Artifact(order.store, stage, fingerprint, order.clip.log)
    try:
        return [artifact.read(name, start, stop) for name in names]
    except AlteredArtifact:
        void_damaged(order.store, stage, fingerprint, clips)
        raise


_LOADED: OrderedDict[str, Process] = OrderedDict()
_MOST_LOADED = 12


def _loaded(order: Order) -> Process:
    """The stage, set up once per worker process, rig, hands and content of its files; a worker serves every stage of
    its pool."""
    stage, space, rig, hands = order.stage, order.space, order.rig, order.hands
    stats = [path.stat() for path in stage.files(space) if path.is_file()]
    files = [(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats]
    key = f"{order.name}|{stage.model_dump_json()}|{space.model_dump_json()}|{rig.model_dump_json()}|{hands}|{files}"
    if key not in _LOADED:
        _LOADED[key] = stage.setup(space, rig, hands)
        if len(_LOADED) > _MOST_LOADED:
            _LOADED.popitem(last=False)
    _LOADED.move_to_end(key)
    return _LOADED[key]


def _check(order: Order, outputs: Arrays) -> None:
    declared = {spec.name: spec for spec in order.written}
    if set(outputs) != set(declared):
        raise OcclabelError(f"stage {order.name} wrote {sorted(outputs)}, declared {sorted(declared)}")
    extent = Extent(order.clip.frames, order.space.grid, order.rig)
    for name, array in outputs.items():
        declared[name].check(array, extent)
        declared[name].check_classes(array, len(order.space.taxonomy.classes))


_LEAST = 1e-6
"""The smallest share that is told: one voxel of two million is not none."""


def _known(outputs: Arrays) -> tuple[float, ...]:
    semantics = outputs.get(SEMANTICS.name)
    if semantics is None:
        return ()
    shares = (float((frame != UNKNOWN).mean()) for frame in semantics)
    return tuple(round(max(share, _LEAST), 6) if share else 0.0 for share in shares)


def _commit(store: Store, receipt: Receipt, clip: Clip) -> Receipt:
    """The first receipt wins; a second worker must have written the same bytes."""
    path = store.receipt_path(receipt.stage, receipt.fingerprint, clip)
    if store.create(path, sealed(receipt)):
        return receipt
    first = store.receipt(receipt.stage, receipt.fingerprint, clip)
    if first is not None and first.digests != receipt.digests:
        raise OcclabelError(
            f"two workers wrote different values for {clip.log} {clip.name} of {receipt.stage}: the stage is not "
            "deterministic; make it so (seeds, threads) and delete the artifact"
        )
    store.put(path, sealed(receipt))  # with the tags of what lies there now
    return receipt if first is None else first
