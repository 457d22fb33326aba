"""Video as a log: what is known of it, what is not and is said, and its images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from filmed import film, telling, told
from PIL import Image

from occlabel.pipeline.planning.catalogue import facts_of
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.stages.geometry.odometry.stage import PosesFromImages
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.ingest.video.named_times import times_in
from occlabel.stages.ingest.video.reader import VideoReader

K = [[50.0, 0, 47.5], [0, 50, 23.5], [0, 0, 1]]


def folder(place: Path, names: list[str], size: tuple[int, int] = (96, 48)) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.fromarray(telling(number, size)).save(place / name)
    return place


def only(root: Path) -> tuple[VideoReader, DriveLog]:
    reader = open_logs(root)
    assert isinstance(reader, VideoReader)
    (log,) = reader.logs()
    return reader, log


def numbers(reader: VideoReader, log: DriveLog, camera: int = 0) -> list[int]:
    return [told(reader.image(frame.cameras[camera])) for frame in log.frames]


def test_a_film_is_a_log_of_which_poses_and_calibration_are_not_known(tmp_path: Path) -> None:
    reader, log = only(film(tmp_path / "drive.mp4", map(telling, range(9)), rate=5.0))
    assert log.id == "drive"
    assert [frame.name for frame in log.frames] == [f"{index:06d}" for index in range(9)]
    np.testing.assert_allclose([frame.time for frame in log.frames], np.arange(9) / 5)
    assert all(frame.world_from_ego is None and frame.sweep is None for frame in log.frames)
    (camera,) = log.rig.cameras
    assert (camera.name, camera.size, camera.intrinsics, camera.extrinsics, camera.height) == (
        "camera", (96, 48), False, False, None,
    )  # fmt: skip
    said = " ".join(log.warnings)
    assert "no poses and no LiDAR" in said and "the calibration of camera is not known: write K" in said
    assert "nothing in the log tells metres" in said
    assert numbers(reader, log) == list(range(9))


def test_any_frame_of_a_film_is_the_right_one_in_any_order(tmp_path: Path) -> None:
    reader, log = only(film(tmp_path / "drive.mp4", (telling(n % 64) for n in range(150))))
    for index in (140, 3, 4, 2, 149, 0, 75, 74):
        assert told(reader.image(log.frames[index].cameras[0])) == index % 64, index
    picture = reader.image(log.frames[63].cameras[0])
    assert picture[24, 40, 0] > picture[24, 40, 2] + 30, "RGB, not BGR"


def test_what_is_written_beside_it_is_known(tmp_path: Path) -> None:
    film(tmp_path / "drive.mp4", map(telling, range(6)))
    notes = {"camera": {"intrinsics": K, "height": 1.5}}
    (tmp_path / "calibration.json").write_text(json.dumps(notes))
    _, log = only(tmp_path / "drive.mp4")
    camera = log.frames[0].cameras[0]
    assert camera.intrinsics is not None
    np.testing.assert_array_equal(camera.intrinsics, np.array(K))
    assert camera.ego_from_camera is None and log.rig.cameras[0].height == 1.5
    assert log.warnings == ("log drive is video: it has no poses and no LiDAR",)
    assert only(tmp_path)[1].rig.camera("drive").height == 1.5, "the only film of a folder is the camera too"

    notes["camera"]["size"] = [192, 96]
    (tmp_path / "calibration.json").write_text(json.dumps(notes))
    _, scaled = only(tmp_path / "drive.mp4")
    # The middle of the image stays the middle: 47.5 of 0..95 for 95.5 of 0..191.
    smaller = scaled.frames[0].cameras[0].intrinsics
    assert smaller is not None
    np.testing.assert_allclose(smaller, np.array([[25, 0, 23.5], [0, 25, 11.5], [0, 0, 1]]))
    assert scaled.text != log.text and "was scaled to 96x48" in scaled.warnings[1]

    notes["camera"]["size"] = [100, 100]
    (tmp_path / "calibration.json").write_text(json.dumps(notes))
    _, other = only(tmp_path / "drive.mp4")
    assert other.frames[0].cameras[0].intrinsics is None
    assert "cannot come from by scaling alone" in other.warnings[1]
    refused = PosesFromImages().refuse(load_recipe("video").space, other.rig) or ""
    assert "K of camera is not known (its calibration is of images of 100x100, which those of 96x48 cannot" in refused


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("camera: {intrinsic: 3}", r"'camera.intrinsic' .did you mean 'intrinsics'"),
        ("fps: 3", "it has a key 'fps'; known there: rate, camera, cameras"),
        ("camera: {intrinsics: [[1, 0, 0], [0, 1, 0]]}", "camera.intrinsics"),
        ("camera: {intrinsics: [[5, 0, 9], [3, 5, 9], [0, 0, 1]]}", r"must be \[\[fx, 0, cx\]"),
        ("camera: {height: -1}", "camera.height: .*greater than 0.2"),
        ("camera: {extrinsics: [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]}", "not a rigid transform"),
        ("cameras: {back: {height: 1.5}}", "tells of cameras back, and the log has camera; rename"),
        ("camera: [", "not valid YAML"),
    ],
)
def test_notes_that_cannot_be_used_are_refused_with_the_key(tmp_path: Path, text: str, complaint: str) -> None:
    film(tmp_path / "drive.mp4", map(telling, range(3)))
    (tmp_path / "calibration.yaml").write_text(text)
    with pytest.raises(BadLog, match=complaint):
        only(tmp_path / "drive.mp4")


def test_images_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    place = folder(tmp_path / "ride", ["img8.png", "img9.png", "img10.png", "img12.png"])
    reader, log = only(place)
    assert log.id == "ride" and [frame.name for frame in log.frames] == ["img8", "img9", "img10", "img12"]
    np.testing.assert_allclose([frame.time for frame in log.frames], [0, 0.1, 0.2, 0.4])
    assert "times are taken as 10 Hz; say it as 'rate'" in " ".join(log.warnings)
    assert numbers(reader, log) == [0, 1, 2, 3]
    (place / "calibration.yaml").write_text("rate: 4")
    _, paced = only(place)
    np.testing.assert_allclose([frame.time for frame in paced.frames], [0, 0.25, 0.5, 1.0])
    assert "10 Hz" not in " ".join(paced.warnings)


def test_names_that_tell_the_time_are_times(tmp_path: Path) -> None:
    stamps = [1_533_151_603_512_404, 1_533_151_604_012_404]
    _, log = only(folder(tmp_path / "CAM_FRONT", [f"n015-2018__CAM_FRONT__{stamp}.jpg" for stamp in stamps]))
    np.testing.assert_allclose(np.diff([frame.time for frame in log.frames]), 0.5)
    assert log.frames[0].time == pytest.approx(1_533_151_603.512404)


@pytest.mark.parametrize(
    ("name", "fraction"),
    [
        ("1700000000.500000", 0.5), ("1700000000.5", 0.5), ("left_2023-11-14T22-13-20.500", 0.5),
        ("20231114_221320.250Z", 0.25), ("2023-11-14 22.13.20", 0.0),
    ],
)  # fmt: skip
def test_times_are_read_however_they_are_written(name: str, fraction: float) -> None:
    assert times_in([name]) == pytest.approx([1_700_000_000 + fraction])


def test_seconds_with_a_fraction_are_in_the_order_of_time(tmp_path: Path) -> None:
    reader, log = only(folder(tmp_path / "ride", ["1700000000.25.png", "1700000000.5.png", "1700000000.75.png"]))
    np.testing.assert_allclose(np.diff([frame.time for frame in log.frames]), 0.25)
    assert numbers(reader, log) == [0, 1, 2] and "10 Hz" not in " ".join(log.warnings)


@pytest.mark.parametrize(
    "names",
    [
        ["2023-11-14T22-13-20", "2023-11-14T22-13-20"], ["2023-13-14T22-13-20.0"], ["1700000000.5", "frame_7"],
        ["0001_20"], ["12345.25"],
    ],
)  # fmt: skip
def test_what_tells_no_times_is_none(names: list[str]) -> None:
    assert times_in(names) is None


@pytest.mark.parametrize("frames", [29, 30, 31, 32])
@pytest.mark.parametrize(("rate", "every"), [(10, 3), (30, 1), (60, 1)])
def test_a_film_is_read_at_the_rate_that_is_asked_for(tmp_path: Path, frames: int, rate: int, every: int) -> None:
    film(tmp_path / "drive.mp4", map(telling, range(frames)), rate=30.0)
    (tmp_path / "calibration.yaml").write_text(f"rate: {rate}")
    reader, log = only(tmp_path / "drive.mp4")
    assert numbers(reader, log) == list(range(0, frames, every))


def test_a_height_that_extrinsics_contradict_is_told(tmp_path: Path) -> None:
    film(tmp_path / "drive.mp4", map(telling, range(3)))
    for z, told_so in ((1.2, True), (1.6, False)):
        notes = {"camera": {"height": 1.65, "extrinsics": [[0, 0, 1, 0.3], [-1, 0, 0, 0], [0, -1, 0, z]]}}
        (tmp_path / "calibration.json").write_text(json.dumps(notes))
        said = " ".join(only(tmp_path / "drive.mp4")[1].warnings)
        assert ("height is 1.65 m above the road, and by its extrinsics it sits at z 1.2 m" in said) == told_so


@pytest.mark.parametrize(
    ("middle", "where"), [((103.0, 23.5), "outside of"), ((47.5, 11.5), "far from the middle of"), ((47.5, 30.0), "")]
)
def test_k_of_other_images_is_told(tmp_path: Path, middle: tuple[float, float], where: str) -> None:
    film(tmp_path / "drive.mp4", map(telling, range(3)))
    k = [[50.0, 0, middle[0]], [0, 50, middle[1]], [0, 0, 1]]
    (tmp_path / "calibration.json").write_text(json.dumps({"camera": {"intrinsics": k, "height": 1.5}}))
    said = " ".join(only(tmp_path / "drive.mp4")[1].warnings)
    assert (f"by K, {where} its images of 96x48: K is probably that of" in said) if where else "by K" not in said


def test_cameras_are_put_together_by_time(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    film(tmp_path / "log/front.mp4", map(telling, range(4)))
    film(tmp_path / "log/left.mp4", map(telling, range(9)), rate=20.0)
    reader, log = only(tmp_path / "log")
    assert log.id == "log" and log.rig.names == ("front", "left") and len(log.frames) == 4
    assert numbers(reader, log, 1) == [0, 2, 4, 6]
    assert "taken as begun at the same time" in " ".join(log.warnings)


def test_cameras_that_count_together_are_put_together_by_their_numbers(tmp_path: Path) -> None:
    folder(tmp_path / "log/left", [f"{number:06d}.png" for number in range(8)])
    folder(tmp_path / "log/right", [f"{number:06d}.png" for number in range(5, 8)])
    _, log = only(tmp_path / "log")
    assert [[camera.path.stem for camera in frame.cameras] for frame in log.frames] == [
        [f"00000{n}"] * 2 for n in (5, 6, 7)
    ]
    np.testing.assert_allclose([frame.time for frame in log.frames], [0.5, 0.6, 0.7])
    folder(tmp_path / "apart/left", ["1.png", "2.png"])
    folder(tmp_path / "apart/right", ["901.png", "902.png"])
    _, apart = only(tmp_path / "apart")
    assert [[camera.path.stem for camera in frame.cameras] for frame in apart.frames] == [["1", "901"], ["2", "902"]]
    assert "the images of left, right are numbered apart, and the first of each is taken as of one" in " ".join(
        apart.warnings
    )


def test_folders_of_cameras_are_several_logs(tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        folder(tmp_path / day / "front", ["0.png", "1.png"])
    (tmp_path / "calibration.yaml").write_text(f"cameras: {{front: {{intrinsics: {K}}}, back: {{height: 1}}}}")
    reader = open_logs(tmp_path)
    assert reader.log_ids() == ["monday", "tuesday"]
    logs = list(reader.logs())
    assert [log.id for log in logs] == ["monday", "tuesday"] and all(log.rig.cameras[0].intrinsics for log in logs)
    with pytest.raises(BadLog, match="no log 'friday'; it has monday, tuesday"):
        next(iter(reader.logs(["friday"])))


def test_a_copy_has_the_same_digest_and_another_frame_another(tmp_path: Path) -> None:
    for place in ("a", "b", "c"):
        (tmp_path / place).mkdir()
    one = film(tmp_path / "a/x.mp4", map(telling, range(4)))
    (tmp_path / "b/x.mp4").write_bytes(one.read_bytes())
    film(tmp_path / "c/x.mp4", map(telling, (0, 1, 2, 4)))
    first, copy, other = (facts_of(only(tmp_path / f"{place}/x.mp4")[1]).digest for place in "abc")
    assert first == copy != other


# What goes wrong


def test_a_film_that_is_none_is_refused(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", map(telling, range(30))).read_bytes()
    for name, content, complaint in (
        ("text", b"#EXTM3U\nhttp://127.0.0.1/x\n", "is no film, whatever its name says"),
        ("nothing", b"", "is empty"),
        ("cut", whole[: len(whole) // 2], "cut off before its index was written"),
        ("noise", b"\0\0\0\x18ftypisom" + bytes(range(256)) * 9, "cannot be opened as a film"),
    ):
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(content)
        with pytest.raises(BadLog, match=complaint):
            only(path)
    with pytest.raises(BadLog, match=r"is not a folder, and no film by its name"):
        open_logs(Path(__file__))


def test_a_film_that_ends_early_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = film(tmp_path / "drive.mp4", map(telling, range(30)))
    turned = _index_first(path.read_bytes())
    path.write_bytes(turned[: -(len(turned) - turned.index(b"mdat")) // 2])
    reader, log = only(path)
    assert 1 < len(log.frames) < 30
    (said,) = [warning for warning in log.warnings if "ends early" in warning]
    assert "its index names 30 frames" in said
    assert told(reader.image(log.frames[0].cameras[0])) == 0


def _index_first(film: bytes) -> bytes:
    """The same mp4 with its index before its frames, as recorders for streaming write it."""
    boxes, at = {}, 0
    while at < len(film):
        size = int.from_bytes(film[at : at + 4], "big")
        boxes[film[at + 4 : at + 8]] = film[at : at + size]
        at += size
    index = bytearray(boxes[b"moov"])
    place = index.index(b"stco")
    for entry in range(int.from_bytes(index[place + 8 : place + 12], "big")):
        here = slice(place + 12 + 4 * entry, place + 16 + 4 * entry)
        index[here] = (int.from_bytes(index[here], "big") + len(index)).to_bytes(4, "big")
    rest = [box for name, box in boxes.items() if name not in (b"ftyp", b"moov")]
    return b"".join([boxes[b"ftyp"], bytes(index), *rest])


def test_a_frame_that_is_not_there_costs_itself(tmp_path: Path) -> None:
    reader, log = only(film(tmp_path / "drive.mp4", map(telling, range(6))))
    last = log.frames[-1].cameras[0]
    film(tmp_path / "drive.mp4", map(telling, range(3)))
    for look in (reader.check_image, reader.image):
        with pytest.raises(DamagedFile, match=r"has 3 frames, counted from 0; there is no frame 5"):
            look(last)
    (tmp_path / "drive.mp4").unlink()
    with pytest.raises(DamagedFile, match=r"drive\.mp4 cannot be read"):
        reader.check_image(last)


def test_images_of_several_sizes_are_said_and_cost_themselves(tmp_path: Path) -> None:
    place = folder(tmp_path / "ride", ["0.png", "1.png", "2.png"])
    folder(place, ["9.png"], (48, 96))
    reader, log = only(place)
    assert log.rig.cameras[0].size == (96, 48)
    assert "those that are not 96x48, as 9.png, are left out" in " ".join(log.warnings)
    with pytest.raises(DamagedFile, match="48x96"):
        reader.image(log.frames[-1].cameras[0])


def test_portrait_and_odd_sizes_are_sizes(tmp_path: Path) -> None:
    _, upright = only(film(tmp_path / "upright.mp4", (telling(n, (48, 96)) for n in range(3))))
    _, odd = only(folder(tmp_path / "odd", ["0.png"], (97, 51)))
    assert (upright.rig.cameras[0].size, odd.rig.cameras[0].size) == ((48, 96), (97, 51))


def test_what_is_ambiguous_is_refused(tmp_path: Path) -> None:
    film(folder(tmp_path / "both", ["0.png"]) / "x.mp4", map(telling, range(3)))
    with pytest.raises(BadLog, match=r"films .x.mp4. and images .0.png. side by side"):
        open_logs(tmp_path / "both")
    mixed = folder(tmp_path / "mixed/rear", ["0.png"]).parent
    film(mixed / "front.mp4", map(telling, range(3)))
    with pytest.raises(BadLog, match="front, rear have no clock in common"):
        only(mixed)
    place = folder(tmp_path / "twice", ["0.png", "0.jpg"])
    with pytest.raises(BadLog, match="more than one image of the name 0"):
        only(place)


def test_folders_of_another_data_set_are_no_video(tmp_path: Path) -> None:
    """Or its scans would silently be missing."""
    folder(tmp_path / "sequences/00/image_2", ["000000.png"])
    (tmp_path / "sequences/00/velodyne").mkdir()
    for root in (tmp_path / "sequences/00", tmp_path / "sequences"):
        with pytest.raises(BadLog, match="give the folder that directly holds it"):
            open_logs(root)
    assert open_logs(tmp_path / "sequences/00/image_2").log_ids() == ["image_2"]


@pytest.mark.parametrize(
    "scan", ["0.bin", "velodyne/0.bin", "velodyne_points/data/0.bin", "scans/0.pcd", "sweeps/0.feather", "points/0.npy"]
)
@pytest.mark.parametrize("images", ["ride", "ride/front", "ride/monday/front"])
def test_scans_beside_images_are_said_and_not_left_out(tmp_path: Path, images: str, scan: str) -> None:
    ride = tmp_path / "ride"
    folder(tmp_path / images, ["0.png", "1.png"])
    assert open_logs(ride).log_ids()
    place = (tmp_path / images).parent / scan if images == "ride/monday/front" and scan == "0.bin" else ride / scan
    place.parent.mkdir(parents=True, exist_ok=True)
    np.save(place, np.ones((9, 4))) if place.suffix == ".npy" else place.write_bytes(bytes(16))
    with pytest.raises(BadLog, match=rf"scans beside them \(.*{scan}\)|holds no drive logs"):
        open_logs(ride)


def test_notes_and_what_networks_said_of_images_may_lie_beside_them(tmp_path: Path) -> None:
    place = folder(tmp_path / "ride", ["0.png", "1.png"])
    for name in ("calibration.yaml", "poses.txt", "notes.md", "sparse/0/points3D.bin", "segments/0.npz"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("")
    (place / "depth").mkdir()
    np.save(place / "depth/0.npy", np.ones((48, 96)))
    assert only(place)[1].id == "ride"
