"""Several roots read as one: every log by its own reader, and no id twice."""

import shutil
from pathlib import Path

import made_up_town as town
import numpy as np
import pytest

from occlabel.schemas.errors import BadLog
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.stages.town.writers.nuscenes import write_nuscenes


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("roots")
    rig = town.rig("kitti", ("image_2",))
    for night, log in (("monday", "00"), ("tuesday", "07")):
        write_kitti(log, town.frames(rig, 2), rig, root / night)
    return root / "monday", root / "tuesday"


def test_the_logs_of_all_roots_are_one_list_and_their_files_are_read(roots: tuple[Path, Path]) -> None:
    both = open_logs(roots)
    assert both.log_ids() == ["00", "07"]
    assert [log.id for log in both.logs()] == ["00", "07"]
    for root, log in zip(roots, both.logs(), strict=True):
        alone = open_logs(root)
        frame = log.frames[0]
        np.testing.assert_array_equal(both.points(frame.sweep), alone.points(frame.sweep))
        np.testing.assert_array_equal(both.image(frame.cameras[0]), alone.image(frame.cameras[0]))
        np.testing.assert_array_equal(both.voxel_truth(frame).semantics, alone.voxel_truth(frame).semantics)


def test_a_root_named_twice_is_one_root(roots: tuple[Path, Path]) -> None:
    assert open_logs([roots[0], roots[0]]).log_ids() == ["00"]


def test_one_id_under_two_roots_is_refused(roots: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "sequences").mkdir()
    (tmp_path / "sequences/00").symlink_to(roots[0] / "sequences/00")
    with pytest.raises(BadLog, match=r"log '00' lies under .*monday and under "):
        open_logs([*roots, tmp_path]).log_ids()


def test_a_log_that_is_nowhere_is_named(roots: tuple[Path, Path]) -> None:
    with pytest.raises(BadLog, match=r"have no log '99'; they have 00, 07"):
        list(open_logs(roots).logs(["99"]))


def test_a_root_may_lie_in_another(roots: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(roots[0], tmp_path, dirs_exist_ok=True)
    rig = town.rig("nuscenes", ("CAM_FRONT",))
    write_nuscenes("scene-0001", town.frames(rig, 2), rig, tmp_path / "nuscenes", seed=3, split="test")
    both = open_logs([tmp_path, tmp_path / "nuscenes"])
    for log in both.logs():
        frame = log.frames[0]
        inner = open_logs(tmp_path / ("nuscenes" if log.id.startswith("scene") else "."))
        np.testing.assert_array_equal(both.points(frame.sweep), inner.points(frame.sweep))
        np.testing.assert_array_equal(both.image(frame.cameras[0]), inner.image(frame.cameras[0]))
