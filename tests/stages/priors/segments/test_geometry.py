"""What a network sees in its input is found where it is in the image, however that was resized, padded or cut."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.learning.foundation import checkpoint
from occlabel.stages.priors.segments import segmentation
from occlabel.stages.priors.segments.class_tables import class_table
from occlabel.stages.priors.segments.queries import Meaning
from occlabel.stages.priors.segments.segmentation import Task, segments_of

pytest.importorskip("transformers")
tiny = pytest.importorskip("tiny_segmenters")

TAXONOMY = TAXONOMIES["semantickitti"]
CAR, ROAD = (TAXONOMY.names.index(name) for name in ("car", "road"))
MEANING = Meaning(TAXONOMY, class_table("cityscapes", TAXONOMY).class_ids(tiny.LABELS["id2label"], TAXONOMY))
INPUTS = {
    "mask2former": {"size": {"shortest_edge": 256, "longest_edge": 1024}},
    "oneformer": {"size": {"shortest_edge": 250, "longest_edge": 1000}},
    "eomt": {"size": {"shortest_edge": 512, "longest_edge": 512}},
    "eomt_in_parts": {"size": {"shortest_edge": 256, "longest_edge": None}},
    "segformer": {"size": {"height": 256, "width": 512}},
}


class LightIsACar:
    """Says so of its input, cell by cell of 4 pixels, and that all else is road."""

    def __call__(self, pixel_values: torch.Tensor, **_: Any) -> SimpleNamespace:
        light = torch.nn.functional.avg_pool2d(pixel_values.mean(1, keepdim=True), 4)
        masks, count = 8 * torch.cat([light, -light], dim=1), len(pixel_values)
        classes = torch.full((count, 2, 20), -9.0)
        classes[:, 0, tiny.CITYSCAPES.index("car")] = classes[:, 1, tiny.CITYSCAPES.index("road")] = 9.0
        logits = torch.full((count, 19, *light.shape[-2:]), -99.0)
        logits[:, tiny.CITYSCAPES.index("car")] = masks[:, 0]
        logits[:, tiny.CITYSCAPES.index("road")] = masks[:, 1]
        return SimpleNamespace(masks_queries_logits=masks, class_queries_logits=classes, logits=logits)


@pytest.mark.parametrize("size", [(375, 1242), (900, 1600), (1600, 900)])
@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("mask2former", "panoptic"),
        ("oneformer", "panoptic"),
        ("eomt", "panoptic"),
        ("eomt", "semantic"),
        ("eomt_in_parts", "semantic"),
        ("segformer", "semantic"),
    ],
)
def test_a_light_on_the_road_is_where_it_is(name: str, task: Task, size: tuple[int, int], tmp_path: Path) -> None:
    folder = tiny.EVERY[name](tmp_path)
    told = folder / "preprocessor_config.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | INPUTS[name]))
    network = replace(segmentation.loaded(checkpoint(str(folder)), task, Hands()), model=LightIsACar())
    height, width = size
    top, left = int(0.6 * height), int(0.3 * width)
    bottom, right = top + height // 4, left + width // 5
    image = np.zeros((height, width, 3), np.uint8)
    image[top:bottom, left:right] = 255
    [found] = segments_of(network, task, MEANING, 0.8, Hands(), [image])

    _, views = network.shown(image)
    cell = [4 * side / scaled for side, scaled in zip(size, views[0].scaled, strict=True)]
    v, u = (np.arange(0, side, 4) + 0.5 for side in size)
    inside = ((v > top) & (v < bottom))[:, None] & (u > left) & (u < right)
    far = (np.minimum(abs(v - top), abs(v - bottom)) > cell[0])[:, None]
    far = far & (np.minimum(abs(u - left), abs(u - right)) > cell[1])
    np.testing.assert_array_equal(found.classes[far], np.where(inside, CAR, ROAD)[far])
    assert inside[far].sum() > 300
    expected = np.where(inside & (task == "panoptic"), 1, 0)
    np.testing.assert_array_equal(found.instances[far], expected[far])
