"""Occ3D labels that its own loaders take, with masks that say what is known."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.export.occ3d import write_frame


def test_arrays_and_masks(tmp_path: Path) -> None:
    semantics = np.random.default_rng(0).integers(0, 18, (200, 200, 16)).astype(np.uint8)
    semantics[0] = UNKNOWN
    seen = np.random.default_rng(1).random(semantics.shape) < 0.5
    ahead = np.zeros(semantics.shape, bool)
    ahead[100:] = True
    path = write_frame(tmp_path, "scene-0523", "abc123", semantics, seen, ahead)
    assert path == tmp_path / "scene-0523/abc123/labels.npz"
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    assert {name: (array.dtype, array.shape) for name, array in arrays.items()} == {
        name: (np.dtype(np.uint8), (200, 200, 16)) for name in ("semantics", "mask_lidar", "mask_camera")
    }
    np.testing.assert_array_equal(arrays["semantics"][1:], semantics[1:])
    assert (arrays["semantics"][0] == 17).all()
    np.testing.assert_array_equal(arrays["mask_lidar"], seen & (semantics != UNKNOWN))
    np.testing.assert_array_equal(arrays["mask_camera"], seen & ahead & (semantics != UNKNOWN))
    again = write_frame(tmp_path / "again", "scene-0523", "abc123", semantics, seen, ahead)
    assert again.read_bytes() == path.read_bytes()


def test_masks_hold_nothing_that_nobody_measured(tmp_path: Path) -> None:
    semantics = np.ones((200, 200, 16), np.uint8)
    with np.load(write_frame(tmp_path, "scene-1", "blind", semantics), allow_pickle=False) as file:
        assert not file["mask_lidar"].any() and not file["mask_camera"].any()
    seen = np.ones(semantics.shape, bool)
    with np.load(write_frame(tmp_path, "scene-1", "unpictured", semantics, seen), allow_pickle=False) as file:
        assert file["mask_lidar"].all() and not file["mask_camera"].any()


@pytest.mark.parametrize(
    ("log", "shape", "label", "complaint"),
    [
        ("scene-1", (200, 200, 32), 1, "200, 200, 32"),
        ("scene-1", (200, 200, 16), 18, "ids .18."),
        ("..", (200, 200, 16), 1, "name of a folder"),
        ("a/b", (200, 200, 16), 1, "name of a folder"),
    ],
)
def test_refusals(tmp_path: Path, log: str, shape: tuple[int, int, int], label: int, complaint: str) -> None:
    with pytest.raises(BadPredictions, match=complaint):
        write_frame(tmp_path, log, "t", np.full(shape, label, np.uint8))
    assert not list(tmp_path.iterdir())
