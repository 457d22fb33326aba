"""Where the points of objects rest: as many as the largest object needs, whatever the voxels are."""

import numpy as np
import pytest

from occlabel.schemas.taxonomy import TAXONOMIES, LabelClass, Taxonomy
from occlabel.stages.instances.lattice import Lattice, largest_object, nearest_points


@pytest.mark.parametrize("voxel_size", [0.2, 0.4, 0.8])
@pytest.mark.parametrize("heading", [0.0, 0.4, np.pi / 4, np.pi / 2])
def test_every_voxel_of_a_lorry_has_a_point_of_its_own(voxel_size: float, heading: float) -> None:
    lattice = Lattice(voxel_size, *largest_object(TAXONOMIES["occ3d"]))
    cells = np.argwhere(np.ones((round(16 / voxel_size), round(16 / voxel_size), round(4 / voxel_size))))
    places = (cells + 0.5) * voxel_size - [8, 8, 2]
    along = places[:, :2] @ np.array([np.cos(heading), np.sin(heading)])
    across = places[:, :2] @ np.array([-np.sin(heading), np.cos(heading)])
    body = (np.abs(along) < 5.6) & (np.abs(across) < 1.25) & (np.abs(places[:, 2]) < 1.9)
    points, way = nearest_points(cells[body], lattice)
    assert (points >= 0).all() and len(np.unique(points)) == body.sum()
    assert lattice.points > body.sum()
    assert np.abs(way).max() <= voxel_size / 2
    np.testing.assert_allclose(lattice.rest[points] + way, places[body] - places[body].mean(axis=0), atol=1e-5)


def test_what_lies_beyond_the_rim_has_no_point() -> None:
    lattice = Lattice(0.5, 4.0, 2.0)
    found = lattice.at(np.array([[4, 0, 0], [5, 0, 0], [0, 0, 3], [9, 9, 9], [-40, 0, -40], [0, 0, 0]]))
    assert found[0] >= 0 and found[1:5].tolist() == [-1] * 4
    assert lattice.rest[found[[0, 5]]].tolist() == [[2, 0, 0], [0, 0, 0]]


def test_points_follow_from_the_things_of_the_taxonomy() -> None:
    people = Taxonomy(
        name="people",
        free_id=0,
        classes=(
            LabelClass(id=0, name="free", colour=(0, 0, 0)),
            LabelClass(id=1, name="person", colour=(9, 9, 9), thing=True),
            LabelClass(id=2, name="building", colour=(9, 9, 9)),
        ),
    )
    assert largest_object(people) == (1.2, 2.2)
    assert Lattice(0.2, *largest_object(people)).points < 400 < Lattice(0.2, 12.8, 4.4).points
