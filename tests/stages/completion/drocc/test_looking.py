"""What the network is shown: images and K of its size, where cameras are, and where depth says that something is."""

from __future__ import annotations

import numpy as np
import torch
from tiny_drocc import SIZES, SPACE, UP, K, drive, looking, without_poses

from occlabel.stages.completion.drocc.looking import Moment, Taken, geometry_mask, views
from occlabel.stages.completion.drocc.samples import Samples, Scenes, mirrored, symmetric


def test_the_mask_is_where_surfaces_are() -> None:
    mask = geometry_mask(drive(1, far=6.0).moment(0), np.eye(4), SPACE.grid, 4)
    assert mask.shape == (5, 5, 8)
    # A wall 6 m ahead: x from 4.8 to 8 is the last cell; the road before it lies at z = 0.
    assert mask[4, 2, 2:5].all() and not mask[4, 2, :1].any()
    assert mask[3, 2, 1] and not mask[3, 2, 3:].any() and not mask[:2].any()
    assert not geometry_mask(Moment([None], None), np.eye(4), SPACE.grid, 4).any()


def test_an_image_of_another_size_is_shown_with_its_own_k() -> None:
    taken = drive(1, far=6.0).moment(0).cameras[0]
    assert taken is not None
    large = Taken(
        taken.image.repeat(2, axis=0).repeat(2, axis=1),
        np.array([[80.0, 0, 79.5], [0, 80.0, 47.5], [0, 0, 1]]),
        taken.ego_from_camera,
        taken.depth.repeat(2, axis=0).repeat(2, axis=1),
    )
    small, big = (views([Moment([one], np.eye(4))], np.eye(4), SPACE.grid, SIZES) for one in (taken, large))
    np.testing.assert_allclose(big.intrinsics, small.intrinsics, atol=1e-5)
    np.testing.assert_allclose(small.intrinsics[0, 0], K, atol=1e-5)
    assert (big.images.int() - small.images.int()).abs().float().mean() < 8
    torch.testing.assert_close(big.depth, small.depth)


def test_past_frames_are_brought_into_the_grid_of_the_frame() -> None:
    one = drive(3, far=7.0)
    shown = views([one.moment(2), one.moment(1)], np.eye(4), SPACE.grid, SIZES)
    assert shown.images.shape == (2, 1, 48, 80, 3) and bool(shown.there.all())
    np.testing.assert_allclose(shown.grid_from_camera[0, 0], looking(0.0), atol=1e-6)
    np.testing.assert_allclose(shown.grid_from_camera[1, 0, :3, 3], [-0.5, 0, UP], atol=1e-6)
    lost = without_poses(one)
    for moments in ([one.moment(0)], [lost.moment(2), lost.moment(1)], [one.moment(0), Moment([None], np.eye(4))]):
        alone = views(moments, np.eye(4), SPACE.grid, SIZES)
        assert torch.equal(alone.images[0], alone.images[1])
        torch.testing.assert_close(alone.grid_from_camera[0], alone.grid_from_camera[1])


def test_a_mirrored_frame_is_what_a_mirrored_world_shows() -> None:
    """A camera that looks to the left, of a world in which only depth is seen, and one that looks to the right."""
    seen = Scenes((drive(2, far=6.0),), SPACE.grid, SIZES, 1).seen(1)
    left = seen.views._replace(grid_from_camera=torch.from_numpy(looking(0.6)).float().expand(2, 1, 4, 4))
    turned = mirrored(seen._replace(views=left), 1, SPACE.grid, SIZES)
    np.testing.assert_allclose(turned.views.grid_from_camera[0, 0], looking(-0.6), atol=1e-6)
    np.testing.assert_allclose(turned.views.intrinsics[0, 0], K, atol=1e-5)
    back = mirrored(turned, 1, SPACE.grid, SIZES)
    for one, other in zip(back.views, left, strict=True):
        torch.testing.assert_close(one, other)
    assert torch.equal(back.truth, seen.truth) and torch.equal(turned.truth, seen.truth.flip(1))
    assert symmetric(SPACE.grid, 0, SIZES.fold) and not symmetric(SPACE.grid, 2, SIZES.fold)
    assert not symmetric(SPACE.grid, 0, 3), "a cell that reaches over the edge has no mirror image"


def test_a_sample_holds_all_that_is_occupied_and_some_of_what_is_free() -> None:
    scenes, free = Scenes((drive(3, far=7.0),), SPACE.grid, SIZES, 1), SPACE.taxonomy.free_id
    samples = Samples(scenes, free, 4, seed=1)
    for number in range(4):
        sample = samples[number]
        known = sample["target"] != 255
        voxels, target = sample["voxels"][known], sample["target"][known]
        assert len(torch.unique(voxels)) == len(voxels)
        truths = [np.stack([scenes.truth(n) for n in range(3)])]
        counts = {int((truth != 255).sum() - (truth == free).sum()) for truth in truths[0]}
        assert int((target != free).sum()) in counts
        share = int((target == free).sum()) / np.mean([(truth == free).sum() for truth in truths[0]])
        assert 0.15 < share < 0.35
        assert (sample["depth_bins"] >= 0).any() and sample["depth_bins"].shape == (1, 3, 5)
        assert torch.equal(samples[number]["images"], sample["images"])
