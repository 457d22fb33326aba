"""Predictions that another program left on disk, in the layouts in which they are submitted to benchmarks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.absence import no_folder
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import PLACE, Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.completion.slot import Completion, blank, clip_bytes

_COUNTED = 1_000_000
"""Numbers from here on are no place of a frame in its log."""


class Stored(Completion):
    """Reads ``path/sequences/<log>/predictions/<frame>.label`` (SemanticKITTI raw ids),
    ``path/<log>/<frame>/labels.npz`` or ``path/<frame>.npz`` (Occ3D ids). The last is of the frame of that name in
    every log: for names that no two logs share. A frame without a prediction stays unknown."""

    # Reads no sensor: predictions of a camera model serve logs without LiDAR.
    senses: ClassVar[tuple[Sensor, ...]] = ()

    kind: Literal["stored"] = "stored"
    path: Annotated[Path, PLACE]
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
            return f"the folder of predictions {self.path} {no_folder(self.path)}"
        if next(self._files(), None) is None:
            return (
                f"{self.path} holds no predictions; expected sequences/<log>/predictions/<frame>.label, "
                "<log>/<frame>/labels.npz or <frame>.npz"
            )
        return None

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """Digest of the content of the log's own prediction files, and of which frames have one."""
        digest = hashlib.blake2b(digest_size=16)
        for name, file in self._predictions(log.id, log.names).items():
            digest.update(f"{name}\0{file.suffix}\0{content_of(file)}\n".encode())
        return digest.hexdigest()

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        """Which frames have no prediction, one that may be another log's, or whether the first cannot be read. Raises
        BadLog when none has one."""
        try:
            found = self._predictions(log.id, log.names)
        except BadPredictions as error:
            raise BadLog(str(error)) from error
        lacking = [name for name in log.names if name not in found]
        said = f"log {log.id}: {len(lacking)} of {log.frames} frames have no prediction in {self.path}"
        if not found:
            places = " or ".join(str(place.relative_to(self.path)) for place in self._places(log.id, log.names[0]))
            raise BadLog(f"{said}; the first would be {places}; leave the log out with --log, or name another folder")
        told = [] if not lacking else [f"{said} and stay unknown: {_few(lacking)}"]
        if shared := [name for name, file in found.items() if file.parent == self.path and _is_counted(name)]:
            told.append(
                f"log {log.id}: a prediction in {self.path} itself is of the frame of that name in every log, and "
                f"other logs count their frames too: {_few([f'{name}.npz' for name in shared])}; unless there is one "
                f"log, put them where its own lie, as {log.id}/{shared[0]}/labels.npz"
            )
        first, file = next(iter(found.items()))
        try:
            _read(file, space)
        except (BadPredictions, DamagedFile) as error:
            told.append(
                f"log {log.id}: the prediction of frame {first} cannot be used, and its clip will have no labels: "
                f"{error}"
            )
        return "; ".join(told) or None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        confidence = round(self.confidence * 255)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(clip.frames, space)
            names = [frame.name for frame in inputs.frames[inputs.target(clip)]]
            found = self._predictions(clip.log, names)
            for index, name in enumerate(names):
                if (file := found.get(name)) is not None:
                    semantics = _read(file, space)
                    result[SEMANTICS.name][index] = semantics
                    result[CONFIDENCE.name][index] = np.where(semantics == UNKNOWN, 0, confidence)
            return result

        return process

    def _files(self) -> Iterator[Path]:
        patterns = ("sequences/*/predictions/*.label", "*.npz", "*/*/labels.npz")
        return (file for pattern in patterns for file in self.path.glob(pattern))

    def _predictions(self, log: str, names: Sequence[str]) -> dict[str, Path]:
        """The predictions of those of the frames that have one, by name; in SemanticKITTI's layout by number where no
        file has the name, as ``5.label`` is of frame ``000005``. Raises BadPredictions."""
        return named_or_numbered({name: self._places(log, name) for name in names}, self._sequence(log))

    def _places(self, log: str, frame: str) -> tuple[Path, ...]:
        """Where the frame's prediction may lie. Names come from logs, so they must not lead out of the folder."""
        if any(part in {"", ".", ".."} or "/" in part or "\\" in part for part in (log, frame)):
            raise BadPredictions(f"log {log!r}, frame {frame!r} cannot be the name of a prediction file")
        return (
            self._sequence(log) / f"{frame}.label",
            self.path / log / frame / "labels.npz",
            self.path / f"{frame}.npz",
        )

    def _sequence(self, log: str) -> Path:
        return self.path / "sequences" / log / "predictions"


def named_or_numbered(places: Mapping[str, Sequence[Path]], folder: Path) -> dict[str, Path]:
    """Of each frame the first of its ``places`` where there is a file, else the ``.label`` file of ``folder`` with its
    number, as ``5.label`` is of frame ``000005``; without those that have neither. Raises BadPredictions."""
    found = {name: next((place for place in those if place.is_file()), None) for name, those in places.items()}
    if any(file is None and _is_number(name) for name, file in found.items()):
        numbered = _by_number(folder)
        found = {n: file or (numbered.get(int(n)) if _is_number(n) else None) for n, file in found.items()}
    return {name: file for name, file in found.items() if file is not None}


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _is_counted(name: str) -> bool:
    """Whether a frame is named by its place in the log, as those of other logs are; a time stamp is longer."""
    return _is_number(name) and int(name) < _COUNTED


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _by_number(folder: Path) -> dict[int, Path]:
    """The ``.label`` files of ``folder`` that are named by a number. Raises BadPredictions for two of one number."""
    result: dict[int, Path] = {}
    for file in sorted(folder.glob("*.label")):
        if _is_number(file.stem) and result.setdefault(int(file.stem), file) != file:
            raise BadPredictions(f"{result[int(file.stem)]} and {file.name} are both of frame {int(file.stem)}")
    return result


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
    # Occ3D has no raw ids: 255 is "no prediction"
    silent = [
        raw_id for raw_id, class_id in (taxonomy.learning_map or {UNKNOWN: UNKNOWN}).items() if class_id == UNKNOWN
    ]
    wrong = (semantics == UNKNOWN) & ~np.isin(raw, silent)
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise BadPredictions(
            f"{file} holds the id {raw[place]} at {[int(index) for index in place]}, which the taxonomy "
            f"{taxonomy.name} does not predict"
        )
    return semantics
