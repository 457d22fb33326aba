"""The kind ``drocc``: occupancy of the images of all cameras by Dr.Occ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.arrays import CONFIDENCE, DEPTH, EXTRINSICS, INTRINSICS, POSES, SEMANTICS, ArraySpec, Extent
from occlabel.schemas.arrays import resolved as stored
from occlabel.schemas.errors import BadPredictions, BadWeights
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.completion.drocc import weight_file
from occlabel.stages.completion.drocc.looking import Moment, Taken, views
from occlabel.stages.completion.drocc.parts import Sizes
from occlabel.stages.completion.from_cameras import CameraCompletion
from occlabel.stages.completion.slot import Prediction, as_byte, blank, clip_bytes

if TYPE_CHECKING:
    from occlabel.stages.completion.drocc.network import DrOcc

_FRAMES = Sizes().frames


class DrOccCompletion(CameraCompletion):
    """Semantic occupancy of the images of all cameras, a frame and the one before it, by Dr.Occ: depth of the priors
    says where something is, and experts refine what regions of space hold. Confidence is the probability of the class.

    Voxels that lie in no camera's view stay unknown. A frame without a pose, and the first of a log, is seen by itself;
    one without images stays unknown.
    """

    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, POSES, INTRINSICS, EXTRINSICS)
    exact: ClassVar[bool] = False

    kind: Literal["drocc"] = "drocc"
    weights: Path | None = None
    """A safetensors file of ``occlabel train drocc``; by default the one that comes with occlabel, for the grid and the
    classes of Occ3D."""
    frames: int = Field(default=_FRAMES, ge=1, le=16)
    """The frame itself and those before it that are seen with it: as many as the weights were trained with."""

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return tuple(spec for spec in self.reads if self.frames > 1 or spec.name != POSES.name)

    @property
    def halo(self) -> int:
        return self.frames - 1

    @property
    def lookahead(self) -> int:
        return 0

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.weights or weight_file.SHIPPED,)

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; features of the images and of the cells; the arrays of a clip, read and written."""
        extent = Extent(clip_frames + self.halo, space.grid, rig)
        known = {camera.name for camera in rig.cameras if camera.size is not None}
        specs = (spec for spec in stored(self.needed, rig) if spec.camera is None or spec.camera in known)
        images = self.frames * max(len(rig.cameras), 1) * (40 << 20)
        voxels = 300 * space.grid.voxels + clip_bytes(space, clip_frames) + 2 * sum(map(extent.nbytes, specs))
        return Resources(gpus=1.0, memory=(1 << 30) + images + voxels)

    def unfit(self, space: LabelSpace) -> str | None:
        try:
            _, sizes, _ = weight_file.check(self.files(space)[0], space)
        except BadWeights as error:
            return str(error)
        if sizes.frames == self.frames:
            return None
        return f"{self.files(space)[0]} was trained with {sizes.frames} frames; set completion.frames: {sizes.frames}"

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import torch

        torch.set_num_threads(hands.threads)
        network, temperature = weight_file.load_network(self.files(space)[0], space)
        predict = predictor(network.to(torch.device(hands.device)), temperature, space)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result, held = blank(clip.frames, space), dict[int, Moment]()
            for n, row in enumerate(inputs.own(clip)):
                rows = range(row, max(-1, row - self.frames), -1)
                held = {one: held[one] if one in held else self._moment(inputs, one) for one in rows}
                if not held[row].blind:
                    frame = inputs.frames[row]
                    found = predict([held[one] for one in rows], frame.ego_from_grid(space.grid), f"frame {frame.name}")
                    result[SEMANTICS.name][n], result[CONFIDENCE.name][n] = found
            return result

        return process

    def _moment(self, inputs: Inputs, row: int) -> Moment:
        cameras = [self._taken(inputs, row, camera) for camera in inputs.rig.names]
        return Moment(cameras, inputs.pose(row) if self.frames > 1 else None)

    def _taken(self, inputs: Inputs, row: int, camera: str) -> Taken | None:
        k, place = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
        if k is None or place is None or (image := inputs.image(row, camera)) is None:
            return None
        return Taken(image, k, place, inputs[DEPTH.on(camera)][row])


Predict = Callable[[list[Moment], Matrix, str], Prediction]


def predictor(network: DrOcc, temperature: float, space: LabelSpace) -> Predict:
    """Frames, the one in question first, to its labels: the likeliest class of each voxel that lies in a camera's view,
    and its probability, the softmax of scores / temperature. Raises BadPredictions, naming the frame, when the scores
    are not finite."""
    import torch

    from occlabel.stages.completion.drocc.network import Views

    device = network.get_buffer("references").device

    def predict(moments: list[Moment], ego_from_grid: Matrix, name: str) -> Prediction:
        shown = Views(*(part.to(device) for part in views(moments, ego_from_grid, space.grid, network.sizes)))
        semantics = np.full(space.grid.voxels, SEMANTICS.fill, np.uint8)
        confidence = np.zeros(space.grid.voxels, np.uint8)
        with torch.inference_mode():
            told = network(shown)
            cell, _ = network.cells.of_voxels(torch.arange(space.grid.voxels, device=device))
            for voxels in torch.nonzero(network.in_view(shown)[cell])[:, 0].split(1 << 15):
                scores = network.decoder.scores(told.decoded, voxels)
                if not bool(scores.isfinite().all()):
                    raise BadPredictions(f"{name}: what the network makes of the images is NaN or infinite")
                best, classes = (scores / temperature).softmax(dim=1).max(dim=1)
                at = voxels.cpu().numpy()
                semantics[at], confidence[at] = classes.byte().cpu().numpy(), as_byte(best.cpu().numpy())
        return semantics.reshape(space.grid.shape), confidence.reshape(space.grid.shape)

    return predict
