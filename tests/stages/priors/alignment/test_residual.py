"""A network learns without labels what an alignment leaves over, never makes depth negative, and can be resumed."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from box_street import STREET, K, Thing, drive, images, photographs, sweeps
from contract import SPACES, ScriptedSensors, run
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION
from occlabel.schemas.errors import BadLog, BadWeights, OcclabelError
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.learning.weights import save_weights
from occlabel.stages.priors.alignment.residual.asking import answer, given
from occlabel.stages.priors.alignment.residual.network import FARTHEST, Residual, corrected
from occlabel.stages.priors.alignment.residual.options import Options
from occlabel.stages.priors.alignment.residual.samples import Crops, Seen, View, Views
from occlabel.stages.priors.alignment.residual.stage import ResidualAlignment
from occlabel.stages.priors.alignment.residual.training import Score, check_start, train_residual
from occlabel.stages.priors.alignment.residual.weight_file import NEAREST, PURPOSE, Shares, check, load_network
from occlabel.stages.priors.depth.lidar import LidarDepth

SPACE, FRONT, OFF = SPACES["occ3d"], DEPTH.on("front").name, DEPTH_DEVIATION.on("front").name
LOG = drive(3)
OTHER = (
    Thing("building", (-50, 7, 0), (200, 10, 8)), Thing("building", (-50, -14, 0), (200, -10, 8)),
    Thing("car", (11, -4.5, 0), (15, -2.7, 1.5)), Thing("car", (21, 1, 0), (25, 2.8, 1.5)),
)  # fmt: skip
FEW = Options(seed=3, steps=2, epoch=1, batch=2, height=64, width=128)


@cache
def true(street: tuple[Thing, ...]) -> NDArray[np.float16]:
    return np.asarray(images(LOG, street, SPACE.taxonomy)[FRONT], np.float16)


def flattened(depth: NDArray[np.float16]) -> NDArray[np.float16]:
    """What a model says that takes the near for farther and the far for nearer, everywhere alike."""
    return (10 * (depth.astype(np.float64) / 10) ** 0.85).astype(np.float16)


@cache
def taken(street: tuple[Thing, ...]) -> ScriptedSensors:
    return photographs(LOG, street)


@cache
def hit(street: tuple[Thing, ...]) -> NDArray[np.float16]:
    return np.asarray(run(LidarDepth(), SPACE, LOG, sensors=sweeps(LOG, street))[FRONT], np.float16)


def views(street: tuple[Thing, ...], lidar: bool = True) -> Views:
    said, points = flattened(true(street)), hit(street)
    measured = points if lidar else np.full_like(points, np.nan)
    track = []
    for n, frame in enumerate(LOG.frames):
        camera = frame.cameras[0]
        seen = Seen(taken(street).images[str(camera.path)], said[n], np.full_like(said[n], 0.1), measured[n])
        assert frame.world_from_ego is not None and camera.ego_from_camera is not None
        track.append(View(partial(lambda one: one, seen), K, frame.world_from_ego @ camera.ego_from_camera))
    return Views([track])


def changed(**options: object) -> Options:
    return FEW.model_copy(update=options)


def wild(seed: int = 0) -> Residual:
    """A network that says anything."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Residual()
        torch.nn.init.normal_(network.last.weight, std=30)
    return network.eval()


def written(folder: Path, network: Residual, shares: Shares = Shares()) -> Path:
    save_weights(folder / "w.safetensors", dict(network.state_dict()), PURPOSE | shares.fact())
    return folder / "w.safetensors"


def test_depth_is_never_negative_nor_beyond_the_range() -> None:
    inverse = torch.tensor([0.0, 1 / FARTHEST, 1 / 240, 0.1, 1 / NEAREST]).expand(1, 1, 8, 5)
    for share in (-0.4, 0.4, -0.99):
        found = corrected(inverse, torch.full_like(inverse, share))
        assert (found[..., 0] == 0).all(), "what is not known stays so"
        assert (found[..., 1:] >= 1 / FARTHEST).all() and (found[..., 1:] <= 1 / NEAREST).all()
    image, depth = np.full((32, 20, 3), 90, np.uint8), true(STREET)[0, 24:32, 40:45]
    said = answer(wild(), image, depth, np.full_like(depth, 0.1), K)
    assert said.std() > 0.1 and np.abs(said).max() < 0.4001
    assert (answer(Residual().eval(), image, depth, np.full_like(depth, 0.1), K) == 0).all(), "untrained: no change"


def test_a_window_beyond_the_image_knows_nothing_there() -> None:
    image, depth = np.full((30, 50, 3), 255, np.uint8), np.full((8, 13), 5.0)
    depth[2, 3] = np.nan
    pixels, inverse, unsure, rays = given(image, depth, depth / 50, K, (4, 8), (8, 8))
    assert pixels[:, :14, :18].min() == 1 and pixels[:, 14:].max() == 0 and pixels[:, :, 18:].max() == 0
    assert (inverse[0, :4, :5] == 0.2).all() and inverse[0, 4:].max() == 0 and inverse[0, :, 5:].max() == 0
    assert unsure[0, 0, 0] == pytest.approx(0.1)
    np.testing.assert_allclose(rays[:, 0, 0], [(32 - K[0, 2]) / K[0, 0], (16 - K[1, 2]) / K[1, 1]], rtol=1e-6)
    assert given(image, depth, depth / 50, K, (0, 0), (8, 8))[1][0, 2, 3] == 0


@pytest.mark.slow
@pytest.mark.parametrize("by", ["points", "photometric"])
def test_what_is_wrong_alike_everywhere_is_learned_without_labels(by: str, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    only = {"points": 0.0, "photometric": 0.0} | {by: 1.0}
    options = changed(steps=60, epoch=60, batch=4, height=96, width=192, rate=4e-3, **only)
    learned, held_out = views(STREET, lidar=by == "points"), views(OTHER)
    train_residual(learned, held_out, out, options, {})
    network, score = load_network(out, Hands()), Score()
    for place in range(len(held_out)):
        score.add(network, held_out, place)
    before, after = score.abs_rel
    assert after < 0.8 * before
    told = read_facts(out)
    assert told["abs_rel"] == f"{before:.4f} before, {after:.4f} after" and told["seed"] == "3"


def test_a_resumed_run_gives_the_weights_of_an_undisturbed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    learned, held_out = views(STREET), views(OTHER)
    train_residual(learned, held_out, whole, FEW, {"command": "a command"})

    def killed_in_the_second_epoch(self: Crops, number: int) -> dict[str, torch.Tensor]:
        if number >= 2:
            raise KeyboardInterrupt
        return original(self, number)

    original = Crops.__getitem__
    with monkeypatch.context() as patch:
        patch.setattr(Crops, "__getitem__", killed_in_the_second_epoch)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train_residual(learned, held_out, parts, FEW, {"command": "a command"})
    assert not parts.exists()
    with pytest.raises(OcclabelError, match="--resume"):
        train_residual(learned, held_out, parts, FEW, {})
    train_residual(learned, held_out, parts, changed(resume=True), {"command": "a command"})
    assert whole.read_bytes() == parts.read_bytes()
    assert read_facts(whole)["command"] == "a command"
    assert "val_abs_rel" in (tmp_path / "whole.training/curves/version_0/metrics.csv").read_text().splitlines()[0]
    started = train_residual(learned, held_out, tmp_path / "on.safetensors", changed(start=whole), {})
    assert started["start"].startswith("whole.safetensors, digest ")
    save_weights(tmp_path / "other.safetensors", {}, {"network": "glance-1"})
    with pytest.raises(BadWeights, match="was made for the network glance-1"):
        check_start(changed(start=tmp_path / "other.safetensors"))


def test_images_that_show_nothing_to_learn_from_are_said(tmp_path: Path) -> None:
    alone = Views([[view] for view in views(STREET, lidar=False).views])
    with pytest.raises(BadLog, match="nothing can be learned of 3 images: none has another of the same camera beside"):
        train_residual(alone, alone, tmp_path / "w.safetensors", FEW, {})


def test_a_sample_is_of_one_place_in_all_its_images() -> None:
    """Warped by the true depth, the image beside shows what the image itself shows."""
    from occlabel.stages.learning.reprojection import Neighbours, photometric
    from occlabel.stages.priors.alignment.residual.asking import upsampled

    found = views(STREET)
    for n, view in enumerate(found.views):
        exact = Seen(found[n].image, true(STREET)[n], found[n].deviation, found[n].measured)
        found.views[n] = View(partial(lambda one: one, exact), view.intrinsics, view.world_from_camera)
    found._kept.clear()
    sample = {name: part[None] for name, part in Crops(found, 96, 256, 0)[1].items()}
    around = Neighbours(sample["beside"], sample["inside"], sample["moved"], sample["intrinsics"])
    costs = []
    for factor in (0.85, 1.0, 1.15):
        wide, known = upsampled(sample["inverse"] * factor)
        costs.append(float(photometric(sample["target"], wide, known, around)))
    assert costs[1] < 0.8 * min(costs[0], costs[2])
    both = (sample["measured"] > 0) & (sample["inverse"] > 0)
    ratio = sample["measured"][both] / sample["inverse"][both]
    assert abs(float(ratio.median()) - 1) < 0.01


def test_the_stage_adds_the_residual_where_there_is_an_image(tmp_path: Path) -> None:
    said = true(STREET)
    arrays = {FRONT: said, OFF: np.full_like(said, 0.1)}
    seen = taken(STREET).images
    lost = ScriptedSensors(images={path: image for path, image in seen.items() if not path.endswith("2")})
    stage = ResidualAlignment(weights=written(tmp_path, wild(), Shares(0.25, 4.0)))
    found = run(stage, SPACE, LOG, arrays, sensors=lost)
    np.testing.assert_array_equal(found[FRONT][2], said[2])
    np.testing.assert_array_equal(found[OFF][2], arrays[OFF][2])
    share = answer(wild(), seen["front/000000"], said[0], arrays[OFF][0], K)
    expected = said[0].astype(float) / (1 + share)
    near = np.isfinite(expected) & (expected < 240)
    np.testing.assert_allclose(found[FRONT][0].astype(float)[near], expected[near], rtol=2e-3)
    np.testing.assert_allclose(found[OFF][0].astype(float)[near], np.hypot(0.05, 2 * share)[near], rtol=2e-3)
    assert (np.isnan(found[FRONT]) >= np.isnan(said)).all() and np.nanmin(found[FRONT].astype(float)) > 0


def test_weights_that_cannot_serve_are_said(tmp_path: Path) -> None:
    nowhere = ResidualAlignment(weights=tmp_path / "nowhere.safetensors").refuse(SPACE, None) or ""
    assert nowhere.startswith("there is no weight file") and "occlabel train depth_alignment" in nowhere
    out = tmp_path / "other.safetensors"
    save_weights(out, dict(Residual().state_dict()), {"network": "lmscnet-1"})
    assert "was made for the network lmscnet-1" in (ResidualAlignment(weights=out).refuse(SPACE, None) or "")
    save_weights(out, dict(Residual().state_dict()), PURPOSE | Shares(-1.0).fact())
    assert "says of its variance" in (ResidualAlignment(weights=out).refuse(SPACE, None) or "")
    assert check(written(tmp_path, Residual(), Shares(0.5, 2.0))) == Shares(0.5, 2.0)


def test_variance_is_what_the_errors_of_held_out_points_are() -> None:
    """Of a network that does nothing only the alignment says how far depth is off: here half of the truth."""
    draw, held_out = np.random.default_rng(0), views(STREET)
    seen, view = held_out[0], held_out.views[0]
    off = np.full_like(seen.depth, 0.02)
    exact = true(STREET)[0].astype(float)
    measured = (exact * (1 + draw.normal(0, 0.04, exact.shape))).astype(np.float16)
    one = Seen(seen.image, true(STREET)[0], off, measured)
    score = Score()
    score.add(Residual().eval(), Views([[View(lambda: one, view.intrinsics, None)]]), 0)
    found = score.shares()
    assert found.moved == 0 and found.before == pytest.approx(4, rel=0.1)
