"""Corrections that come back: boxes that reviewers name, and whole volumes that other tools have edited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from occlabel.pipeline.published.folder_labels import FolderLabels
from occlabel.pipeline.published.labelled_log import join
from occlabel.pipeline.published.labels import Format, VersionLabels
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.review.queue import Item, check_reviewer, mark, now
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.corrections import (
    Box,
    CorrectedVoxels,
    Correction,
    Three,
    Wrong,
    as_yaml,
    box_file,
    read_boxes,
    read_voxels,
    voxel_file,
    voxels_as_bytes,
)
from occlabel.schemas.errors import BadPredictions, DamagedFile, OcclabelError
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.schemas.words import counted, first_of
from occlabel.stages.review.applying import apply, unfit

_NOTHING = "nothing is taken from any volume; repair this one, or remove it so that its frame keeps its labels"


@dataclass(frozen=True)
class Fix:
    """What a reviewer says is wrong."""

    wrong: Wrong
    became: str | None = None
    was: tuple[str, ...] = ()
    moved: Three | None = None
    box: Box | None = None
    """The item's, where none is given."""
    holds: Literal["frame", "log"] = "frame"


@dataclass(frozen=True)
class Fixed:
    """What came of it."""

    correction: Correction
    voxels: int
    """Of the item's frame whose label in the version it changes."""
    of_item: int
    """Corrections that the folder has of the item now: they are applied one after the other."""


def fix(version: PublishedVersion, item: Item, said: Fix, by: str, into: Path) -> Fixed:
    """Adds a correction to the folder ``into`` and marks the item as fixed. Raises OcclabelError for a correction
    that says too little or that no run would apply, and StoreError where the frame's labels cannot be read, before
    anything is written."""
    check_reviewer(by)
    pose = version.frame(item.log, item.frame).world_from_grid
    if said.holds == "log" and pose is None:
        raise OcclabelError(
            f"frame {item.frame} of log {item.log} has no pose, so its place in other frames is not known; correct it "
            "in its frame alone"
        )
    facts = {
        "frame": item.frame, "box": said.box or item.box, "wrong": said.wrong, "class": said.became, "was": said.was,
        "moved": said.moved, "holds": said.holds, "by": by, "at": now(), "item": item_name(version, item),
        "world_from_grid": None if pose is None else tuple(pose.ravel().tolist()),
    }  # fmt: skip
    try:
        correction = Correction.model_validate(facts)
    except ValidationError as error:
        raise OcclabelError(f"this is no correction: {first_of(error)[1]}") from error
    if (why := unfit(correction, version.space)) is not None:
        raise OcclabelError(f"this correction {why}")
    voxels = _changed(version, item, correction)
    found = (*read_boxes(into, item.log), correction)
    _write(box_file(into, item.log), as_yaml(found).encode())
    mark(version, item, "fixed", by, said.wrong)
    return Fixed(correction, voxels, sum(one.item == correction.item for one in found))


def take_back(version: PublishedVersion, item: Item, into: Path) -> int:
    """Removes the corrections of the item from the folder ``into``, and returns how many there were. Raises BadRecipe
    where its file cannot be used."""
    found, name = read_boxes(into, item.log), item_name(version, item)
    kept = [one for one in found if one.item != name]
    if len(kept) == len(found):
        return 0
    file = box_file(into, item.log)
    if kept:
        _write(file, as_yaml(kept).encode())
    else:
        file.unlink()  # a log without corrections has no file of them
    return len(found) - len(kept)


def item_name(version: PublishedVersion, item: Item) -> str:
    """``VERSION/ITEM``: what a correction says it comes from. Another version may have an item of the same place."""
    return f"{version.name}/{item.id}"


def _changed(version: PublishedVersion, item: Item, correction: Correction) -> int:
    """Voxels of the item's frame whose label it changes."""
    before = version.frame(item.log, item.frame)[SEMANTICS]
    after = before.copy()
    apply(correction, after, np.zeros_like(after), version.space, np.eye(4))
    return int(np.count_nonzero(after != before))


@dataclass
class Volumes:
    """What came of a folder of edited volumes."""

    frames: int = 0
    """That were read."""
    corrected: int = 0
    """Of these, the ones of which any voxel differs from the version's label."""
    voxels: int = 0
    """That differ, and are corrections now."""
    unknown: list[str] = field(default_factory=list)
    """Frames that the version has not."""
    absent: list[str] = field(default_factory=list)
    """Frames of the version that have no volume."""


def from_volumes(
    version: PublishedVersion, folder: Path, format: Format, into: Path, note: Callable[[str], None] = lambda _: None
) -> Volumes:
    """Reads volumes in the layout of ``format`` and keeps each voxel that differs from the version's label as a
    correction of its frame, beside those that there are. What is unknown in the version and free in the volume is no
    correction: exports have unknown voxels free. Raises BadPredictions for a folder that has none, or other classes,
    and DamagedFile for a volume, or a file of ``into``, that cannot be read, before anything is written."""
    edited, found = FolderLabels(folder, format), Volumes()
    mine, theirs = version.space, edited.space
    alike = mine.taxonomy.names == theirs.taxonomy.names and join(VersionLabels(version), theirs).same_grid
    if not alike:
        raise BadPredictions(f"{folder} is of {format}, whose classes and grid {version.spec} does not have")
    contents: dict[Path, bytes] = {}  # compressed: of all frames they are small
    told: list[str] = []
    for log in version.logs:
        for frame in version.frames(log):
            if not edited.has(log, frame.name):
                found.absent.append(f"{log} {frame.name}")
                continue
            found.frames += 1
            differs = _differing(frame[SEMANTICS], edited, log, frame.name)
            if count := differs.index.size:
                told.append(f"log {log}, frame {frame.name}: {counted(count, 'voxel')}")
                found.corrected += 1
                found.voxels += count
                file = voxel_file(into, log, frame.name)
                contents[file] = _merged(file, differs, mine.grid.voxels)
        known = {frame.name for frame in version.frames(log)}
        found.unknown += [f"{log} {name}" for name in edited.names(log) if name not in known]
    found.unknown += [log for log in edited.logs() if log not in version.logs]
    if not found.frames:
        raise BadPredictions(f"{folder} has no volume of any frame of {version.spec}")
    for (file, content), said in zip(contents.items(), told, strict=True):
        _write(file, content)
        note(said)
    return found


def _differing(labels: NDArray[np.uint8], edited: FolderLabels, log: str, frame: str) -> CorrectedVoxels:
    """The voxels of an edited volume that differ from the frame's ``labels``. Raises DamagedFile, or BadPredictions for
    numbers that are no class."""
    try:
        volume, taxonomy = edited.semantics(log, frame), edited.space.taxonomy
    except DamagedFile as error:
        raise DamagedFile(f"{error}; {_NOTHING}") from error
    if (strange := np.count_nonzero(volume >= len(taxonomy.classes))) > 0:
        raise BadPredictions(
            f"{edited.where(log, frame)}: {strange} of {volume.size} voxels have a number that is no class of "
            f"{edited.format} (was it written as occlabel export writes it?); {_NOTHING}"
        )
    index = np.flatnonzero((labels != volume) & ~((labels == UNKNOWN) & (volume == taxonomy.free_id)))
    return CorrectedVoxels(index, tuple(taxonomy.names[i] for i in volume.ravel()[index].tolist()))


def _merged(file: Path, found: CorrectedVoxels, voxels: int) -> bytes:
    """What ``file`` is to hold: what is ``found`` beside the voxels that were corrected before; the newer word
    counts."""
    said: dict[int, str] = {}
    for one in (*((read_voxels(file, voxels),) if file.is_file() else ()), found):
        said |= dict(zip(one.index.tolist(), one.classes, strict=True))
    places = sorted(said)
    return voxels_as_bytes(CorrectedVoxels(np.array(places, np.int64), tuple(said[n] for n in places)))


def _write(file: Path, content: bytes) -> None:
    with appearing(file) as partial:
        partial.write_bytes(content)
