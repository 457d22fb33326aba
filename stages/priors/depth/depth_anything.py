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
from occlabel.stages.priors.depth.learned import Estimate, Learned, View, refuse_no_number
from occlabel.stages.priors.depth.preprocessing import normalised, size_for
from occlabel.stages.priors.weights import Checkpoint, Weights, inference, pretrained, refuse_other_model


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
    side: int = Field(default=518, ge=56, le=4096)
    """Pixels to which one side of an image is resized, whichever changes it less: what the weights were trained with.
    Fewer are faster."""

    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        return (DEPTH,) if self.estimates == "metric" else (RELATIVE_DEPTH,)

    def suits(self, found: Checkpoint) -> None:
        refuse_other_model(found, "depth_anything")
        told = found.config.get("depth_estimation_type", "relative")
        if told != self.estimates:
            raise BadWeights(f"{found.name} estimates {told} depth; set estimates: {told}, or take other weights")

    def working_bytes(self, found: Checkpoint, rig: Rig) -> int:
        """Features at full size are what takes most (measured: four of them at once)."""
        sizes = [camera.size for camera in rig.cameras if camera.size is not None]
        most = max((int(np.prod(size_for(h, w, self.side, 14))) for w, h in sizes), default=self.side**2)
        width = found.config.get("fusion_hidden_size", 64)
        return 4 * most * 4 * (width if isinstance(width, int) else 64)

    def loaded(self, hands: Hands) -> Estimate:
        import torch
        from torch.nn.functional import interpolate
        from transformers import DepthAnythingForDepthEstimation

        found = self.found()
        self.suits(found)
        model = pretrained(DepthAnythingForDepthEstimation.from_pretrained, found, hands)
        patch = int(model.config.patch_size)

        def estimate(views: Sequence[View]) -> Sequence[NDArray[np.float32]]:
            height, width = views[0].image.shape[:2]
            size = size_for(height, width, self.side, patch)
            pixels = torch.from_numpy(np.stack([normalised(view.image, size) for view in views])).to(hands.device)
            with inference(hands):
                said = model(pixel_values=pixels).predicted_depth
            whole = interpolate(said.float()[:, None], (height, width), mode="bilinear", align_corners=False)
            result: NDArray[np.float32] = whole[:, 0].cpu().numpy()
            refuse_no_number(result, found.name)
            return list(result)

        return estimate
