"""The weights of any-view models: Depth Anything 3's own, and of OccAny+, which are named alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.depth_anything_3 import (
    ENCODER,
    encoder_sizes,
    head_sizes,
    layers_of,
    model_of,
    network_from,
)
from occlabel.stages.learning.foundation import Checkpoint

if TYPE_CHECKING:
    from occlabel.stages.geometry.views_network.network import AnyView

_SERVED = ("da3-small", "da3-base", "da3-large")
"""How ``model_name`` begins."""
_LAYERS = {12: (5, 7, 9, 11), 24: (11, 15, 19, 23)}
"""Blocks that the head reads, by how many there are, unless config.json says others."""
_STARTS = ("alt_start", "qknorm_start", "rope_start")
_NORM = "head.scratch.output_conv2_aux.{}.2.{}"


def refuse_other_model(found: Checkpoint) -> None:
    """Raises BadWeights unless config.json is that of an any-view model that can be built here."""
    if not (told := model_of(found)).startswith(_SERVED):
        raise BadWeights(
            f"{found.name} is {told}, and poses are found with DA3-SMALL, DA3-BASE or DA3-LARGE ({', '.join(_SERVED)})"
        )


def loaded_network(found: Checkpoint, hands: Hands, decodes: bool) -> AnyView:
    """For inference, float32, on the hands' device; ``decodes``: with its decoder of cameras. Raises BadWeights unless
    every tensor is in the files, as it has to be, and finite."""
    from occlabel.stages.geometry.views_network.network import AnyView, Layers

    def made(tensors: dict[str, Any]) -> AnyView:
        sizes = encoder_sizes(tensors)
        # All levels of the rays share one norm, which a file holds once, by the name of the first.
        for part in ("weight", "bias"):
            if (shared := tensors.get(_NORM.format(0, part))) is not None:
                tensors.setdefault(_NORM.format(3, part), shared)
        read = layers_of(found.config, sizes.depth, _LAYERS.get(sizes.depth, ()))
        return AnyView(sizes, Layers(read, _together_from(tensors, found)), head_sizes(tensors), decodes)

    return network_from(found, hands, made)


def _together_from(tensors: dict[str, Any], found: Checkpoint) -> int:
    """The first block that normalises its queries, which is that from which on views see each other."""
    normed = [int(name.split(".")[3]) for name in tensors if name.startswith(ENCODER) and ".attn.q_norm.w" in name]
    if not normed:
        raise BadWeights(f"{found.name} has no block that sees several views at once: it is no any-view model")
    told = found.config.get("config")
    net = told.get("net") if isinstance(told, dict) else None
    said = {net.get(name, min(normed)) for name in _STARTS} if isinstance(net, dict) else {min(normed)}
    if said != {min(normed)}:
        raise BadWeights(
            f"{found.name}: views see each other from block {min(normed)} on by its tensors, and config.json has "
            f"{', '.join(_STARTS)} otherwise; take the config.json that belongs to them"
        )
    return min(normed)
