"""The weights of Depth Anything 3's metric model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.depth_anything_3 import encoder_sizes, head_sizes, layers_of, model_of, network_from
from occlabel.stages.learning.foundation import Checkpoint

if TYPE_CHECKING:
    from occlabel.stages.priors.depth.depth_anything_3_network import Metric

MODEL = "da3metric-large"
"""``model_name`` of the one that is served."""
_LAYERS = (4, 11, 17, 23)
"""Blocks that its head reads, unless config.json says others."""


def refuse_other_model(found: Checkpoint) -> None:
    """Raises BadWeights unless config.json is that of Depth Anything 3's metric model."""
    if (told := model_of(found)) != MODEL:
        raise BadWeights(
            f"{found.name} is {told}, whose depth has no metres by a single image; take DA3METRIC-LARGE ({MODEL})"
        )


def loaded_network(found: Checkpoint, hands: Hands) -> Metric:
    """For inference, float32, on the hands' device. Raises BadWeights unless every tensor is in the files, as it has to
    be, and finite."""
    from occlabel.stages.priors.depth.depth_anything_3_network import Metric

    def made(tensors: dict[str, Any]) -> Metric:
        sizes = encoder_sizes(tensors)
        return Metric(sizes, layers_of(found.config, sizes.depth, _LAYERS), head_sizes(tensors))

    return network_from(found, hands, made, MODEL)
