"""OffsetOcc: objects as sets of offsets from their centres (sections 3.2 and 3.3), found in refined labels.

Labels become voxel embeddings (``voxel_embeddings.py``), the Object Module finds objects in them
(``object_module.py``), their points become masks (``masks.py``), and the Panoptic Module gives each voxel of a thing
class to the object that most masks around it name (``panoptic_vote.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.instances.lattice import Lattice
from occlabel.stages.instances.masks import seeds_from_objects
from occlabel.stages.instances.object_module import ObjectModule, Objects
from occlabel.stages.instances.voxel_embeddings import CHANNELS, FOLD, SCALE, VoxelEncoder


class OffsetOcc(nn.Module):
    """Encoder and Object Module for grids of ``heights`` voxels, so many classes and so many of them things."""

    def __init__(self, heights: int, classes: int, things: int, lattice: Lattice) -> None:
        super().__init__()
        self.encode = VoxelEncoder(heights, classes)
        self.objects = ObjectModule(CHANNELS, self.encode.layers, FOLD, things, lattice)

    def forward(self, labels: Tensor, low: Tensor, high: Tensor, queries: int) -> Objects:
        """Objects of ``labels`` int64 [n, X, Y, Z], UNKNOWN as the last kind, of the box low..high [n, 3] metres."""
        found: Objects = self.objects(self.encode(labels), low, high, queries)
        return found


@dataclass(frozen=True, slots=True)
class Seeds:
    """The objects of one frame, as voxels that the module is sure of."""

    ids: NDArray[np.uint32]
    """[X, Y, Z]: object, from 1; 0 none."""
    classes: NDArray[np.uint8]
    """[objects + 1]: class id of each; UNKNOWN for 0."""


class Finder:
    """Finds the objects of a frame with a network in evaluation mode.

    ``things``: class ids, in the order of the network's classes.
    """

    def __init__(self, network: OffsetOcc, space: LabelSpace, things: Sequence[int], device: str = "cpu") -> None:
        self.network = network
        self.grid = space.grid
        self.device = torch.device(device)
        self._classes = len(space.taxonomy.classes)
        self._ids = np.array(things, np.uint8)

    def find(self, semantics: NDArray[np.uint8], queries: int, score: float) -> Seeds:
        """The objects of ``semantics`` [X, Y, Z] whose class the module is at least ``score`` sure of."""
        labels, box = padded(semantics, self.grid, self._classes)
        low, high = (
            torch.tensor([corner], dtype=torch.float32, device=self.device) for corner in (box.origin, box.upper)
        )
        with torch.inference_mode():
            objects = self.network(torch.from_numpy(labels)[None].to(self.device), low, high, queries)
            surest, thing = objects.layers[-1].classes[0].sigmoid().max(dim=-1)
            kept = torch.nonzero(surest >= score)[:, 0]
            kept = kept[surest[kept].argsort(descending=True, stable=True)]
            offsets, logits = self.network.objects.points(objects.shapes[0, kept])
            centres = objects.layers[-1].centres[0, kept]
        where, away, sure = (part.float().cpu().numpy() for part in (centres, offsets, logits))
        ids = seeds_from_objects(where, away, sure, self.grid)
        classes = self._ids[thing[kept].cpu().numpy()]
        return Seeds(ids, np.concatenate([np.array([UNKNOWN], np.uint8), classes]))


def padded(semantics: NDArray[np.uint8], grid: Grid, classes: int) -> tuple[NDArray[np.int64], Grid]:
    """Labels [X, Y, Z] as kinds int64 on a box of whole cells of the encoder, UNKNOWN beyond the grid, and that box."""
    wide = [-size % cell for size, cell in zip(semantics.shape, (SCALE, SCALE, FOLD), strict=True)]
    labels = np.pad(semantics, [(0, more) for more in wide], constant_values=UNKNOWN)
    x, y, z = labels.shape
    return np.minimum(labels, classes).astype(np.int64), grid.box(grid.origin, (x, y, z))
