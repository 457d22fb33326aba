"""``occlabel view`` from above: versions over other grids, with other classes, and of objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from PIL import Image
from reported import CAR, ROAD, SPACE, volume
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.pictures.birds_eye import faint
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import Taxonomy

WIDTH, TOP = 420, 26
SIDE = 16
"""Voxels along x and y of the grids."""


def view(tmp_path: Path, *arguments: object) -> np.ndarray:
    out = tmp_path / "above.png"
    result = CliRunner().invoke(app, ["view", *map(str, arguments), "--out", str(out)])
    assert result.exit_code == 0, result.output
    return np.asarray(Image.open(out).convert("RGB"))


def made(root: Path, space: LabelSpace, labels: np.ndarray) -> str:
    ids = (np.arange(labels.size).reshape(labels.shape) % 7 == 0) & (labels == CAR)
    frame = MadeUpFrame("00", "000000", {"semantics": labels, "instance": ids.astype(np.uint16)})
    return publish(MadeUpVersion([frame], space), root).spec


def has(image: np.ndarray, colour: tuple[int, ...]) -> bool:
    return bool((image == colour).all(axis=-1).any())


def test_other_grids_and_classes_beside_each_other(tmp_path: Path) -> None:
    small = Grid(origin=(0.0, -4.0, -1.0), voxel_size=0.5, shape=(SIDE, SIDE, 4), frame="lidar")
    turned = Taxonomy(name="turned", classes=recoloured(SPACE.taxonomy), free_id=SPACE.taxonomy.free_id)
    first = made(tmp_path / "a", SPACE, volume(4))
    second = made(tmp_path / "b", LabelSpace(small, turned), volume(4, small))
    image = view(tmp_path, first, second)
    left, right = (image[TOP : TOP + WIDTH, x : x + WIDTH] for x in (10, 10 + WIDTH + 10))
    road = SPACE.taxonomy.classes[ROAD].colour
    assert has(left, road) and has(right, road), "both in the colours of the first, which the legend has"
    ink = (image[TOP + WIDTH + 7 : TOP + WIDTH + 9] == 20).all(axis=2).any(axis=0)
    lengths = [int(np.argmin(ink[x + 1 :])) for x in (10, 10 + WIDTH + 10)]
    assert [round(n / WIDTH * SIDE * size) for n, size in zip(lengths, (1.0, 0.5), strict=True)] == [5, 2], "metres"


def recoloured(taxonomy: Taxonomy) -> tuple:  # type: ignore[type-arg]
    return tuple(entry.model_copy(update={"colour": entry.colour[::-1]}) for entry in taxonomy.classes)


def test_the_legend_of_objects_is_as_faint_as_their_picture(tmp_path: Path) -> None:
    image = view(tmp_path, made(tmp_path / "a", SPACE, volume(4)), "--objects")
    drawn, legend = image[TOP : TOP + WIDTH], image[TOP + WIDTH + 24 :]
    for kind, taxonomy in ((ROAD, faint(SPACE.taxonomy)), (CAR, SPACE.taxonomy)):
        colour = taxonomy.classes[kind].colour
        assert has(drawn, colour) and has(legend, colour)
    assert not has(image, SPACE.taxonomy.classes[ROAD].colour)
