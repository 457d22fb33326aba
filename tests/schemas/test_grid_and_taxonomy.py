import numpy as np
import pytest

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.grid import GRIDS, grid_preset
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, taxonomy_preset


@pytest.mark.parametrize("name", GRIDS)
def test_centres_fall_into_their_own_voxels(name: str) -> None:
    grid = GRIDS[name]
    some = grid.centres()[::31, ::29, ::3].reshape(-1, 3)
    cells, inside = grid.cells(some)
    assert inside.all()
    np.testing.assert_allclose((cells + 0.5) * grid.voxel_size + np.array(grid.origin), some)


def test_the_upper_corner_is_outside_and_the_lower_inside() -> None:
    grid = GRIDS["semantickitti"]
    _, inside = grid.cells(np.array([grid.origin, grid.upper]))
    assert inside.tolist() == [True, False]


def test_semantickitti_raw_ids() -> None:
    taxonomy = TAXONOMIES["semantickitti"]
    assert taxonomy.from_raw[[0, 10, 252, 255, 60, 81]].tolist() == [0, 1, 1, 8, 9, 19]
    # 1, 52 and 99 are ignored in completion; an id that no map knows is never a class.
    assert (taxonomy.from_raw[[1, 52, 99, 7, 65535]] == UNKNOWN).all()
    class_ids = np.arange(20)
    assert (taxonomy.from_raw[taxonomy.to_raw[class_ids]] == class_ids).all()
    assert taxonomy.to_raw[UNKNOWN] == 0


def test_occ3d_ids_are_written_as_they_are() -> None:
    taxonomy = TAXONOMIES["occ3d"]
    assert (taxonomy.from_raw[:18] == np.arange(18)).all()
    assert taxonomy.from_raw[18] == UNKNOWN
    assert taxonomy.to_raw[UNKNOWN] == taxonomy.free_id == 17


def test_unknown_presets_name_the_known_ones() -> None:
    with pytest.raises(BadRecipe, match="semantickitti, occ3d"):
        grid_preset("kitti")
    with pytest.raises(BadRecipe, match="semantickitti, occ3d"):
        taxonomy_preset("kitti")
