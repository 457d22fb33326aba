"""Weights to go on from: those of the same network, of the one before it, which knew one sweep and no intensity, or for
one that reads paint, of one that reads none."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.weight_file import PAINTED, check, load_network
from occlabel.stages.learning.weight_header import read_facts, readable

BEFORE = "lmscnet-3"
_GREW = ("stem.0.weight", "local.weight")
"""What reads the input; its first channels were the whole of it."""


def begin_with(network: LMSCNet, path: Path, space: LabelSpace) -> None:
    """Loads ``path`` into ``network``. Channels that the weights do not know get the weight 0, and paint adds nothing
    where they know none, so that at first the network says what it said before. Raises BadWeights."""
    made_for = read_facts(path).get("network")
    if made_for != BEFORE:
        painted = network.paint is not None and made_for == PAINTED
        network.load_state_dict(network.state_dict() | load_network(path, space, painted)[0].state_dict())
        return
    check(path, space, BEFORE)
    with readable(path), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    own = network.state_dict()
    network.load_state_dict(own | tensors | {name: _widened(tensors[name], own[name]) for name in _GREW})


def _widened(known: Tensor, like: Tensor) -> Tensor:
    """``known`` [outputs, inputs, ...] with zeros for the further inputs of ``like``."""
    result = torch.zeros_like(like)
    result[:, : known.shape[1]] = known
    return result
