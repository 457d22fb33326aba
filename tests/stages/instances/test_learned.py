"""The learned kind of the slot, whatever its weights: what it refuses, and what it does where nothing is found."""

from __future__ import annotations

from pathlib import Path

import contract
import numpy as np
import pytest
import torch
from car_parks import CAR, car_park
from contract import log_of

from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, LabelClass, Taxonomy
from occlabel.stages.instances.lattice import Lattice
from occlabel.stages.instances.learned import ObjectQueries
from occlabel.stages.instances.offsetocc import OffsetOcc
from occlabel.stages.instances.weight_file import facts_of, things_of
from occlabel.stages.learning.weights import save_weights


@pytest.fixture
def weights(tmp_path: Path, space: LabelSpace) -> Path:
    """Of a network that has learned nothing and is sure of all its points."""
    lattice = Lattice(space.grid.voxel_size, 6.0, 2.0)
    network = OffsetOcc(space.grid.shape[2], 20, 8, lattice)
    torch.nn.init.constant_(network.objects.bias, 4.0)
    path = tmp_path / "w.safetensors"
    save_weights(path, network.state_dict(), facts_of(space, lattice, [1] * 8))
    return path


def run(stage: ObjectQueries, space: LabelSpace, semantics: np.ndarray) -> dict[str, np.ndarray]:
    assert stage.refuse(space, None) is None
    frames = [Frame(f"{n:06d}", 0.1 * n, np.eye(4)) for n in range(len(semantics))]
    return contract.run(stage, space, log_of(frames), {"semantics": semantics})


def test_what_no_object_claims_is_kept_emptied_or_parted_by_what_touches(space: LabelSpace, weights: Path) -> None:
    semantics = car_park(1)[0][None]
    # Nothing is surer than 1, so no object is found.
    kept = run(ObjectQueries(weights=weights, score=1.0, unclaimed="keep"), space, semantics)
    assert set(kept) == {"instance"} and not kept["instance"].any()
    emptied = run(ObjectQueries(weights=weights, score=1.0, unclaimed="empty"), space, semantics)
    assert not emptied["instance"].any()
    np.testing.assert_array_equal(emptied["semantics"], np.where(semantics == CAR, 0, semantics))
    parted = run(ObjectQueries(weights=weights, score=1.0, unclaimed="components"), space, semantics)["instance"]
    assert np.array_equal(parted != 0, semantics == CAR) and parted.max() == 2  # two rows


def test_objects_of_another_class_than_a_voxel_do_not_get_it_unless_asked(space: LabelSpace, weights: Path) -> None:
    semantics = car_park(1)[0][None]
    # At 0 every query is an object, of whatever class.
    aware = run(ObjectQueries(weights=weights, score=0.0, unclaimed="keep"), space, semantics)["instance"]
    blind = run(ObjectQueries(weights=weights, score=0.0, unclaimed="keep", class_aware=False), space, semantics)
    assert (blind["instance"] > 0).sum() > (aware > 0).sum()
    assert not aware[semantics != CAR].any()


def test_who_is_voted_for_by_nobody_near_may_be_by_those_farther_away(space: LabelSpace, weights: Path) -> None:
    semantics = car_park(1)[0][None]
    near, far = (
        run(ObjectQueries(weights=weights, score=0.0, radius=0.0, class_aware=False, reach=reach), space, semantics)
        for reach in (0.0, 4.0)
    )
    held = near["instance"] > 0
    np.testing.assert_array_equal(far["instance"][held], near["instance"][held])
    assert (far["instance"] > 0).sum() >= held.sum() > 0


def test_an_empty_scene_and_more_objects_than_queries(space: LabelSpace, weights: Path) -> None:
    stage = ObjectQueries(weights=weights, queries=3, score=0.0, unclaimed="components")
    empty = np.stack([np.zeros(space.grid.shape, np.uint8), np.full(space.grid.shape, 255, np.uint8)])
    assert not run(stage, space, empty)["instance"].any()
    crowd = np.zeros((1, *space.grid.shape), np.uint8)
    crowd[0, ::3, ::3, 2:6] = 6
    found = run(stage, space, crowd)["instance"]
    # Whom the three queries do not claim has 0.26 m3 of its own: enough for an object.
    assert (found[crowd == 6] > 0).all() and found.max() > 100


def test_weights_that_are_missing_or_for_something_else_are_refused(space: LabelSpace, weights: Path) -> None:
    with pytest.raises(BadWeights, match="occlabel train instances"):
        ObjectQueries().files(space)
    other = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])
    stage = ObjectQueries(weights=weights)
    assert "made for the grid" in (stage.refuse(other, None) or "")
    weights.write_bytes(weights.read_bytes()[:500])
    assert "not a readable weight file" in (stage.refuse(space, None) or "")


def test_a_taxonomy_with_another_thing_class_asks_for_other_weights(space: LabelSpace, weights: Path) -> None:
    classes = (*space.taxonomy.classes, LabelClass(id=20, name="animal", colour=(9, 9, 9), thing=True))
    more = LabelSpace(space.grid, Taxonomy(name="more", free_id=0, classes=classes))
    assert len(things_of(more)) == len(things_of(space)) + 1
    assert "animal" in (ObjectQueries(weights=weights).refuse(more, None) or "")


def test_a_taxonomy_without_things_is_refused() -> None:
    stuff = (LabelClass(id=0, name="free", colour=(0, 0, 0)), LabelClass(id=1, name="road", colour=(9, 9, 9)))
    bare = LabelSpace(GRIDS["occ3d"], Taxonomy(name="bare", free_id=0, classes=stuff))
    assert "no class of things" in str(ObjectQueries().refuse(bare, None))
