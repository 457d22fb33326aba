"""Weight files of ViPOcc: what their header says, and the networks they hold."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.completion.vipocc.sizes import Sizes
from occlabel.stages.learning.purpose import check_purpose, said

if TYPE_CHECKING:
    from occlabel.stages.completion.vipocc.field import ViPOcc

NETWORK = "vipocc-2"
"""Changes when old weights no longer fit."""
COMMAND = "occlabel train vipocc"
"""What trains such weights."""


def facts_of(sizes: Sizes) -> dict[str, str]:
    """What a weight file must state."""
    return {"network": NETWORK, "sizes": json.dumps(asdict(sizes))}


def check(path: Path) -> Sizes:
    """The sizes of the networks in a file. Raises BadWeights when it is missing, damaged or of another network."""
    if not path.is_file():
        raise BadWeights(f"there is no weight file {path}; train one with {COMMAND}, or name another")
    return said(path, check_purpose(path, {"network": NETWORK}, COMMAND), "sizes", Sizes)


def load_network(path: Path, hands: Hands) -> ViPOcc:
    """The networks, ready to be asked. Raises BadWeights."""
    import torch

    from occlabel.stages.completion.vipocc.field import ViPOcc
    from occlabel.stages.learning.weights import load_weights

    sizes = check(path)
    torch.set_num_threads(hands.threads)
    with torch.random.fork_rng():
        network = ViPOcc(sizes)
    load_weights(network, path)
    return network.eval().requires_grad_(False).to(hands.device)
