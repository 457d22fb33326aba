"""What the points of a sweep are: by the network on that sweep alone, or by files of labels, one id a point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Moment
from occlabel.schemas.errors import BadPredictions, BadRecipe, DamagedFile
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.formats.nuscenes_categories import CATEGORIES, OCC3D_CLASS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy, taxonomy_preset
from occlabel.stages.completion.prediction import predictor
from occlabel.stages.completion.stored import named_or_numbered
from occlabel.stages.completion.sweeps import Sweeps
from occlabel.stages.completion.trained import Trained
from occlabel.stages.completion.weight_file import load_network
from occlabel.stages.learning.truth import classes_in
from occlabel.stages.sensing.scan import Scan

Labeller = Callable[[str, Moment, Scan], NDArray[np.uint8] | None]
"""Log, frame and its sweep to class ids [n] of its points: UNKNOWN where nobody says, never free. None: nobody labelled
the sweep."""

_LABELS = "sequences/*/*/*.label"
_LIDARSEG = "_lidarseg.bin"


def by_network(stage: Trained, space: LabelSpace, hands: Hands) -> Labeller:
    """Each point is what the network says of its voxel. Raises BadWeights."""
    import torch

    torch.set_num_threads(hands.threads)
    (path,) = stage.files(space)
    network, temperature = load_network(path, space)
    network.to(torch.device(hands.device))
    predict = predictor(network, temperature, space, hands.device, stage.looks)

    def label(log: str, frame: Moment, scan: Scan) -> NDArray[np.uint8]:
        ((semantics, _),) = predict([Sweeps(scan)])
        cells, inside = space.grid.cells(np.where(np.isfinite(scan.points), scan.points, 1e9))
        classes = np.full(len(scan.points), UNKNOWN, np.uint8)
        classes[inside] = semantics[tuple(cells[inside].T)]
        classes[classes == space.taxonomy.free_id] = UNKNOWN
        return classes

    return label


@dataclass(frozen=True)
class PointFiles:
    """Labels of points under ``path``, by people or by a network, as the data sets and their benchmarks write them:
    ``sequences/<log>/predictions/<frame>.label`` or ``labels/<frame>.label`` in ids of SemanticKITTI;
    ``lidarseg/v1.0-<..>/<sweep>_lidarseg.bin`` in categories of nuScenes; ``lidarseg/<set>/`` of any other name, or
    ``<sweep>_lidarseg.bin`` alone, in classes of its challenge."""

    path: Path

    def refusal(self, taxonomy: Taxonomy) -> str | None:
        if next(self.found(), None) is None:
            return (
                f"{self.path} holds no labels of points; expected sequences/<log>/predictions/<frame>.label, or "
                "labels/<frame>.label, or lidarseg/<version>/<sweep>_lidarseg.bin"
            )
        if any(self.path.glob(_LABELS)):
            try:
                _class_of_raw(taxonomy)
            except BadRecipe as error:
                return f"the .label files under {self.path} hold ids of SemanticKITTI, as its truth does: {error}"
        return None

    def found(self) -> Iterator[Path]:
        for pattern in (_LABELS, f"lidarseg/*/*{_LIDARSEG}", f"*{_LIDARSEG}"):
            yield from self.path.glob(pattern)

    def digest(self, log: str, names: Sequence[str]) -> str:
        """Of the files of the log's frames; of all lidarseg files, whose names only a sweep knows, and of the tables
        that say what they hold."""
        digest = hashlib.blake2b(digest_size=16)
        found = self.of_frames(log, names)
        files = [found[name] for name in names if name in found]
        for file in [*files, *sorted(f for f in self.found() if f.name.endswith(_LIDARSEG))]:
            table = _categories(file)
            means = "" if table is None else f"\0by {content_of(table)}"
            digest.update(f"{file.name}\0{content_of(file)}{means}\n".encode())
        return digest.hexdigest()

    def of_frames(self, log: str, names: Sequence[str]) -> dict[str, Path]:
        """The ``.label`` files of those of the frames that have one, by name; of predictions before labels, each by
        name, else by number. Raises BadPredictions."""
        _refuse_name(log, *names)
        result: dict[str, Path] = {}
        for kind in ("predictions", "labels"):
            folder = self.path / "sequences" / log / kind
            lacking = [name for name in names if name not in result]
            result |= named_or_numbered({name: (folder / f"{name}.label",) for name in lacking}, folder)
        return result

    def of_sweep(self, sweep: str) -> Path | None:
        """The lidarseg file of a sweep."""
        if not sweep:
            return None
        _refuse_name(sweep)
        name = f"{sweep}{_LIDARSEG}"
        alone = self.path / name
        return alone if alone.is_file() else next(iter(sorted(self.path.glob(f"lidarseg/*/{name}"))), None)

    def labeller(self, space: LabelSpace) -> Labeller:
        """Raises BadPredictions for labels of another number of points, or ids that are none; DamagedFile; BadRecipe
        when nobody says what ids of SemanticKITTI are in the space."""

        def label(log: str, frame: Moment, scan: Scan) -> NDArray[np.uint8] | None:
            points = len(scan.points)
            if (file := self.of_frames(log, [frame.name]).get(frame.name)) is not None:
                raw = semantickitti.read_point_labels(file, points)[0]
                return _class_of_raw(space.taxonomy)[raw]
            if (file := self.of_sweep(frame.sweep)) is not None:
                return _lidarseg(file, points, space.taxonomy)
            return None

        return label


def _refuse_name(*parts: str) -> None:
    """Names come from logs, so they must not lead out of the folder."""
    if any(part in {"", ".", ".."} or "/" in part or "\\" in part for part in parts):
        raise BadPredictions(f"{' / '.join(map(repr, parts))} cannot be the name of a file of point labels")


def _class_of_raw(taxonomy: Taxonomy) -> NDArray[np.uint8]:
    """Class id of ``taxonomy`` by raw id of SemanticKITTI, [65536]: by its ``learning_map``, if that speaks of all of
    them, else by names. UNKNOWN for what it leaves out, and for free, as no point is empty.

    Raises BadRecipe as ``classes_in`` does.
    """
    kitti = taxonomy_preset("semantickitti")
    told = kitti.learning_map.keys() <= taxonomy.learning_map.keys()
    table = taxonomy.from_raw if told else classes_in(kitti, taxonomy)[kitti.from_raw]
    return np.where(table == taxonomy.free_id, np.uint8(UNKNOWN), table)


def _lidarseg(file: Path, points: int, taxonomy: Taxonomy) -> NDArray[np.uint8]:
    try:
        index = np.fromfile(file, np.uint8)
    except OSError as error:
        raise DamagedFile(f"{file} cannot be read: {error.strerror}") from error
    if len(index) != points:
        raise BadPredictions(f"{file} labels {len(index)} points, its scan has {points}")
    if (table := _categories(file)) is not None:
        classes = _class_of_category(table, content_of(table))[index]
    else:
        classes = np.where((index >= 1) & (index <= 16), index, UNKNOWN).astype(np.uint8)
    result: NDArray[np.uint8] = _by_name(taxonomy)[classes]
    return result


def _categories(file: Path) -> Path | None:
    """The table of the categories that a file of labels holds, if there is one; None where it holds classes."""
    version = file.parent.name
    return file.parents[2] / version / "category.json" if version.startswith("v1.0-") else None


def _by_name(taxonomy: Taxonomy) -> NDArray[np.uint8]:
    """Class id of ``taxonomy`` by that of Occ3D, [256]; UNKNOWN where it has none of the name."""
    table = np.full(256, UNKNOWN, np.uint8)
    for id_, name in enumerate(taxonomy_preset("occ3d").names):
        if name in taxonomy.names and taxonomy.names.index(name) != taxonomy.free_id:
            table[id_] = taxonomy.names.index(name)
    return table


@lru_cache(maxsize=4)
def _class_of_category(table: Path, content: str) -> NDArray[np.uint8]:
    """Occ3D class by index of the category, [256], in the usual order where there is no table of categories. By its
    ``content``, a digest, it is known again."""
    names = dict(enumerate(CATEGORIES))
    if table.is_file():
        try:
            names = {int(row["index"]): str(row["name"]) for row in json.loads(table.read_bytes())}
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise DamagedFile(f"{table} does not say 'index' and 'name' of each category") from error
    result = np.full(256, UNKNOWN, np.uint8)
    for index, name in names.items():
        if 0 <= index < 256:
            result[index] = OCC3D_CLASS.get(name, UNKNOWN)
    return result
