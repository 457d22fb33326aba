"""The street is flat: voxels that hold a point are road, all others free."""

from typing import Any, ClassVar, Literal

import numpy as np

from occlabel import ArraySpec, LabelSpace, Stage
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS, Extent
from occlabel.schemas.rig import Rig
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Sensor


class Flat(Stage):
    """Everything is road."""

    slot: ClassVar[str] = "completion"
    version: ClassVar[int] = 1
    senses: ClassVar[tuple[Sensor, ...]] = ("points",)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, CONFIDENCE)

    kind: Literal["flat"] = "flat"
    road: str = "road"
    """Name of the class."""

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        road = space.taxonomy.names.index(self.road)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            extent = Extent(clip.frames, space.grid, rig)
            semantics, confidence = SEMANTICS.empty(extent), CONFIDENCE.empty(extent)
            for n, row in enumerate(inputs.own(clip)):
                points = inputs.points(row)
                if points is not None:
                    semantics[n], confidence[n] = space.taxonomy.free_id, 128
                    cells, inside = space.grid.cells(points)
                    semantics[(n, *cells[inside].T)] = road
            return {SEMANTICS.name: semantics, CONFIDENCE.name: confidence.astype(np.uint8)}

        return process
