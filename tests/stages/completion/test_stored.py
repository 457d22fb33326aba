"""Predictions on disk come back as they were written, in every layout, and never from outside the folder."""

import os
from pathlib import Path

import contract
import numpy as np
import pytest
from contract import facts_of, log_of

from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.log_facts import LogFacts
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
    with pytest.raises(BadPredictions, match=r"000001\.label holds the id 52 at \[0, 0, 0\], which the taxonomy"):
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


def facts(names: list[str], log: str = "08") -> LogFacts:
    return facts_of(log_of([Frame(name, 0.0, None) for name in names], log))


def test_frames_without_a_prediction_are_said_and_a_log_without_any_is_refused(tmp_path: Path) -> None:
    folder, stage = tmp_path / "sequences/08/predictions", Stored(path=tmp_path)
    folder.mkdir(parents=True)
    semantickitti.write_volume(folder / "000001.label", np.zeros(KITTI.grid.shape, np.uint16))
    names = [f"{number:06d}" for number in range(6)]
    assert stage.doubts(KITTI, facts(names[1:2])) is None
    assert stage.doubts(KITTI, facts(names)) == (
        f"log 08: 5 of 6 frames have no prediction in {tmp_path} and stay unknown: 000000, 000002, 000003, ..."
    )
    with pytest.raises(BadLog) as error:
        stage.doubts(KITTI, facts(names, "09"))
    assert str(error.value) == (
        f"log 09: 6 of 6 frames have no prediction in {tmp_path}; the first would be sequences/09/predictions/"
        "000000.label or 09/000000/labels.npz or 000000.npz; leave the log out with --log, or name another folder"
    )
    with pytest.raises(BadLog, match="cannot be the name of a prediction file"):
        stage.doubts(KITTI, facts(["../secret"]))


def test_the_first_prediction_is_opened_by_the_plan(tmp_path: Path) -> None:
    stage = Stored(path=tmp_path)
    (tmp_path / "00/000000").mkdir(parents=True)
    np.savez(tmp_path / "00/000000/labels.npz", mask_camera=np.ones(OCC3D.grid.shape, np.uint8))
    occ3d.write_labels(tmp_path / "000001.npz", np.full(OCC3D.grid.shape, 1, np.uint8))
    said = stage.doubts(OCC3D, facts(["000000", "000001"], "00")) or ""
    assert "log 00: the prediction of frame 000000 cannot be used, and its clip will have no labels" in said
    assert "has no array 'semantics', only mask_camera" in said
    assert "cannot be used" not in (stage.doubts(OCC3D, facts(["000001"], "00")) or "")
    assert Stored(path=tmp_path / "000001.npz").refuse(OCC3D, None) == (
        f"the folder of predictions {tmp_path}/000001.npz is a file, and a folder is wanted"
    )


def test_a_file_for_every_log_comes_after_that_of_the_log_and_is_said_where_frames_are_counted(tmp_path: Path) -> None:
    names, stage = ["000000", "000001", "315966253572412942", "e93e98b63d3b40209056d129dc53ceee"], Stored(path=tmp_path)
    for name in names:
        occ3d.write_labels(tmp_path / f"{name}.npz", np.full(OCC3D.grid.shape, 1, np.uint8))
    (tmp_path / "00/000001").mkdir(parents=True)
    occ3d.write_labels(tmp_path / "00/000001/labels.npz", np.full(OCC3D.grid.shape, 2, np.uint8))
    assert predict(stage, OCC3D, "00", names)["semantics"][:, 0, 0, 0].tolist() == [1, 2, 1, 1]
    assert stage.doubts(OCC3D, facts(names, "00")) == (
        f"log 00: a prediction in {tmp_path} itself is of the frame of that name in every log, and other logs count "
        "their frames too: 000000.npz; unless there is one log, put them where its own lie, as 00/000000/labels.npz"
    )
    assert "; log 01: a prediction in" in (stage.doubts(OCC3D, facts(["000000", "7"], "01")) or "")
    assert stage.doubts(OCC3D, facts(names[2:], "00")) is None


def test_numbers_of_another_width_are_matched(tmp_path: Path) -> None:
    folder, stage = tmp_path / "sequences/08/predictions", Stored(path=tmp_path)
    folder.mkdir(parents=True)
    raw = KITTI.taxonomy.to_raw[np.full(KITTI.grid.shape, 9, np.uint8)]
    semantickitti.write_volume(folder / "5.label", raw)
    semantickitti.write_volume(folder / "0000000006.label", raw)
    semantickitti.write_volume(folder / "readme.label", raw)
    result = predict(stage, KITTI, "08", ["000004", "000005", "000006"])
    assert [int(frame.max()) for frame in result["semantics"]] == [255, 9, 9]
    assert "1 of 3" in (stage.doubts(KITTI, facts(["000004", "000005", "000006"])) or "")
    before = stage.fingerprint_extra(KITTI, facts(["000005"]))
    semantickitti.write_volume(folder / "5.label", np.zeros_like(raw))
    assert stage.fingerprint_extra(KITTI, facts(["000005"])) != before
    (folder / "05.label").write_bytes(b"")
    with pytest.raises(BadLog, match=r"05\.label and 5\.label are both of frame 5"):
        stage.doubts(KITTI, facts(["000005"]))


def test_a_file_of_the_same_size_and_time_is_another_content(tmp_path: Path) -> None:
    file, stage = tmp_path / "000000.npz", Stored(path=tmp_path)
    prints = set()
    for content in (b"first", b"other"):
        file.write_bytes(content)
        os.utime(file, (1e9, 1e9))
        prints.add(stage.fingerprint_extra(OCC3D, facts(["000000"])))
    file.unlink()
    file.mkdir()
    prints.add(stage.fingerprint_extra(OCC3D, facts(["000000"])))
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("dtype", "value", "word"),
    [
        (np.int64, 260, r"semantics is 260 at \[1, 2, 3\], expected 0\.\.255"),
        (np.int16, -252, r"semantics is -252 at \[1, 2, 3\]"),
        (np.float32, np.nan, "semantics is float32, expected integers"),
        (np.bool_, True, "semantics is bool, expected integers"),
        (np.uint8, 18, r"holds the id 18 at \[1, 2, 3\], which the taxonomy occ3d does not predict"),
    ],
)
def test_ids_of_occ3d_are_checked_before_they_are_narrowed(
    tmp_path: Path, dtype: type, value: float, word: str
) -> None:
    semantics: np.ndarray = np.full(OCC3D.grid.shape, 17).astype(dtype)
    semantics[1, 2, 3] = value
    np.savez_compressed(tmp_path / "abc.npz", semantics=semantics)
    with pytest.raises((DamagedFile, BadPredictions), match=rf"abc\.npz.*{word}"):
        predict(Stored(path=tmp_path), OCC3D, "scene-0001", ["abc"])


def test_a_raw_id_that_the_recipe_calls_unknown_is_unknown(tmp_path: Path) -> None:
    taxonomy = OCC3D.taxonomy.model_copy(update={"learning_map": {**{n: n for n in range(18)}, 200: 255}})
    semantics = np.full(OCC3D.grid.shape, 200, np.uint8)
    semantics[1, 2, 3] = 4
    np.savez_compressed(tmp_path / "abc.npz", semantics=semantics)
    result = predict(Stored(path=tmp_path), LabelSpace(OCC3D.grid, taxonomy), "scene-0001", ["abc"])
    assert result["semantics"][0, 1, 2, 3] == 4 and (result["semantics"] == 255).sum() == semantics.size - 1
