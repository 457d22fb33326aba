"""Depth Anything (V1 and V2) as transformers has it, relative and metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import DEPTH, RELATIVE_DEPTH, ArraySpec
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.rig import Rig
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import (
    Checkpoint,
    Weights,
    inference,
    pretrained,
    refuse_no_number,
    refuse_other_model,
)
from occlabel.stages.learning.preprocessing import normalised, size_for
from occlabel.stages.priors.depth.learned import Estimate, Learned, View

_SIDE = 518


class DepthAnything(Learned):
    """Depth Anything V2 (Yang et al. 2024). Metric weights give metres, relative ones the inverse of depth up to a
    scale and a shift of each image.

    Images are resized as the model's own processor does it, and what it says back to their size, bilinear between pixel
    centres: the processor's bicubic overshoots at the edges of objects.
    """

    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, RELATIVE_DEPTH)

    kind: Literal["depth_anything"] = "depth_anything"
    weights: Weights = "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf"
    """A Depth Anything on the hub that was fetched, or a folder in the same format. The Small ones may be used
    commercially, Base and Large may not."""
    estimates: Literal["metric", "relative"] = "metric"
    """What the weights were trained to say: metres, or inverse depth that has to be aligned first."""
    side: int | None = Field(default=None, ge=56, le=4096)
    """Pixels to which one side of an image is resized, whichever changes it less; fewer are faster. [default: what the
    weights' preprocessor_config.json says, or 518]"""

    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        return (DEPTH,) if self.estimates == "metric" else (RELATIVE_DEPTH,)

    def suits(self, found: Checkpoint) -> None:
        refuse_other_model(found, "depth_anything")
        told = found.config.get("depth_estimation_type", "relative")
        if told != self.estimates:
            raise BadWeights(f"{found.name} estimates {told} depth; set estimates: {told}, or take other weights")

    def working_bytes(self, found: Checkpoint, rig: Rig) -> int:
        return features_bytes(found, rig, self.side or side_of(found, _SIDE))

    def loaded(self, hands: Hands) -> Estimate:
        from transformers import DepthAnythingForDepthEstimation

        found = self.found()
        self.suits(found)
        model = pretrained(DepthAnythingForDepthEstimation.from_pretrained, found, hands)
        return estimate_with(model, self.side or side_of(found, _SIDE), hands, found.name)


def estimate_with(model: Any, side: int, hands: Hands, name: str) -> Estimate:
    """What a network of the family says of views, over every pixel."""
    import torch
    from torch.nn.functional import interpolate

    patch = int(model.config.patch_size)

    def estimate(views: Sequence[View]) -> Sequence[NDArray[np.float32]]:
        height, width = views[0].image.shape[:2]
        size = size_for(height, width, side, patch)
        given = {"pixel_values": np.stack([normalised(view.image, size) for view in views])}
        prompts = [view.prompt for view in views if view.prompt is not None]
        if prompts:
            given["prompt_depth"] = np.stack(prompts)[:, None]
        with inference(hands):
            said = model(**{key: torch.from_numpy(value).to(hands.device) for key, value in given.items()})
        whole = interpolate(
            said.predicted_depth.float()[:, None], (height, width), mode="bilinear", align_corners=False
        )
        result: NDArray[np.float32] = whole[:, 0].cpu().numpy()
        refuse_no_number(result, name)
        return list(result)

    return estimate


def side_of(found: Checkpoint, otherwise: int) -> int:
    """What ``preprocessor_config.json`` beside the weights says that images are resized to."""
    size = found.text("preprocessor_config.json").get("size")
    told = size.get("height") if isinstance(size, dict) else size
    return told if isinstance(told, int) and 56 <= told <= 4096 else otherwise


def features_bytes(found: Checkpoint, rig: Rig, side: int) -> int:
    """Of four times the features at full size, which is what takes most: measured with the Small weights."""
    sizes = [camera.size for camera in rig.cameras if camera.size is not None]
    most = max((int(np.prod(size_for(h, w, side, 14))) for w, h in sizes), default=side**2)
    width = found.config.get("fusion_hidden_size", 64)
    return 4 * most * 4 * (width if isinstance(width, int) else 64)
