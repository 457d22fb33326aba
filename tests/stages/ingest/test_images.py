"""Images: damage is found before a model sees it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from occlabel.schemas.drive_log import Camera
from occlabel.schemas.errors import DamagedFile
from occlabel.stages.ingest.images import check_image, image_size, read_image


def camera(path: Path, size: tuple[int, int] | None = (40, 30)) -> Camera:
    return Camera("CAM_FRONT", path, np.eye(3), np.eye(4), 0.0, size)


@pytest.fixture(params=["png", "jpg"])
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"a.{request.param}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(path)
    return path


def test_a_whole_image_passes_and_is_read(picture: Path) -> None:
    check_image(camera(picture))
    assert read_image(camera(picture)).shape == (30, 40, 3)


def test_padding_after_the_end_is_no_damage(picture: Path) -> None:
    picture.write_bytes(picture.read_bytes() + b"\0" * 512)
    check_image(camera(picture))


def test_grey_images_become_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(30, 40)).save(tmp_path / "grey.png")
    pixels = read_image(camera(tmp_path / "grey.png"))
    assert pixels.shape == (30, 40, 3)
    assert (pixels[..., 0] == pixels[..., 2]).all()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: b"", "is empty"),
        (lambda content: content[: len(content) // 2], "truncated"),
        (lambda content: content[:-1], "truncated"),
        (lambda content: b"this is a text, not an image", "neither a PNG nor a JPEG"),
        (lambda content: content[:8] + b"\xff" * 30 + content[-12:], "not a readable image"),
    ],
)
def test_damage_is_found_without_decoding(picture: Path, damage, reason: str) -> None:
    picture.write_bytes(damage(picture.read_bytes()))
    for look in (check_image, read_image):
        with pytest.raises(DamagedFile, match=reason):
            look(camera(picture))


def test_pixels_that_do_not_decode_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    content[600:700] = bytes(100)
    path.write_bytes(content)
    check_image(camera(path))
    with pytest.raises(DamagedFile, match="does not decode"):
        read_image(camera(path))


def test_a_missing_image_and_one_of_another_size_are_damage(picture: Path) -> None:
    with pytest.raises(DamagedFile, match="40x30, but the images of CAM_FRONT are 80x60"):
        check_image(camera(picture, (80, 60)))
    with pytest.raises(DamagedFile, match="80x60"):
        read_image(camera(picture, (80, 60)))
    check_image(camera(picture, None))
    picture.unlink()
    for look in (check_image, read_image):
        with pytest.raises(DamagedFile, match="cannot be read"):
            look(camera(picture))


def test_what_a_recorder_writes_after_the_end_is_no_damage(picture: Path) -> None:
    whole, content = read_image(camera(picture)), picture.read_bytes()
    for after in (b"RECORDER" * 3000, b"x\xff\xd9", content):
        picture.write_bytes(content + after)
        np.testing.assert_array_equal(read_image(camera(picture)), whole)
        picture.write_bytes(content[: -len(content) // 3] + b"RECORDER" * 3000)
        with pytest.raises(DamagedFile, match="truncated"):
            check_image(camera(picture))


def test_the_end_of_a_thumbnail_is_not_that_of_the_image(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=b"Exif\0\0" + b"\xff\xd8 a small one \xff\xd9", progressive=True)
    check_image(camera(path))
    path.write_bytes(path.read_bytes()[:-40] + b"RECORDER")
    with pytest.raises(DamagedFile, match="truncated"):
        check_image(camera(path))


def test_pixels_are_scaled_by_the_range_of_their_format(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    values = np.linspace(0, 65535, 1200).astype(np.uint16).reshape(30, 40)
    Image.fromarray(values).save(path)
    np.testing.assert_allclose(read_image(camera(path))[..., 1], values / 257, atol=0.51)
    path.write_bytes(png(3, 1, 16, 2, np.array([65535, 32768, 0] * 3, ">u2").tobytes()))
    assert read_image(camera(path, None))[0, 0].tolist() == [255, 128, 0]
    path.write_bytes(png(8, 1, 1, 0, b"\xaa"))
    assert read_image(camera(path, None))[0, :2, 0].tolist() == [255, 0]
    path.write_bytes(png(2, 1, 4, 0, b"\x0f"))
    assert read_image(camera(path, None))[0, :, 0].tolist() == [0, 255]
    for mode in ("P", "RGBA", "CMYK", "L"):
        name = tmp_path / ("a.jpg" if mode == "CMYK" else "b.png")
        Image.new("RGB", (8, 8), (200, 100, 50)).convert(mode).save(name)
        expected = (124, 124, 124) if mode == "L" else (200, 100, 50)
        np.testing.assert_allclose(read_image(camera(name, None))[4, 4], expected, atol=15)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 99])
def test_a_note_that_a_picture_is_to_be_turned_is_followed(tmp_path: Path, suffix: str, orientation: int) -> None:
    path, exif = tmp_path / f"a.{suffix}", Image.Exif()
    exif[0x0112] = orientation
    pixels = np.repeat(np.repeat(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, 16, 0), 16, 1)
    Image.fromarray(pixels).save(path, exif=exif)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert image_size(path) == upright.shape[1::-1] == ((48, 64) if 5 <= orientation <= 8 else (64, 48))
    np.testing.assert_array_equal(read_image(camera(path, image_size(path))), upright)


def test_a_note_that_cannot_be_read_turns_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (40, 30), (9, 9, 9)).save(path, exif=b"Exif\0\0what is no note")
    assert image_size(path) == (40, 30)
    assert read_image(camera(path)).shape == (30, 40, 3)


def test_a_header_that_says_more_pixels_than_a_camera_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for width in (9_000, 60_000):
        path.write_bytes(png(width, 10_000, 8, 2, b"\0" * 100))
        with pytest.raises(DamagedFile, match="pixels"):
            read_image(camera(path, None))


def png(width: int, height: int, bits: int, colour: int, row: bytes) -> bytes:
    """A PNG whose pixels are one row of packed samples."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data
