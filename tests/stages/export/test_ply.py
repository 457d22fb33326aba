"""A PLY file that other tools read: header, positions, colours."""

import io
from pathlib import Path

import numpy as np
import open3d as o3d
from map_scenes import FREE, TAXONOMY, WALL

from occlabel.stages.export.ply import write_ply
from occlabel.stages.mapping.ballot import ballot
from occlabel.stages.mapping.decide import MapBlocks, static_voxels


def test_occupied_voxels_come_back_at_their_centres_in_their_colours(tmp_path: Path) -> None:
    semantics = np.full((2, 8, 8, 8), 255, np.uint8)
    semantics[0, 1, 2, 3] = WALL
    semantics[1, 7, 0, 0] = 0
    semantics[1, 0, 0, 0] = FREE
    filler = np.zeros(semantics.shape, np.uint32)
    blocks = MapBlocks(np.array([[0, 0, 0], [-1, 2, 0]], np.int32), semantics, filler.astype(np.uint8), filler)
    file = io.BytesIO()
    write_ply(file, [static_voxels(blocks, ballot(TAXONOMY))], 2, 0.2, TAXONOMY, "a comment")
    path = tmp_path / "map.ply"
    path.write_bytes(file.getvalue())
    cloud = o3d.io.read_point_cloud(path)
    np.testing.assert_allclose(np.asarray(cloud.points), [[0.3, 0.5, 0.7], [-0.1, 3.3, 0.1]])
    expected = [TAXONOMY.classes[WALL].colour, TAXONOMY.classes[0].colour]
    np.testing.assert_array_equal(np.round(np.asarray(cloud.colors) * 255), expected)
