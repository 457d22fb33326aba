"""What a weight file of DualFlow4D says about itself, and the network it holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.stages.learning.purpose import check_purpose, purpose_of
from occlabel.stages.learning.weights import load_weights, read_facts
from occlabel.stages.propagation.dualflow4d import NETWORK, DualFlow4D
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.windows import Reach


def facts_of(space: LabelSpace, parts: Parts, reach: Reach) -> dict[str, str]:
    """Facts of weights for ``space``: what they are for, and with which parts and windows they were trained."""
    return purpose(space) | {"parts": json.dumps(asdict(parts)), "reach": json.dumps(asdict(reach))}


def purpose(space: LabelSpace) -> dict[str, str]:
    return purpose_of(NETWORK, space)


def check(path: Path, space: LabelSpace) -> dict[str, str]:
    """The facts of a weight file. Raises BadWeights when it is damaged or was made for something else."""
    return check_purpose(path, purpose(space), "occlabel train propagation")


def training_of(path: Path) -> tuple[str, Reach]:
    """The onboard model and the windows with which weights were trained. Raises BadWeights when the file is silent."""
    facts = read_facts(path)
    try:
        return facts.get("onboard", "an unknown model"), Reach(**json.loads(facts["reach"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadWeights(f"{path} does not say how it was trained ({error}); train it again") from error


def load_network(path: Path, space: LabelSpace) -> tuple[DualFlow4D, dict[str, str]]:
    """The network of a weight file and the file's facts. Raises BadWeights as ``check`` does."""
    facts = check(path, space)
    try:
        parts = Parts(**json.loads(facts["parts"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadWeights(f"{path} does not say how its network is made ({error}); train it again") from error
    network = DualFlow4D(space.grid.shape[2], len(space.taxonomy.classes), space.taxonomy.free_id, parts)
    load_weights(network, path)
    return network.eval(), facts
