"""Versions of which a test knows every voxel: in memory, and published into a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.latest import point_to
from occlabel.pipeline.published.manifest import encode
from occlabel.pipeline.published.version import PublishedVersion, manifest_path, open_version
from occlabel.schemas.arrays import (
    CONFIDENCE,
    DEPTH,
    EXTRINSICS,
    INSTANCE,
    INTRINSICS,
    MEASURED,
    OBSERVED,
    SEGMENT_CLASS,
    SEGMENT_INSTANCE,
    SEMANTICS,
    ArraySpec,
    Extent,
    family,
)
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip
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

SPECS = {
    spec.name: spec
    for spec in (
        *(SEMANTICS, CONFIDENCE, OBSERVED, MEASURED, INSTANCE, DEPTH, SEGMENT_CLASS, SEGMENT_INSTANCE),
        *(INTRINSICS, EXTRINSICS),
    )
}


@dataclass
class Row:
    index: int
    arrays: dict[str, np.ndarray]
    name: str = ""
    scan_bytes: int | None = None


@dataclass
class MadeUpFrame:
    """What a published frame shows."""

    log: str
    name: str
    arrays: dict[str, np.ndarray]
    index: int = 0
    world_from_grid: np.ndarray | None = None
    scan_bytes: int | None = None

    @property
    def row(self) -> Row:
        return Row(self.index, self.arrays, scan_bytes=self.scan_bytes)

    def holds(self, array: ArraySpec | str) -> bool:
        return (array if isinstance(array, str) else array.name) in self.arrays

    def load(self, array: str) -> np.ndarray:
        return self.arrays[array]

    def __getitem__(self, spec: ArraySpec) -> np.ndarray:
        return self.arrays[spec.name].astype(spec.dtype, copy=False)


@dataclass
class Info:
    content_digest: str = "made up"
    arrays: dict[str, PublishedArray] = field(default_factory=dict)
    cameras: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class MadeUpVersion:
    """What a published version shows to an evaluation or an export."""

    kept: list[MadeUpFrame]
    space: LabelSpace
    name: str = "v1"
    info: Info = field(default_factory=Info)
    store: Store = field(default_factory=lambda: Store("made-up-store"))
    tracked: bool = False

    @property
    def logs(self) -> list[str]:
        return sorted({frame.log for frame in self.kept})

    def frames(self, log: str | None = None) -> list[MadeUpFrame]:
        return [frame for frame in self.kept if log in (None, frame.log)]


def as_version(version: MadeUpVersion | PublishedVersion) -> PublishedVersion:
    """It shows all that an evaluation or an export asks for."""
    return cast("PublishedVersion", version)


def labels_of(version: MadeUpVersion | PublishedVersion) -> VersionLabels:
    """The labels of the version, as evaluations look at them."""
    return VersionLabels(as_version(version))


def publish(version: MadeUpVersion, root: Path, rig: Rig = Rig()) -> PublishedVersion:
    """The same version in the store ``root``: shards, manifest and all; ``rig`` for arrays over images."""
    store, rows, stage = Store(root), [], "tracking.made" if version.tracked else "made"
    store.check_layout(mark=True)
    names = sorted({name for frame in version.kept for name in frame.arrays})
    for log in version.logs:
        frames = version.frames(log)
        artifact = Artifact(store, "made", "up", log)
        specs, extent = [_spec(name) for name in names], Extent(len(frames), version.space.grid, rig)
        artifact.create(specs, extent, len(frames))
        arrays = {
            s.name: np.stack([f.arrays.get(s.name, np.zeros(extent.shape(s)[1:])) for f in frames]) for s in specs
        }
        arrays = {name: array.astype(_spec(name).dtype) for name, array in arrays.items()}
        artifact.write(Clip(log, 0, len(frames)), arrays, specs, len(frames))
        digests = {name: frame_digests(array) for name, array in arrays.items()}
        for index, frame in enumerate(frames):
            places = {
                name: ArrayPlace(path=f"{artifact.path}/{name}", digest=digests[name][index]) for name in frame.arrays
            }
            pose = None if frame.world_from_grid is None else tuple(frame.world_from_grid.ravel().tolist())
            about = {"world_from_ego": pose, "scan_bytes": frame.scan_bytes}
            rows.append(VersionFrame(log=log, index=index, name=frame.name, arrays=places, **about))
    info = VersionInfo(
        name=version.name,
        created="2026-01-01T00:00:00+00:00",
        space=version.space,
        arrays={name: PublishedArray(stage=stage, facts=_spec(name).facts()) for name in names},
        logs=tuple(version.logs),
        cameras=dict.fromkeys(version.logs, rig.names) if rig.names else {},
        frames=len(rows),
        missing={},
        gates=(),
        content_digest=content_digest(rows),
        provenance=Provenance(code="0", recipe="{}"),
    )
    store.put(manifest_path(version.name), encode(info, rows))
    point_to(store, version.name)
    return open_version(f"{root}@{version.name}")


def _spec(name: str) -> ArraySpec:
    _, _, camera = name.partition("/")
    return SPECS[family(name)].on(camera) if camera else SPECS[name]
