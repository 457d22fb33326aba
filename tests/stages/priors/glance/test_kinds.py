"""What an image says in metres follows the focal length; any size works; what is not known stays unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_glance
import torch
from contract import FRAMES, SPACES, facts_of, run, street
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION, SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.learning.trunk import COARSEST
from occlabel.stages.learning.weights import save_weights
from occlabel.stages.priors.glance import weight_file
from occlabel.stages.priors.glance.depth import GlanceDepth
from occlabel.stages.priors.glance.labels import LABELS, SKY
from occlabel.stages.priors.glance.looking import PIXELS, input_size, look, resized_row, with_rows
from occlabel.stages.priors.glance.network import Glance
from occlabel.stages.priors.glance.segments import GlanceSegments

SPACE = SPACES["semantickitti"]
K = np.array([[60.0, 0, 40], [0, 60, 23], [0, 0, 1]])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glance.weights(tmp_path_factory.mktemp("glance") / "glance.safetensors")


@pytest.fixture(scope="module")
def network(weights: Path) -> Glance:
    return weight_file.load_network(weights, Hands())


def picture(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_a_focal_length_twice_as_long_makes_depth_twice_as_far(network: Glance) -> None:
    longer = K.copy()
    longer[0, 0] *= 2
    image = picture(46, 80)
    (one,), (other,) = (look(network, [image], [k], 4, Hands()) for k in (K, longer))
    assert one.depth.shape == (12, 20) and np.isfinite(one.depth).all() and one.depth.std() > 0
    np.testing.assert_allclose(other.depth, 2 * one.depth, rtol=1e-5)
    np.testing.assert_array_equal(other.deviation, one.deviation)
    assert torch.equal(other.labels, one.labels)


@pytest.mark.parametrize("size", [(46, 80), (375, 1242), (900, 1600), (33, 17), (1, 1)])
def test_an_image_of_any_size_is_shown_with_as_many_pixels_as_fit(size: tuple[int, int]) -> None:
    rows, columns = input_size(*size)
    assert rows % COARSEST == 0 and columns % COARSEST == 0
    assert rows * columns < 1.1 * PIXELS
    assert rows <= size[0] + COARSEST and columns <= size[1] + COARSEST


def test_the_lowest_row_of_another_size_is_the_lowest_row() -> None:
    assert resized_row(374, 375, 192) == pytest.approx(191.5 - 0.5 * 192 / 375)
    assert resized_row(-0.5, 375, 192) == -0.5
    channels = with_rows(np.zeros((3, 48, 80), np.float32), 23)
    assert channels.shape == (4, 48, 80) and channels.dtype == np.float32
    np.testing.assert_allclose(channels[3, [23, 33], 0], [0, 0.1], atol=1e-6)


def test_what_is_taken_for_sky_has_no_depth_and_no_class(tmp_path: Path, weights: Path) -> None:
    sky = weight_file.load_network(weights, Hands())
    sky.labels.bias.data[SKY] = 50
    save_weights(tmp_path / "sky.safetensors", sky.state_dict(), weight_file.purpose())
    log, sensors = street()
    said = run(GlanceDepth(weights=tmp_path / "sky.safetensors"), SPACE, log, sensors=sensors)
    assert all(np.isnan(array).all() for array in said.values())
    said = run(GlanceSegments(weights=tmp_path / "sky.safetensors"), SPACE, log, sensors=sensors)
    assert (said[SEGMENT_CLASS.on("front").name] == UNKNOWN).all() and not said[SEGMENT_SCORE.on("front").name].any()


def test_both_kinds_say_what_the_network_sees(network: Glance, weights: Path) -> None:
    log, sensors = street()
    depth = run(GlanceDepth(weights=weights), SPACE, log, sensors=sensors)
    segments = run(GlanceSegments(weights=weights), SPACE, log, sensors=sensors)
    (seen,) = look(network, [sensors.images[f"back/{FRAMES - 1:06d}"]], [K], 4, Hands())
    np.testing.assert_array_equal(depth[DEPTH.on("back").name][-1], seen.depth.astype(np.float16))
    np.testing.assert_array_equal(depth[DEPTH_DEVIATION.on("back").name][-1], seen.deviation.astype(np.float16))
    road = SPACE.taxonomy.names.index("road")
    is_road = segments[SEGMENT_CLASS.on("back").name][-1] == road
    alone = seen.labels[LABELS.index("road")].numpy()
    np.testing.assert_array_equal(segments[SEGMENT_SCORE.on("back").name][-1][is_road], np.rint(alone * 255)[is_road])


def without_k(log: DriveLog, *names: str) -> DriveLog:
    return replace(
        log,
        frames=tuple(
            replace(f, cameras=tuple(replace(c, intrinsics=None) if c.name in names else c for c in f.cameras))
            for f in log.frames
        ),
    )


def test_a_camera_whose_k_is_not_known_has_segments_and_no_depth(weights: Path) -> None:
    stage, (log, sensors) = GlanceDepth(weights=weights), street()
    blind = without_k(log, "back")
    assert stage.refuse(SPACE, blind.rig) is None and stage.doubts(SPACE, facts_of(log)) is None
    assert "log log: back without a known K get no depth" in (stage.doubts(SPACE, facts_of(blind)) or "")
    depth = run(stage, SPACE, blind, sensors=sensors)
    assert np.isnan(depth[DEPTH.on("back").name]).all() and np.isfinite(depth[DEPTH.on("front").name][0]).all()
    refused = stage.refuse(SPACE, without_k(log, "front", "back").rig)
    assert refused is not None and "no camera has a known K (front, back)" in refused
    segments = run(GlanceSegments(weights=weights), SPACE, blind, sensors=sensors)
    assert (segments[SEGMENT_CLASS.on("back").name][0] != UNKNOWN).any()
    for kind in (stage, GlanceSegments(weights=weights)):
        assert kind.refuse(SPACE, Rig()) == "the log has no cameras"


def test_weights_that_cannot_serve_are_refused_by_the_plan(tmp_path: Path) -> None:
    lost, other = tmp_path / "lost.safetensors", tmp_path / "other.safetensors"
    save_weights(other, {"a": torch.zeros(1)}, weight_file.purpose() | {"network": "glance-0"})
    for kind in (GlanceDepth, GlanceSegments):
        assert str(lost) in (kind(weights=lost).refuse(SPACE, None) or "")
        said = kind(weights=other).refuse(SPACE, None) or ""
        assert "made for the network glance-0" in said and "occlabel train glance" in said
    save_weights(other, {"a": torch.zeros(1)}, {})
    said = GlanceDepth(weights=other).refuse(SPACE, None) or ""
    assert "does not say for which network it was made, so it is none of occlabel train glance" in said


def test_another_taxonomy_needs_a_table_of_its_own(weights: Path) -> None:
    own = LabelSpace(SPACE.grid, TAXONOMIES["occ3d"].model_copy(update={"name": "own"}))
    assert "glance has no class table for the taxonomy own" in (GlanceSegments(weights=weights).refuse(own, None) or "")
    told = {"labels": dict.fromkeys(LABELS, "car")}
    assert GlanceSegments.model_validate({"weights": weights, "classes": told}).refuse(own, None) is None
