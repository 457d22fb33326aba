"""What a weight file of DualFlow4D says about itself, and the network it holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.schemas.space import LabelSpace
from occlabel.stages.learning.purpose import check_purpose, purpose_of, said, temperature_of
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.windows import Reach

if TYPE_CHECKING:
    from occlabel.stages.propagation.dualflow4d import DualFlow4D

NETWORK = "dualflow4d-1"
"""Raised when the layers change, so that older weights are refused instead of misread."""


def facts_of(space: LabelSpace, parts: Parts, reach: Reach) -> dict[str, str]:
    """Facts of weights for ``space``: what they are for, and with which parts and windows they were trained."""
    return purpose(space) | {"parts": json.dumps(asdict(parts)), "reach": json.dumps(asdict(reach))}


def purpose(space: LabelSpace) -> dict[str, str]:
    return purpose_of(NETWORK, space)


def check(path: Path, space: LabelSpace) -> dict[str, str]:
    """The facts of a weight file. Raises BadWeights when it is damaged, says too little or was made for something
    else."""
    facts = check_purpose(path, purpose(space), "occlabel train propagation")
    said(path, facts, "parts", Parts)
    said(path, facts, "reach", Reach)
    temperature_of(path, facts)
    return facts


def training_of(path: Path) -> tuple[str, Reach]:
    """The onboard model and the windows with which weights were trained. Raises BadWeights when the file is silent."""
    facts = read_facts(path)
    return facts.get("onboard", "an unknown model"), said(path, facts, "reach", Reach)


def load_network(path: Path, space: LabelSpace) -> tuple[DualFlow4D, float]:
    """The network of a weight file and its temperature. Raises BadWeights as ``check`` does."""
    from occlabel.stages.learning.weights import load_weights
    from occlabel.stages.propagation.dualflow4d import DualFlow4D

    facts = check(path, space)
    parts = said(path, facts, "parts", Parts)
    network = DualFlow4D(space.grid.shape[2], len(space.taxonomy.classes), space.taxonomy.free_id, parts)
    load_weights(network, path)
    return network.eval(), temperature_of(path, facts)
