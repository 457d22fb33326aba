"""Fences in hedges are both."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.town.buildings.fences import Fence, draw_fence
from occlabel.stages.town.things.kinds import KIND_ID


@pytest.mark.parametrize("kind", ["hedge-mesh", "hedge-slats", "overgrown"])
def test_a_fence_in_a_hedge_is_fence_and_vegetation(kind: str) -> None:
    for seed in range(5):
        panel = Fence(np.random.default_rng(seed), kind).panel(2.0)
        assert {KIND_ID["fence"], KIND_ID["vegetation"]} <= set(panel.kinds.tolist())
        fence = panel.vertices[panel.faces[panel.kinds == KIND_ID["fence"]]].reshape(-1, 3)
        green = panel.vertices[panel.faces[panel.kinds == KIND_ID["vegetation"]]].reshape(-1, 3)
        gap = np.abs(fence[:, 1]).max() + np.abs(green[:, 1]).min()
        assert gap < 0.8, "they stand within a step of one another"


def test_gardens_draw_every_type() -> None:
    rng = np.random.default_rng(0)
    drawn = {draw_fence(rng) for _ in range(500)}
    assert {"hedge-mesh", "overgrown", "mesh", "picket", "low-wall"} <= drawn
