"""The shipped weights: what they say about themselves, and that they part a parked row on which components fail."""

from __future__ import annotations

import json

import contract
import numpy as np
import pytest
from contract import log_of

from occlabel.schemas.drive_log import Frame
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.instances.learned import ObjectQueries
from occlabel.stages.instances.touching import ConnectedComponents
from occlabel.stages.learning.weight_header import read_facts

SPACES = {name: LabelSpace(GRIDS[name], TAXONOMIES[name]) for name in GRIDS}


@pytest.mark.parametrize("name", sorted(SPACES))
def test_shipped_weights_say_where_they_come_from(name: str) -> None:
    stage = ObjectQueries()
    assert stage.refuse(SPACES[name], None) is None
    (path,) = stage.files(SPACES[name])
    assert path.stat().st_size < 12_000_000
    facts = read_facts(path)
    assert "occlabel simulate" in facts["command"] and "occlabel train instances" in facts["command"]
    assert {"completion", "propagation", "voting"} <= set(facts["labels"].split(", "))
    assert json.loads(facts["objects"])["car"] > 100


@pytest.mark.parametrize("name", sorted(SPACES))
def test_cars_side_by_side_are_parted(name: str) -> None:
    """Six cars 4.4 m long on the road, whose bodies the labels melt into one block; between the cabins there is air."""
    space = SPACES[name]
    size, names = space.grid.voxel_size, space.taxonomy.names
    car, road = names.index("car"), names.index("road" if name == "semantickitti" else "driveable_surface")
    semantics = np.full(space.grid.shape, space.taxonomy.free_id, np.uint8)
    x, y, z = (round(-o / size) for o in space.grid.origin)
    ground = z - round(1.6 / size) if name == "semantickitti" else z
    semantics[:, :, ground] = road
    long, wide, body, cabin = (round(metres / size) for metres in (4.4, 2.4, 0.8, 1.6))
    first, end = x + round(8 / size), x + round(8 / size) + long
    row = np.s_[first:end, y - 3 * wide : y + 3 * wide, ground + 1 : ground + 1 + cabin]
    semantics[first:end, y - 3 * wide : y + 3 * wide, ground + 1 : ground + 1 + body] = car
    for n in range(-3, 3):
        inner = slice(y + n * wide + 1, y + (n + 1) * wide - 1)
        semantics[first + long // 4 : end - long // 4, inner, ground + 1 + body : ground + 1 + cabin] = car
    found = run(ObjectQueries(), space, semantics)[row]
    ids, counts = np.unique(found[found > 0], return_counts=True)
    assert len(ids) >= 4, "most of the six"
    assert counts.max() < 0.4 * (semantics[row] == car).sum()
    assert run(ConnectedComponents(), space, semantics)[row].max() == 1


def run(stage: ObjectQueries | ConnectedComponents, space: LabelSpace, semantics: np.ndarray) -> np.ndarray:
    log = log_of([Frame("000000", 0.0, None)])
    return contract.run(stage, space, log, {"semantics": semantics[None]})["instance"][0]
