"""The shipped weights: what they say about themselves."""

import json

import pytest

from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.propagation.stage import LocalPropagation


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_shipped_weights_say_where_they_come_from(name: str) -> None:
    space, stage = LabelSpace(GRIDS[name], TAXONOMIES[name]), LocalPropagation()
    assert stage.refuse(space, None) is None
    (path,) = stage.files(space)
    assert path.stat().st_size < 12_000_000
    facts = read_facts(path)
    assert "occlabel simulate" in facts["command"] and "occlabel train propagation" in facts["command"]
    onboard, reach = stage.trained_with(space)
    assert onboard.startswith("lmscnet ") and reach == stage.reach
    assert 0.25 <= float(facts["temperature"]) <= 4
    parts = json.loads(facts["parts"])
    assert not parts.pop("unlabelled", False), "a part that weights before it do not name"
    assert parts == {"transformer": True, "spatial_embedding": True, "temporal_embedding": False}
