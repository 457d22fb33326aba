"""Labels of LiDAR points, and numbers for their objects that fit into a file format."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN


def point_labels(
    semantics: NDArray[np.uint8],
    instance: NDArray[np.integer[Any]],
    points: NDArray[np.floating[Any]],
    grid: Grid,
) -> tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]:
    """Class and instance id, [n] each, of the voxels that ``points`` [n, 3] (metres, grid frame) lie in.

    semantics, instance: [X, Y, Z] over ``grid``. A point outside is UNKNOWN and of no object (0).
    """
    cells, inside = grid.cells(points)
    classes, ids = np.full(len(points), UNKNOWN, np.uint8), np.zeros(len(points), instance.dtype)
    at = tuple(cells[inside].T)
    classes[inside], ids[inside] = semantics[at], instance[at]
    return classes, ids


class Numbering:
    """Numbers 1, 2, 3, ... for the objects of one log, in the order in which the frames name them.

    Ids of a log may be of 32 bits and have gaps; file formats have room for few. An object keeps its number in all
    frames that are asked of the same Numbering, and equal logs get equal numbers.
    """

    def __init__(self, log: str, most: int, whose: str = "objects") -> None:
        """``most``: the largest number that the format has room for; ``whose`` says in errors what is numbered."""
        self._log, self._most, self._whose = log, most, whose
        self._numbers: dict[int, int] = {}

    def numbers(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.uint16]:
        """Numbers [n] of ``ids`` [n]; 0 stays 0. New ones of a frame are numbered by ascending id.

        Raises BadPredictions when there are more than fit.
        """
        found, place = np.unique(ids, return_inverse=True)
        for id_ in found[found > 0].tolist():
            number = self._numbers.setdefault(id_, len(self._numbers) + 1)
            if number > self._most:
                raise BadPredictions(
                    f"log {self._log} has more than {self._most:,} {self._whose}, and the format has no room for more; "
                    "leave out the smallest ones, or export a shorter part of the log"
                )
        table = np.array([self._numbers.get(id_, 0) for id_ in found.tolist()], np.uint16)
        return table[place.reshape(-1)]


def refuse_lengths(log: str, name: str, semantics: NDArray[np.uint8], instance: NDArray[np.integer[Any]]) -> None:
    """Raises BadPredictions unless there is a class and an id for each point."""
    if semantics.ndim != 1 or semantics.shape != instance.shape:
        raise BadPredictions(
            f"log {log}, frame {name} has classes {list(semantics.shape)} and instance ids {list(instance.shape)}; "
            "give one of each per point"
        )
