"""Predictions on disk come back as they were written, in every layout, and never from outside the folder."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadPredictions, DamagedFile
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.stage import Clip, Inputs, LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.completion.stored import Stored

KITTI = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
OCC3D = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])


def predict(stage: Stored, space: LabelSpace, log: str, names: list[str]) -> dict[str, np.ndarray]:
    frames = tuple(Frame(name, 0.0, np.eye(4)) for name in names)
    return dict(stage.setup(space, "cpu")(Clip(log, 0, len(names)), Inputs(0, frames, {})))


def test_semantickitti_submission(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).integers(0, 20, KITTI.grid.shape).astype(np.uint8)
    folder = tmp_path / "sequences/08/predictions"
    folder.mkdir(parents=True)
    semantickitti.write_volume(folder / "000005.label", KITTI.taxonomy.to_raw[truth])
    stage = Stored(path=tmp_path, confidence=0.8)
    assert stage.refuse(KITTI) is None
    result = predict(stage, KITTI, "08", ["000004", "000005"])
    np.testing.assert_array_equal(result["semantics"][1], truth)
    assert (result["confidence"][1] == 204).all()
    assert (result["semantics"][0] == 255).all()
    assert not result["confidence"][0].any()


@pytest.mark.parametrize("layout", ["{token}.npz", "scene-0001/{token}/labels.npz"])
def test_occ3d_predictions(tmp_path: Path, layout: str) -> None:
    truth = np.random.default_rng(0).integers(0, 18, OCC3D.grid.shape).astype(np.uint8)
    path = tmp_path / layout.format(token="abc")
    path.parent.mkdir(parents=True, exist_ok=True)
    occ3d.write_labels(path, truth)
    result = predict(Stored(path=tmp_path), OCC3D, "scene-0001", ["abc"])
    np.testing.assert_array_equal(result["semantics"][0], truth)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert "does not exist" in (Stored(path=tmp_path / "nowhere").refuse(KITTI) or "")
    assert "no predictions" in (Stored(path=tmp_path).refuse(KITTI) or "")
    folder = tmp_path / "sequences/08/predictions"
    folder.mkdir(parents=True)
    (folder / "000000.label").write_bytes(b"short")
    raw = np.full(KITTI.grid.shape, 52, np.uint16)
    semantickitti.write_volume(folder / "000001.label", raw)
    stage = Stored(path=tmp_path)
    with pytest.raises(DamagedFile, match=r"000000\.label"):
        predict(stage, KITTI, "08", ["000000"])
    with pytest.raises(BadPredictions, match="52"):
        predict(stage, KITTI, "08", ["000001"])
    with pytest.raises(BadPredictions):
        predict(stage, KITTI, "../08", ["000001"])
    with pytest.raises(BadPredictions):
        predict(stage, KITTI, "08", ["../../secret"])


def test_fingerprint_follows_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "sequences/08/predictions"
    folder.mkdir(parents=True)
    (folder / "000000.label").write_bytes(b"a")
    stage = Stored(path=tmp_path)
    first = stage.fingerprint_extra(KITTI)
    assert stage.fingerprint_extra(KITTI) == first
    (folder / "000001.label").write_bytes(b"a")
    second = stage.fingerprint_extra(KITTI)
    (folder / "000000.label").write_bytes(b"ab")
    assert len({first, second, stage.fingerprint_extra(KITTI)}) == 3
