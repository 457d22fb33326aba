"""Classes of two taxonomies meet by name or as a user says, and never by their ids."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, LabelClass, Taxonomy
from occlabel.schemas.taxonomy_map import map_between, read_map

KITTI, OCC3D = TAXONOMIES["semantickitti"], TAXONOMIES["occ3d"]


def taxonomy(*names: str, free: str) -> Taxonomy:
    classes = tuple(LabelClass(id=i, name=name, colour=(i, i, i)) for i, name in enumerate(names))
    return Taxonomy(name="mine", classes=classes, free_id=names.index(free))


def test_equal_names_are_equal_classes_in_any_order() -> None:
    mine = taxonomy("road", "car", "air", free="air")
    table = map_between(mine, KITTI).table
    assert table[:3].tolist() == [9, 1, 0], "and free is free, whatever it is called"
    assert table[UNKNOWN] == UNKNOWN
    assert (map_between(KITTI, KITTI).table[:20] == np.arange(20)).all()


def test_an_id_that_is_no_class_is_none_of_the_targets() -> None:
    table = map_between(taxonomy("road", "car", "free", free="free"), KITTI).table
    assert len(np.unique(table[3:255])) == 1 and 64 <= table[3] < UNKNOWN


def test_a_class_of_which_nobody_says_what_it_is_is_named_with_the_way_out() -> None:
    mine = taxonomy("free", "van", "kiosk", "road", free="free")
    with pytest.raises(
        BadRecipe, match=r"'semantickitti' has not: van, kiosk; .* YAML file .*--map, e\.g\. 'van: car'"
    ):
        map_between(mine, KITTI)
    found = map_between(mine, KITTI, {"van": "car", "kiosk": None})
    assert found.table[:4].tolist() == [0, 1, UNKNOWN, 9] and found.left_out == ("kiosk",)
    assert map_between(mine, KITTI, {"van": "car", "kiosk": "car", "road": "parking"}).table[3] == 10
    with pytest.raises(BadRecipe, match="the map names the class 'bus'; the labels have free, van"):
        map_between(mine, KITTI, {"bus": "car"})
    with pytest.raises(BadRecipe, match="the map calls 'van' 'bus'; 'semantickitti' has free, car"):
        map_between(mine, KITTI, {"van": "bus"})
    assert "car" in KITTI.names and KITTI.names.index("car") != OCC3D.names.index("car")


def test_a_map_is_a_file_of_names(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("van: car\nkiosk: null\nmist: unknown\n")
    assert read_map(path) == {"van": "car", "kiosk": None, "mist": None}
    for content in ("- van", "van: 3", "3: car", "van: [car]", "van: {"):
        path.write_text(content)
        with pytest.raises(BadRecipe, match="--map"):
            read_map(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRecipe, match="not text in UTF-8"):
        read_map(path)
    with pytest.raises(BadRecipe, match="cannot be read"):
        read_map(tmp_path / "nowhere.yaml")
