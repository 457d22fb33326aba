"""Depth Anything 3: metric depth from one image of a camera whose focal length is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import INTRINSICS, ArraySpec
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs
from occlabel.stages.learning.foundation import Checkpoint, Weights, inference, refuse_no_number
from occlabel.stages.learning.preprocessing import normalised, size_within
from occlabel.stages.priors.depth.depth_anything_3_weights import loaded_network, refuse_other_model
from occlabel.stages.priors.depth.learned import Estimate, Learned, View

if TYPE_CHECKING:
    from occlabel.stages.priors.depth.depth_anything_3_network import Metric

_PATCH = 14
_CANONICAL = 300.0
"""Focal length [pixels of the input] with which the network says metres."""
_SKY = 0.3
"""From which on a pixel is sky."""


class DepthAnything3(Learned):
    """Depth Anything 3 (Lin et al. 2025), its metric model: metres by the camera's focal length, unknown where the
    model sees sky and for cameras whose K is not known. Its other models say no metres of a single image."""

    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS,)
    packages: ClassVar[tuple[str, ...]] = ()

    kind: Literal["depth_anything_3"] = "depth_anything_3"
    weights: Weights = "depth-anything/DA3METRIC-LARGE"
    """The metric Depth Anything 3 on the hub that was fetched, or a folder with its ``config.json`` and
    ``model.safetensors``."""
    side: int = Field(default=504, ge=56, le=4096)
    """Pixels to which the longer side of an image is resized, 504 as its authors do; fewer are faster."""

    def suits(self, found: Checkpoint) -> None:
        refuse_other_model(found)

    def working_bytes(self, found: Checkpoint, rig: Rig) -> int:
        """Of four times the head's 256 features at half the size of the input, and what is made of them at full."""
        sizes = [camera.size for camera in rig.cameras if camera.size is not None]
        most = max((int(np.prod(size_within(h, w, self.side, _PATCH))) for w, h in sizes), default=self.side**2)
        return 4 * 4 * 256 * most

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if (said := super().refuse(space, rig)) is not None or rig is None:
            return said
        if len(lost := _without_k(rig)) == len(rig.cameras):
            return f"no camera has a known K ({', '.join(lost)}), and it makes metres by the focal length"
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        said = [super().doubts(space, log)]
        if lost := _without_k(log.rig):
            said.append(f"log {log.id}: {', '.join(lost)} without a known K get no depth from Depth Anything 3")
        return "; ".join(one for one in said if one is not None) or None

    def loaded(self, hands: Hands) -> Estimate:
        found = self.found()
        self.suits(found)
        return estimate_with(loaded_network(found, hands), self.side, hands, found.name)

    def views(self, clip: Clip, inputs: Inputs, rig: Rig) -> Iterator[View]:
        return (view for view in super().views(clip, inputs, rig) if view.intrinsics is not None)


def estimate_with(network: Metric, side: int, hands: Hands, name: str) -> Estimate:
    """What ``network`` says of views whose K is known, in metres over every pixel; NaN in the sky."""
    import torch
    from torch.nn.functional import interpolate

    def estimate(views: Sequence[View]) -> Sequence[NDArray[np.float32]]:
        height, width = views[0].image.shape[:2]
        size = size_within(height, width, side, _PATCH)
        pixels = np.stack([normalised(view.image, size) for view in views])
        with inference(hands):
            said = network(torch.from_numpy(pixels).to(hands.device))
        maps = torch.stack([said.depth, said.sky], dim=1).float()
        whole = interpolate(maps, (height, width), mode="bilinear", align_corners=False)
        both: NDArray[np.float32] = whole.cpu().numpy()
        refuse_no_number(both, name)
        focal = np.array([_focal(view, size) for view in views], np.float32)
        depth: NDArray[np.float32] = both[:, 0] * (focal / np.float32(_CANONICAL))[:, None, None]
        depth[both[:, 1] >= _SKY] = np.nan
        return list(depth)

    return estimate


def _focal(view: View, size: tuple[int, int]) -> float:
    """In pixels of an input of ``size`` (height, width), the mean of both axes."""
    assert view.intrinsics is not None  # others are not asked about
    height, width = view.image.shape[:2]
    return float(view.intrinsics[0, 0] * size[1] / width + view.intrinsics[1, 1] * size[0] / height) / 2


def _without_k(rig: Rig) -> list[str]:
    return [camera.name for camera in rig.cameras if not camera.intrinsics]
