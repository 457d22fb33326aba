"""Predictions that another program left on disk, in the layouts in which they are submitted to benchmarks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.completion.slot import Completion, blank, clip_bytes


class Stored(Completion):
    """Reads ``path/sequences/<log>/predictions/<frame>.label`` (SemanticKITTI raw ids), ``path/<frame>.npz`` or
    ``path/<log>/<frame>/labels.npz`` (Occ3D ids). A frame without a prediction stays unknown."""

    # Reads no sensor: predictions of a camera model serve logs without LiDAR.
    senses: ClassVar[tuple[Sensor, ...]] = ()

    kind: Literal["stored"] = "stored"
    path: Path
    """The folder of predictions."""
    confidence: float = Field(default=1.0, ge=0, le=1)
    """Confidence of every predicted voxel."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; raw and mapped ids of one frame, with the masks that check them; the clip's own arrays."""
        return Resources(memory=(300 << 20) + 16 * space.grid.voxels + clip_bytes(space, clip_frames))

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None
        if not self.path.is_dir():
            return f"the folder of predictions {self.path} does not exist"
        if next(self._files(), None) is None:
            return (
                f"{self.path} holds no predictions; expected sequences/<log>/predictions/<frame>.label, <frame>.npz or "
                "<log>/<frame>/labels.npz"
            )
        return None

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """Digest of the content of the log's own prediction files, and of which frames have one."""
        digest = hashlib.blake2b(digest_size=16)
        for name in log.names:
            if (file := self._find(log.id, name)) is not None:
                stat = file.stat()
                content = _digest(file, stat.st_size, stat.st_mtime_ns)
                digest.update(f"{name}\0{file.suffix}\0{content}\n".encode())
        return digest.hexdigest()

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        confidence = round(self.confidence * 255)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(clip.frames, space)
            for index, frame in enumerate(inputs.frames[inputs.target(clip)]):
                file = self._find(clip.log, frame.name)
                if file is not None:
                    semantics = _read(file, space)
                    result[SEMANTICS.name][index] = semantics
                    result[CONFIDENCE.name][index] = np.where(semantics == UNKNOWN, 0, confidence)
            return result

        return process

    def _files(self) -> Iterator[Path]:
        patterns = ("sequences/*/predictions/*.label", "*.npz", "*/*/labels.npz")
        return (file for pattern in patterns for file in self.path.glob(pattern))

    def _find(self, log: str, frame: str) -> Path | None:
        """The frame's prediction. Names come from logs, so they must not lead out of the folder."""
        if any(part in {"", ".", ".."} or "/" in part or "\\" in part for part in (log, frame)):
            raise BadPredictions(f"log {log!r}, frame {frame!r} cannot be the name of a prediction file")
        places = (
            self.path / "sequences" / log / "predictions" / f"{frame}.label",
            self.path / f"{frame}.npz",
            self.path / log / frame / "labels.npz",
        )
        return next((place for place in places if place.is_file()), None)


@lru_cache(maxsize=1 << 16)
def _digest(file: Path, size: int, mtime_ns: int) -> str:
    """Of the content. A file whose size and time are those of before is not read again."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _read(file: Path, space: LabelSpace) -> NDArray[np.uint8]:
    """Class ids [X, Y, Z] of a prediction. Raises DamagedFile, or BadPredictions for another grid or unknown ids."""
    if file.suffix == ".label":
        raw = semantickitti.read_volume(file, space.grid.shape)
        return _classes(raw, space.taxonomy, file)
    semantics = occ3d.read_labels(file)["semantics"]
    if semantics.shape != space.grid.shape:
        raise BadPredictions(f"{file} is {list(semantics.shape)}, the recipe's grid is {list(space.grid.shape)}")
    return _classes(semantics.astype(np.uint16), space.taxonomy, file)


def _classes(raw: NDArray[np.uint16], taxonomy: Taxonomy, file: Path) -> NDArray[np.uint8]:
    semantics = taxonomy.from_raw[raw]
    silent = [UNKNOWN] if not taxonomy.learning_map else []  # Occ3D has no raw ids: 255 is "no prediction"
    wrong = np.setdiff1d(raw[semantics == UNKNOWN], silent)
    if wrong.size:
        raise BadPredictions(f"{file} holds the id {wrong[0]}, which the taxonomy {taxonomy.name} does not predict")
    return semantics
