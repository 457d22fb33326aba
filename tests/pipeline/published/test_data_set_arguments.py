"""What the data set is given is looked at before it is used; the drive logs may come with their reader."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import kitti_sequence
import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

import occlabel
from occlabel.schemas.errors import BadLog, StoreError
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.several import SeveralReaders

SPACE = LabelSpace(Grid(origin=(0, -8, -2), voxel_size=1, shape=(8, 8, 4), frame="lidar"), TAXONOMIES["semantickitti"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two frames, and the drive log that they are of, in a folder that two readers fit."""
    root = tmp_path_factory.mktemp("data-set")
    kitti_sequence.written(root / "logs", frames=2)
    (root / "logs/v1.0-mini").mkdir()
    (root / "logs/v1.0-mini/scene.json").write_text("[]")
    arrays = {name: np.full(SPACE.grid.shape, 9, np.uint8) for name in ("semantics", "confidence")}
    publish(MadeUpVersion([MadeUpFrame("00", f"{i:06d}", arrays, i) for i in range(2)], SPACE), root / "store")
    return root


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"split": "00"}, r"no split '00'; logs are given by a list of ids, as split=\['00'\]"),
        ({"split": 3}, "split=3: give a list of ids of logs, or the name of a split"),
        ({"split": b"x"}, "split=b'x': give a list of ids"),
        ({"split": "train", "shares": None}, "shares=None: give a share of the logs for each split, as in shares={'tr"),
        ({"split": "train", "shares": [0.8, 0.1]}, r"shares=\[0.8, 0.1\]: give a share"),
        ({"split": "train", "shares": {"train": "a"}}, "shares={'train': 'a'}: give a share"),
        ({"shares": {3: 0.8}}, "shares={3: 0.8}: give a share"),
        ({"shares": {"train": 2.0}}, "sum to at most 1"),
        ({"shares": {"train": float("nan")}}, "sum to at most 1"),
        ({"split": ["00"], "shares": {"train": -1.0}}, "must not be negative"),
        ({"arrays": 3}, "arrays=3: give a list of names"),
        ({"arrays": ["semantics", 3]}, "give a list of names, which are text"),
        ({"sure": "a"}, "sure='a': a confidence is 0 to 1"),
        ({"sure": None}, "sure=None: a confidence is 0 to 1"),
        ({"sure": True}, "sure=True: a confidence is 0 to 1"),
        ({"sure": float("nan")}, "sure=nan: a confidence is 0 to 1"),
        ({"weights": "yes"}, "weights='yes': give True or False"),
        ({"verify": "a"}, "verify='a': give True or False"),
        ({"raw": "paths"}, "raw='paths' is how points and images come: give the drive logs as well, logs=ROOT"),
    ],
)
def test_an_argument_of_another_kind_gets_a_sentence(root: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(StoreError, match=said):
        occlabel.LabelDataset(f"{root}/store@v1", **given)


def test_numbers_of_numpy_are_numbers(root: Path) -> None:
    given: dict[str, Any] = {"sure": np.float32(0.5), "weights": np.bool_(True), "split": np.array(["00"])}
    assert "weight" in occlabel.LabelDataset(f"{root}/store@v1", **given)[np.int64(1)]
    whole: dict[str, Any] = {"train": np.float32(0.8), "val": np.float32(0.1), "test": np.float32(0.1)}
    assert sum(map(float, whole.values())) > 1 + 1e-9  # by what float32 cannot say
    assert len(occlabel.LabelDataset(f"{root}/store@v1", ["00"], shares=whole)) == 2


def test_frames_are_asked_for_by_number(root: Path) -> None:
    data = occlabel.LabelDataset(f"{root}/store@v1")
    assert data[-1]["name"] == "000001" and len(data) == 2
    with pytest.raises(IndexError, match=r"no frame 2 in 2 frames of .*store@v1"):
        data[2]
    slices: Any = slice(0, 2)
    with pytest.raises(TypeError, match=r"one frame by its number, not for slice\(0, 2, None\).*Subset"):
        data[slices]


@pytest.mark.parametrize("logs", [3, b"x", ["TOWN", 3], ""])
def test_what_is_no_root_of_logs_is_refused(root: Path, logs: Any) -> None:
    with pytest.raises(BadLog, match="is no root of logs: give the path of a folder, or a list of such"):
        occlabel.LabelDataset(f"{root}/store@v1", logs=logs)


def test_the_drive_logs_may_come_with_their_reader(root: Path) -> None:
    with pytest.raises(BadLog, match=r"several layouts .kitti, nuscenes.*open_logs\(..., reader='kitti'\)"):
        occlabel.LabelDataset(f"{root}/store@v1", logs=root / "logs")
    reader = occlabel.open_logs(root / "logs", reader="kitti")
    data = occlabel.LabelDataset(f"{root}/store@v1", logs=reader)
    sweep = kitti_sequence.only(root / "logs").frames[1].sweep
    assert sweep is not None
    several = occlabel.LabelDataset(f"{root}/store@v1", logs=SeveralReaders((reader,)))
    for one in (data, several, pickle.loads(pickle.dumps(data))):  # the last as a process that is spawned gets it
        np.testing.assert_array_equal(one[1]["points"].numpy(), reader.points(sweep))
