"""Weight files of MoGe-2: ``model.pt`` as it is on the hub, or ``config.json`` and ``model.safetensors``."""

from __future__ import annotations

import json
import zipfile
from typing import Any

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.dinov2 import Sizes
from occlabel.stages.learning.foundation import Checkpoint, checkpoint, located, refuse_not_finite
from occlabel.stages.priors.depth.moge_network import MogeNetwork

_OFFICIAL = "model.pt"
_BACKBONE = "encoder.backbone"


def moge_checkpoint(weights: str, revision: str | None) -> Checkpoint:
    """Raises BadWeights when it is not there, or not whole."""
    folder = located(weights, revision)
    path = folder / _OFFICIAL
    if not path.is_file():
        return checkpoint(weights, revision)
    if not zipfile.is_zipfile(path):
        raise BadWeights(f"{path} is no file of torch.save: it was cut or overwritten; fetch it again with hf download")
    return Checkpoint(weights, folder, (path,))


def refuse_other_config(found: Checkpoint) -> None:
    """Raises BadWeights when what lies beside safetensors is not MoGe-2's; ``model.pt`` tells when it is loaded."""
    if found.files[0].name != _OFFICIAL and "model_config" not in found.config:
        raise BadWeights(f"{found.name} has no model_config in its config.json, so it is no MoGe-2")


def loaded_network(found: Checkpoint, hands: Hands) -> MogeNetwork:
    """For inference, float32, on the hands' device. Raises BadWeights unless every tensor is in the file, as it has to
    be, and finite. Of a pickle nothing is made but tensors and plain values."""
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(hands.threads)
    path = found.folder / _OFFICIAL
    try:
        if path in found.files:
            held = torch.load(path, map_location="cpu", weights_only=True)
            config, tensors, told = held["model_config"], held["model"], {}
        else:
            facts = json.loads((found.folder / "config.json").read_text("utf-8"))
            config, told = facts["model_config"], facts.get("vit", {})
            tensors = load_file(found.folder / "model.safetensors")
        network = MogeNetwork(config, _sizes(tensors, told))
        wrong = _differing(network.state_dict(), tensors)
    except Exception as error:  # what torch, json and safetensors raise for a damaged file is of many types
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise BadWeights(f"{found.name} is not a MoGe-2 that can be loaded ({type(error).__name__}: {said})") from error
    if wrong:
        raise BadWeights(
            f"{found.name} does not hold the weights that its model_config asks for: {len(wrong)} tensors are missing "
            f"or of another shape, the first is {wrong[0]}"
        )
    # Heads that the configuration leaves out, and what only training needs, may be in the file.
    network.load_state_dict(tensors, strict=False)
    refuse_not_finite(network, found.name)
    return network.to(hands.device).eval().requires_grad_(False)


def _sizes(tensors: dict[str, Any], told: dict[str, Any]) -> Sizes:
    """Of the encoder, by its tensors; every DINOv2 has heads of 64, unless it is ``told``."""
    width = int(tensors[f"{_BACKBONE}.cls_token"].shape[-1])
    depth = sum(name.startswith(f"{_BACKBONE}.blocks.") and name.endswith(".ls1.gamma") for name in tensors)
    return Sizes(width, depth, int(told.get("num_heads", width // 64)))


def _differing(own: dict[str, Any], tensors: dict[str, Any]) -> list[str]:
    return sorted(name for name in own if name not in tensors or tensors[name].shape != own[name].shape)
