"""Which voxels are one object, how objects are numbered, and where crumbs go."""

import numpy as np
import pytest
from scipy.ndimage import generate_binary_structure, label

from occlabel.schemas.errors import BadRecipe
from occlabel.stages.instances.components import Connectivity, connected_components, smallest_voxels

CAR, TRUCK, ROAD = 1, 4, 9
THINGS = np.zeros(256, bool)
THINGS[[CAR, TRUCK]] = True


def noise(seed: int = 0) -> np.ndarray:
    return (
        np.random.default_rng(seed).choice([0, CAR, TRUCK, ROAD], (20, 17, 9), p=[0.7, 0.1, 0.1, 0.1]).astype(np.uint8)
    )


@pytest.mark.parametrize(("connectivity", "rank"), [(6, 1), (18, 2), (26, 3)])
def test_equals_one_labelling_per_class(connectivity: Connectivity, rank: int) -> None:
    semantics = noise()
    instance = connected_components(semantics, THINGS, 0.4, connectivity=connectivity)
    pairs = set()
    for class_ in (CAR, TRUCK):
        labels, count = label(semantics == class_, generate_binary_structure(3, rank))
        inside = labels > 0
        found = set(zip(labels[inside].tolist(), instance[inside].tolist(), strict=True))
        assert len(found) == count == len({mine for _, mine in found})
        pairs |= {mine for _, mine in found}
    assert pairs == set(range(1, int(instance.max()) + 1))
    assert not instance[~THINGS[semantics]].any()
    # 1, 2, 3, ... where they first occur.
    _, first = np.unique(instance, return_index=True)
    assert (np.diff(first[1:]) > 0).all()


def test_ids_are_uint32_and_an_empty_scene_has_none() -> None:
    instance = connected_components(np.zeros((5, 4, 3), np.uint8), THINGS, 0.4)
    assert instance.dtype == np.uint32 and instance.shape == (5, 4, 3) and not instance.any()


def test_a_thing_class_with_id_0_has_objects_too() -> None:
    things = np.arange(256) == 0
    semantics = np.full((5, 4, 3), ROAD, np.uint8)
    semantics[1, 1, 1] = semantics[4, 3, 2] = 0
    assert np.unique(connected_components(semantics, things, 0.4)).tolist() == [0, 1, 2]


def test_more_objects_than_16_bits_count() -> None:
    semantics = np.zeros((140, 140, 32), np.uint8)
    semantics[::2, ::2, ::2] = CAR
    instance = connected_components(semantics, THINGS, 0.4)
    np.testing.assert_array_equal(instance[::2, ::2, ::2].ravel(), np.arange(1, 70 * 70 * 16 + 1))
    assert instance.max() > 65_535


def crumbly() -> np.ndarray:
    """Two cars with crumbs between them and a truck's crumb, which is nearer to a car than to anything else."""
    semantics = np.zeros((20, 5, 5), np.uint8)
    semantics[0:4, 0:3, 0:3] = semantics[12:16, 0:3, 0:3] = CAR
    semantics[6, 1, 1] = semantics[18, 1, 1] = CAR
    semantics[5, 4, 4] = TRUCK
    return semantics


def test_crumbs_keep_their_class_and_have_no_id() -> None:
    semantics = crumbly()
    instance = connected_components(semantics, THINGS, 0.4, smallest=2 * 0.4**3)
    assert np.unique(instance[:4]).tolist() == [0, 1] and np.unique(instance[12:16]).tolist() == [0, 2]
    assert instance[6, 1, 1] == instance[18, 1, 1] == instance[5, 4, 4] == 0
    assert len(np.unique(connected_components(semantics, THINGS, 0.4))) == 6


def test_crumbs_join_the_nearest_of_their_class_within_reach() -> None:
    semantics = crumbly()
    joined = connected_components(semantics, THINGS, 0.4, smallest=2 * 0.4**3, join_within=1.2)
    assert (joined[6, 1, 1], joined[18, 1, 1], joined[5, 4, 4]) == (1, 2, 0)
    near = connected_components(semantics, THINGS, 0.4, smallest=2 * 0.4**3, join_within=1.1)
    assert near[6, 1, 1] == 0 and near[18, 1, 1] == 0
    # As near to the one as to the other: the lower id.
    semantics[6, 1, 1], semantics[7, 1, 1], semantics[8, 1, 1] = 0, CAR, 0
    semantics[12, 0:3, 0:3] = 0
    semantics[11, 0:3, 0:3] = CAR
    assert connected_components(semantics, THINGS, 0.4, smallest=2 * 0.4**3, join_within=1.6)[7, 1, 1] == 1


def test_the_same_volume_is_the_same_object_on_any_grid() -> None:
    assert [smallest_voxels(0.512, size) for size in (0.4, 0.2, 0.8)] == [8, 64, 1]
    assert smallest_voxels(0.0, 0.4) == 1 and smallest_voxels(0.52, 0.4) == 9


def test_only_crumbs_give_no_object() -> None:
    assert not connected_components(crumbly(), THINGS, 0.4, smallest=100.0, join_within=9.0).any()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(BadRecipe, match="6, 18 or 26"):
        connected_components(noise(), THINGS, 0.4, connectivity=8)  # type: ignore[arg-type]
    with pytest.raises(BadRecipe, match="0 or more"):
        connected_components(noise(), THINGS, 0.4, smallest=-1.0)
