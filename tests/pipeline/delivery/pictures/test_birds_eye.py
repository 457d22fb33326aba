"""Pictures from above, pixel by pixel: classes as the legend has them, a scale for each grid, the car at its place."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, panels
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


def drawn(tmp_path: Path, *grids: Grid) -> np.ndarray:
    labels = np.zeros((80, 80, 4), np.uint8)
    labels[30:50, 35:45, 0] = ROAD
    labels[20, 20] = UNKNOWN
    out = tmp_path / "new" / "above.png"
    panels([FromAbove.of(grid, birds_eye(labels, TAXONOMY), "v1") for grid in grids], TAXONOMY, out, width=400)
    return pixels(Image.open(out))


def test_the_legend_has_the_colours_that_are_drawn(tmp_path: Path) -> None:
    image = drawn(tmp_path, AROUND)
    shown, legend = image[30:420, 12:408].reshape(-1, 3), image[440:]
    for colour in np.unique(shown, axis=0).tolist():
        if tuple(colour) not in (ARROW, (255, 255, 255)):
            assert len(where(legend, tuple(colour))) > 90, f"{colour} is a swatch"


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


def test_changes_are_drawn_over_the_same_place(tmp_path: Path) -> None:
    heat = np.zeros((80, 80))
    heat[0, 40] = 1.0
    draw_heat(heat, AROUND, "changes", tmp_path / "heat.png")
    arrows = where(pixels(Image.open(tmp_path / "heat.png")), ARROW)
    assert abs(arrows[:, 0].max() - (26 + 320)) <= 2 and abs(arrows[:, 1].mean() - (10 + 320)) < 1
