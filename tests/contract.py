"""What every stage must hold, ours or anybody's: ``check_contract``; and the inputs that a worker would give it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from occlabel.schemas.arrays import (
    CONFIDENCE,
    DEPTH,
    DEPTH_DEVIATION,
    GEOMETRY,
    INSTANCE,
    MEASURED,
    OBSERVED,
    RELATIVE_DEPTH,
    SEGMENT_CLASS,
    SEGMENT_INSTANCE,
    SEGMENT_SCORE,
    SEGMENTS,
    SEMANTICS,
    SUPPORT,
    TRACKS,
    ArraySpec,
    Extent,
    family,
    resolved,
)
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, Sweep
from occlabel.schemas.errors import DamagedFile, OcclabelError
from occlabel.schemas.grid import Grid
from occlabel.schemas.log_arrays import log_array
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Stage
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.workers.sensors import FrameSensors

SPACES = {
    "semantickitti": LabelSpace(
        Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.2, shape=(64, 64, 32), frame="lidar"), TAXONOMIES["semantickitti"]
    ),
    "occ3d": LabelSpace(
        Grid(origin=(-12.8, -12.8, -1.0), voxel_size=0.4, shape=(64, 64, 16), frame="ego"), TAXONOMIES["occ3d"]
    ),
}
"""The presets, cut short to the sides: what is trained for those serves these."""

FRAMES = 6
BLIND, LOST = 3, 4
"""Frames whose files cannot be read, and whose pose is not known."""


@dataclass(frozen=True)
class ScriptedSensors:
    """What a reader gives a stage: scans by the path of their sweep, images by that of their camera's."""

    scans: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    images: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        if str(sweep.path) not in self.scans:
            raise DamagedFile(f"{sweep.path} is truncated")
        return self.scans[str(sweep.path)]

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        if str(camera.path) not in self.images:
            raise DamagedFile(f"{camera.path} is no image")
        return self.images[str(camera.path)]


def log_of(frames: Sequence[Frame], name: str = "log") -> DriveLog:
    return DriveLog(name, "stamp", "text", tuple(frames))


def inputs_of(
    stage: Stage,
    log: DriveLog,
    clip: Clip,
    arrays: Mapping[str, NDArray[Any]],
    sensors: ScriptedSensors | None = None,
    before: Arrays | None = None,
) -> Inputs:
    """What a worker gives ``stage`` for ``clip``: what it declares, and nothing else.

    ``arrays`` and ``before``, which the stage itself wrote, are over the whole log, by stored name; geometry that is
    not among the arrays is the log's own.
    """
    first, stop = max(0, clip.start - stage.halo), min(len(log.frames), clip.stop + stage.lookahead)
    frames, given = log.frames[first:stop], {}
    for spec in resolved(stage.needed, log.rig):
        known = arrays[spec.name][first:stop] if spec.name in arrays else log_array(spec, frames, log.rig)
        given[spec.name] = known
    start = max(0, clip.start - stage.recalls)
    past = {name: array[start : clip.start] for name, array in (before or {}).items()} if start < clip.start else {}
    reader: Any = sensors or ScriptedSensors()
    moments = tuple(frame.moment for frame in frames)
    return Inputs(first, moments, given, FrameSensors(reader, frames, first, stage.senses), log.rig, past)


def run(
    stage: Stage,
    space: LabelSpace,
    log: DriveLog,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    clip: Clip | None = None,
    sensors: ScriptedSensors | None = None,
) -> Arrays:
    """What ``stage`` makes of a clip, by default of all frames of ``log``; arguments as ``inputs_of``."""
    clip = clip or Clip(log.id, 0, len(log.frames))
    return stage.setup(space, log.rig, Hands())(clip, inputs_of(stage, log, clip, arrays or {}, sensors))


def street() -> tuple[DriveLog, ScriptedSensors]:
    """A drive ahead with a LiDAR and two cameras; one frame is BLIND, one LOST."""
    scans, images, frames = {}, {}, []
    draw = np.random.default_rng(1)
    for index in range(FRAMES):
        name = f"{index:06d}"
        pose = np.eye(4)
        pose[:3, 3] = 0.9 * index, 0.1 * index, 0.02 * index
        lidar = np.eye(4)
        lidar[:3, 3] = 0.3, 0.0, 1.8
        cameras = tuple(_camera(camera, yaw, index) for camera, yaw in (("front", 0.0), ("back", np.pi)))
        if index != BLIND:
            scans[name] = (draw.normal(size=(4000, 4)) * [12, 6, 0.4, 0.2] + [6, 0, -1.6, 0.3]).astype(np.float32)
            for camera in cameras:
                assert camera.size is not None
                width, height = camera.size
                shade = 40 + 20 * index + np.arange(height, dtype=np.uint8)[:, None, None]
                images[str(camera.path)] = np.broadcast_to(shade, (height, width, 3)).astype(np.uint8)
        sweep = Sweep(Path(name), lidar, index / 10, f"sweep{index}")
        frames.append(Frame(name, index / 10, None if index == LOST else pose, cameras, sweep))
    return log_of(frames), ScriptedSensors(scans, images)


def _camera(name: str, yaw: float, index: int) -> Camera:
    c, s = np.cos(yaw), np.sin(yaw)
    ego_from_camera = np.eye(4)
    ego_from_camera[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    intrinsics = np.array([[60.0, 0, 40], [0, 60, 23], [0, 0, 1]])
    return Camera(name, Path(f"{name}/{index:06d}"), intrinsics, ego_from_camera, index / 10, (80, 46))


def without_poses(log: DriveLog) -> DriveLog:
    return replace(log, frames=tuple(replace(frame, world_from_ego=None) for frame in log.frames))


def facts_of(log: DriveLog) -> LogFacts:
    return LogFacts(
        id=log.id,
        stamp=log.stamp,
        digest="content",
        geometry="geometry",
        times=tuple(frame.time for frame in log.frames),
        names=tuple(frame.name for frame in log.frames),
        rig=log.rig,
        scans=sum(frame.sweep is not None for frame in log.frames),
        images={name: sum(name in {c.name for c in f.cameras} for f in log.frames) for name in log.rig.names},
        poses=sum(frame.world_from_ego is not None for frame in log.frames),
    )


def made_up(spec: ArraySpec[Any], space: LabelSpace, log: DriveLog) -> NDArray[Any]:
    """The array over the whole log as an earlier stage might have written it."""
    if family(spec.name) in {known.name for known in GEOMETRY}:
        return log_array(spec, log.frames, log.rig)
    shape = Extent(len(log.frames), space.grid, log.rig).shape(spec)
    draw, classes = np.random.default_rng(hashlib.blake2b(spec.name.encode()).digest()[0]), len(space.taxonomy.classes)
    match family(spec.name):
        case SEMANTICS.name:
            labels = np.full(shape, space.taxonomy.free_id, np.uint8)
            noisy = draw.random(shape) < 0.2
            labels[noisy] = draw.integers(0, classes, int(noisy.sum()))
            for frame in labels:
                for x, y in draw.integers(0, 50, (6, 2)):
                    frame[x : x + 12, y : y + 5, 3:8] = space.taxonomy.names.index("car")
            labels[BLIND] = UNKNOWN
            return labels
        case CONFIDENCE.name:
            sure = draw.integers(60, 256, shape).astype(np.uint8)
            sure[BLIND] = 0
            return sure
        case SUPPORT.name:
            return draw.integers(0, 9, shape).astype(np.uint16)
        case OBSERVED.name:
            return draw.choice(np.array([0, 1, 2], np.uint8), shape, p=[0.6, 0.3, 0.1])
        case INSTANCE.name:
            things = made_up(SEMANTICS, space, log) == space.taxonomy.names.index("car")
            blocks = np.repeat(np.arange(1, 1 + space.grid.voxels // 64) % 300, 64).reshape(space.grid.shape)
            return np.where(things, blocks, 0).astype(np.uint16)
        case TRACKS.name:
            return np.full(shape, 300, np.uint32)
        case OBSERVED.name:
            return draw.integers(0, 3, shape).astype(np.uint8)
        case MEASURED.name:
            return draw.integers(0, 2, shape).astype(np.uint8)
        case DEPTH.name | RELATIVE_DEPTH.name:
            return draw.uniform(2, 40, shape).astype(np.float16)
        case DEPTH_DEVIATION.name:
            return draw.uniform(0.01, 0.3, shape).astype(np.float16)
        case SEGMENT_CLASS.name:
            seen = draw.integers(0, classes, shape).astype(np.uint8)
            seen[draw.random(shape) < 0.1] = UNKNOWN
            return seen
        case SEGMENT_INSTANCE.name:
            things = made_up(SEGMENT_CLASS.on(spec.name.partition("/")[2]), space, log)
            return np.where(things == space.taxonomy.names.index("car"), draw.integers(1, 9, shape), 0).astype(
                np.uint16
            )
        case SEGMENT_SCORE.name:
            return draw.integers(0, 256, shape).astype(np.uint8)
    raise NotImplementedError(f"nobody made up an array {spec.name!r} for the contract yet: do it here")


def check_contract(
    stage: Stage, space: LabelSpace, log: DriveLog | None = None, sensors: ScriptedSensors | None = None
) -> Arrays:
    """Checks a stage on a small log, by default ``street()``; returns what it makes of it.

    It declares what it reads and writes; the same input gives the same bytes, on however many threads where it is
    exact; the borders of clips change nothing; its input stays what it was.
    """
    if log is None:
        log, sensors = street()
    rig, whole = log.rig, Clip(log.id, 0, len(log.frames))
    arrays = {spec.name: made_up(spec, space, log) for spec in resolved(stage.needed, rig)}
    assert stage.refuse(space, None) is None
    assert stage.refuse(space, rig) is None
    _check_declarations(stage, space, log)

    process = stage.setup(space, rig, Hands())
    inputs = inputs_of(stage, log, whole, arrays, sensors)
    _check_undeclared_is_refused(stage, inputs)
    digest = _digest(arrays)
    outputs = process(whole, inputs)
    assert _digest(arrays) == digest, "the stage writes into its input"
    _check_arrays(stage, space, rig, outputs)
    specs = {spec.name: spec for spec in resolved(stage.written, rig)}
    nothing = (np.array_equal(array, np.full_like(array, specs[name].fill)) for name, array in outputs.items())
    assert not all(nothing), "it says nothing at all of the log"

    fresh = stage.setup(space, rig, Hands(threads=2 if stage.exact else 1))
    again = fresh(whole, inputs_of(stage, log, whole, arrays, sensors))
    early, late = Clip(log.id, 0, 2), Clip(log.id, 2, len(log.frames))
    begin = process(early, inputs_of(stage, log, early, arrays, sensors))
    end = process(late, inputs_of(stage, log, late, arrays, sensors, begin))
    for name, array in outputs.items():
        np.testing.assert_array_equal(array, again[name], err_msg=f"{name}: same input, other bytes")
        joined = np.concatenate([begin[name], end[name]])
        np.testing.assert_array_equal(array, joined, err_msg=f"{name}: clip borders change the result")
    return outputs


def _check_declarations(stage: Stage, space: LabelSpace, log: DriveLog) -> None:
    assert {spec.name for spec in stage.needed} <= {spec.name for spec in stage.reads}
    assert {spec.name for spec in stage.written} and stage.halo >= stage.lookahead >= 0
    assert type(stage).model_validate_json(stage.model_dump_json()) == stage, "it cannot be sent to a worker"
    assert all(path.is_file() for path in stage.files(space))
    extra = stage.fingerprint_extra(space, facts_of(log))
    assert isinstance(extra, str) and extra == stage.fingerprint_extra(space, facts_of(log))
    few, many = (stage.resources(space, log.rig, frames).memory for frames in (16, 1016))
    held = Extent(1000, space.grid, log.rig)
    moved = sum(held.nbytes(spec) for spec in resolved((*stage.needed, *stage.written), log.rig))
    if type(stage).resources is not Stage.resources:
        assert many - few >= moved, "a longer clip takes more memory than the stage says"


def _check_undeclared_is_refused(stage: Stage, inputs: Inputs) -> None:
    needed = {spec.name for spec in stage.needed}
    every: tuple[ArraySpec[Any], ...] = (
        SEMANTICS,
        CONFIDENCE,
        SUPPORT,
        OBSERVED,
        INSTANCE,
        DEPTH,
        *SEGMENTS,
        *GEOMETRY,
    )
    for spec in resolved([spec for spec in every if spec.name not in needed], inputs.rig):
        with pytest.raises(OcclabelError, match="does not say so in `reads`"):
            inputs[spec]
    if "points" not in stage.senses:
        with pytest.raises(OcclabelError, match="reads points and does not say so"):
            inputs.points(0)
    if "images" not in stage.senses:
        with pytest.raises(OcclabelError, match="reads images and does not say so"):
            inputs.image(0, "front")


def _check_arrays(stage: Stage, space: LabelSpace, rig: Rig, outputs: Arrays) -> None:
    declared = {spec.name: spec for spec in resolved(stage.written, rig)}
    assert set(outputs) == set(declared)
    for name, array in outputs.items():
        declared[name].check(array, Extent(FRAMES, space.grid, rig))
    if SEMANTICS.name in outputs:
        known = outputs[SEMANTICS.name] != UNKNOWN
        assert (outputs[SEMANTICS.name][known] < len(space.taxonomy.classes)).all()
        if CONFIDENCE.name in outputs:
            assert (outputs[CONFIDENCE.name][~known] == 0).all()


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    return hashlib.blake2b(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())).hexdigest()
