"""The ground's triangles are the ground's height map, kerbs included."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.town.sensors.scene import Scene
from occlabel.stages.town.streets.ground import CELL, Ground
from occlabel.stages.town.streets.ground_mesh import ground_mesh
from occlabel.stages.town.streets.paving import lay_streets
from occlabel.stages.town.streets.streets import draw_streets
from occlabel.stages.town.streets.terrain import raise_terrain
from occlabel.stages.town.style import STYLES
from occlabel.stages.town.things.kinds import KIND_ID


@pytest.fixture(scope="module")
def paved():
    rng = np.random.default_rng(23)
    streets, _ = draw_streets(rng, STYLES[0], 30.0)
    main = streets[0].points
    ground = Ground(main.min(axis=0) - 20.0, main.max(axis=0) + 20.0)
    raise_terrain(ground, rng, 0.08)
    lay_streets(ground, streets, 6.0)
    return ground, streets, Scene(ground_mesh(ground, rng))


def test_a_plumb_line_meets_the_ground_at_its_height(paved) -> None:
    ground, _, scene = paved
    rng = np.random.default_rng(23)
    high = ground.origin + np.array(ground.kind.shape) * CELL
    xy = rng.uniform(ground.origin + 1, high - 1, (5000, 2))
    rays = np.column_stack([xy, np.full(5000, 100.0), np.tile([0.0, 0.0, -1.0], (5000, 1))]).astype(np.float32)
    hits = scene.cast(rays)
    cells = ((xy - ground.origin) / CELL).astype(int)
    assert np.isfinite(hits.distance).all(), "the ground has no holes"
    away_from_kerbs = np.abs(((xy - ground.origin) / CELL) % 1 - 0.5).max(axis=1) < 0.45
    height = 100.0 - hits.distance
    np.testing.assert_allclose(height[away_from_kerbs], ground.height(xy)[away_from_kerbs], atol=0.02)
    kinds = scene.mesh.kinds[hits.face]
    np.testing.assert_array_equal(kinds[away_from_kerbs], ground.kind[tuple(cells.T)][away_from_kerbs])


def test_kerbs_are_upright_faces_between_the_levels(paved) -> None:
    ground, _, scene = paved
    drop = ground.step[1:, :].astype(int) - ground.step[:-1, :]
    rows, columns = np.nonzero(np.abs(drop) >= 5)
    assert len(rows) > 100
    pick = np.arange(0, len(rows), max(len(rows) // 200, 1))
    i, j = rows[pick], columns[pick]
    sign = np.sign(drop[i, j])
    start = ground.origin + np.stack([i + 1 - 0.4 * sign, j + 0.5], axis=1) * CELL
    level = (ground.step[i, j] + ground.step[i + 1, j]) / 200.0
    z = ground.height(start, stepped=False) + level
    rays = np.column_stack([start, z, sign, 0 * sign, 0 * sign]).astype(np.float32)
    hits = scene.cast(rays)
    np.testing.assert_allclose(hits.distance, 0.4 * CELL, atol=0.01)


def test_a_street_is_paved_as_its_cross_section_says(paved) -> None:
    ground, streets, _ = paved
    main = streets[0]
    checked = 0
    for station in np.arange(90.0, main.length - 90.0, 3.0):
        for side, sign in ((0, 1.0), (1, -1.0)):
            x, y, _ = main.at(station, 0.0)
            assert ground.kind_at(x, y) == KIND_ID["road"]
            beyond = main.half
            for kind, width, _ in main.bands[side]:
                x, y, _ = main.at(station, sign * (beyond + width / 2))
                i, j = ((np.array([x, y]) - ground.origin) / CELL).astype(int)
                if abs(float(ground.edge[i, j]) - (beyond + width / 2 - main.half)) < 0.15:  # no junction near
                    assert ground.kind_at(x, y) == KIND_ID[kind]
                    checked += 1
                beyond += width
    assert checked > 10
