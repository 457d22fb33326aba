"""``occlabel view --camera``: what the cameras saw, and what the labels look like from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import made_up_town as town
import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from PIL import Image
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.pictures.legend import hatched
from occlabel.pipeline.delivery.pictures.overlay import depth_colours
from occlabel.schemas.geometry import inverse, project, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.town.writers.kitti import write_kitti

SPACE = LabelSpace(Grid(origin=(-16, -16, -4), voxel_size=0.5, shape=(64, 64, 16), frame="ego"), TAXONOMIES["occ3d"])
FREE, CAR, ROAD = (SPACE.taxonomy.names.index(name) for name in ("free", "car", "driveable_surface"))
CAR_AT = np.array([[0.7, 0.4, 10.0]])
"""In the frame of the camera."""
WIDTH, HEIGHT, LEFT, TOP, GAP = 800, 600, 6, 24, 6
"""Of a panel in the picture of one camera, whose images are 64x48."""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """``logs`` of two frames, and ``store`` with v1, which has depth and segments of its camera, and v2 without."""
    rig = town.rig("kitti", ("image_2",))
    write_kitti("00", town.frames(rig, 2, truth=False), rig, tmp_path / "logs")
    volume = np.full(SPACE.grid.shape, FREE, np.uint8)
    volume[car_voxel(tmp_path / "logs")] = CAR
    depth, classes, objects = np.full((12, 16), 10.0), np.full((12, 16), ROAD), np.zeros((12, 16))
    depth[:6] = np.nan
    classes[:4] = UNKNOWN
    objects[8:, :4] = 3
    arrays = {"depth/image_2": depth, "segment_class/image_2": classes, "segment_instance/image_2": objects}
    with_priors = MadeUpFrame("00", "000001", {"semantics": volume, **arrays})
    shapes = Rig(cameras=(RigCamera(name="image_2", size=(64, 48)),))
    publish(MadeUpVersion([with_priors], SPACE), tmp_path / "store", shapes)
    publish(MadeUpVersion([MadeUpFrame("00", "000001", {"semantics": volume})], SPACE, "v2"), tmp_path / "other")
    return tmp_path


def car_voxel(logs: Path) -> tuple[int, ...]:
    (log,) = KittiReader(logs).logs()
    ego_from_camera = log.frames[1].cameras[0].ego_from_camera
    assert ego_from_camera is not None
    (cell,), _ = SPACE.grid.cells(transform_points(ego_from_camera, CAR_AT))
    return tuple(cell.tolist())


@pytest.fixture
def view(place: Path) -> Run:
    def run(store: str, *arguments: object) -> tuple[int, str]:
        typed = ["view", f"{place / store}", "--out", f"{place / 'a.png'}", *map(str, arguments)]
        result = CliRunner().invoke(app, typed)
        return result.exit_code, " ".join((result.output + str(result.exception or "")).split())

    return run


def panels(path: Path, columns: int = 2) -> list[np.ndarray]:
    picture = np.asarray(Image.open(path))
    corners = ((TOP + row * (HEIGHT + GAP), LEFT + column * (WIDTH + GAP)) for row in (0, 1) for column in (0, 1))
    return [picture[y : y + HEIGHT, x : x + WIDTH] for y, x in corners]


def test_each_panel_shows_what_the_version_holds(place: Path, view: Run) -> None:
    code, said = view("store", "--logs", place / "logs", "--camera", "image_2")
    assert code == 0, said
    image, depth, segments, labels = panels(place / "a.png")
    (log,) = KittiReader(place / "logs").logs()
    camera = log.frames[1].cameras[0]
    whole = np.asarray(Image.fromarray(KittiReader(place / "logs").image(camera)).resize((WIDTH, HEIGHT)))
    assert np.abs(image[30:].astype(int) - whole[30:]).max() < 30
    assert (depth[400:] == depth_colours(np.array([10.0]))[0]).all()
    assert (depth[30:200] == hatched((HEIGHT, WIDTH))[30:200]).all()
    tint = 0.6 * np.array(SPACE.taxonomy.colours[ROAD])
    grey = segments[500, 600] - tint
    assert np.ptp(grey) <= 1, "the class over a grey image"
    assert np.ptp(segments[100].astype(int), axis=1).max() <= 1, "no colour where no segment says"
    white = np.argwhere((segments == 255).all(axis=2) & (np.arange(HEIGHT) > 30)[:, None])
    # The object ends half way between the elements of pixels 12 and 16, and begins half way between 28 and 32.
    assert (white.max(axis=0)[1], white.min(axis=0)[0]) == (int(14.5 * 12.5 - 0.5), int(30.5 * 12.5 - 0.5))
    assert camera.intrinsics is not None and camera.ego_from_camera is not None
    centre = transform_points(inverse(camera.ego_from_camera), SPACE.grid.centres()[car_voxel(place / "logs")][None])
    uv, far = project(centre, camera.intrinsics)
    differs = np.abs(labels.astype(int) - image).max(axis=2) > 20
    changed = np.argwhere(differs & (np.arange(HEIGHT) > 30)[:, None])
    expected = (uv[0, ::-1] + 0.5) * WIDTH / 64 - 0.5
    assert np.abs(changed.mean(axis=0) - expected).max() < 3
    assert np.ptp(changed[:, 1]) == pytest.approx(0.5 * 40 / (far[0] - 0.25) * 12.5, rel=0.15)


def test_what_a_version_does_not_hold_is_left_out_and_said(place: Path, view: Run) -> None:
    code, said = view("other", "--logs", place / "logs", "--camera", "all")
    assert code == 0
    assert "holds no depth of image_2" in said and "holds no segments of image_2" in said
    with Image.open(place / "a.png") as picture:
        assert picture.height < TOP + 2 * HEIGHT, "image and labels, one row"
    (place / "logs/sequences/00/image_2/000001.png").write_bytes(b"")
    assert view("other", "--logs", place / "logs", "--camera", "all")[0] == 0


def test_what_cannot_be_drawn_gets_a_sentence(place: Path, view: Run) -> None:
    logs = ("--logs", place / "logs")
    assert "needs --logs DIR" in view("store", "--camera", "all")[1]
    assert "add --camera" in view("store", *logs)[1]
    assert "has no camera 'image_9'; it has image_2" in view("store", *logs, "--camera", "image_9")[1]
    assert "--objects is for pictures from above" in view("store", *logs, "--camera", "all", "--objects")[1]
    assert "draws one version, and 2 are given" in view("store", place / "other", *logs, "--camera", "all")[1]
    pictures = place / "logs/sequences/00/image_2"
    for file in pictures.iterdir():
        Image.effect_noise((80, 48), 50).convert("RGB").save(file)
    assert "are 80x48, and the version was made with others" in view("store", *logs, "--camera", "all")[1]
    for file in pictures.iterdir():
        file.unlink()
    assert "log 00 under " in (said := view("store", *logs, "--camera", "all")[1])
    assert "has no images" in said and "--frame" not in said
