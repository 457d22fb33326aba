"""Point labels byte for byte as the official tools read them."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats.semantickitti import read_point_labels
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.export.semantickitti_panoptic import numbering, write_points


def test_semantic_id_is_low_and_instance_high(tmp_path: Path) -> None:
    semantics = np.array([1, 1, 6, 9, 19, 0, UNKNOWN, 1], np.uint8)
    instance = np.array([70_000, 70_001, 70_002, 5, 6, 7, 8, 0], np.uint32)
    numbers = numbering("08")
    path = write_points(tmp_path, "08", "000005", semantics, instance, numbers)
    assert path == tmp_path / "sequences/08/predictions/000005.label"
    label = np.fromfile(path, "<u4")
    assert (label & 0xFFFF).tolist() == [10, 10, 30, 40, 81, 0, 0, 10]
    assert (label >> 16).tolist() == [1, 2, 3, 0, 0, 0, 0, 0]
    raw, number = read_point_labels(path, len(semantics))
    assert raw.tolist() == [10, 10, 30, 40, 81, 0, 0, 10] and number.tolist() == [1, 2, 3, 0, 0, 0, 0, 0]
    # The next frame goes on.
    path = write_points(tmp_path, "08", "000006", semantics[1:3], np.array([70_001, 3], np.uint32), numbers)
    assert read_point_labels(path, 2)[1].tolist() == [2, 4]
    assert sorted(file.name for file in tmp_path.rglob("*.*")) == ["000005.label", "000006.label"]


def test_an_empty_scan_is_an_empty_file(tmp_path: Path) -> None:
    none = np.zeros(0, np.uint8), np.zeros(0, np.uint32)
    assert write_points(tmp_path, "08", "000000", *none, numbering("08")).read_bytes() == b""


@pytest.mark.parametrize(
    ("log", "name", "semantics", "ids", "complaint"),
    [
        ("town-1", "000000", [1], [1], "two digits"),
        ("08", "0", [1], [1], "six digits"),
        ("08", "000000", [20], [1], "ids .20., which have no raw id"),
        ("08", "000000", [1, 1], [1], "one of each per point"),
        ("08", "000000", [1] * 65_536, range(1, 65_537), "more than 65,535 objects"),
    ],
)
def test_refusals(tmp_path: Path, log: str, name: str, semantics: list[int], ids: list[int], complaint: str) -> None:
    with pytest.raises(BadPredictions, match=complaint):
        write_points(tmp_path, log, name, np.array(semantics, np.uint8), np.array(ids, np.uint32), numbering(log))
    assert not list(tmp_path.rglob("*.*"))
