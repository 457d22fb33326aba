"""The kind ``vipocc``: occupied and free by the density field of each image, behind what it shows too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.arrays import (
    CONFIDENCE,
    DEPTH,
    EXTRINSICS,
    INTRINSICS,
    SEGMENT_CLASS,
    SEMANTICS,
    ArraySpec,
    Extent,
    resolved,
)
from occlabel.schemas.errors import BadPredictions, BadWeights
from occlabel.schemas.geometry import inverse
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.from_cameras import CameraCompletion
from occlabel.stages.completion.slot import Prediction, as_byte, blank, clip_bytes
from occlabel.stages.completion.vipocc.shown import shown
from occlabel.stages.completion.vipocc.sizes import THRESHOLD, Sizes
from occlabel.stages.completion.vipocc.weight_file import check, load_network

if TYPE_CHECKING:
    from occlabel.stages.completion.vipocc.asking import Said, Taken


class ViPOccCompletion(CameraCompletion):
    """Voxels before each camera are occupied where the density field of its image, learned from video without labels,
    is dense; what lies behind a surface is guessed as well. Where several cameras see a voxel, the mean of theirs
    counts.

    The class of an occupied voxel is that of the segment over it in the image; where no segment says, it is
    ``unnamed``. What lies in no image, or nearer than 3 m, stays unknown, and so does a frame without images or without
    depth. Confidence is how far density d is from the threshold t, |d - t| / (d + t), and no probability.
    """

    exact: ClassVar[bool] = False
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, SEGMENT_CLASS, INTRINSICS, EXTRINSICS)

    kind: Literal["vipocc"] = "vipocc"
    weights: Path
    """A safetensors file of ``occlabel train vipocc``; none comes with occlabel."""
    segments: bool = True
    """Whether priors have written segments, by which voxels have classes."""
    unnamed: str | None = None
    """Class of what is occupied and no segment names. [default: it stays unknown]"""
    threshold: float = Field(default=THRESHOLD, gt=0, le=100)
    """Density [1/m] from which on a voxel is occupied."""

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return tuple(spec for spec in self.reads if self.segments or spec.name != SEGMENT_CLASS.name)

    def without(self, array: str) -> ViPOccCompletion | None:
        spared = array == SEGMENT_CLASS.name and self.unnamed is not None
        return self.model_copy(update={"segments": False}) if spared else None

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.weights,)

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; places and density of each voxel; the networks on one image; the arrays of a clip."""
        extent = Extent(clip_frames, space.grid, rig)
        known = {camera.name for camera in rig.cameras if camera.size is not None}
        specs = (spec for spec in resolved(self.needed, rig) if spec.camera is None or spec.camera in known)
        read = sum(map(extent.nbytes, specs))
        voxels = 120 * space.grid.voxels + clip_bytes(space, clip_frames)
        return Resources(gpus=1.0, memory=(1 << 30) + (300 << 20) + voxels + 2 * read)

    def unfit(self, space: LabelSpace) -> str | None:
        names = [space.taxonomy.names[one] for one in space.taxonomy.occupied_ids]
        if self.unnamed is not None and self.unnamed not in names:
            return f"completion.unnamed is {self.unnamed!r}, which is no class of what is occupied: {', '.join(names)}"
        if self.unnamed is None and not self.segments:
            return (
                "without segments nothing says of which class what is occupied is; add segments to the priors, or set "
                "completion.unnamed to a class"
            )
        try:
            check(self.weights)
        except BadWeights as error:
            return str(error)
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        from occlabel.stages.completion.vipocc.asking import asked

        network = load_network(self.weights, hands)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(clip.frames, space)
            for n, row in enumerate(inputs.own(clip)):
                taken = [self._taken(inputs, row, camera, space, network.sizes) for camera in rig.names]
                if images := [one for one in taken if one is not None]:
                    labels = self._labelled(asked(network, images, space), space, inputs.frames[row].name)
                    result[SEMANTICS.name][n], result[CONFIDENCE.name][n] = labels
            return result

        return process

    def _taken(self, inputs: Inputs, row: int, camera: str, space: LabelSpace, sizes: Sizes) -> Taken | None:
        from occlabel.stages.completion.vipocc.asking import Taken

        k, place, depth = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera), inputs[DEPTH.on(camera)][row]
        if k is None or place is None or not np.isfinite(depth).any() or (image := inputs.image(row, camera)) is None:
            return None
        classes = inputs[SEGMENT_CLASS.on(camera)][row] if self.segments else None
        grid_from_camera = inverse(inputs.frames[row].ego_from_grid(space.grid)) @ place
        return Taken(shown(image, depth, k, sizes), (image.shape[0], image.shape[1]), grid_from_camera, classes)

    def _labelled(self, said: Said, space: LabelSpace, frame: str) -> Prediction:
        """Raises BadPredictions, naming the frame, for density that is infinite."""
        taxonomy, seen = space.taxonomy, ~np.isnan(said.density)
        density = np.where(seen, said.density, 0)
        if not np.isfinite(density).all():
            raise BadPredictions(f"frame {frame}: the density that {self.weights} gives is infinite; train it again")
        occupied = density > self.threshold
        nameless = (said.classes == UNKNOWN) | (said.classes == taxonomy.free_id)
        rest = UNKNOWN if self.unnamed is None else taxonomy.names.index(self.unnamed)
        semantics = np.where(occupied, np.where(nameless, rest, said.classes), taxonomy.free_id).astype(np.uint8)
        semantics[~seen] = UNKNOWN
        sure = as_byte(np.abs(density - self.threshold) / (density + self.threshold))
        confidence = np.where(semantics == UNKNOWN, CONFIDENCE.fill, np.maximum(sure, 1)).astype(np.uint8)
        return semantics.reshape(space.grid.shape), confidence.reshape(space.grid.shape)
