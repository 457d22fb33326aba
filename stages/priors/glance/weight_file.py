"""Weight files of glance: what their header says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands, Resources
from occlabel.stages.learning.purpose import check_purpose
from occlabel.stages.priors.glance.labels import LABELS

if TYPE_CHECKING:
    from occlabel.stages.priors.glance.network import Glance

NETWORK = "glance-1"
"""Changes when old weights no longer fit."""
COMMAND = "occlabel train glance"
"""What trains such weights."""
SHIPPED = Path(__file__).parent / "weights" / "glance.safetensors"
"""Come with occlabel."""


def purpose() -> dict[str, str]:
    """Facts that a weight file must state."""
    return {"network": NETWORK, "labels": json.dumps(LABELS)}


def refusal(weights: Path) -> str | None:
    """Why no stage can work with ``weights``, for ``Stage.refuse``; None where one can."""
    try:
        check(weights)
    except BadWeights as error:
        return str(error)
    return None


def resources(batch: int, arrays: int) -> Resources:
    """Of a stage: the libraries; features of a batch of images, some 60 MB each; the bytes of the arrays."""
    return Resources(gpus=1.0, memory=(1 << 30) + batch * (60 << 20) + arrays)


def check(path: Path) -> dict[str, str]:
    """The facts of a weight file. Raises BadWeights when it is missing, damaged or of another network."""
    return check_purpose(path, purpose(), COMMAND)


def load_network(path: Path, hands: Hands) -> Glance:
    """The network, ready to be asked. Raises BadWeights."""
    import torch

    from occlabel.stages.learning.weights import load_weights
    from occlabel.stages.priors.glance.network import Glance

    check(path)
    torch.set_num_threads(hands.threads)
    with torch.random.fork_rng():
        network = Glance()
    load_weights(network, path)
    return network.eval().requires_grad_(False).to(hands.device)
