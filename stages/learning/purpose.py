"""What weights on label volumes are for: network, voxels and classes, as the header of their file says it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.stages.learning.weight_header import check_content, read_facts

T = TypeVar("T")


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
    check_content(path)
    for name, value in purpose.items():
        if name not in facts:
            raise BadWeights(
                f"{path} does not say for which {name} it was made, so it is none of {command}; the recipe needs "
                f"{value}"
            )
        if facts[name] != value:
            raise BadWeights(
                f"{path} was made for the {name} {facts[name]}, the recipe needs {value}; train weights "
                f"for it with {command}"
            )
    return facts


def said(path: Path, facts: Mapping[str, str], name: str, type_: type[T]) -> T:
    """What the header of a weight file says as JSON about ``name``, as the dataclass ``type_``. Raises BadWeights."""
    told = facts.get(name, "nothing")
    try:
        type_(**json.loads(told))  # refuses fields that there are not, pydantic those of another type
        return TypeAdapter(type_).validate_json(told, strict=True)
    except (TypeError, ValueError) as error:
        raise BadWeights(f"{path} says of its {name}: {told[:200]}; fetch it again or train it again") from error


def temperature_of(path: Path, facts: Mapping[str, str]) -> float:
    """By which scores are divided before they become probabilities; 1 where nobody fitted it. Raises BadWeights."""
    try:
        temperature = float(facts.get("temperature", "1"))
    except ValueError:
        temperature = math.nan
    if not 0 < temperature < math.inf:
        raise BadWeights(f"{path} says that its temperature is {facts['temperature']!r}, expected a positive number")
    return temperature


def shipped(
    folder: Path, purpose: Mapping[str, str], space: LabelSpace, slot: str, otherwise: str = "", sensor: str = "lidar"
) -> Path:
    """The weight file in ``folder`` that serves the purpose in ``space``, for labels made by ``sensor``, by which the
    names of shipped files end.

    Raises BadWeights when there is none; ``otherwise`` ends the sentence with what else a user of ``slot`` can do.
    """
    for path in sorted(folder.glob(f"*_{sensor}.safetensors")):
        if fits(read_facts(path), purpose):
            return path
    raise BadWeights(
        f"no weights of {slot} for labels of {sensor}s are shipped for voxels of {space.grid.voxel_size:g} m, "
        f"{space.grid.shape[2]} of them on each other, and these {len(space.taxonomy.classes)} classes; train them "
        f"with occlabel train {slot} and name the file as {slot}.weights{otherwise}"
    )
