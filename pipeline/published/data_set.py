"""A version as a data set of ``torch``: what a training reads, in any order and by many processes, without Ray."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Literal, SupportsIndex

import numpy as np
import torch
from torch.utils.data import Dataset

from occlabel.pipeline.published.calibration import calibrated, is_calibrated
from occlabel.pipeline.published.same_drive import labelled_bytes
from occlabel.pipeline.published.sensors import Raw, Roots, SensorFrames
from occlabel.pipeline.published.splits import SHARES, logs_of, refuse_shares
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.schemas.arguments import is_a, listed
from occlabel.schemas.arrays import (
    CONFIDENCE,
    EXTRINSICS,
    INSTANCE,
    INTRINSICS,
    OBSERVED,
    SEMANTICS,
    ArraySpec,
    least_confidence,
)
from occlabel.schemas.drive_log import Camera, LogReader
from occlabel.schemas.errors import BadLog, StoreError
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.schemas.version import VersionFrame
from occlabel.schemas.words import meant
from occlabel.stages.sensing.sight import in_sight
from occlabel.workers.chunks import FrameReader
from occlabel.workers.store import Store

MASKS = LIDAR, CAMERA = "mask_lidar", "mask_camera"
"""Names of what is computed when it is asked for."""
_FORMS = ("decoded", "paths")
_USUAL = (SEMANTICS.name, CONFIDENCE.name, OBSERVED.name, INSTANCE.name)
Item = dict[str, Any]


@dataclass(frozen=True)
class _Source:
    """What every item is read from. Small, so that a worker of a DataLoader takes it along."""

    store: Store
    spec: str
    rows: tuple[VersionFrame, ...]
    cameras: dict[str, tuple[str, ...]]
    """Log -> names of the cameras of its arrays over cameras."""


class LabelDataset(Dataset[Item]):
    """The labelled frames of a version, each a dictionary of tensors:

    | name | what |
    | --- | --- |
    | `semantics` | uint8 [x, y, z], class ids; 255 unknown or not sure: the `ignore_index` of a loss |
    | `confidence` | uint8 [x, y, z], 0..255 for 0..1 |
    | `weight` | float32 [x, y, z], with `weights`: confidence 0..1, and 0 where semantics is 255 |
    | `observed` | uint8 [x, y, z], 0 nobody saw it, 1 a ray passed through, 2 a point was measured in it |
    | `instance` | int32 [x, y, z], object; tracked ones keep their id through a log; 0 none |
    | `mask_lidar` | bool [x, y, z], if asked for in `arrays`: observed, and semantics is not 255, as Occ3D has it |
    | `mask_camera` | bool [x, y, z], likewise, with `logs`: what of that the rays of the images reach |
    | any other | as the version publishes it, by its stored name: `flow`, `depth/CAM_FRONT`, `intrinsics` |
    | `world_from_ego` | float64 [4, 4], the pose that the labels were made with; NaN where it is not known |
    | `ego_from_grid` | float64 [4, 4], from the frame that the grid is fixed to |
    | `time` | seconds, on the log's clock |
    | `log`, `name` | of the frame, as text |

    With `logs`, the root of the drive logs or their reader, also `points` float32 [n, 4] in the LiDAR frame, `images`
    (camera -> uint8 [height, width, 3]), and as far as the log knows them `intrinsics` (camera -> float64 [3, 3]),
    `ego_from_camera` (camera -> float64 [4, 4]) and `ego_from_lidar`. Points differ in number, so such items need a
    `collate_fn`.

    A process that a DataLoader forks reads a store on a disk; for one behind a URL say
    `multiprocessing_context="spawn"`.
    """

    def __init__(
        self,
        version: str | Path | PublishedVersion,
        split: str | Collection[str] | None = None,
        *,
        shares: Mapping[str, float] = SHARES,
        arrays: Sequence[str] | None = None,
        sure: float = 0.0,
        weights: bool = False,
        logs: LogReader | Roots | None = None,
        raw: Literal["decoded", "paths"] = "decoded",
        verify: bool = False,
    ) -> None:
        """``version``: STORE@VERSION, or @TAG, or STORE alone for the latest; or one that is open.

        ``split``: ``train``, ``val`` or ``test``, by a hash of each log, so that no log changes sides when others are
        added; or ids of logs; None: all. ``arrays``: stored names; by default semantics, confidence, observed and
        instance, where the version has them. ``sure``: labels that are less sure, 0..1, are 255. ``logs``: the root of
        the drive logs, or several; or their reader, as ``open_logs`` gives it (each process of a DataLoader that is
        spawned gets it by pickle). ``raw``: with ``logs``, points and images as they are, or as paths. ``verify``:
        compares everything that is read with what was published, and not only checksums.

        Raises StoreError for a version, split, log or array that is not there, for a split that is empty, and for any
        other argument that is none of these; BadLog for ``logs`` as ``open_logs`` does.
        """
        _refuse_unfit(sure, weights, verify, raw, logs)
        opened = version if isinstance(version, PublishedVersion) else open_version(version)
        self._arrays = _chosen(opened, arrays)
        self._masks = tuple(name for name in MASKS if name in self._arrays)
        weighed = (SEMANTICS.name, CONFIDENCE.name) if weights or sure > 0 else ()
        masked = (SEMANTICS.name, OBSERVED.name) if self._masks else ()
        seen = (INTRINSICS.name, EXTRINSICS.name) if CAMERA in self._masks else ()
        self._extra = tuple(name for name in dict.fromkeys((*weighed, *masked, *seen)) if name not in self._arrays)
        if weighed and CONFIDENCE.name not in opened.info.arrays:
            raise StoreError(f"{opened.spec} has no confidence to weigh labels by: leave out sure and weights")
        self.space: LabelSpace = opened.space
        self.logs = _logs(opened, split, shares)
        self._least, self._weights, self._verify = least_confidence(sure), weights, verify
        rows = tuple(frame.row for log in self.logs for frame in opened.frames(log))
        self._source = _Source(opened.store, opened.spec, rows, opened.info.cameras)
        self._reader = FrameReader(opened.store)
        scans = {log: labelled_bytes(frame.row for frame in opened.frames(log)) for log in self.logs}
        self._raw = None if logs is None else SensorFrames(Raw.of(logs, decoded=raw == "decoded"), scans)
        if CAMERA in self._masks and self._raw is None:
            raise StoreError(f"{CAMERA} needs to know where the cameras were: give the drive logs as well, logs=ROOT")

    def __len__(self) -> int:
        return len(self._source.rows)

    def __getitem__(self, index: SupportsIndex) -> Item:
        """Raises StoreError for labels that are not as published, or cannot be read; BadLog and DamagedFile for the
        drive log; IndexError for a number that no frame has."""
        row = self._source.rows[self._number(index)]
        names = [name for name in (*self._arrays, *self._extra) if name in row.arrays]
        values = self._reader.read(row.index, [row.arrays[name] for name in names], self._verify)
        item: Item = dict(zip(names, map(_tensor, values), strict=True))
        labelled = item.get(SEMANTICS.name)
        self._weigh(item)
        item |= self._masked(item, labelled, row)
        for name in self._extra:
            item.pop(name, None)
        pose = np.full(16, np.nan) if row.world_from_ego is None else np.array(row.world_from_ego)
        item["world_from_ego"] = torch.from_numpy(pose.reshape(4, 4))
        item["ego_from_grid"] = torch.from_numpy(row.ego_from_grid_matrix)
        item |= {"time": row.time, "log": row.log, "name": row.name}
        if self._raw is not None:
            item = {**self._raw.frame(row.log, row.index, row.name), **item}  # what the version has counts
        return item

    def _number(self, index: SupportsIndex) -> int:
        try:
            number = operator.index(index)
        except TypeError:
            raise TypeError(
                f"a LabelDataset is asked for one frame by its number, not for {index!r}: for some of them take "
                "torch.utils.data.Subset"
            ) from None
        if not -len(self) <= number < len(self):
            raise IndexError(f"there is no frame {number} in {len(self)} frames of {self._source.spec}")
        return number

    def _weigh(self, item: Item) -> None:
        """Makes labels unknown that are not sure enough, and says how much the others weigh."""
        if not (self._least or self._weights):
            return
        semantics, confidence = item.get(SEMANTICS.name), item.get(CONFIDENCE.name)
        if confidence is None:  # of this frame nobody says it
            confidence = torch.zeros(self.space.grid.shape, dtype=torch.uint8)
        if semantics is not None and self._least:
            item[SEMANTICS.name] = semantics = semantics.masked_fill(confidence < self._least, UNKNOWN)
        if self._weights:
            weight = confidence.float() / 255
            item["weight"] = weight if semantics is None else weight * (semantics != UNKNOWN)

    def _masked(self, item: Item, labelled: torch.Tensor | None, row: VersionFrame) -> Item:
        """The masks that were asked for; nothing is in them of what the version does not say, or the item leaves out.
        ``labelled`` are the classes before: what is not sure hides what lies behind it all the same."""
        if not self._masks or labelled is None or OBSERVED.name not in item:
            return {name: torch.zeros(self.space.grid.shape, dtype=torch.bool) for name in self._masks}
        known = (item[OBSERVED.name] > 0) & (item[SEMANTICS.name] != UNKNOWN)
        found = {LIDAR: known}
        if CAMERA in self._masks and self._raw is not None:
            occupied = ((labelled != self.space.taxonomy.free_id) & (labelled != UNKNOWN)).numpy()
            reached = in_sight(self._cameras(item, row), occupied, self.space.grid, row.ego_from_grid_matrix)
            found[CAMERA] = known & torch.from_numpy(reached)
        return {name: found[name] for name in self._masks}

    def _cameras(self, item: Item, row: VersionFrame) -> list[Camera]:
        """Of the frame, as the version found them, or else as the log has them."""
        assert self._raw is not None  # or mask_camera was refused
        logged = self._raw.cameras(row.log, row.index, row.name)
        found = (item[spec.name].numpy() if spec.name in item else None for spec in (INTRINSICS, EXTRINSICS))
        cameras = calibrated(logged, self._source.cameras.get(row.log, ()), *found)
        if not any(map(is_calibrated, cameras)):
            lacks = (
                "neither the version nor the log says how its cameras stand and see" if cameras else "it has no image"
            )
            raise BadLog(
                f"log {row.log}, frame {row.name}: {lacks}, which {CAMERA} needs: leave it out, or give logs that are "
                "calibrated"
            )
        return cameras


def _tensor(values: np.ndarray[Any, Any]) -> torch.Tensor:
    """torch can do little with uint16 and uint32."""
    wider = {"uint16": np.int32, "uint32": np.int64}.get(values.dtype.name)
    return torch.from_numpy(values if wider is None else values.astype(wider))


def _refuse_unfit(sure: object, weights: object, verify: object, raw: object, logs: object) -> None:
    """Raises StoreError for what needs no version to be wrong."""
    if isinstance(sure, bool) or not isinstance(sure, Real) or not 0 <= float(sure) <= 1:
        raise StoreError(f"sure={sure!r}: a confidence is 0 to 1")
    is_a("weights", weights, bool | np.bool_, "True or False", StoreError)
    is_a("verify", verify, bool | np.bool_, "True or False", StoreError)
    if raw not in _FORMS:
        raise StoreError(f"raw={raw!r}{meant(str(raw), _FORMS)}: points and images come as {' or '.join(_FORMS)}")
    if raw != _FORMS[0] and logs is None:
        raise StoreError(f"raw={raw!r} is how points and images come: give the drive logs as well, logs=ROOT")


def _chosen(version: PublishedVersion, arrays: Sequence[str] | None) -> tuple[str, ...]:
    """Stored names of what items hold."""
    known: dict[str, ArraySpec[Any]] = version.info.specs
    if arrays is None:
        return tuple(name for name in _USUAL if name in known)
    chosen = listed("arrays", arrays, "names", StoreError)
    for name in chosen:
        if name in MASKS and OBSERVED.name not in known:
            raise StoreError(
                f"{version.spec} does not say what was observed, which {name} needs: its recipe has no evidence"
            )
        if name not in known and name not in MASKS:
            raise StoreError(
                f"{version.spec} has no array {name!r}{meant(name, [*known, *MASKS])}; it has {', '.join(known)}"
            )
    return tuple(chosen)


def _logs(
    version: PublishedVersion, split: str | Collection[str] | None, shares: Mapping[str, float]
) -> tuple[str, ...]:
    refuse_shares(shares)
    if split is None:
        return version.logs
    if not isinstance(split, str):
        ids = dict.fromkeys(listed("split", split, "ids of logs, or the name of a split", StoreError))
        if not ids:
            raise StoreError("split names no log: give ids of logs, the name of a split, or None for all")
        for log in ids:
            if log not in version.logs:
                raise StoreError(f"{version.spec} has no log {log!r}{meant(log, version.logs)}")
        return tuple(log for log in version.logs if log in ids)
    if split not in shares and split in version.logs:
        raise StoreError(f"there is no split {split!r}; logs are given by a list of ids, as split=[{split!r}]")
    found = logs_of(split, version.logs, shares)
    if not found:
        raise StoreError(
            f"none of the {len(version.logs)} logs of {version.spec} is in the split {split!r}: give other shares, or "
            "the ids of logs as split"
        )
    return found
