"""Images: damage is found before a model sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlabel.schemas.drive_log import Camera
from occlabel.schemas.errors import DamagedFile
from occlabel.stages.ingest.images import check_image, read_image


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
