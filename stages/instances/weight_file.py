"""What a weight file of OffsetOcc says about itself, and the network it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.stages.instances.lattice import Lattice
from occlabel.stages.learning.purpose import check_purpose, purpose_of, said

if TYPE_CHECKING:
    from occlabel.stages.instances.offsetocc import OffsetOcc

NETWORK = "offsetocc-1"
"""Raised when the layers change, so that older weights are refused instead of misread."""
_MOST_POINTS = 1_000_000
"""In a lattice: ten times those of the finest that is shipped."""


def purpose(space: LabelSpace) -> dict[str, str]:
    return purpose_of(NETWORK, space)


def things_of(space: LabelSpace) -> list[int]:
    """Ids of the thing classes, in the order of the network's classes."""
    return [entry.id for entry in space.taxonomy.classes if entry.thing]


def facts_of(space: LabelSpace, lattice: Lattice, objects: Sequence[int]) -> dict[str, str]:
    """Facts of weights for ``space``: what they are for, their lattice, how many objects of each thing class a hundred
    frames of the training showed."""
    names = [space.taxonomy.names[thing] for thing in things_of(space)]
    return purpose(space) | {
        "lattice": json.dumps(asdict(lattice)),
        "objects": json.dumps(dict(zip(names, objects, strict=True))),
    }


def check(path: Path, space: LabelSpace) -> dict[str, str]:
    """The facts of a weight file. Raises BadWeights when it is damaged, says too little or was made for something
    else."""
    facts = check_purpose(path, purpose(space), "occlabel train instances")
    _lattice(path, facts)
    return facts


def load_network(path: Path, space: LabelSpace) -> OffsetOcc:
    """The network of a weight file. Raises BadWeights as ``check`` does."""
    from occlabel.stages.instances.offsetocc import OffsetOcc
    from occlabel.stages.learning.weights import load_weights

    lattice = _lattice(path, check(path, space))
    network = OffsetOcc(space.grid.shape[2], len(space.taxonomy.classes), len(things_of(space)), lattice)
    load_weights(network, path)
    return network.eval()


def _lattice(path: Path, facts: Mapping[str, str]) -> Lattice:
    lattice = said(path, facts, "lattice", Lattice)
    if not (lattice.pitch > 0 and 0 <= lattice.length**2 * lattice.height / lattice.pitch**3 < _MOST_POINTS):
        raise BadWeights(f"{path} says of its lattice: {facts['lattice']}; fetch it again or train it again")
    return lattice
