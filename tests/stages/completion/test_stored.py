"""Predictions on disk come back as they were written, in every layout, and never from outside the folder."""

import os
from pathlib import Path

import contract
import numpy as np
import pytest
from contract import facts_of, log_of

from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadPredictions, DamagedFile
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.completion.stored import Stored

KITTI = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
OCC3D = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])


def predict(stage: Stored, space: LabelSpace, log: str, names: list[str]) -> dict[str, np.ndarray]:
    return dict(contract.run(stage, space, log_of([Frame(name, 0.0, None) for name in names], log)))


def test_semantickitti_submission(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).integers(0, 20, KITTI.grid.shape).astype(np.uint8)
    folder = tmp_path / "sequences/08/predictions"
    folder.mkdir(parents=True)
    semantickitti.write_volume(folder / "000005.label", KITTI.taxonomy.to_raw[truth])
    stage = Stored(path=tmp_path, confidence=0.8)
    assert stage.refuse(KITTI, None) is None
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
    assert "does not exist" in (Stored(path=tmp_path / "nowhere").refuse(KITTI, None) or "")
    assert "no predictions" in (Stored(path=tmp_path).refuse(KITTI, None) or "")
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


def test_the_fingerprint_of_a_log_follows_the_content_of_its_own_files(tmp_path: Path) -> None:
    stage, files = Stored(path=tmp_path), {}
    for log in ("08", "09"):
        folder = tmp_path / "sequences" / log / "predictions"
        folder.mkdir(parents=True)
        files[log] = folder / "000000.label"
        files[log].write_bytes(b"a")

    def prints() -> tuple[str, str]:
        logs = (log_of([Frame(name, 0.0, None) for name in ("000000", "000001")], log) for log in files)
        first, second = (stage.fingerprint_extra(KITTI, facts_of(log)) for log in logs)
        return first, second

    before = prints()
    assert prints() == before
    os.utime(files["08"], (1e9, 1e9))
    assert prints() == before, "another time is no other content"
    files["08"].write_bytes(b"b")
    changed = prints()
    files["08"].with_name("000001.label").write_bytes(b"a")
    more = prints()
    files["08"].with_name("000002.label").write_bytes(b"a")  # of no frame of the log
    assert len({before[0], changed[0], more[0]}) == 3 and prints() == more
    assert before[1] == changed[1] == more[1], "the other log has nothing to do with it"
