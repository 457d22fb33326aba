"""What weights on label volumes are for: network, voxels and classes, as the header of their file says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.stages.learning.weights import read_facts


def purpose_of(network: str, space: LabelSpace) -> dict[str, str]:
    """Facts that the header of a weight file must state to serve ``space``. How far a grid reaches does not matter."""
    grid = {"heights": space.grid.shape[2], "voxel_size": space.grid.voxel_size}
    return {
        "network": network,
        "grid": json.dumps(grid, sort_keys=True),
        "classes": json.dumps([entry.name for entry in space.taxonomy.classes]),
    }


def fits(facts: Mapping[str, str], purpose: Mapping[str, str]) -> bool:
    return all(facts.get(name) == value for name, value in purpose.items())


def check_purpose(path: Path, purpose: Mapping[str, str], command: str) -> dict[str, str]:
    """The facts of a weight file. Raises BadWeights when it is damaged or was made for another purpose.

    ``command``: what trains such weights, for the sentence.
    """
    facts = read_facts(path)
    for name, value in purpose.items():
        if facts.get(name) != value:
            raise BadWeights(
                f"{path} was made for the {name} {facts.get(name, 'unknown')}, the recipe needs {value}; train weights "
                f"for it with {command}"
            )
    return facts


def shipped(folder: Path, purpose: Mapping[str, str], space: LabelSpace, slot: str, otherwise: str = "") -> Path:
    """The weight file in ``folder`` that serves the purpose in ``space``.

    Raises BadWeights when there is none; ``otherwise`` ends the sentence with what else a user of ``slot`` can do.
    """
    for path in sorted(folder.glob("*.safetensors")):
        if fits(read_facts(path), purpose):
            return path
    raise BadWeights(
        f"no weights of {slot} are shipped for voxels of {space.grid.voxel_size} m and these "
        f"{len(space.taxonomy.classes)} classes; train them with occlabel train {slot} and name the file as "
        f"{slot}.weights{otherwise}"
    )
