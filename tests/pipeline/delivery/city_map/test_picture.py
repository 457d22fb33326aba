"""The picture of a map: what stands highest, north up, coarser where a city is large."""

import numpy as np
import pytest
from map_scenes import FREE, TAXONOMY, TREE, WALL

from occlabel.pipeline.delivery.city_map import picture
from occlabel.stages.mapping.decide import MapBlocks


def blocks(voxels: dict[tuple[int, int, int], int]) -> MapBlocks:
    """A map of single voxels, by world cell."""
    names = sorted({tuple(index // 8 for index in cell) for cell in voxels})
    semantics = np.full((len(names), 8, 8, 8), FREE, np.uint8)
    for cell, label in voxels.items():
        semantics[names.index(tuple(index // 8 for index in cell)), cell[0] % 8, cell[1] % 8, cell[2] % 8] = label
    return MapBlocks(np.array(names, np.int32), semantics, np.zeros_like(semantics), semantics.astype(np.uint32))


def test_the_highest_voxel_is_drawn_and_y_goes_up() -> None:
    column = {(-3, 5, 0): WALL, (-3, 5, 40): TREE, (-2, 4, 12): WALL}
    tile = blocks(column)
    image = picture.city_picture([((-1, 0), tile)], [(-1, 0)], 0.2, TAXONOMY, "two columns")
    drawn = image.crop((10, 26, 1010, 1026))  # two by two columns, enlarged
    assert drawn.getpixel((10, 10)) == TAXONOMY.classes[TREE].colour
    assert drawn.getpixel((990, 990)) == TAXONOMY.classes[WALL].colour
    assert drawn.getpixel((990, 10)) == drawn.getpixel((10, 990)) == (24, 26, 30)


def test_a_large_city_is_drawn_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_LARGEST", 64)
    monkeypatch.setattr(picture, "_SMALLEST", 1)
    corners = [
        ((0, 0), blocks({(0, 0, 0): WALL, (1, 1, 0): WALL, (1, 1, 32): TREE})),
        ((1, 1), blocks({(511, 511, 0): WALL})),
    ]
    image = picture.city_picture(corners, [(0, 0), (1, 1)], 0.2, TAXONOMY, "512 cells on 64 pixels")
    drawn = image.crop((10, 26, 74, 90))
    assert drawn.getpixel((0, 63)) == TAXONOMY.classes[TREE].colour
    assert drawn.getpixel((63, 0)) == TAXONOMY.classes[WALL].colour
    assert len(drawn.getcolors()) == 3
