"""Weight files of Dr.Occ: what their header says, and the network they hold."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.drocc.parts import Parts, Sizes
from occlabel.stages.learning.purpose import check_purpose, purpose_of, said, temperature_of

if TYPE_CHECKING:
    from occlabel.stages.completion.drocc.network import DrOcc

NETWORK = "drocc-1"
"""Raised when the layers change, so that older weights are refused instead of misread."""
COMMAND = "occlabel train drocc"
"""What trains such weights."""
SHIPPED = Path(__file__).parent / "weights" / "occ3d.safetensors"
"""Come with occlabel."""


def purpose(space: LabelSpace) -> dict[str, str]:
    """Facts that a weight file must state to serve ``space``. How far the grid reaches does not matter."""
    grid = space.grid
    return purpose_of(NETWORK, space) | {"frame": json.dumps({"bottom": grid.origin[2], "frame": grid.frame})}


def facts_of(space: LabelSpace, parts: Parts, sizes: Sizes) -> dict[str, str]:
    """Facts of weights for ``space``: what they are for, and which network it is."""
    return purpose(space) | {"parts": json.dumps(asdict(parts)), "sizes": json.dumps(asdict(sizes))}


def check(path: Path, space: LabelSpace) -> tuple[Parts, Sizes, float]:
    """Parts, sizes and temperature of a weight file. Raises BadWeights when it is missing, damaged, says too little or
    was made for something else."""
    facts = check_purpose(path, purpose(space), COMMAND)
    return said(path, facts, "parts", Parts), said(path, facts, "sizes", Sizes), temperature_of(path, facts)


def load_network(path: Path, space: LabelSpace) -> tuple[DrOcc, float]:
    """The network of a weight file in evaluation mode, and its temperature. Raises BadWeights as ``check`` does."""
    import torch

    from occlabel.stages.completion.drocc.network import DrOcc
    from occlabel.stages.learning.weights import load_weights

    parts, sizes, temperature = check(path, space)
    with torch.random.fork_rng():
        network = DrOcc(space, parts, sizes)
    load_weights(network, path)
    return network.eval().requires_grad_(False), temperature
