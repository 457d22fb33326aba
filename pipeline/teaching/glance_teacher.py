"""The frozen segmenter whose feature maps are distilled (segmentation forcing): glance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.occany.sizes import Meaning
from occlabel.stages.completion.occany.training import Segmenter
from occlabel.stages.priors.glance.labels import LABELS, SKY
from occlabel.stages.priors.glance.looking import input_size, resized_row, shown, with_rows
from occlabel.stages.priors.glance.network import Glance
from occlabel.stages.priors.glance.weight_file import SHIPPED, load_network
from occlabel.stages.priors.segments.class_tables import class_table


def glance_segmenter(space: LabelSpace, weights: Path | None, hands: Hands) -> Segmenter:
    """Of the ``weights`` of glance, or those that come with occlabel. Raises BadRecipe for a taxonomy that they have no
    class table for, BadWeights."""
    network = load_network(weights or SHIPPED, hands)
    table = class_table("glance", space.taxonomy).class_ids(dict(enumerate(LABELS)), space.taxonomy)
    classes = tuple(int(one) if one in space.taxonomy.occupied_ids else UNKNOWN for one in table)
    last = network.labels
    assert last.bias is not None
    head, bias = last.weight[:, :, 0, 0].cpu().numpy(), last.bias.cpu().numpy()

    def teacher(image: NDArray[np.uint8], intrinsics: Matrix, size: tuple[int, int]) -> NDArray[np.float16]:
        return _features(network, image, intrinsics, size, hands)

    return Segmenter(teacher, head, bias, Meaning(classes, SKY))


@torch.no_grad()
def _features(
    network: Glance, image: NDArray[np.uint8], intrinsics: Matrix, size: tuple[int, int], hands: Hands
) -> NDArray[np.float16]:
    """[FEATURES, *size] of what glance sees in ``image`` [h, w, 3]."""
    height, width = image.shape[:2]
    own = input_size(height, width)
    given = with_rows(shown(image, own), resized_row(float(intrinsics[1, 2]), height, own[0]))
    features = network.features(torch.from_numpy(given)[None].to(hands.device))
    resized = functional.interpolate(features.float(), size=size, mode="bilinear", align_corners=False)
    return resized[0].cpu().numpy().astype(np.float16)
