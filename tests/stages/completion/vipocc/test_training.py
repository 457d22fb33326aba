"""A few steps on a street of boxes: losses fall, views of the same place are found, and what is learned is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from box_street import STREET, K, drive, images, photographs

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.errors import BadLog
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.completion.vipocc.field import ViPOcc
from occlabel.stages.completion.vipocc.options import Options
from occlabel.stages.completion.vipocc.samples import Drive, Samples, Seen, Videos, View, parts_of
from occlabel.stages.completion.vipocc.shown import shown
from occlabel.stages.completion.vipocc.training import Score, losses, train_field

FEW = Options(steps=1, epoch=1, batch=1, stem=8, rows=64, columns=128, channels=8, rays=128, samples=12, views=3)


@pytest.fixture(scope="module")
def street() -> Drive:
    """Four frames of which depth is known exactly."""
    log = drive(4)
    depth = images(log, STREET, TAXONOMIES["occ3d"])[DEPTH.on("front").name]
    taken, result = photographs(log, STREET).images, []
    for frame, far in zip(log.frames, depth, strict=True):
        camera = frame.cameras[0]
        assert frame.world_from_ego is not None and camera.ego_from_camera is not None
        objects = np.zeros(far.shape, np.uint16)
        objects[20:30, 60:80] = 1
        seen = Seen(taken[str(camera.path)], far, objects, far)
        result.append({"front": View(partial(replace, seen), K, frame.world_from_ego @ camera.ego_from_camera)})
    return result


def test_a_few_steps_lower_the_loss(street: Drive) -> None:
    torch.manual_seed(0)
    network = ViPOcc(FEW.sizes)
    samples = Samples(Videos([street], FEW.sizes), FEW)
    batch = {name: torch.stack([samples[n][name] for n in range(2)]) for name in samples[0]}
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    found = []
    for _ in range(10):
        parts = losses(network, batch, FEW, None)
        total = torch.stack(list(parts.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        found.append(float(total.detach()))
    assert set(parts) == {"colour", "depth", "temporal"} and np.isfinite(found).all()
    assert found[-1] < 0.97 * found[0]


def test_views_of_a_sample_see_the_same_place(street: Drive) -> None:
    videos = Videos([street], FEW.sizes)
    assert len(videos) == 4
    assert videos.around((0, 1, "front"), 4) == [(0, n, "front") for n in (1, 2, 0, 3)]
    assert videos.around((0, 3, "front"), 2) == [(0, 3, "front"), (0, 2, "front")], "after the last there is none"
    one = Samples(videos, FEW)[5]
    assert one["images"].shape == (3, 3, 64, 128) and one["patches"].shape == (2, 1, 2)
    assert torch.equal(one["there"], torch.ones(3)) and torch.equal(one["own_from_view"][0], torch.eye(4))
    again = Samples(videos, FEW)[5]
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_a_world_that_is_mirrored_is_seen_by_cameras_that_are(street: Drive) -> None:
    """What lies to the right of both cameras lies as far to the left, and falls on the mirrored pixels."""
    videos = Videos([street], FEW.sizes)
    view, pose = videos.shown((0, 0, "front")), np.eye(4)
    pose[:3, :3] = [[np.cos(0.2), 0, np.sin(0.2)], [0, 1, 0], [-np.sin(0.2), 0, np.cos(0.2)]]
    pose[:3, 3] = 0.7, 0.1, 1.0
    plain, mirrored = (parts_of(view, pose, FEW.sizes, one) for one in (False, True))
    np.testing.assert_array_equal(plain[0], mirrored[0][..., ::-1])
    point, turned = np.array([2.0, 1.0, 9.0, 1.0]), np.array([-2.0, 1.0, 9.0, 1.0])
    (one, other) = (part[2] @ (np.linalg.inv(part[3]) @ p)[:3] for part, p in ((plain, point), (mirrored, turned)))
    one, other = one / one[2], other / other[2]
    np.testing.assert_allclose(other, [FEW.columns - 1 - one[0], one[1], 1])


def test_views_that_there_are_not_are_said_not_to_be_there(street: Drive) -> None:
    one = Samples(Videos([street], FEW.sizes), FEW.model_copy(update={"views": 8}))[0]
    assert one["there"].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_images_that_cannot_be_read_are_not_learned_from(street: Drive) -> None:
    broken = {"front": View(lambda: Seen(None, np.zeros((48, 160), np.float16), None), K, np.eye(4))}
    samples = Samples(Videos([[*street, broken, broken]], FEW.sizes), FEW)
    assert all(bool(samples[n]["there"][:2].all()) for n in range(8))
    with pytest.raises(BadLog, match="images that were drawn can be read"):
        Samples(Videos([[broken, broken]], FEW.sizes), FEW)[0]


def test_an_image_is_squeezed_with_its_calibration() -> None:
    """The middle of a square falls where the squeezed K puts it."""
    image = np.zeros((192, 640, 3), np.uint8)
    image[80:120, 400:480] = 255  # middle at row 99.5, column 439.5
    small = shown(image, np.full((48, 160), 20, np.float16), K, FEW.sizes)
    v, u = np.nonzero(small.image[..., 0] > 127)
    ray = np.linalg.inv(K) @ [439.5, 99.5, 1]
    np.testing.assert_allclose((small.intrinsics @ ray)[:2], [u.mean(), v.mean()], atol=0.3)
    np.testing.assert_allclose(small.prior, 0.05, rtol=1e-3)


def test_exact_depth_is_off_by_nothing_and_the_branch_starts_from_it(street: Drive) -> None:
    score = Score()
    score.add(ViPOcc(FEW.sizes).eval(), Videos([street], FEW.sizes), (0, 0, "front"), 12)
    prior, branch, rendered = score.abs_rel
    assert score.points > 1000 and prior == 0 and branch < 0.05 and rendered > 0.1


def test_what_is_learned_is_kept_and_says_what_it_is(street: Drive, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    facts = train_field([street], [street], out, FEW, {"command": "x"})
    assert out.is_file() and facts["images"] == "4" and facts["abs_rel"].startswith("0.0000 prior, 0.0")
    with pytest.raises(BadLog, match="4 images to learn from and 0 held out are too few"):
        train_field([street], [street[:1]], out, FEW, {})
