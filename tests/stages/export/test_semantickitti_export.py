"""Files byte for byte as the official tools have them, and what they could not read is refused."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.export.semantickitti import write_frame, write_zip

RAW = [0, 10, 11, 15, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 70, 71, 72, 80, 81]


def volume() -> np.ndarray:
    semantics = np.zeros((256, 256, 32), np.uint8)
    semantics[: 20 * 12 : 12, 7, 3] = np.arange(20)
    semantics[255, 255, 31] = 19
    semantics[0, 0, 1] = UNKNOWN
    return semantics


def test_bytes_are_little_endian_raw_ids_in_c_order(tmp_path: Path) -> None:
    content = write_frame(tmp_path, "08", "000005", volume()).read_bytes()
    assert len(content) == 4_194_304
    for class_id, raw in enumerate(RAW):
        at = 2 * ((12 * class_id * 256 + 7) * 32 + 3)
        assert int.from_bytes(content[at : at + 2], "little") == raw
    assert content[-2:] == bytes([81, 0])
    assert content[2:4] == bytes([0, 0])  # unknown is empty: the format has no unknown
    assert sorted(path.name for path in tmp_path.rglob("*.label")) == ["000005.label"]


def test_golden_volume_comes_back_byte_for_byte(shared: Path, tmp_path: Path) -> None:
    maps = np.load(shared / "golden/semantickitti_format/case_maps.npz")
    case = np.load(shared / "golden/semantickitti_format/case_volumes.npz")
    known = np.isin(case["label"], maps["learning_map_inv"])
    label = np.where(known, case["label"], 0)
    path = write_frame(tmp_path, "00", "000000", TAXONOMIES["semantickitti"].from_raw[label])
    expected = np.where(known.ravel()[:, None], case["label_bytes"].reshape(-1, 2), 0).astype(np.uint8)
    assert path.read_bytes() == expected.tobytes()
    np.testing.assert_array_equal(TAXONOMIES["semantickitti"].to_raw[maps["learning_ids"]], maps["learning_map_inv"])


@pytest.mark.parametrize(
    ("log", "name", "semantics", "complaint"),
    [
        ("town-1", "000000", volume(), "two digits"),
        ("../00", "000000", volume(), "two digits"),
        ("08", "0", volume(), "six digits"),
        ("08", "000000", volume()[:128], "has .128, 256, 32. voxels"),
        ("08", "000000", np.where(volume() == 19, np.uint8(20), volume()), "ids .20., which have no raw id"),
    ],
)
def test_what_would_stop_the_official_tools_is_refused(
    tmp_path: Path, log: str, name: str, semantics: np.ndarray, complaint: str
) -> None:
    with pytest.raises(BadPredictions, match=complaint):
        write_frame(tmp_path, log, name, semantics)
    assert not list(tmp_path.rglob("*.*"))


def test_zip_has_folder_entries_and_the_same_bytes_twice(tmp_path: Path) -> None:
    for log, name in (("08", "000000"), ("08", "000005"), ("11", "000000")):
        write_frame(tmp_path, log, name, volume())
    write_zip(tmp_path, tmp_path / "one.zip")
    write_zip(tmp_path, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == [
            "sequences/",
            "sequences/08/",
            "sequences/08/predictions/",
            "sequences/11/",
            "sequences/11/predictions/",
            "sequences/08/predictions/000000.label",
            "sequences/08/predictions/000005.label",
            "sequences/11/predictions/000000.label",
        ]
        label = tmp_path / "sequences/11/predictions/000000.label"
        assert archive.read("sequences/11/predictions/000000.label") == label.read_bytes()
