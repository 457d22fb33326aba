"""What a stage gets of a frame's sensors, and what is noted of those it does not get."""

import numpy as np
import pytest
from contract import BLIND, street

from occlabel.workers.sensors import FrameSensors


@pytest.mark.parametrize(("level", "said"), [(0, "is black throughout"), (200, "is of one colour throughout")])
def test_an_image_in_which_there_is_nothing_is_damaged(level: int, said: str) -> None:
    log, sensors = street()
    images = {**sensors.images, "front/000001": np.full((46, 80, 3), level, np.uint8)}
    images["back/000001"] = images["front/000001"].copy()
    images["back/000001"][45, 79, 2] += 1
    read = FrameSensors(type(sensors)({}, images), log.frames, 0, ("images",))  # type: ignore[arg-type]
    assert read.image(1, "front") is None and read.image(1, "front") is None
    assert read.image(0, "front") is not None
    seen = read.image(1, "back")
    assert seen is not None and seen[45, 79, 2] == level + 1, "a single pixel is something"
    [damage] = read.damaged(range(1, 2))
    assert damage.sensor == "front" and damage.name == "000001"
    assert said in damage.error and "the camera front saw nothing" in damage.error
    assert read.image(BLIND, "front") is None
