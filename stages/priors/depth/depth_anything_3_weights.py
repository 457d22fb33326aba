"""Weight files of Depth Anything 3 as they are on the hub: ``config.json`` and ``model.safetensors``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.priors.weights import Checkpoint, refuse_not_finite

if TYPE_CHECKING:
    from occlabel.stages.priors.depth.depth_anything_3_network import Metric

MODEL = "da3metric-large"
"""``model_name`` of the one that is served."""
_LAYERS = (4, 11, 17, 23)
"""Blocks that its head reads, unless config.json says others."""
_PREFIX = "model."


def refuse_other_model(found: Checkpoint) -> None:
    """Raises BadWeights unless config.json is that of Depth Anything 3's metric model."""
    told = found.config.get("model_name")
    if not isinstance(told, str) or not told.startswith("da3"):
        raise BadWeights(f"{found.name} names no model of Depth Anything 3 in its config.json (model_name)")
    if told != MODEL:
        raise BadWeights(
            f"{found.name} is {told}, whose depth has no metres by a single image; take DA3METRIC-LARGE ({MODEL})"
        )


def loaded_network(found: Checkpoint, hands: Hands) -> Metric:
    """For inference, float32, on the hands' device. Raises BadWeights unless every tensor is in the files, as it has to
    be, and finite."""
    import torch
    from safetensors.torch import load_file

    from occlabel.stages.priors.depth.depth_anything_3_network import Metric

    torch.set_num_threads(hands.threads)
    try:
        parts = [load_file(path) for path in found.files if path.suffix == ".safetensors"]
        tensors = {name.removeprefix(_PREFIX): tensor for part in parts for name, tensor in part.items()}
        network = Metric(*_sizes(tensors, found.config))
        own = network.state_dict()
        wrong = sorted(name for name in own if name not in tensors or tensors[name].shape != own[name].shape)
    except BadWeights:
        raise
    except Exception as error:  # what torch and safetensors raise for a damaged file is of many types
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise BadWeights(
            f"{found.name} is not a Depth Anything 3 that can be loaded ({type(error).__name__}: {said})"
        ) from error
    if wrong:
        raise BadWeights(
            f"{found.name} does not hold the weights of {MODEL}: {len(wrong)} tensors are missing or of another shape, "
            f"the first is {_PREFIX}{wrong[0]}; fetch it again with hf download, or name another folder"
        )
    network.load_state_dict(tensors, strict=False)  # what only training needs may be in the file
    refuse_not_finite(network, found.name)
    return network.to(hands.device).eval().requires_grad_(False)


def _sizes(tensors: Mapping[str, Any], config: Mapping[str, Any]) -> Sequence[Any]:
    """Of encoder and head, by their tensors; every DINOv2 has heads of 64."""
    from occlabel.stages.priors.depth.depth_anything_3_network import HeadSizes
    from occlabel.stages.priors.depth.dinov2 import Sizes

    encoder = "backbone.pretrained"
    width = int(tensors[f"{encoder}.cls_token"].shape[-1])
    depth = sum(name.startswith(f"{encoder}.blocks.") and name.endswith(".ls1.gamma") for name in tensors)
    told = config.get("config")
    net = told.get("net") if isinstance(told, dict) else None
    layers = net.get("out_layers") if isinstance(net, dict) else None
    layers = tuple(_LAYERS if layers is None else layers)
    if len(layers) != 4 or not all(isinstance(one, int) and 0 <= one < depth for one in layers):
        raise BadWeights(f"the encoder has {depth} blocks, and the head would read the blocks {layers}")
    channels = tuple(int(tensors[f"head.projects.{n}.weight"].shape[0]) for n in range(4))
    features = int(tensors["head.scratch.output_conv1.weight"].shape[1])
    return Sizes(width, depth, width // 64), layers, HeadSizes(channels, features)  # type: ignore[arg-type]
