"""Crops show what is true of them: metres by the focal length of the crop, classes where they are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_glance
import torch
from numpy.typing import NDArray
from tiny_glance import FOCAL, HEIGHT, HORIZON, WIDTH

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.learning.trunk import ROWS
from occlabel.stages.priors.glance.labels import LABELS, SKY
from occlabel.stages.priors.glance.pictures import NOT_LEARNED, Meanings, Picture, Shown
from occlabel.stages.priors.glance.samples import Crops, Whole, Window

MEANINGS = Meanings([TAXONOMIES["semantickitti"], TAXONOMIES["occ3d"]])


@pytest.fixture
def road(tmp_path: Path) -> Picture:
    (picture,) = tiny_glance.pictures(tmp_path, 1)
    return picture


def test_a_road_is_as_far_below_the_camera_at_any_scale_and_in_any_crop(road: Picture) -> None:
    crops = Crops([road], MEANINGS, (32, 48), seed=3)
    for number in range(8):
        sample = crops[number]
        known = sample["inverse"].isfinite()
        # Rows below the principal point / (focal length / depth) is the height of the camera, whatever the scale is.
        rows = torch.nn.functional.avg_pool2d(sample["image"][None, 3:], 4)[0, 0] * ROWS
        height = (rows / sample["inverse"].exp())[known & (rows > 6)]
        assert bool(known.any()) and (height - 2.5).abs().max() < 0.3, number
        assert bool((sample["classes"][known] == TAXONOMIES["semantickitti"].names.index("road")).all())


def test_the_same_number_is_the_same_sample_and_another_one_another(road: Picture) -> None:
    one, again, other = (Crops([road], MEANINGS, (32, 48), seed)[7] for seed in (0, 0, 1))
    assert all(torch.equal(one[name].nan_to_num(-1), again[name].nan_to_num(-1)) for name in one)
    assert not torch.equal(one["image"], other["image"])


def test_a_window_that_reaches_beyond_the_image_is_grey_and_silent_there() -> None:
    left: NDArray[np.uint8] = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    left[:, : WIDTH // 2] = 255
    depth = np.full((HEIGHT, WIDTH), 10, np.float32)
    shown = Shown(left, depth, np.zeros((HEIGHT, WIDTH), np.int64), tiny_glance.K)
    window = Window((2 * HEIGHT, 2 * WIDTH), (-8, -16), (2 * HEIGHT + 16, 2 * WIDTH + 32))
    image, (inverse, classes) = window.image(left), window.truth(shown)
    assert (image[:8] == 127.5).all() and (image[:, -16:] == 127.5).all()
    assert (image[8:-8, 16 : 16 + WIDTH - 2] == 255).all() and (image[8:-8, 16 + WIDTH + 2 : -16] == 0).all()
    inside = np.s_[2:-2, 4:-4]
    np.testing.assert_allclose(inverse[inside], np.log(2 * FOCAL / 10), rtol=1e-6)
    assert np.isnan(inverse[:2]).all() and (classes[:, :4] == NOT_LEARNED).all() and not classes[inside].any()
    assert window.principal(shown) == pytest.approx(2 * HORIZON + 0.5 + 8)


def test_whole_pictures_are_seen_as_when_labels_are_made(road: Picture) -> None:
    sample = Whole([road], MEANINGS)[0]
    assert sample["image"].shape == (4, HEIGHT, WIDTH) and sample["classes"].shape == (HEIGHT // 4, WIDTH // 4)
    assert bool(sample["inverse"][:4].isnan().all()) and bool(sample["inverse"][-8:].isfinite().all())


def test_truth_in_either_taxonomy_names_the_labels_that_are_right() -> None:
    depth = np.array([5, 5, 5, np.nan, 5], np.float32)
    for name, said, labels in (
        ("semantickitti", ["other-vehicle", "road", None, None, "free"],
         [{"bus", "trailer", "construction vehicle"}, {"road"}, {"traffic cone", "street furniture"}, {"sky"}, None]),
        ("occ3d", ["bicycle", "driveable_surface", None, None, "free"],
         [{"bicycle", "bicyclist"}, {"road", "parking"}, None, {"sky"}, None]),
    ):  # fmt: skip
        taxonomy = TAXONOMIES[name]
        ids = np.array([UNKNOWN if one is None else taxonomy.names.index(one) for one in said], np.uint8)
        rows = MEANINGS.rows(ids, depth, taxonomy)
        found = [None if r < 0 else {LABELS[n] for n in np.flatnonzero(MEANINGS.table[r])} for r in rows.tolist()]
        assert found == labels
    assert MEANINGS.table[:, SKY].sum() == 2


def test_files_that_say_something_else_are_named(road: Picture) -> None:
    np.savez(road.segments, **{"class": np.full((HEIGHT, WIDTH), 77, np.uint8)})
    with pytest.raises(DamagedFile, match=r"0\.npz holds the id 77, which is no class of semantickitti"):
        road.read(MEANINGS)
    np.savez(road.segments, other=np.zeros(1))
    with pytest.raises(DamagedFile, match="holds no array 'class'"):
        road.read(MEANINGS)
