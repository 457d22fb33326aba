"""What ``occlabel.evaluate`` is given is looked at before it is used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

import occlabel
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES

SPACE = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of one frame, and its truth."""
    root = tmp_path_factory.mktemp("evaluate")
    volume = np.zeros(SPACE.grid.shape, np.uint8)
    volume[:, :, 2] = 9
    publish(MadeUpVersion([MadeUpFrame("08", "000005", {"semantics": volume})], SPACE), root / "store")
    voxels = root / "truth/sequences/08/voxels"
    voxels.mkdir(parents=True)
    (voxels / "000005.label").write_bytes(SPACE.taxonomy.to_raw[volume].astype("<u2").tobytes())
    (voxels / "000005.invalid").write_bytes(bytes(262144))
    return root


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": 3}, "labels=3: give STORE@VERSION, an open version, or a folder of predictions"),
        ({"truth": None}, "truth=None: give the root of the truth"),
        ({"told": [1]}, r"told=\[1\]: give a dictionary from class to class"),
        ({"format": "kitti"}, "format='kitti'.*one of semantickitti, occ3d"),
        ({"logs": 3}, "logs=3: give a list of ids of logs"),
        ({"workplace": "local"}, "workplace='local': give a Workplace of occlabel.pipeline.running.workplace"),
    ],
)
def test_an_argument_of_another_kind_gets_a_sentence(root: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(occlabel.OcclabelError, match=said):
        occlabel.evaluate(**{"labels": f"{root}/store@v1", "truth": root / "truth", **given})


def test_the_rules_are_those_of_the_classes(root: Path, tmp_path: Path) -> None:
    space = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"].model_copy(update={"name": "mine"}))
    volume = {"semantics": np.zeros(space.grid.shape, np.uint8)}
    occ3d = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])
    free = {"semantics": np.full(occ3d.grid.shape, 17, np.uint8)}
    publish(MadeUpVersion([MadeUpFrame("08", "000005", volume)], space), tmp_path / "same")
    publish(MadeUpVersion([MadeUpFrame("08", "000005", free)], occ3d), tmp_path / "other")
    assert occlabel.evaluate(f"{tmp_path}/same@v1", root / "truth").frames == 1
    with pytest.raises(occlabel.OcclabelError, match="occ3d"):
        occlabel.evaluate(f"{tmp_path}/other@v1", root / "truth")
    with pytest.raises(occlabel.OcclabelError, match="say in whose layout they are, as format='semantickitti'"):
        occlabel.evaluate(root / "truth", root / "truth")


def test_labels_may_be_named_by_a_path(root: Path) -> None:
    assert occlabel.evaluate(Path(f"{root}/store@v1"), root / "truth", logs=["08"]).frames == 1
