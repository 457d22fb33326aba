"""The sampler of ViPOcc: its densities against the authors' own numbers, and what it must not do in odd images."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import OcclabelError
from occlabel.stages.learning.snog import (
    SeenInstance,
    gaussian,
    mixture,
    patch_centres,
    seen_instances,
    shares,
)

SHAPE = (192, 640)
CAR, PERSON = SeenInstance((120.0, 300.0), (20.0, 40.0), 2400.0), SeenInstance((110.0, 90.0), (25.0, 8.0), 500.0)


def of_box(box: np.ndarray, area: float) -> SeenInstance:
    left, top, right, bottom = box
    return SeenInstance(((top + bottom) / 2, (left + right) / 2), ((bottom - top) / 2, (right - left) / 2), area)


def drawn(instances: list[SeenInstance], shape: tuple[int, int] = SHAPE, seed: int = 0, **options: float) -> np.ndarray:
    return patch_centres(instances, shape, np.random.default_rng(seed), **options)  # type: ignore[arg-type]


def apart(centres: np.ndarray, distance: float) -> bool:
    between = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    return bool((between[~np.eye(len(centres), dtype=bool)] >= distance).all())


def test_densities_are_those_of_the_authors(shared: Path) -> None:
    case = np.load(shared / "golden/vipocc_depth/case_snog.npz")
    found = [of_box(*pair) for pair in zip(case["boxes_xyxy"], case["areas"], strict=True)]
    background, shape = float(case["background_ratio"]), tuple(case["image_size_hw"].tolist())
    np.testing.assert_allclose(shares(case["areas"], background), case["sampler_probabilities"], rtol=1e-12)
    np.testing.assert_allclose([i.centre[::-1] for i in found], case["centers"], rtol=1e-12)
    variances = [np.diag(np.square(i.half[::-1]) / 4) for i in found]
    np.testing.assert_allclose(variances, case["covariances"], rtol=1e-12)
    for index, expected in zip(case["gaussian_pdf_index"], case["gaussian_pdfs"], strict=True):
        np.testing.assert_allclose(gaussian(found[index], shape), expected, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(mixture(found, shape, background), case["mixture_pdf"], rtol=1e-7)  # float32


def test_an_instance_of_one_pixel_is_not_looked_for_as_the_authors_have_it(shared: Path) -> None:
    case = np.load(shared / "golden/vipocc_depth/case_snog_unit_area.npz")
    found = shares(case["areas"], float(case["background_ratio"]))
    np.testing.assert_allclose(found, case["sampler_probabilities"], rtol=1e-12)
    assert shares([1, 1]).tolist() == [0, 0, 1] and shares([]).tolist() == [1]


def test_instances_are_found_in_what_is_stored() -> None:
    numbers = np.zeros((20, 30), np.uint16)
    numbers[4:8, 10:16], numbers[5, 11], numbers[19, 29] = 7, 0, 3
    corner, block = seen_instances(numbers, stride=4)
    assert corner == SeenInstance((78.0, 118.0), (2.0, 2.0), 16.0)
    assert block == SeenInstance((24.0, 52.0), (8.0, 12.0), 23 * 16.0)
    assert seen_instances(np.zeros((3, 3), np.uint16)) == ()


def test_patches_do_not_overlap_lie_in_the_image_and_follow_the_seed() -> None:
    centres = drawn([CAR, PERSON])
    assert centres.shape == (64, 2) and apart(centres, np.sqrt(2) * 8)
    low, high = centres - 4, centres + 4
    assert low.min() >= 0 and (high <= SHAPE).all()
    seen = np.zeros(SHAPE, int)
    for (top, left), (bottom, right) in zip(low, high, strict=True):
        seen[top:bottom, left:right] += 1
    assert seen.max() == 1 and seen.sum() == 64 * 64
    np.testing.assert_array_equal(centres, drawn([CAR, PERSON]))
    assert not np.array_equal(centres, drawn([CAR, PERSON], seed=1))


def test_patches_are_where_the_mixture_says() -> None:
    """The first of each image, so that no other is in the way."""
    first = np.concatenate([drawn([CAR, PERSON], seed=seed, patches=1) for seed in range(3000)])
    weights = shares([CAR.area, PERSON.area])
    for instance, weight in zip((CAR, PERSON), weights, strict=False):
        inside = (abs(first + 0.5 - instance.centre) <= instance.half).all(axis=1).mean()
        box = 4 * instance.half[0] * instance.half[1] / (SHAPE[0] * SHAPE[1])
        assert inside == pytest.approx(weight * 0.9545**2 + 0.5 * box, abs=0.03)


def test_what_was_drawn_before_is_all_that_changes_the_distribution() -> None:
    """Equation 6: of the second patch too, but for where the first one lies."""
    alone = [SeenInstance((96.0, 320.0), (60.0, 60.0), 9000.0)]
    pairs = np.array([drawn(alone, seed=seed, patches=2) for seed in range(2000)])
    near = np.linalg.norm(pairs[:, 1] - (96, 320), axis=1)
    share = float((near < 60).mean())
    assert share == pytest.approx(0.5 * (1 - np.exp(-2)) + 0.5 * np.pi * 60**2 / (192 * 640), abs=0.06)


def test_without_instances_patches_are_uniform() -> None:
    centres = np.concatenate([drawn([], seed=seed, patches=4) for seed in range(800)])
    counts = np.bincount(2 * (centres[:, 0] > 96) + (centres[:, 1] > 320), minlength=4)
    np.testing.assert_allclose(counts / counts.sum(), 0.25, atol=0.03)


@pytest.mark.parametrize("centre", [(0.5, 0.5), (191.5, 639.5), (96.0, 320.0), (0.5, 639.5)])
def test_an_instance_smaller_than_a_patch_is_seen_even_in_a_corner(centre: tuple[float, float]) -> None:
    """Of two pixels' size, so narrow that its density at the middle of a pixel says nothing."""
    tiny = SeenInstance(centre, (0.5, 1.0), 2.0)
    first = np.concatenate([drawn([tiny], seed=seed, patches=1) for seed in range(400)])
    covered = ((first - 4 <= centre) & (first + 4 >= centre)).all(axis=1).mean()
    assert covered == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("background", [0.0, 0.5, 1.0])
def test_an_instance_that_fills_the_image_leaves_room_for_all(background: float) -> None:
    whole = SeenInstance((96.0, 320.0), (96.0, 320.0), 192 * 640.0)
    assert len(drawn([whole], background=background)) == 64


def test_when_the_instances_are_used_up_the_rest_is_looked_at() -> None:
    tiny = SeenInstance((30.0, 30.0), (0.5, 0.5), 4.0)
    centres = drawn([tiny], (60, 60), background=0.0, patches=10)
    assert len(centres) == 10 and apart(centres, np.sqrt(2) * 8)
    assert abs(centres[0] - 30).max() <= 1


def test_fewer_come_back_where_no_more_have_room() -> None:
    centres = drawn([CAR], (24, 24))
    assert 1 <= len(centres) < 9 and apart(centres, np.sqrt(2) * 8)
    assert drawn([], (8, 8)).tolist() == [[4, 4]]
    with pytest.raises(OcclabelError, match="an image of 100x7 pixels has no room for a patch of 8x8"):
        drawn([], (7, 100))
