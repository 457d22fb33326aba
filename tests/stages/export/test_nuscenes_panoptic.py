"""Panoptic files that the devkit loads, and what its challenge has no room for."""

from pathlib import Path

import numpy as np
import pytest
from nuscenes.eval.lidarseg.utils import LidarsegClassMapper
from nuscenes.utils.data_io import load_bin_file, panoptic_to_lidarseg

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.export.nuscenes_panoptic import CLASSES, THINGS, numbering, panoptic_codes, write_points

TOKEN = "9d9bf11fb0e144c8b446d54a8a00184f"


def test_the_devkit_loads_it(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    semantics = draw.integers(0, 18, 5000).astype(np.uint8)
    instance = draw.integers(0, 40, 5000).astype(np.uint32) * 100_000
    numbers = numbering("scene-0523")
    path = write_points(tmp_path, "val", "scene-0523", TOKEN, semantics, instance, numbers)
    assert path == tmp_path / f"panoptic/val/{TOKEN}_panoptic.npz"
    data = load_bin_file(str(path), type="panoptic")
    assert data.dtype == np.uint16 and data.shape == (5000,)
    np.testing.assert_array_equal(panoptic_to_lidarseg(data), np.where(semantics == 17, 0, semantics))
    for class_ in range(1, 17):
        found = data[semantics == class_] % 1000
        if class_ in THINGS:
            # 39 ids and none: as many numbers, one each.
            pairs = set(zip(instance[semantics == class_].tolist(), found.tolist(), strict=True))
            assert len(pairs) == len(set(found.tolist())) == 40 and (0, 0) in pairs and found.max() == 39
        else:
            assert not found.any()
    again = write_points(tmp_path / "again", "val", "scene-0523", TOKEN, semantics, instance, numbers)
    assert again.read_bytes() == path.read_bytes()


def test_classes_are_those_of_the_challenge() -> None:
    mapper = LidarsegClassMapper.__new__(LidarsegClassMapper)  # without a data set
    mapper.ignore_class = mapper.get_ignore_class()
    ids = mapper.get_coarse2idx()
    names = taxonomy_preset("occ3d").names
    assert {names[n]: n for n in range(1, CLASSES + 1)} == {name: n for name, n in ids.items() if n}


def test_numbers_are_scene_wide_and_per_class() -> None:
    numbers = numbering("scene-1")
    car, bus, road = 4, 3, 11
    first = panoptic_codes(np.array([car, car, bus, road], np.uint8), np.array([70_000, 9, 9, 9]), numbers)
    assert first.tolist() == [4002, 4001, 3001, 11_000]
    second = panoptic_codes(np.array([car, car, UNKNOWN, 0, 17], np.uint8), np.array([5, 70_000, 1, 1, 1]), numbers)
    assert second.tolist() == [4003, 4002, 0, 0, 0]


@pytest.mark.parametrize(
    ("split", "token", "points", "ids", "complaint"),
    [
        ("val", "../a", 1, 1, "part of a path"),
        ("..", TOKEN, 1, 1, "has no split '..'; it has train, val, test, mini_train, mini_val, train_detect, train_tr"),
        ("mini-val", TOKEN, 1, 1, "has no split 'mini-val' .did you mean 'mini_val'"),
        ("val", TOKEN, 2, 1, "one of each per point"),
        ("val", TOKEN, 1000, 1000, "log scene-1 has more than 999 objects of class car"),
    ],
)
def test_refusals(tmp_path: Path, split: str, token: str, points: int, ids: int, complaint: str) -> None:
    given = np.full(points, 4, np.uint8), np.arange(1, ids + 1)
    with pytest.raises(BadPredictions, match=complaint):
        write_points(tmp_path, split, "scene-1", token, *given, numbering("scene-1"))
    assert not list(tmp_path.rglob("*.npz"))
