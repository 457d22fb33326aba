"""What people corrected, as a stage: votes never overrule a human."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.absence import no_folder
from occlabel.schemas.arrays import CONFIDENCE, KEPT_CONFIDENCE, POSES, SEMANTICS, ArraySpec
from occlabel.schemas.corrections import Correction, corrected_logs, read_boxes, read_voxels, voxel_file
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import PLACE, Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.schemas.words import meant
from occlabel.stages.review.applying import apply, unfit


class Corrections(Stage):
    """Lays corrections (``occlabel review``) over the labels: boxes of a frame, places of a whole log, single voxels.

    They come after everything that votes, and before objects are found: a label that a human gave is certain, whatever
    options before it change. Later ones win. Those of a place of the world are applied in each frame whose pose is
    known. A log without any keeps its labels to the last bit.
    """

    slot: ClassVar[str] = "review"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, CONFIDENCE, POSES)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, KEPT_CONFIDENCE)

    kind: Literal["corrections"] = "corrections"
    path: Annotated[Path, PLACE]
    """The folder of corrections."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the labels as they were and as they are, with the shards that are made of them."""
        return Resources(memory=(300 << 20) + 8 * clip_frames * space.grid.voxels)

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """Digest of the log's own corrections: another log's make nothing anew."""
        digest = hashlib.blake2b(digest_size=16)
        for correction in read_boxes(self.path, log.id):
            digest.update(correction.model_dump_json(exclude={"item"}).encode() + b"\n")  # it decides no label
        for name in log.names:
            if (file := voxel_file(self.path, log.id, name)).is_file():
                digest.update(f"{name}\0{content_of(file)}\n".encode())
        return digest.hexdigest()

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None
        if not self.path.is_dir():
            return (
                f"the folder of corrections {self.path} {no_folder(self.path)}; occlabel review fix or apply makes one"
            )
        try:
            for log in corrected_logs(self.path):
                for one in read_boxes(self.path, log):
                    if (said := unfit(one, space)) is not None:
                        return f"a correction of log {log}, frame {one.frame} in {self.path} {said}"
        except BadRecipe as error:
            return str(error)
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        """Which corrected frames the log does not have. Raises BadLog where voxels of one it has cannot be used."""
        for name in log.names:
            if (file := voxel_file(self.path, log.id, name)).is_file():
                try:
                    _voxels(file, space)
                except (BadRecipe, DamagedFile) as error:
                    raise BadLog(f"log {log.id}: {error}") from error
        known = {one.frame for one in read_boxes(self.path, log.id)}
        known |= {file.stem for file in voxel_file(self.path, log.id, "any").parent.glob("*.npz")}
        lost = sorted(known - set(log.names))
        if not lost:
            return None
        return f"log {log.id}: {self.path} corrects frames that it does not have: {', '.join(lost[:5])}"

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            own = inputs.target(clip)
            labels, sure = inputs[SEMANTICS][own].copy(), inputs[CONFIDENCE][own].copy()
            corrections = read_boxes(self.path, clip.log)
            for n, row in enumerate(inputs.own(clip)):
                name = inputs.frames[row].name
                for one in corrections:
                    if (here := _here(one, name, inputs, row, space)) is not None:
                        apply(one, labels[n], sure[n], space, here)
                if (file := voxel_file(self.path, clip.log, name)).is_file():
                    index, ids = _voxels(file, space)
                    labels[n].reshape(-1)[index], sure[n].reshape(-1)[index] = ids, 255
            return {SEMANTICS.name: labels, CONFIDENCE.name: sure}

        return process


def _here(one: Correction, name: str, inputs: Inputs, row: int, space: LabelSpace) -> Matrix | None:
    """[4, 4] from the grid of the corrected frame to that of the frame in ``row``; None where it does not hold."""
    if one.frame == name:
        return np.eye(4)
    if one.holds == "frame" or one.pose is None:
        return None
    world_from_grid = inputs.world_from_grid(row, space.grid)
    return None if world_from_grid is None else inverse(world_from_grid) @ one.pose


def _voxels(file: Path, space: LabelSpace) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Places in C order [n] and class ids [n]. Raises DamagedFile, BadRecipe for a class that there is not."""
    found, names = read_voxels(file, space.grid.voxels), space.taxonomy.names
    for name in sorted(set(found.classes)):
        if name not in names:
            raise BadRecipe(f"{file} names {name!r}, no class of {space.taxonomy.name}{meant(name, names)}")
    return found.index, np.array([names.index(name) for name in found.classes], np.uint8)
