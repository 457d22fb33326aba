"""The vote against the released code's results, against its definition written out, and in a parked row."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadRecipe
from occlabel.stages.instances.panoptic_vote import Count, emptied, panoptic_vote, radius_in_voxels

CASES = ["far_thing", "no_queries", "no_things", "only_origin", "ties", "typical", "upper_border"]
CAR, TRUCK, ROAD, FREE = 1, 4, 9, 0
THINGS = np.zeros(256, bool)
THINGS[[CAR, TRUCK]] = True


def golden(shared: Path, name: str) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    case = dict(np.load(shared / f"golden/offsetocc/case_vote_{name}.npz"))
    logits = case["query_occ_logits"]
    none = np.zeros(case["occ_labels"].shape, np.int64)
    seeds = np.where(logits.max(axis=0) > 0, logits.argmax(axis=0) + 1, none) if len(logits) else none
    things = np.zeros(256, bool)
    things[case["obj_classes"]] = True
    return case, (case["occ_labels"], seeds, things, 1.0)


@pytest.mark.parametrize("name", CASES)
def test_equals_the_released_code(shared: Path, name: str) -> None:
    case, given = golden(shared, name)
    radius = float(case["radius"])
    for count, expected in (
        (Count(border_twice=True, skip_lone_origin=True), "panoptic_official"),
        (Count(skip_lone_origin=True), "panoptic_strict_bounds"),
    ):
        np.testing.assert_array_equal(panoptic_vote(*given, radius, count=count), case[expected])
    for border_twice in (False, True):
        count = Count(nearest=True, border_twice=border_twice, skip_lone_origin=True)
        nearest = panoptic_vote(*given, radius, count=count)
        np.testing.assert_array_equal(nearest, case["panoptic_nearest_official"])


@pytest.mark.parametrize("name", CASES)
def test_without_its_slips_only_the_lone_origin_differs(shared: Path, name: str) -> None:
    case, (labels, seeds, things, size) = golden(shared, name)
    voted = panoptic_vote(labels, seeds, things, size, float(case["radius"]))
    if name == "only_origin":
        near = np.indices(labels.shape).sum(axis=0) <= case["radius"]
        np.testing.assert_array_equal(voted, np.where(near & things[labels], seeds[0, 0, 0], 0))
        assert voted.any()
    else:
        np.testing.assert_array_equal(voted, case["panoptic_strict_bounds"])


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dense random labels and seeds of nine objects, and the objects' classes."""
    draw = np.random.default_rng(seed)
    semantics = draw.choice([FREE, CAR, TRUCK, ROAD], (14, 11, 7), p=[0.4, 0.3, 0.2, 0.1]).astype(np.uint8)
    seeds = draw.integers(1, 10, semantics.shape).astype(np.uint32) * (draw.random(semantics.shape) < 0.2)
    # Solid pieces make runs longer than one voxel.
    seeds[3:6, 2:5, 1:6], seeds[6:8, 2:5, :4] = 70_000, 3
    classes = np.full(70_001, CAR, np.uint8)
    classes[[2, 3, 5, 8]] = TRUCK
    return semantics, seeds.astype(np.uint32), classes


def written_out(
    semantics: np.ndarray, seeds: np.ndarray, radius: int, classes: np.ndarray | None, nearest: bool
) -> np.ndarray:
    result = np.zeros(semantics.shape, np.uint32)
    places = np.argwhere(seeds)
    ids = seeds[tuple(places.T)]
    for voxel in product(*map(range, semantics.shape)):
        label = semantics[voxel]
        distances = np.abs(places - voxel).sum(axis=1)
        near = distances < radius if nearest else distances <= radius
        if classes is not None:
            near &= classes[ids] == label
        if THINGS[label] and near.any():
            found, counts = np.unique(ids[near], return_counts=True)
            result[voxel] = ids[near][distances[near].argmin()] if nearest else found[counts.argmax()]
    return result


@pytest.mark.parametrize("nearest", [False, True], ids=["majority", "nearest"])
@pytest.mark.parametrize("aware", [False, True], ids=["all", "own class"])
@pytest.mark.parametrize("radius", [0, 1, 3, 9])
def test_equals_its_definition_on_any_number_of_threads(radius: int, aware: bool, nearest: bool) -> None:
    semantics, seeds, classes = scene(radius)
    expected = written_out(semantics, seeds, radius, classes if aware else None, nearest)
    assert len(np.unique(expected)) > 5 or (nearest and radius == 0)
    for threads in (1, 2, 5):
        voted = panoptic_vote(
            semantics, seeds, THINGS, 0.4, 0.4 * radius,
            seed_classes=classes if aware else None, count=Count(nearest=nearest), threads=threads,
        )  # fmt: skip
        np.testing.assert_array_equal(voted, expected)


def parked_row() -> tuple[np.ndarray, np.ndarray]:
    """Semantics of six cars that touch, and the truth of which is which."""
    truth = np.zeros((70, 12, 6), np.uint32)
    for car in range(6):
        truth[5 + 10 * car : 15 + 10 * car, 3:8, 1:5] = car + 1
    return np.where(truth > 0, np.uint8(CAR), np.uint8(FREE)), truth


def test_a_parked_row_of_touching_cars_is_separated() -> None:
    semantics, truth = parked_row()
    # The module is sure of three voxels in ten, and one in twenty of those is its neighbour's.
    draw = np.random.default_rng(0)
    named = np.where(draw.random(truth.shape) < 0.05, np.minimum(truth + 1, 6), truth)
    seeds = np.where((draw.random(truth.shape) < 0.3) & (truth > 0), named, 0)
    voted = panoptic_vote(semantics, seeds, THINGS, 0.4)
    cars = truth > 0
    assert (voted[cars] == truth[cars]).mean() > 0.95
    assert not voted[~cars].any()


def test_the_same_metres_reach_as_far_on_any_grid() -> None:
    assert [radius_in_voxels(3.6, size) for size in (0.4, 0.2, 0.1, 1.0)] == [9, 18, 36, 3]
    assert radius_in_voxels(0.0, 0.4) == 0


def test_things_without_a_seed_near_them_keep_their_class_or_become_free() -> None:
    semantics = np.full((30, 3, 3), CAR, np.uint8)
    semantics[:, 0] = ROAD
    seeds = np.zeros(semantics.shape, np.uint8)
    seeds[0, 1, 1] = 200
    voted = panoptic_vote(semantics, seeds, THINGS, 0.4)
    assert (voted[:8, 1:] == 200).all() and not voted[10:].any() and not voted[:, 0].any()
    without = emptied(semantics, voted, THINGS, FREE)
    assert (without[:, 0] == ROAD).all() and (without[:8, 1:] == CAR).all() and (without[10:, 1:] == FREE).all()


def test_an_empty_scene_has_no_ids() -> None:
    semantics = np.full((8, 8, 4), FREE, np.uint8)
    seeds = np.zeros(semantics.shape, np.int64)
    assert not panoptic_vote(semantics, seeds, THINGS, 0.4).any()
    seeds[2, 2, 2] = 5
    assert not panoptic_vote(semantics, seeds, THINGS, 0.4).any()


def test_what_does_not_fit_is_refused() -> None:
    semantics = np.full((4, 4, 4), CAR, np.uint8)
    with pytest.raises(BadRecipe, match="same grid"):
        panoptic_vote(semantics, np.ones((4, 4, 5), np.uint8), THINGS, 0.4)
    with pytest.raises(BadRecipe, match="give 0 or more"):
        panoptic_vote(semantics, np.ones_like(semantics), THINGS, 0.4, -1.0)
    with pytest.raises(BadRecipe, match="seed id 1 has no class"):
        panoptic_vote(semantics, np.ones_like(semantics), THINGS, 0.4, seed_classes=[CAR])
