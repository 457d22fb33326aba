"""Weight files of OccAny: what their header says, and the network they hold."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.completion.occany.sizes import Meaning, Sizes
from occlabel.stages.completion.occany.trust import Trust
from occlabel.stages.learning.purpose import check_purpose, said

if TYPE_CHECKING:
    from occlabel.stages.completion.occany.network import OccAny

NETWORK = "occany-1"
"""Changes when old weights no longer fit."""
COMMAND = "occlabel train occany"
"""What trains such weights."""
SHIPPED = Path(__file__).parent / "weights" / "occ3d.safetensors"
"""Come with occlabel."""


def purpose(taxonomy: Taxonomy) -> dict[str, str]:
    """Facts that a weight file must state."""
    return {"network": NETWORK, "classes": json.dumps(list(taxonomy.names))}


def facts_of(taxonomy: Taxonomy, sizes: Sizes, meaning: Meaning, trust: Trust) -> dict[str, str]:
    """What a weight file states."""
    told = {"sizes": json.dumps(asdict(sizes)), "labels": json.dumps(asdict(meaning)), "trust": json.dumps(trust)}
    return purpose(taxonomy) | told


def check(path: Path, taxonomy: Taxonomy) -> tuple[Sizes, Meaning, Trust]:
    """What a file says of itself. Raises BadWeights when it is missing, damaged or of another network or taxonomy."""
    if not path.is_file():
        raise BadWeights(f"there is no weight file {path}; train one with {COMMAND}, or name another")
    facts = check_purpose(path, purpose(taxonomy), COMMAND)
    return said(path, facts, "sizes", Sizes), said(path, facts, "labels", Meaning), _trust(path, facts)


def _trust(path: Path, facts: dict[str, str]) -> Trust:
    told = facts.get("trust", "nothing")
    try:
        return {f"{float(share):g}": float(least) for share, least in json.loads(told).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise BadWeights(f"{path} says of its trust: {told[:200]}; fetch it again or train it again") from error


def load_network(path: Path, taxonomy: Taxonomy, hands: Hands) -> OccAny:
    """The network, ready to be asked. Raises BadWeights."""
    import torch

    from occlabel.stages.completion.occany.network import OccAny
    from occlabel.stages.learning.weights import load_weights

    sizes, meaning, _ = check(path, taxonomy)
    torch.set_num_threads(hands.threads)
    with torch.random.fork_rng():
        network = OccAny(len(taxonomy.names), len(meaning.classes), sizes)
    load_weights(network, path)
    return network.eval().requires_grad_(False).to(hands.device)
