"""Which frames an export holds, and that a submission is what the benchmark's own checker asks for."""

from __future__ import annotations

import errno
import zipfile
from pathlib import Path

import numpy as np
import pytest
from labelled_street import kitti_street, labelled
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.version import PublishedFrame
from occlabel.schemas.errors import AlteredArtifact, OcclabelError
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.kitti import KittiReader

TEST_SEQUENCES = [f"{number:02d}" for number in range(11, 22)]
VOXELS = 256 * 256 * 32


def version(places: list[tuple[str, str]], preset: str = "semantickitti") -> MadeUpVersion:
    space = LabelSpace(GRIDS[preset], TAXONOMIES[preset])
    volume = np.full(space.grid.shape, space.taxonomy.free_id, np.uint8)
    counts: dict[str, int] = {}
    kept = []
    for log, name in places:
        kept.append(MadeUpFrame(log, name, {"semantics": volume}, counts.setdefault(log, 0)))
        counts[log] += 1
    return MadeUpVersion(kept, space)


def export(store: Path, out: Path, *arguments: object, format: str = "semantickitti") -> tuple[int, str, str]:
    """Exit code, output on one line, the error's sentence."""
    given = ["export", f"{store}@v1", "--format", format, "--out", out, *arguments]
    result = CliRunner().invoke(app, list(map(str, given)))
    return result.exit_code, " ".join(result.output.split()), str(result.exception)


def benchmark(root: Path, folder: str, places: list[tuple[str, str]], size: int) -> Path:
    """A copy of the benchmark's data, of which only names and sizes matter."""
    for log, name in places:
        path = root / f"sequences/{log}/{folder}/{name}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    return root


def refused(archive: Path, root: Path, folder: str, bytes_a_label: int, labels_a_byte: float) -> str | None:
    """What the checker of the benchmark (``validate_submission.py``) finds: a folder entry of each test sequence, a
    label file of the right size for each input, and, for voxels, no other file."""
    with zipfile.ZipFile(archive) as opened:
        entries = {info.filename: info.file_size for info in opened.infolist()}
    for log in TEST_SEQUENCES:
        for entry in ("sequences/", f"sequences/{log}/", f"sequences/{log}/predictions/"):
            if entry not in entries:
                return f"no folder {entry}"
    wanted = {
        f"sequences/{log}/predictions/{path.stem}.label": path.stat().st_size * labels_a_byte * bytes_a_label
        for log in TEST_SEQUENCES
        for path in (root / f"sequences/{log}/{folder}").glob("*.bin")
    }
    there = {name: size for name, size in entries.items() if not name.endswith("/")}
    if folder == "voxels" and there.keys() - wanted.keys():
        return f"unneeded {sorted(there.keys() - wanted.keys())[0]}"
    wrong = [name for name, size in wanted.items() if there.get(name) != size]
    return f"missing or of another size: {wrong[0]}" if wrong else None


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store with three frames of each test sequence, and the benchmark, which asks for one of them."""
    root = tmp_path_factory.mktemp("submitted")
    places = [(log, name) for log in TEST_SEQUENCES for name in ("000004", "000005", "000006")]
    publish(version(places), root / "store")
    asked = [(log, "000005") for log in TEST_SEQUENCES]
    return root / "store", benchmark(root / "benchmark", "voxels", asked, VOXELS // 8)


def test_a_submission_of_all_frames_is_one_that_the_server_refuses_and_that_is_said(
    submitted: tuple[Path, Path], tmp_path: Path
) -> None:
    store, root = submitted
    code, text, _ = export(store, tmp_path / "out", "--zip")
    assert code == 0 and "the server asks for every 5th frame and takes no other" in text and "--frames 5n" in text
    found = refused(tmp_path / "out/submission.zip", root, "voxels", 2, 8)
    assert found == "unneeded sequences/11/predictions/000004.label"


def test_a_root_that_has_voxels_of_other_frames_is_said_to_be_no_copy_of_the_benchmark(
    submitted: tuple[Path, Path], tmp_path: Path
) -> None:
    root = benchmark(tmp_path / "own", "voxels", [("11", "000004"), ("11", "000005")], VOXELS // 8)
    code, text, _ = export(submitted[0], tmp_path / "out", "--zip", "--like", root)
    text = " ".join(text.split())
    assert code == 0 and f"export with --frames 5n, as {root} has voxels of others too" in text
    assert "--like ROOT" not in text


@pytest.mark.parametrize("choice", ["like", "frames"])
def test_a_submission_of_the_frames_that_the_benchmark_asks_for(
    submitted: tuple[Path, Path], tmp_path: Path, choice: str
) -> None:
    store, root = submitted
    chosen = ("--like", root) if choice == "like" else ("--frames", "5n")
    code, text, _ = export(store, tmp_path / "out", "--zip", *chosen)
    assert code == 0 and "wrote 11 frames" in text and "takes no other" not in text
    assert "labelled frames that were not asked for, and are left out: 22" in text
    assert refused(tmp_path / "out/submission.zip", root, "voxels", 2, 8) is None


def test_what_a_submission_lacks_is_said(tmp_path: Path) -> None:
    publish(version([("11", "000000"), ("12", "000000")]), tmp_path / "store")
    asked = [("11", "000000"), ("11", "000005"), ("12", "000000")]
    root = benchmark(tmp_path / "benchmark", "voxels", asked, VOXELS // 8)
    code, text, _ = export(tmp_path / "store", tmp_path / "out", "--zip", "--like", root)
    assert code == 0 and "and there are no labels of 13, 14, 15, 16, 17, 18, 19, 20, 21" in text
    assert "frames that were asked for and have no labels in version v1: log 11 frame 000005" in text
    (tmp_path / "other").mkdir()
    publish(version([("08", "000000")]), tmp_path / "val")
    assert "no labels of" not in export(tmp_path / "val", tmp_path / "other", "--zip")[1], "not for the test set"


def test_points_are_packed_for_the_panoptic_task(tmp_path: Path) -> None:
    root = tmp_path / "logs"
    made = labelled(KittiReader(root), kitti_street(root), "semantickitti")
    (root / "sequences/00").rename(root / "sequences/11")
    for frame in made.kept:
        frame.log = "11"
    publish(made, tmp_path / "store")
    arguments = ("--logs", root, "--zip", "--like", root)
    code, text, _ = export(tmp_path / "store", tmp_path / "out", *arguments, format="semantickitti-panoptic")
    assert code == 0 and "submission.zip; the server asks for sequences 11 to 21" in text
    with zipfile.ZipFile(tmp_path / "out/submission.zip") as opened:
        sizes = {info.filename: info.file_size for info in opened.infolist() if not info.is_dir()}
    scans = {path.stem: path.stat().st_size // 16 for path in (root / "sequences/11/velodyne").glob("*.bin")}
    assert sizes == {f"sequences/11/predictions/{name}.label": 4 * points for name, points in scans.items()}
    (root / "sequences/11/velodyne/000001.bin").unlink()
    export(tmp_path / "store", tmp_path / "few", *arguments, format="semantickitti-panoptic")
    assert sorted(p.stem for p in (tmp_path / "few").rglob("*.label")) == ["000000", "000002"]


def test_choices_that_cannot_be_followed_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    publish(version([("08", "000001"), ("08", "000002")]), tmp_path / "store")
    publish(version([("scene", "t0")], "occ3d"), tmp_path / "scenes")
    (tmp_path / "empty").mkdir()
    for arguments, sentence in (
        (("--frames", "0n"), "no choice of frames: say 5n"),
        (("--frames", "1,,2"), "no choice of frames"),
        (("--frames", "5n"), "version v1 has none of the frames that 5n asks for"),
        (("--frames", "000001,000009"), "version v1 has no frame 000009"),
        (("--like", tmp_path / "nowhere"), "is not a folder"),
        (("--like", tmp_path / "empty"), "has no frames in the layout of semantickitti"),
        (("--frames", "2n", "--like", tmp_path / "empty"), "both choose frames"),
    ):
        code, _, error = export(tmp_path / "store", tmp_path / "out", *arguments)
        assert code == 1 and sentence in error, arguments
        assert not (tmp_path / "out").exists()
    error = export(tmp_path / "scenes", tmp_path / "out", "--frames", "5n", format="occ3d")[2]
    assert "log scene, frame t0 has no number to count by" in error
    assert export(tmp_path / "store", tmp_path / "out", "--frames", "000002")[0] == 0
    assert [path.stem for path in (tmp_path / "out").rglob("*.label")] == ["000002"]


def test_occ3d_frames_are_chosen_by_its_truth(tmp_path: Path) -> None:
    publish(version([("scene", "t0"), ("scene", "t1")], "occ3d"), tmp_path / "store")
    (tmp_path / "root/gts/scene/t1").mkdir(parents=True)
    (tmp_path / "root/gts/scene/t1/labels.npz").touch()
    for number, root in enumerate((tmp_path / "root", tmp_path / "root/gts")):
        assert export(tmp_path / "store", tmp_path / f"out{number}", "--like", root, format="occ3d")[0] == 0
        assert [path.parent.name for path in (tmp_path / f"out{number}").rglob("*.npz")] == ["t1"]


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    publish(version([("08", "000000")]), store)
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    assert "is not an empty folder" in export(store, tmp_path / "file")[2]
    assert "is a file, not a folder" in export(store, tmp_path / "file/below")[2]
    assert "is a link to nothing" in export(store, tmp_path / "dangling")[2]

    def no_room(*arguments: object, **more: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("occlabel.pipeline.delivery.exporters.TemporaryFile", no_room)
    assert "out cannot be written: Read-only file system" in export(store, tmp_path / "out")[2]
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(OcclabelError, match=r"a\.label cannot be written: No space left"),
        appearing(tmp_path / "x/a.label"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list((tmp_path / "x").iterdir())


def test_who_is_left_with_a_part_of_an_export_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(version([("08", "000000"), ("08", "000001")]), tmp_path / "store")
    load = PublishedFrame.load

    def torn(self: PublishedFrame, array: str) -> object:
        if self.name == "000001":
            raise AlteredArtifact("frame 1 is damaged")
        return load(self, array)

    monkeypatch.setattr(PublishedFrame, "load", torn)
    code, _, error = export(tmp_path / "store", tmp_path / "out")
    assert code == 1 and error.startswith("frame 1 is damaged; what lies in ") and "remove it and export again" in error
