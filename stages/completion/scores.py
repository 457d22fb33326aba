"""What a model of one's own says of a scan, and whether it can be believed: scores of every class and voxel, finite,
and not the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions, BadWeights, Ended
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Inputs
from occlabel.stages.completion.slot import Prediction, as_byte, from_scans
from occlabel.stages.sensing.scan import Scan

Scores = NDArray[np.floating[Any]]


class OwnModel:
    """A model by what it returns of a scan: an array of scores, classes and voxels last; first the batch of one that
    exported models have."""

    def __init__(self, name: str, space: LabelSpace, batch: tuple[int, ...], say: Callable[[Scan], object]) -> None:
        self.name = name
        self.space = space
        self.shape = (*batch, len(space.taxonomy.classes), *space.grid.shape)
        self._say = say

    def scores(self, scan: Scan) -> Scores:
        """[classes, X, Y, Z]. Raises BadPredictions when the model fails, BadWeights for what are no such scores."""
        try:
            said = self._say(scan)
        except (MemoryError, OSError, Ended):  # of the machine
            raise
        except (Exception, SystemExit) as error:  # whatever the model of a user raises
            why = next(iter(str(error).strip().splitlines()), "no reason given")
            raise BadPredictions(f"{_where(scan)}: {self.name} fails with {type(error).__name__}: {why}") from error
        if not isinstance(said, np.ndarray):
            raise BadWeights(f"{self.name} returns {type(said).__name__}, the recipe needs scores {list(self.shape)}")
        if said.shape != self.shape:
            axes = "batch, classes, x, y, z" if len(self.shape) > 4 else "classes, x, y, z"
            raise BadWeights(
                f"{self.name} returns scores {list(said.shape)}, the recipe needs {list(self.shape)} ({axes})"
            )
        if said.dtype.kind != "f":
            raise BadWeights(
                f"{self.name} returns {said.dtype}, the recipe needs a score of each class, as floating point numbers"
            )
        said = said.reshape(self.shape[-4:])
        return said.astype(np.float32) if said.dtype.itemsize < 4 else said

    def process(self, clip: Clip, inputs: Inputs) -> Arrays:
        """The process of a stage. Raises BadPredictions when the scores of a frame are not all finite, or say nothing
        of the clip: those of all voxels of all its frames are the same, although there are points in the grid."""
        told = _Told()

        def predict(scans: Sequence[Scan]) -> list[Prediction]:
            return [self._prediction(scan, told) for scan in scans]

        result = from_scans(predict, self.space)(clip, inputs)
        if told.points and not told.differs:
            raise BadPredictions(
                f"log {clip.log}, frames {clip.name}: {self.name} returns the same scores for all voxels of all "
                "frames, although there are points in them; its weights or its input are not what it was trained with"
            )
        return result

    def _prediction(self, scan: Scan, told: _Told) -> Prediction:
        scores = self.scores(scan)
        if not (finite := np.isfinite(scores)).all():
            nan, infinite = int(np.isnan(scores).sum()), int(np.isinf(scores).sum())
            voxels = int((~finite.all(axis=0)).sum())
            raise BadPredictions(
                f"{_where(scan)}: {self.name} returns {nan} scores that are NaN and {infinite} that are infinite, in "
                f"{voxels} of {finite[0].size} voxels"
            )
        told.hear(scores, len(hit_cells(scan, self.space.grid)) > 0)
        best = scores.max(axis=0)
        return scores.argmax(axis=0).astype(np.uint8), as_byte(1 / np.exp(scores - best).sum(axis=0))


class _Told:
    """What the scores of a clip have in common."""

    def __init__(self) -> None:
        self.points = self.differs = False
        self._first: Scores | None = None

    def hear(self, scores: Scores, points: bool) -> None:
        """``points``: whether the scan has any in the grid."""
        self.points |= points
        if self._first is None:
            self._first = scores[:, :1, :1, :1].copy()
        self.differs = self.differs or not np.array_equal(scores, np.broadcast_to(self._first, scores.shape))


def hit_cells(scan: Scan, grid: Grid) -> NDArray[np.int64]:
    """Voxels [n, 3] in which points lie; one of several points comes several times."""
    cells, inside = grid.cells(scan.points[np.isfinite(scan.points[:, :3]).all(axis=1)])
    return cells[inside]


def made_up_scan(grid: Grid) -> Scan:
    """A floor to the borders of the grid, seen from its middle: for trying a model out before there is work for it."""
    lower, upper = np.array(grid.origin), np.array(grid.upper)
    x, y = (np.arange(lower[axis], upper[axis], 4 * grid.voxel_size) + grid.voxel_size / 2 for axis in (0, 1))
    floor = np.stack(np.meshgrid(x, y, [lower[2] + 1.5 * grid.voxel_size], [0.2], indexing="ij"), axis=-1)
    return Scan(floor.reshape(-1, 4).astype(np.float32), (lower + upper) / 2)


def _where(scan: Scan) -> str:
    return f"frame {scan.frame}" if scan.frame else "a made-up scan"
