"""Volumes as SSCBench's own preparation of KITTI-360 reads them."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.export.sscbench_kitti360 import SPACE, write_frame

# dataset/configs/kitti360.yaml: learning_map of the raw ids that are classes.
LEARNED = {
    10: 1, 11: 2, 15: 3, 18: 4, 20: 5, 30: 6, 40: 7, 44: 8, 48: 9, 49: 10, 50: 11, 51: 12, 70: 13, 72: 14, 80: 15,
    81: 16, 52: 17, 99: 18,
}  # fmt: skip


def prepared(label: Path) -> np.ndarray:
    """As ``preprocess.py`` does it: of the raw ids classes, 255 where invalid, but for voxels with a label."""
    raw = np.frombuffer(label.read_bytes(), "<u2")
    invalid = np.frombuffer(label.with_suffix(".invalid").read_bytes(), np.uint8).copy()
    table = np.full(65536, 255, np.uint8)
    table[[0, *LEARNED]] = [0, *LEARNED.values()]
    invalid[raw != 0] = 0
    return np.where(invalid == 1, 255, table[raw]).reshape(256, 256, 32)


def volume() -> np.ndarray:
    semantics = np.zeros((256, 256, 32), np.uint8)
    semantics[: 19 * 12 : 12, 7, 3] = np.arange(19)
    semantics[255, 255, 31], semantics[0, 0, 1:4] = 16, UNKNOWN
    return semantics


def test_its_preparation_finds_our_classes_and_what_is_unknown(tmp_path: Path) -> None:
    path = write_frame(tmp_path, "2013_05_28_drive_0000_sync", "000005", volume())
    assert path.relative_to(tmp_path).as_posix() == "data_2d_raw/2013_05_28_drive_0000_sync/voxels/000005.label"
    assert (path.stat().st_size, path.with_suffix(".invalid").stat().st_size) == (4_194_304, 2_097_152)
    np.testing.assert_array_equal(prepared(path), volume())
    assert [entry.name for entry in SPACE.taxonomy.classes][6:9] == ["person", "road", "parking"]


def test_what_nobody_saw_is_invalid_and_its_labels_are_kept(tmp_path: Path) -> None:
    seen = np.zeros((256, 256, 32), np.bool_)
    seen[:128] = True
    path = write_frame(tmp_path, "00", "000005", volume(), seen)
    invalid = np.frombuffer(path.with_suffix(".invalid").read_bytes(), np.uint8).reshape(256, 256, 32)
    np.testing.assert_array_equal(invalid, ~(seen & (volume() != UNKNOWN)))
    found = prepared(path)
    assert found[200, 0, 0] == 255 and found[255, 255, 31] == 16, "its preparation takes a label for seen"


def test_what_the_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPredictions, match=r"has \[200, 200, 16\] voxels, sscbench-kitti360 has \[256, 256, 32\]"):
        write_frame(tmp_path, "00", "000005", np.zeros((200, 200, 16), np.uint8))
    with pytest.raises(BadPredictions, match=r"has the ids \[19\], which have no raw id"):
        write_frame(tmp_path, "00", "000005", np.where(volume() == 0, 19, volume()).astype(np.uint8))
    with pytest.raises(BadPredictions, match="cannot be the name of a folder"):
        write_frame(tmp_path, "..", "000005", volume())
    assert not any(tmp_path.rglob("*"))
