"""Recordings of ROS 2: topics by a table, times by headers, and as much of a damaged file as there is."""

from __future__ import annotations

import struct
import sys
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mcap_ros2", reason="the extra mcap is not installed")

import mcap_log
from chain import Voxelise
from fuzzing.logs import label_them
from mcap.writer import CompressionType, IndexType, Writer

from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import transform_points
from occlabel.stages.ingest.digest import content_of
from occlabel.stages.ingest.mcap.messages import pixels_of, points_of
from occlabel.stages.ingest.mcap.reader import McapReader
from occlabel.stages.ingest.mcap.recording import Recording, open_recording
from occlabel.stages.ingest.recognise import open_logs


def only(root: Path) -> DriveLog:
    reader = open_logs(root)
    assert isinstance(reader, McapReader)
    return next(iter(reader.logs()))


def posed(log: DriveLog) -> list[bool]:
    return [frame.world_from_ego is not None for frame in log.frames]


@pytest.mark.parametrize("compression", [CompressionType.ZSTD, CompressionType.LZ4, CompressionType.NONE])
def test_a_frame_is_a_sweep_with_the_image_next_to_it(tmp_path: Path, compression: CompressionType) -> None:
    path = mcap_log.write_recording(tmp_path / "drive.mcap", compression=compression, chunk_size=2000)
    log, reader = only(path), McapReader(path)
    assert (log.id, log.warnings, posed(log)) == ("drive", (), [True] * 4)
    for number, frame in enumerate(log.frames):
        assert frame.name == str(mcap_log.START + number * mcap_log.TURN)
        assert frame.sweep is not None and frame.world_from_ego is not None
        points = reader.points(frame.sweep)
        assert points.shape == (36, 4) and points[:, 3] == pytest.approx(51 / 255)
        world = transform_points(frame.world_from_ego @ frame.sweep.ego_from_lidar, points)
        np.testing.assert_allclose(world[:, 0], 15.0, atol=1e-4)
        (camera,) = frame.cameras
        assert (camera.name, camera.size, camera.index) == ("front", (64, 48), number)
        np.testing.assert_array_equal(camera.intrinsics, np.array([[40, 0, 31.5], [0, 41, 23.5], [0, 0, 1]]))
        pixels = reader.image(camera)
        assert pixels.shape == (48, 64, 3) and abs(int(pixels[0, 0, 0]) - 40 * number) < 3
        assert camera.ego_from_camera is not None
        np.testing.assert_allclose(camera.ego_from_camera[:3, 3], [1.6 + 0.2, 0, 1.4], atol=1e-6)
        np.testing.assert_allclose(camera.ego_from_camera[:3, 2], [1, 0, 0], atol=1e-12)


def test_such_a_log_is_labelled(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    mcap_log.write_recording(tmp_path / "root/drive.mcap")
    labels = label_them(tmp_path / "root")
    filled = [value for key, value in labels.values.items() if key.endswith("/semantics")]
    assert len(filled) == mcap_log.FRAMES and labels.words == []
    assert any((volume == Voxelise().label).any() for volume in filled)


def test_the_content_is_that_of_the_whole_recording(tmp_path: Path) -> None:
    path = mcap_log.write_recording(tmp_path / "drive.mcap")
    before, stamp = content_of(only(path)), McapReader(path).stamp()
    assert content_of(only(path)) == before
    mcap_log.write_recording(path, compression=CompressionType.LZ4)
    assert content_of(only(path)) != before and McapReader(path).stamp() != stamp


def test_a_recording_that_ends_early_is_read_up_to_there(tmp_path: Path) -> None:
    path = mcap_log.write_recording(tmp_path / "drive.mcap", chunk_size=2000)
    whole = path.read_bytes()
    counts = []
    for share in (0.9, 0.6, 0.4):
        path.write_bytes(whole[: int(len(whole) * share)])
        log, reader = only(path), McapReader(path)
        counts.append(len(log.frames))
        assert any("it ends early" in words for words in log.warnings)
        for frame in log.frames:
            assert frame.sweep is not None and len(reader.points(frame.sweep)) == 36
    assert mcap_log.FRAMES >= counts[0] >= counts[1] >= counts[2] >= 1 and counts[2] < mcap_log.FRAMES
    for length in (0, 5, 30):
        path.write_bytes(whole[:length])
        with pytest.raises(BadLog, match=r"is no MCAP file|has no frames"):
            only(path)


def test_a_recording_that_ends_between_the_lists_of_a_chunk_has_all_of_its_messages(tmp_path: Path) -> None:
    path = mcap_log.write_recording(tmp_path / "drive.mcap")
    whole = path.read_bytes()
    lists, at = [], 8
    while at < len(whole) - 8:
        opcode, length = struct.unpack_from("<BQ", whole, at)
        lists += [at] if opcode == 7 else []
        at += 9 + length
    assert len(lists) == 5, "a chunk of five topics"
    for end in (lists[0], lists[1] + 3, lists[4]):
        path.write_bytes(whole[:end])
        log = only(path)
        assert (len(log.frames), posed(log)) == (mcap_log.FRAMES, [True] * mcap_log.FRAMES)
        assert [len(frame.cameras) for frame in log.frames] == [1] * mcap_log.FRAMES
        assert any("it ends early" in words for words in log.warnings)


@pytest.mark.parametrize("options", [{"use_chunking": False}, {"index_types": IndexType.NONE}])
def test_recordings_without_chunks_or_an_index_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr("mcap_ros2.writer.McapWriter", partial(Writer, **options))
    path = mcap_log.write_recording(tmp_path / "drive.mcap", chunk_size=2000)
    log, reader = only(path), McapReader(path)
    assert (log.warnings, posed(log)) == ((), [True] * 4)
    for frame in log.frames:
        assert frame.sweep is not None and len(reader.points(frame.sweep)) == 36
        assert reader.image(frame.cameras[0]).shape == (48, 64, 3)


def test_whatever_a_bit_does_is_said(tmp_path: Path) -> None:
    path = mcap_log.write_recording(tmp_path / "drive.mcap", frames=2, chunk_size=2000)
    whole, draw = path.read_bytes(), np.random.default_rng(0)
    for _ in range(12):
        damaged = bytearray(whole)
        for place in draw.integers(len(whole), size=3):
            damaged[place] ^= 1 << draw.integers(8)
        path.write_bytes(bytes(damaged))
        reader = McapReader(path)
        try:
            log = only(path)
        except BadLog as error:
            assert "drive.mcap" in str(error)
            continue
        for frame in log.frames:
            try:
                if frame.sweep is not None:
                    assert np.isfinite(reader.points(frame.sweep)).all()
                for camera in frame.cameras:
                    reader.image(camera)
            except DamagedFile as error:
                assert "drive.mcap" in str(error)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("lidar: {topic: /points}", "topics.yaml cannot be used: lidar.intensity: is missing$"),
        (
            "lidar: {topic: /points, intensity: 255, rate: 3}",
            r"lidar.rate: there is no such option \(known: topic, int",
        ),
        ("lider: {topic: /points}", r"lider: there is no such option \(did you mean .lidar.\?\) \(known: ego, static"),
        ("cameras: {front: {topik: /a}}", r"front.topic: is missing; cameras.front.topik: .* mean .topic."),
        ("ego: car", "names no LiDAR and no camera"),
        ("lidar: {topic: /velodyne, intensity: 255}", "it has /camera_info, /image/compressed, /odom, /points"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(BadLog, match=words):
        only(mcap_log.write_recording(tmp_path / "drive.mcap", table=table))


def test_poses_of_a_topic_without_any_are_none(tmp_path: Path) -> None:
    table = "lidar: {topic: /points, intensity: 255}\npose: {topic: /points}"
    log = only(mcap_log.write_recording(tmp_path / "drive.mcap", table=table))
    assert posed(log) == [False] * 4
    assert "/points has no pose; the log goes on without poses" in log.warnings
    (tmp_path / "topics.yaml").write_text(table.replace("/points}", "/tf_static, child: front}"))
    assert posed(only(tmp_path / "drive.mcap")) == [False] * 4, "it says where the camera was at the time 0 alone"


def test_what_is_not_known_is_none(tmp_path: Path) -> None:
    table = "ego: rear_axle\nlidar: {topic: /points, intensity: 255}\ncameras: {front: {topic: /image/compressed}}\n"
    path = mcap_log.write_recording(tmp_path / "drive.mcap", table=table)
    log = only(path)
    assert not log.rig.lidar and posed(log) == [False] * 4
    (camera,) = log.frames[0].cameras
    assert camera.intrinsics is None and camera.ego_from_camera is None and camera.size is None
    assert any("where the LiDAR sits is not known" in words for words in log.warnings)
    rows = "[[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 1.5]]"
    (tmp_path / "topics.yaml").write_text(table.replace("255}", f"255, extrinsics: {rows}}}"))
    assert only(path).rig.lidar
    (tmp_path / "topics.yaml").unlink()
    with pytest.raises(BadLog, match=r"there is no .*topics.yaml, which says which topics"):
        only(path)


def cloud(**changed: Any) -> SimpleNamespace:
    told = mcap_log.cloud(0, mcap_log.wall(0)) | changed
    told["fields"] = [SimpleNamespace(**f) if isinstance(f, dict) else f for f in told["fields"]]
    return SimpleNamespace(**told)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"row_step": 0}, "have 0 bytes"),
        ({"height": 4_000_000_000}, "is no cloud of points"),
        ({"point_step": 8}, "is no cloud of points"),
        ({"data": b"12"}, "it has 2 bytes, and 1 rows of 1184"),
        ({"fields": []}, "has no field x, y, z, intensity"),
        ({"width": 0, "row_step": 0, "data": b""}, "is empty"),
    ],
)
def test_a_cloud_that_is_none_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(DamagedFile, match=words):
        points_of(cloud(**changed), Path("drive.mcap"), "message 0", 255.0)


def test_raw_images_are_turned_into_rgb() -> None:
    row = bytes([1, 2, 3, 4, 5, 6, 0, 0])
    message = SimpleNamespace(encoding="bgr8", height=2, width=2, step=8, data=row * 2)
    pixels = pixels_of(message, Path("a.mcap"), "message 0")
    np.testing.assert_array_equal(pixels, [[[3, 2, 1], [6, 5, 4]]] * 2)
    for changed in ({"encoding": "yuv422"}, {"step": 0}, {"data": row}, {"height": 2**31}):
        with pytest.raises(DamagedFile, match=r"a\.mcap, message 0"):
            pixels_of(SimpleNamespace(**vars(message) | changed), Path("a.mcap"), "message 0")


def test_compressed_images_of_16_bits_are_scaled_by_the_range_of_their_format() -> None:
    values, file = np.linspace(0, 65535, 1200).astype(np.uint16).reshape(30, 40), BytesIO()
    Image.fromarray(values).save(file, "PNG")
    pixels = pixels_of(SimpleNamespace(format="mono16; png compressed", data=file.getvalue()), Path("a.mcap"), "m")
    np.testing.assert_allclose(pixels[..., 1], values / 257, atol=0.51)


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mcap_log.write_recording(tmp_path / "drive.mcap")
    for part in ("reader", "messages", "transforms"):
        monkeypatch.delitem(sys.modules, f"occlabel.stages.ingest.mcap.{part}")
    monkeypatch.setitem(sys.modules, "mcap_ros2.decoder", None)
    with pytest.raises(BadLog, match=r"mcap_ros2.decoder is not installed.*pip install 'occlabel\[mcap\]'"):
        open_logs(tmp_path)


def test_a_recording_that_is_written_again_is_unpacked_again(tmp_path: Path) -> None:
    def recorded(text: bytes) -> Recording:
        with path.open("wb") as file:
            writer = Writer(file, compression=CompressionType.NONE)
            writer.start()
            channel = writer.register_channel("/said", "text", 0)
            writer.add_message(channel, 0, text, 0)
            writer.finish()
        return open_recording(path)

    path = tmp_path / "drive.mcap"
    assert recorded(b"first!").message("/said", 0)[2] == b"first!"
    assert recorded(b"second").message("/said", 0)[2] == b"second"
