"""Prompt Depth Anything: an image, and metres that some of its pixels are known to have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import distance_transform_edt

from occlabel.schemas.arrays import DEPTH, ArraySpec
from occlabel.schemas.rig import Rig
from occlabel.schemas.stage import Clip, Hands, Inputs
from occlabel.stages.learning.foundation import Checkpoint, Weights, pretrained, refuse_other_model
from occlabel.stages.priors.depth.depth_anything import estimate_with, features_bytes, side_of
from occlabel.stages.priors.depth.learned import Estimate, Learned, View

_SIDE = 756
_FEWEST = 16
"""Known elements of an image without which there is nothing to go by."""
_FLAT = 0.01
"""[m] between the nearest and the farthest of them."""


class PromptDepthAnything(Learned):
    """Prompt Depth Anything (Lin et al. 2025): depth of an earlier stage, such as that from LiDAR, tells the network
    how many metres it sees. Elements that the earlier stage does not know are filled by their nearest known ones; an
    image of which it knows fewer than 16, or all in one distance, stays unknown.
    """

    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH,)

    kind: Literal["prompt_depth_anything"] = "prompt_depth_anything"
    weights: Weights = "depth-anything/prompt-depth-anything-vits-hf"
    """A Prompt Depth Anything on the hub that was fetched, or a folder in the same format."""
    side: int | None = Field(default=None, ge=56, le=4096)
    """Pixels to which one side of an image is resized, whichever changes it less; fewer are faster. [default: what the
    weights' preprocessor_config.json says, or 756]"""

    def suits(self, found: Checkpoint) -> None:
        refuse_other_model(found, "prompt_depth_anything")

    def working_bytes(self, found: Checkpoint, rig: Rig) -> int:
        return features_bytes(found, rig, self.side or side_of(found, _SIDE))

    def loaded(self, hands: Hands) -> Estimate:
        from transformers import PromptDepthAnythingForDepthEstimation

        found = self.found()
        self.suits(found)
        model = pretrained(PromptDepthAnythingForDepthEstimation.from_pretrained, found, hands)
        return estimate_with(model, self.side or side_of(found, _SIDE), hands, found.name)

    def views(self, clip: Clip, inputs: Inputs, rig: Rig) -> Iterator[View]:
        first = inputs.own(clip).start
        for view in super().views(clip, inputs, rig):
            prompt = filled(inputs[DEPTH.on(view.camera)][first + view.n].astype(np.float32))
            if prompt is not None:
                yield replace(view, prompt=prompt)


def filled(depth: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """``depth`` [v, u] with what is not known taken from the nearest element that is; None where too little is."""
    known = np.isfinite(depth)
    if known.sum() < _FEWEST or np.ptp(depth[known]) < _FLAT:
        return None
    v, u = distance_transform_edt(~known, return_distances=False, return_indices=True)
    result: NDArray[np.float32] = depth[v, u]
    return result
