"""Semi-trailers have air below them, and freight yards hold them side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from occlabel.stages.town import town as towns
from occlabel.stages.town.sensors.rigs import kitti_rig
from occlabel.stages.town.sensors.scene import Scene
from occlabel.stages.town.style import STYLES, draw_style
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.semi_trailers import lorry, semi_trailer


def test_a_semi_trailer_fills_its_box_and_stands_clear_of_the_ground() -> None:
    for seed in range(30):
        model = semi_trailer(np.random.default_rng(seed))
        low, high = model.mesh.vertices.min(axis=0), model.mesh.vertices.max(axis=0)
        assert 11.0 <= model.size[0] <= 14.5 and 2.45 <= model.size[1] <= 2.55 and model.size[2] <= 4.1
        np.testing.assert_allclose(high - low, model.size)
        below = np.array([[0.8, -5.0, 0.3, 0, 1, 0], [0.8, 0.0, 5.0, 0, 0, -1]], np.float32)
        under, over = Scene(model.mesh).cast(below).distance
        assert np.isinf(under), "a ray passes below the floor"
        assert np.isinf(over) or 5.0 - over > 1.0


def test_a_lorry_is_a_truck_and_a_trailer_in_one_line() -> None:
    model = lorry(np.random.default_rng(1))
    (front, ahead), (behind, back) = model.coupled()
    assert (front.kind, behind.kind) == ("truck", "trailer")
    assert ahead + front.size[0] / 2 == pytest.approx(model.length / 2)
    assert back - behind.size[0] / 2 == pytest.approx(-model.length / 2)
    assert 14 < model.length < 18.5


def test_a_freight_yard_holds_trailers_side_by_side(monkeypatch) -> None:
    style = replace(STYLES[5], lots={"freight-yard": 1.0}, side_streets=(80.0, 140.0))
    monkeypatch.setattr(towns, "draw_style", lambda _: style)
    town = towns.build(3, "val", kitti_rig(0.2), 1.0)
    poses = np.array([t.world_from_thing for t in town.site.things if t.kind == "trailer" and t.size[0] > 11])
    assert len(poses) > 20
    local = np.einsum("nji,mnj->mni", poses[:, :3, :3], poses[:, None, :3, 3] - poses[None, :, :3, 3])
    beside = (np.abs(local[..., 0]) < 2.0) & (np.abs(local[..., 1]) < 4.2) & (np.abs(local[..., 1]) > 0.1)
    assert (np.abs(local[..., 1])[beside] > 2.6).all(), "none stands in another"
    assert beside.any(axis=0).mean() > 0.5
    assert (town.standing.kinds == KIND_ID["trailer"]).sum() > 2000


def test_one_street_town_in_ten_or_so_has_freight_yards() -> None:
    drawn = [draw_style(np.random.default_rng([1, seed])) for seed in range(1500)]
    has = np.mean(["freight-yard" in style.lots for style in drawn if style.road != "motorway"])
    assert 0.07 < has < 0.16
    assert not any("freight-yard" in style.lots for style in drawn if style.road == "motorway")
