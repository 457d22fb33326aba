"""Weight files of Depth Anything 3 (Lin et al. 2025) as they are on the hub: ``config.json`` and
``model.safetensors``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import Checkpoint, refuse_not_finite

if TYPE_CHECKING:
    from torch import nn

    from occlabel.stages.learning.dinov2 import Sizes
    from occlabel.stages.learning.dpt import HeadSizes

    Network = TypeVar("Network", bound=nn.Module)

_PREFIX = "model."
ENCODER = "backbone.pretrained"
"""Where the names of the encoder's tensors begin."""
_HEAD_WIDTH = 64
"""Of every DINOv2."""


def model_of(found: Checkpoint) -> str:
    """``model_name`` in config.json. Raises BadWeights where that is none of Depth Anything 3."""
    told = found.config.get("model_name")
    if not isinstance(told, str) or not told.startswith("da3"):
        raise BadWeights(f"{found.name} names no model of Depth Anything 3 in its config.json (model_name)")
    return told


def network_from(
    found: Checkpoint, hands: Hands, make: Callable[[dict[str, Any]], Network], model: str | None = None
) -> Network:
    """What ``make`` builds of the tensors by name, filled with them: for inference, float32, on the hands' device.
    ``make`` may add tensors that a file holds under another name. ``model`` is what sentences call it. Raises
    BadWeights unless every tensor is in the files, as it has to be, and finite."""
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(hands.threads)
    try:
        parts = [load_file(path) for path in found.files if path.suffix == ".safetensors"]
        tensors = {name.removeprefix(_PREFIX): tensor for part in parts for name, tensor in part.items()}
        network = make(tensors)
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
            f"{found.name} does not hold the weights of {model or model_of(found)}: {len(wrong)} tensors are missing "
            f"or of another shape, the first is {_PREFIX}{wrong[0]}; fetch it again with hf download, or name another "
            "folder"
        )
    network.load_state_dict(tensors, strict=False)  # what only training needs may be in the file
    refuse_not_finite(network, found.name)
    return network.to(hands.device).eval().requires_grad_(False)


def encoder_sizes(tensors: Mapping[str, Any]) -> Sizes:
    """Of DINOv2, by its tensors."""
    from occlabel.stages.learning.dinov2 import Sizes

    width = int(tensors[f"{ENCODER}.cls_token"].shape[-1])
    depth = sum(name.startswith(f"{ENCODER}.blocks.") and name.endswith(".ls1.gamma") for name in tensors)
    return Sizes(width, depth, width // _HEAD_WIDTH)


def head_sizes(tensors: Mapping[str, Any]) -> HeadSizes:
    """By the head's tensors."""
    from occlabel.stages.learning.dpt import HeadSizes

    one, two, three, four = (int(tensors[f"head.projects.{n}.weight"].shape[0]) for n in range(4))
    features = int(tensors["head.scratch.output_conv1.weight"].shape[1])
    return HeadSizes((one, two, three, four), features)


def layers_of(config: Mapping[str, Any], depth: int, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    """The four blocks of ``depth`` that the head reads, as config.json says, or ``otherwise``. Raises BadWeights where
    the encoder has no such."""
    told = config.get("config")
    net = told.get("net") if isinstance(told, dict) else None
    layers = net.get("out_layers") if isinstance(net, dict) else None
    layers = tuple(otherwise if layers is None else layers)
    if len(layers) != 4 or not all(isinstance(one, int) and 0 <= one < depth for one in layers):
        raise BadWeights(f"the encoder has {depth} blocks, and the head would read the blocks {layers}")
    return layers
