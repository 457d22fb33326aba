"""A few steps on a street of boxes: losses fall, views are asked for from elsewhere, and what is learned is kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from box_street import STREET, K, drive, images, photographs

from occlabel.schemas.arrays import DEPTH, SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.completion.occany.losses import forcing_loss, pointmap_loss
from occlabel.stages.completion.occany.network import OccAny, Said, views_of
from occlabel.stages.completion.occany.options import Options
from occlabel.stages.completion.occany.samples import Instant, Samples, Scenes, Seen, View
from occlabel.stages.completion.occany.sizes import FAR, Meaning
from occlabel.stages.completion.occany.training import Segmenter, losses, train_occany
from occlabel.stages.completion.occany.trust import fitted, least
from occlabel.stages.completion.occany.weight_file import check, load_network
from occlabel.stages.sensing.depth_images import on

SPACE = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])
FEW = Options(steps=1, epoch=1, batch=1, rows=24, columns=80, width=8, trusted_views=12, held_out_views=2)
MOVABLE = np.zeros(256, bool)


def teach(image: np.ndarray, intrinsics: Matrix, size: tuple[int, int]) -> np.ndarray:
    """Sixty-four channels, of which one is how bright the image is."""
    bright = image[:: image.shape[0] // size[0], :: image.shape[1] // size[1], 0][: size[0], : size[1]]
    return np.repeat(bright[None].astype(np.float16) / 255, 64, axis=0)


SEGMENTER = Segmenter(teach, np.ones((2, 64), np.float32), np.zeros(2, np.float32), Meaning((3, UNKNOWN), 1))


@pytest.fixture(scope="module")
def street() -> list[Instant]:
    """Four frames, of which the priors say the truth."""
    log = drive(4)
    shown, taken, result = images(log, STREET, SPACE.taxonomy), photographs(log, STREET).images, []
    for n, frame in enumerate(log.frames):
        camera = frame.cameras[0]
        depth, classes, scores = (shown[spec.on("front").name][n] for spec in (DEPTH, SEGMENT_CLASS, SEGMENT_SCORE))
        image = on(depth, None, K, camera.ego_from_camera)
        assert image is not None and frame.world_from_ego is not None and camera.ego_from_camera is not None
        exact = np.repeat(np.repeat(depth.astype(np.float32), 4, axis=0), 4, axis=1)
        read = partial(Seen, taken[str(camera.path)], image, classes, scores, exact)
        result.append(Instant(frame.world_from_ego, {"front": View(read, K, camera.ego_from_camera)}))
    return result


def test_a_few_steps_lower_the_loss(street: list[Instant]) -> None:
    torch.manual_seed(0)
    network = OccAny(len(SPACE.taxonomy.names), 2, FEW.sizes)
    samples = Samples(Scenes([street], FEW, MOVABLE, teach), 0)
    batch = {name: torch.stack([samples[n][name] for n in range(2)]) for name in samples[0]}
    optimizer, found = torch.optim.Adam(network.parameters(), lr=3e-3), []
    for _ in range(12):
        parts = losses(network(views_of(batch, network.classes)), batch)
        total = torch.stack(list(parts.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        found.append(float(total.detach()))
    assert set(parts) == {"pointmap", "forcing"} and found[-1] < 0.8 * found[0]
    assert not network.head.requires_grad and not network.bias.requires_grad


def test_a_view_is_never_rendered_from_its_own_image(street: list[Instant]) -> None:
    """The only image there is saw all that is asked for."""
    assert Scenes([street[:1]], FEW, MOVABLE, None).sample((0, 0, "front"), np.random.default_rng(0)) is None
    scenes = Scenes([street], FEW, MOVABLE, None)
    view, target = scenes.sample((0, 2, "front"), np.random.default_rng(0)) or (None, None)
    assert view is not None and target is not None
    both = view.seen & (target.depth < FAR)
    assert both.sum() > 500 and np.median(np.abs(view.depth - target.depth)[both] / target.depth[both]) < 0.05
    assert target.features.shape == (0, 24, 80)
    samples = Samples(scenes, 3)
    one, again = samples[7], samples[7]
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_what_moves_is_not_where_it_was_in_other_frames(street: list[Instant]) -> None:
    cars = np.zeros(256, bool)
    cars[SPACE.taxonomy.names.index("car")] = True
    frozen, aware = (Scenes([street], FEW, who, None) for who in (MOVABLE, cars))
    pairs = []
    for seed in range(8):
        views = [scenes.sample((0, 1, "front"), np.random.default_rng(seed)) for scenes in (frozen, aware)]
        pairs.append([0 if one is None else int((one[0].classes == cars.argmax()).sum()) for one in views])
    assert all(without <= whole for whole, without in pairs)
    assert any(without < whole for whole, without in pairs), "the own frame's cars alone"


def test_images_that_cannot_be_read_are_not_learned_from(street: list[Instant]) -> None:
    lost = Instant(np.eye(4), {"front": View(lambda: None, K, np.eye(4))})
    with pytest.raises(BadLog, match="shows anything of the images around"):
        Samples(Scenes([[lost, lost]], FEW, MOVABLE, None), 0)[0]


def test_who_is_sure_and_wrong_pays_most() -> None:
    truth, slant = torch.full((1, 2, 2), 10.0), torch.ones(1, 2, 2)

    def loss(depth: float, confidence: float) -> float:
        return float(
            pointmap_loss(Said(torch.full_like(truth, depth), torch.full_like(truth, confidence), None), truth, slant)
        )

    assert loss(10, 9) < loss(10, 2) < loss(15, 1) < loss(15, 9)
    np.testing.assert_allclose(loss(15, 2), 2 * 0.5 - 0.2 * np.log(2), rtol=1e-6)
    sky = torch.full_like(truth, FAR)
    far = Said(torch.full_like(truth, 80.0), torch.ones_like(truth), None)
    assert float(pointmap_loss(far, sky, slant)) == 0, "how far beyond does not matter"
    features = torch.zeros(1, 3, 2, 2)
    assert float(forcing_loss(Said(truth, truth, features), features + 0.5)) == 0.5


def test_trust_is_the_least_confidence_that_is_right_often_enough() -> None:
    confidence, away = np.linspace(1, 11, 1001, dtype=np.float32), np.zeros(1001, np.float32)
    away[:500] = 1.0  # what is said with less than 6 is wrong
    trust = fitted(confidence, away)
    assert least(trust, 0.95) == pytest.approx(5.74), "26 of 527 are wrong"
    assert (least(trust, 0.5) or 9) < 1.01
    assert (least(trust, 0.93) or 0) == trust["0.95"], "the next share that was fitted"
    assert fitted(confidence, away + 1) == {} and least({}, 0.5) is None


def test_what_is_learned_is_kept_and_says_what_it_is(street: list[Instant], tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    facts = train_occany(SPACE, [street], [street], SEGMENTER, out, FEW, {"command": "x"})
    assert facts["images"] == "4" and facts["held_out"].startswith("right 0.")
    sizes, meaning, trust = check(out, SPACE.taxonomy)
    assert sizes == FEW.sizes and meaning == SEGMENTER.meaning and all(one > 1 for one in trust.values())
    network = load_network(out, SPACE.taxonomy, Hands())
    assert torch.equal(network.head, torch.ones(2, 64)), "the segmenter's last layer as it is"
    anothers = SEGMENTER._replace(head=np.full((2, 64), 0.5, np.float32), bias=np.ones(2, np.float32))
    on = FEW.model_copy(update={"start": out})
    train_occany(SPACE, [street], [street], anothers, tmp_path / "on.safetensors", on, {})
    network = load_network(tmp_path / "on.safetensors", SPACE.taxonomy, Hands())
    assert (network.head == 0.5).all() and (network.bias == 1).all(), "of the segmenter by which it was taught"
    with pytest.raises(BadWeights, match="was made for the classes"):
        check(out, TAXONOMIES["semantickitti"])
    with pytest.raises(BadLog, match="4 images to learn from and 0 held out are too few"):
        train_occany(SPACE, [street], [], None, out, FEW, {})


def test_without_forcing_there_are_no_features(street: list[Instant], tmp_path: Path) -> None:
    plain = FEW.model_copy(update={"forcing": False})
    train_occany(SPACE, [street], [street], None, tmp_path / "w.safetensors", plain, {})
    assert not load_network(tmp_path / "w.safetensors", SPACE.taxonomy, Hands()).sizes.forced
