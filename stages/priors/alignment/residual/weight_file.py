"""Weight files of the residual network: what their header says, and how far the depth that it corrects is off."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.purpose import check_purpose, said

if TYPE_CHECKING:
    from occlabel.stages.priors.alignment.residual.network import Residual

NETWORK = "residual-1"
"""Changes when old weights no longer fit."""
COMMAND = "occlabel train depth_alignment"
"""What trains such weights."""
PURPOSE = {"network": NETWORK}
"""Facts that a weight file must state."""
NEAREST = 0.1
"""[m]: no corrected depth is less, as the weights were trained."""
_LARGEST = 100.0
"""No share is larger."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What the variance of corrected depth is made of, as it was measured at points of held-out logs."""

    before: float = 1.0
    """Of the variance that the alignment gave, ..."""
    moved: float = 1.0
    """... and of the square of the correction: what network and alignment disagree by."""

    def fact(self) -> dict[str, str]:
        return {"variance": dumps(asdict(self))}


def check(path: Path) -> Shares:
    """What the file says of variance. Raises BadWeights when it is missing, damaged or of another network."""
    if not path.is_file():
        raise BadWeights(f"there is no weight file {path}; train one with {COMMAND}, or name another")
    shares = said(path, check_purpose(path, PURPOSE, COMMAND), "variance", Shares)
    if not (0 <= shares.before <= _LARGEST and 0 <= shares.moved <= _LARGEST):
        raise BadWeights(f"{path} says of its variance: {asdict(shares)}; fetch it again or train it again")
    return shares


def load_network(path: Path, hands: Hands) -> Residual:
    """The network, ready to be asked. Raises BadWeights."""
    import torch

    from occlabel.stages.learning.weights import load_weights
    from occlabel.stages.priors.alignment.residual.network import Residual

    check(path)
    torch.set_num_threads(hands.threads)
    with torch.random.fork_rng():
        network = Residual()
    load_weights(network, path)
    return network.eval().requires_grad_(False).to(hands.device)
