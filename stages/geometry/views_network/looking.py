"""Images as the network takes them, and what it says of them as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.stage import Hands
from occlabel.stages.geometry.views_network.cameras import by_rays, decoded
from occlabel.stages.geometry.views_network.window import Estimate, Views
from occlabel.stages.learning.foundation import inference, refuse_no_number
from occlabel.stages.learning.preprocessing import normalised, size_within

if TYPE_CHECKING:
    from occlabel.stages.geometry.views_network.network import AnyView

_PATCH = 14


def estimate_with(network: AnyView, side: int, hands: Hands, name: str) -> Estimate:
    """Images are resized for their longer side to have ``side`` pixels. Cameras are those of the network's decoder; of
    one without, those that its rays tell."""
    import torch

    def estimate(images: Sequence[NDArray[np.uint8]]) -> Views:
        height, width = images[0].shape[:2]
        size = size_within(height, width, side, _PATCH)
        pixels = np.stack([normalised(image, size) for image in images])
        with inference(hands):
            seen, said = network(torch.from_numpy(pixels).to(hands.device))
        depth, confidence, rays, weights = (part.float().cpu().numpy() for part in seen)
        for part in (depth, confidence, rays, weights):
            refuse_no_number(part, name)
        if said is None:
            poses, intrinsics = by_rays(rays, weights - 1, size)
        else:
            refuse_no_number(said.cpu().numpy(), name)
            poses, intrinsics = decoded(said.cpu().numpy(), size)
        return Views(poses, _of_images(intrinsics, size, (height, width)), depth, confidence)

    return estimate


def _of_images(intrinsics: NDArray[np.float64], size: tuple[int, int], images: tuple[int, int]) -> NDArray[np.float64]:
    """K [view, 3, 3] in pixels of images (height, width) of one of ``size``: edges lie on edges."""
    grown = np.array([images[1] / size[1], images[0] / size[0]])
    result = intrinsics.copy()
    result[:, :2] *= grown[:, None]
    result[:, :2, 2] += grown / 2 - 0.5
    return result
