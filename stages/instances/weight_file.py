"""What a weight file of OffsetOcc says about itself, and the network it holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.stages.instances.lattice import Lattice
from occlabel.stages.instances.offsetocc import NETWORK, OffsetOcc
from occlabel.stages.learning.purpose import check_purpose, purpose_of
from occlabel.stages.learning.weights import load_weights


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
    """The facts of a weight file. Raises BadWeights when it is damaged or was made for something else."""
    return check_purpose(path, purpose(space), "occlabel train instances")


def load_network(path: Path, space: LabelSpace) -> OffsetOcc:
    """The network of a weight file. Raises BadWeights as ``check`` does."""
    facts = check(path, space)
    try:
        lattice = Lattice(**json.loads(facts["lattice"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadWeights(f"{path} does not say how its points rest ({error}); train it again") from error
    network = OffsetOcc(space.grid.shape[2], len(space.taxonomy.classes), len(things_of(space)), lattice)
    load_weights(network, path)
    return network.eval()
