"""The vote on a GPU gives the bytes of the vote on the CPU."""

import numpy as np
import pytest
import torch

from occlabel.schemas.geometry import yaw_rotation
from occlabel.stages.voting.gather import Gather
from occlabel.stages.voting.gather_torch import GatherTorch
from occlabel.stages.voting.methods import Ballots, Voters, cell_from_voxel

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")),
]
SHAPE = (20, 24, 12)


def scene() -> tuple[Ballots, Voters]:
    """Noise seen from tilted frames, a frame that votes for nothing and one that may not vote for free space."""
    draw = np.random.default_rng(5)
    labels = np.where(draw.random((6, *SHAPE)) < 0.6, 0, draw.integers(0, 12, (6, *SHAPE))).astype(np.uint8)
    labels[2] = 255
    weights = draw.integers(1, 60_000, (2, *SHAPE)).astype(np.uint16)
    ballots = Ballots(labels, weights, np.array([0, 1, 0, 1, 0, 1]), 10, 0)
    maps = []
    for n in range(6):
        pose = yaw_rotation(0.07 * n)
        pose[:3, 3] = draw.normal(0, 0.6, 3)
        pose[2, :2] = [0.03, -0.02]
        maps.append(cell_from_voxel(pose, (0, -2.4, -1), 0.2, (0, -2.4, -1), 0.2))
    multipliers = np.full((6, 10), 16, np.int32)
    multipliers[4, 0] = 0
    multipliers[1, 3] = 160
    return ballots, Voters(np.arange(6), np.stack(maps), multipliers)


@pytest.mark.parametrize("device", DEVICES)
def test_the_bytes_are_those_of_gather(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occlabel.stages.voting.gather_torch._SLAB", 7 * SHAPE[1] * SHAPE[2])  # several slabs
    ballots, voters = scene()
    expected, found = Gather(ballots).vote(voters, SHAPE), GatherTorch(ballots, device).vote(voters, SHAPE)
    for name in ("winner", "margin", "support"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)
    assert len(np.unique(expected.winner)) == 10
