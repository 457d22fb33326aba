"""Images become arrays in their own places, however many are looked at at once."""

from collections.abc import Sequence

import numpy as np
import pytest
from contract import BLIND, FRAMES, SPACES, inputs_of, street

from occlabel.schemas.stage import Clip
from occlabel.stages.priors.segments.networks import Semantic
from occlabel.stages.priors.segments.overlaps import PixelSegments
from occlabel.stages.priors.segments.slot import Image, image_of, over_images


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_each_image_has_its_own_place(batch: int) -> None:
    """Named by the brightness of its first row, which tells frames apart, and by its camera."""
    log, sensors = street()
    for name, image in sensors.images.items():
        if name.startswith("back"):
            sensors.images[name] = image + np.uint8(1)  # type: ignore[index]
    sizes = []

    def find(images: Sequence[Image]) -> list[PixelSegments]:
        sizes.append(len(images))
        shape = (12, 20)
        return [
            PixelSegments(
                np.full(shape, image[0, 0, 0] % 20, np.uint8),
                np.full(shape, image[0, 0, 0], np.uint16),
                np.full(shape, 255 - image[0, 0, 0], np.uint8),
            )
            for image in images
        ]

    stage = Semantic(weights="not/asked", classes="cityscapes")
    clip = Clip(log.id, 1, FRAMES)
    found = over_images(image_of, find, SPACES["occ3d"], log.rig, batch)(clip, inputs_of(stage, log, clip, {}, sensors))
    for offset, camera in enumerate(log.rig.names):
        for n, index in enumerate(range(1, FRAMES)):
            level = 40 + 20 * index + offset
            expected = (255, 0, 0) if index == BLIND else (level % 20, level, 255 - level)
            arrays = (found[f"segment_{what}/{camera}"][n] for what in ("class", "instance", "score"))
            assert tuple(set(array.ravel().tolist()) for array in arrays) == tuple({value} for value in expected)
    assert sum(sizes) == 2 * (FRAMES - 2) and max(sizes) == min(batch, sum(sizes))
