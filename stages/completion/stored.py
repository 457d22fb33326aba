"""Predictions that another program left on disk, in the layouts in which they are submitted to benchmarks."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Sensor
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.completion.slot import Completion, blank


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

    def refuse(self, space: LabelSpace) -> str | None:
        if not self.path.is_dir():
            return f"the folder of predictions {self.path} does not exist"
        if not self._files():
            return (
                f"{self.path} holds no predictions; expected sequences/<log>/predictions/<frame>.label, <frame>.npz or "
                "<log>/<frame>/labels.npz"
            )
        return None

    def fingerprint_extra(self, space: LabelSpace) -> str:
        """Digest of the names, sizes and times of the prediction files; reading them all would take too long."""
        digest = hashlib.blake2b(digest_size=16)
        for file in self._files():
            stat = file.stat()
            digest.update(f"{file.relative_to(self.path)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def setup(self, space: LabelSpace, device: str) -> Process:
        confidence = round(self.confidence * 255)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(clip.frames, space)
            for index, frame in enumerate(inputs.frames[inputs.target(clip)]):
                file = self._find(clip.log, frame.name)
                if file is not None:
                    semantics = _read(file, space)
                    result["semantics"][index] = semantics
                    result["confidence"][index] = np.where(semantics == UNKNOWN, 0, confidence)
            return result

        return process

    def _files(self) -> list[Path]:
        patterns = ("sequences/*/predictions/*.label", "*.npz", "*/*/labels.npz")
        return sorted(file for pattern in patterns for file in self.path.glob(pattern))

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
