"""Pictures from above, pixel by pixel: classes as the legend has them, a scale for each grid, the car at its place."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, faint, objects_from_above, panels
from occlabel.pipeline.delivery.pictures.from_above import FromAbove
from occlabel.pipeline.delivery.pictures.heat import draw_heat
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN

TAXONOMY = TAXONOMIES["semantickitti"]
CAR, ROAD = 1, 9
INK = (20, 20, 20)
ARROW = (90, 200, 250)
AROUND = Grid(origin=(-20.0, -20.0, -1.0), voxel_size=0.5, shape=(80, 80, 4), frame="ego")
AHEAD = Grid(origin=(0.0, -40.0, -1.0), voxel_size=1.0, shape=(80, 80, 4), frame="ego")


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def where(image: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    """Rows and columns [n, 2]."""
    return np.argwhere((image == colour).all(axis=-1))


@pytest.mark.parametrize("layers", [1, 8])
def test_a_class_has_one_colour_at_any_height(layers: int) -> None:
    labels = np.zeros((4, 3, layers), np.uint8)
    labels[0, 0, 0] = labels[1, 0, -1] = ROAD
    labels[3, 2] = UNKNOWN
    image = pixels(birds_eye(labels, TAXONOMY))[::-1, ::-1]
    road = TAXONOMY.classes[ROAD].colour
    assert tuple(image[0, 0]) == tuple(image[1, 0]) == road and len(where(image, road)) == 2
    assert tuple(image[3, 2]) != tuple(image[2, 2]), "unknown is not free"


def street() -> np.ndarray:
    labels = np.zeros((80, 80, 4), np.uint8)
    labels[30:50, 35:45, 0] = ROAD
    labels[20, 20] = UNKNOWN
    return labels


def drawn(tmp_path: Path, *grids: Grid, title: str = "v1", footer: str = "") -> np.ndarray:
    out = tmp_path / "new" / "above.png"
    pictures = [FromAbove.of(grid, birds_eye(street(), TAXONOMY), title) for grid in grids]
    panels(pictures, TAXONOMY, out, footer, width=400)
    return pixels(Image.open(out))


def all_are_swatches(shown: np.ndarray, legend: np.ndarray) -> None:
    for colour in np.unique(shown.reshape(-1, 3), axis=0).tolist():
        if tuple(colour) not in (ARROW, (255, 255, 255)):
            assert len(where(legend, tuple(colour))) > 90, f"{colour} is a swatch"


def test_the_legend_has_the_colours_that_are_drawn(tmp_path: Path) -> None:
    image = drawn(tmp_path, AROUND)
    all_are_swatches(image[30:420, 12:408], image[440:])


def test_the_legend_of_objects_has_the_faint_colours_that_are_drawn(tmp_path: Path) -> None:
    labels, out = street(), tmp_path / "objects.png"
    labels[10:14, 10:14, 1] = CAR
    labels[10:14, 60:64, 1], labels[10:14, 60:64, 2] = CAR, ROAD
    image = objects_from_above(np.zeros(labels.shape, np.uint16), labels, TAXONOMY)
    panels([FromAbove.of(AROUND, image, "v1")], faint(TAXONOMY), out, width=400)
    shown = pixels(Image.open(out))
    all_are_swatches(shown[30:420, 12:408], shown[440:])
    assert len(where(shown[30:420], TAXONOMY.classes[CAR].colour)) == 16 * 25, "a thing is bright where it is on top"
    assert not len(where(shown, TAXONOMY.classes[ROAD].colour))


def test_each_grid_has_its_own_scale_and_the_car_at_its_place(tmp_path: Path) -> None:
    image = drawn(tmp_path, AROUND, AHEAD)
    bars = where(image[434:436], INK)
    for left, metres in ((10, 0.1), (420, 0.2)):
        columns = np.unique(bars[(left <= bars[:, 1]) & (bars[:, 1] < left + 200), 1])
        length = (columns.max() - columns.min()) * metres
        assert min(abs(length - whole) for whole in (10, 20)) < 0.3
    arrows = where(image, ARROW)
    for left, row in ((10, 26 + 200), (420, 26 + 400)):
        mine = arrows[(left <= arrows[:, 1]) & (arrows[:, 1] < left + 400)]
        assert abs(mine[:, 1].mean() - (left + 200)) < 1 and abs(mine[:, 0].max() - row) <= 2
        widths = [np.count_nonzero(mine[:, 0] == line) for line in np.unique(mine[:, 0])]
        assert widths[0] < widths[-1], "it heads up"


@pytest.mark.parametrize(
    "origin", [(3.0, -20.0, -1.0), (-50.0, -20.0, -1.0), (-20.0, 10.0, -1.0), (-20.0, -70.0, -1.0)]
)
def test_a_car_beside_its_grid_is_not_drawn(origin: tuple[float, float, float], tmp_path: Path) -> None:
    beside = Grid(origin=origin, voxel_size=0.5, shape=(80, 80, 4), frame="ego")
    assert FromAbove.of(beside, Image.new("RGB", (80, 80)), "v1").car is None
    assert not len(where(drawn(tmp_path, beside), ARROW))
    arrows = where(drawn(tmp_path, beside, AROUND), ARROW)
    assert len(arrows) and arrows[:, 1].min() > 420, "that of the other grid is"


@pytest.mark.parametrize("start", [0.0, 0.8])
def test_a_grid_may_begin_at_the_car_or_at_a_lidar_on_it(start: float) -> None:
    for voxel_size, cells in ((0.2, 256), (0.1, 333), (0.7, 77)):
        grid = Grid(origin=(start, -1.0, -1.0), voxel_size=voxel_size, shape=(cells, cells, 4), frame="ego")
        car = FromAbove.of(grid, Image.new("RGB", (cells, cells)), "v1").car
        assert car is not None and car.row == pytest.approx(cells), "at the lower edge"


@pytest.mark.parametrize(("turn", "right", "down"), [(0, 0, -1), (90, 1, 0), (-90, -1, 0), (180, 0, 1)])
def test_the_arrow_heads_as_the_car_does_in_the_grid(turn: int, right: int, down: int, tmp_path: Path) -> None:
    """The LiDAR of nuScenes has x to the right: in a grid that is fixed to it the car heads to y, the left."""
    ego_from_grid = np.eye(4)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    ego_from_grid[:2] = [[c, -s, 0, 1.0], [s, c, 0, 2.0]]
    above = FromAbove.of(AROUND, birds_eye(street(), TAXONOMY), "v1", ego_from_grid)
    panels([above], TAXONOMY, tmp_path / "above.png", width=400)
    x, y = -np.array([[c, s], [-s, c]]) @ (1.0, 2.0)
    base = np.array([226 - 10 * x, 210 - 10 * y])
    arrow = where(pixels(Image.open(tmp_path / "above.png")), ARROW)
    assert np.abs(arrow.mean(axis=0) - (base + np.array([down, right]) * 4)).max() < 1


def test_a_long_title_stays_above_its_own_panel(tmp_path: Path) -> None:
    long = "a-store-of-some-length@and-a-version: scene-0061 3e8750f331d7499e9b5123e9eb70f2e2 " + "m" * 70
    image = drawn(tmp_path, AROUND, AHEAD, title=long, footer=long * 3)
    short = drawn(tmp_path, AROUND, AHEAD)
    assert (image[:, 411:419] == 255).all(axis=2)[:60].all() and (image[:, -9:] == 255).all()
    more = len(image) - len(short)
    assert more % 16 == 0 and more >= 4 * 16, "lines of titles and of the footer"
    lower = np.argwhere((image == TAXONOMY.classes[ROAD].colour).all(axis=2))[0, 0]
    assert (lower - where(short, TAXONOMY.classes[ROAD].colour)[0, 0]) % 16 == 0


def test_beyond_the_grid_is_not_free() -> None:
    above = FromAbove.of(AHEAD, birds_eye(street(), TAXONOMY), "v1")
    corner = above.cropped((30, 70, 50, 90), "the place")
    image = pixels(corner.image)
    assert image.shape == (20, 20, 3) and (image[10:] == 255).all()
    assert (image[:10] == pixels(above.image)[70:80, 30:50]).all()
    assert corner.car is not None and corner.car[:2] == (10, 10) and corner.metres == above.metres
    assert above.cropped((0, 0, 20, 20), "the place").car is None


def test_changes_are_drawn_over_the_same_place(tmp_path: Path) -> None:
    heat = np.zeros((80, 80))
    heat[0, 40] = 1.0
    draw_heat(heat, AROUND, "changes", tmp_path / "heat.png")
    arrows = where(pixels(Image.open(tmp_path / "heat.png")), ARROW)
    assert abs(arrows[:, 0].max() - (26 + 320)) <= 2 and abs(arrows[:, 1].mean() - (10 + 320)) < 1
