"""Labels as a camera sees them: what is nearest along the ray of a pixel, and nothing behind it."""

from __future__ import annotations

import numpy as np
from made_up_town import AHEAD

from occlabel.pipeline.delivery.pictures.labels_in_image import seen_labels
from occlabel.schemas.geometry import inverse, project, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN

SPACE = LabelSpace(Grid(origin=(0, -8, -2), voxel_size=0.5, shape=(40, 32, 12), frame="ego"), TAXONOMIES["occ3d"])
FREE, CAR, WALL = (SPACE.taxonomy.names.index(name) for name in ("free", "car", "manmade"))
K, SIZE = np.array([[40.0, 0, 31.5], [0, 40.0, 23.5], [0, 0, 1]]), (64, 48)


def test_a_pixel_shows_the_nearest_voxel_and_none_behind_it() -> None:
    volume = np.full(SPACE.grid.shape, FREE, np.uint8)
    volume[20, 14:18, 4:8] = CAR
    volume[30] = WALL
    volume[5:15] = UNKNOWN
    grid_from_camera = np.eye(4)
    grid_from_camera[:3, :3], grid_from_camera[:3, 3] = AHEAD, (0.1, 0.1, 1.1)
    seen = seen_labels(volume, SPACE, K, grid_from_camera, SIZE)
    centres = SPACE.grid.centres()
    for place, shown in (((20, 15, 5), CAR), ((30, 15, 5), CAR), ((30, 25, 7), WALL)):
        uv, _ = project(transform_points(inverse(grid_from_camera), centres[place][None]), K)
        u, v = np.rint(uv[0]).astype(int)
        assert seen.classes[v, u] == shown
        assert (seen.voxels[v, u] == np.ravel_multi_index(place, volume.shape)) == (place != (30, 15, 5))
    # The car is 2 m wide and high, and its near side is 9.9 m away: 40 px / 9.9 m * 2 m = 8.1 px.
    assert np.ptp(np.argwhere(seen.classes == CAR), axis=0).tolist() in ([7, 7], [8, 8], [7, 8], [8, 7])
    # The grid ends 1.6 m below and 2.9 m above the camera, before the wall: rays leave it through floor and roof.
    assert (seen.classes[-1] == UNKNOWN).all() and (seen.voxels[-1] == -1).all()
