"""What cameras see: the same from the same seed, dark at night, shadows where the sun is hidden, textures that stay."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.town.sensors.exposure import expose
from occlabel.stages.town.sensors.lamps import shining, street_lamps
from occlabel.stages.town.sensors.rigs import kitti_rig
from occlabel.stages.town.sensors.textures import noise, texture
from occlabel.stages.town.sensors.weather import CONDITIONS, draw_weather, noon
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Material
from occlabel.stages.town.things.street_furniture import lamp_post, sign
from occlabel.stages.town.town import build, drive


def test_conditions_change_what_cameras_see_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The town is built once: ``build`` is not told of them."""
    rig = kitti_rig(0.25)
    town = build(3, "val", rig, 1 / rig.rate)
    monkeypatch.setattr("occlabel.stages.town.town.build", lambda *_: town)
    found = {
        wanted: next(drive(3, "val", rig, 1, images=True, truth=False, conditions=wanted)) for wanted in CONDITIONS
    }
    again = next(drive(3, "val", rig, 1, images=True, truth=False, conditions="rain"))
    np.testing.assert_array_equal(again.images["image_2"].pixels, found["rain"].images["image_2"].pixels)
    day = found["day"]
    for frame in found.values():
        np.testing.assert_array_equal(frame.scan.points, day.scan.points)
        np.testing.assert_array_equal(frame.images["image_2"].depth, day.images["image_2"].depth)
        np.testing.assert_array_equal(frame.images["image_2"].kinds, day.images["image_2"].kinds)
    mean = {wanted: float(frame.images["image_2"].pixels.mean()) for wanted, frame in found.items()}
    assert mean["night"] < 0.8 * mean["day"] and mean["rainy-night"] < 0.8 * mean["rain"]


def test_a_texture_stands_in_the_world_is_about_one_and_fades_far_away() -> None:
    places = np.random.default_rng(0).uniform(0, 40, (2000, 2)).tolist()
    for material in (Material.GRASS, Material.ASPHALT, Material.PAVING, Material.GRAVEL, Material.CONCRETE):
        road = KIND_ID["road"]
        near, far = (
            np.array([texture(road, int(material), (x, y, 0.0), (0.0, 0.0, 1.0), pixel, 5)[1] for x, y in places])
            for pixel in (0.005, 5.0)
        )
        assert abs(near.mean() - 1) < 0.15 and near.std() > 0.03
        assert far.std() < near.std()
    assert noise(3.0, 7.0, 1) == noise(3.0, 7.0, 1)
    assert abs(noise(3.0, 7.0, 1) - noise(3.001, 7.0, 1)) < 0.01


@pytest.mark.parametrize("scale", [0.02, 1.0, 50.0])
def test_exposure_finds_the_light(scale: float) -> None:
    ramp = np.linspace(0.1, 1.0, 80 * 60).reshape(60, 80, 1).repeat(3, axis=2).astype(np.float32)
    picture = expose(ramp * np.float32(scale), noon().optics, np.random.default_rng(0))
    assert 60 < picture.mean() < 190
    assert picture[-10:].mean() > picture[:10].mean() + 40


def test_lamps_are_found_among_what_stands_and_shine_at_night() -> None:
    lamps = [lamp_post(np.random.default_rng(n)) for n in range(10)]
    heads = street_lamps([*lamps, sign(np.random.default_rng(0))])
    assert 5 <= len(heads) <= 10 and (heads[:, 2] > 2.5).all()
    assert not len(shining(heads, np.eye(4), 0.0, draw_weather(np.random.default_rng(0), "day").light.lamps))
    assert len(shining(heads, np.eye(4), 0.0, 1.0)) == len(heads) + 2, "and two head lamps"
