"""Which losses of IoU are called regressions: one log among others, all logs, and noise."""

from pathlib import Path

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

from occlabel.pipeline.planning.gates import Gates, RegressionGate
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.gates.judge import judge_version
from occlabel.pipeline.quality.gates.lone import stands_out
from occlabel.schemas.formats.occ3d import write_labels
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES

SPACE = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
CAR, ROAD, FENCE = 1, 9, 14
LOGS = ("00", "01", "02")


def test_one_log_stands_out_among_others_that_hardly_changed() -> None:
    changes = np.random.default_rng(0).normal(scale=0.01, size=(6, 15))
    changes[4, 7] = -0.3
    assert np.argwhere(stands_out(changes)).tolist() == [[4, 7]]
    changes[4, 7] = 0.3
    assert not stands_out(changes).any(), "a gain is no loss"


def test_two_logs_are_enough_where_the_other_did_not_change_at_all() -> None:
    changes = np.zeros((2, 3))
    changes[1, 2] = -0.2
    assert np.argwhere(stands_out(changes)).tolist() == [[1, 2]]
    changes[0, 2] = -0.05
    assert not stands_out(changes).any()
    assert not stands_out(changes[1:]).any(), "one log alone shows nothing"


def test_a_class_that_no_other_log_has_is_held_against_their_other_classes() -> None:
    changes = np.random.default_rng(3).normal(scale=0.01, size=(6, 4))
    changes[1:, 3] = np.nan
    changes[0, 3] = -0.4
    assert np.argwhere(stands_out(changes)).tolist() == [[0, 3]]
    changes[0, 3] = -0.02
    assert not stands_out(changes).any()


@pytest.mark.parametrize("logs", [2, 3, 4])
def test_a_loss_of_a_class_that_no_other_log_has_is_flagged_where_the_others_are_unchanged(logs: int) -> None:
    rng = np.random.default_rng(logs)
    for _ in range(300):
        changes = np.zeros((logs, 6))
        changes[0] = rng.normal(scale=1e-3, size=6)
        changes[1:, 3] = np.nan
        changes[0, 3] = -rng.uniform(0.35, 0.45)
        assert stands_out(changes)[0, 3], changes[0].tolist()


@pytest.mark.parametrize("logs", [3, 8])
def test_noise_stands_out_one_time_in_twenty(logs: int) -> None:
    """Normal changes of 15 classes, each as noisy as its own: at most 1 in 20 comparisons names any, and a little."""
    rng = np.random.default_rng(1)
    spreads = rng.uniform(0.005, 0.1, 15)
    named = [stands_out(rng.normal(size=(logs, 15)) * spreads).any() for _ in range(400)]
    assert np.mean(named) < 0.08


def labels() -> np.ndarray:
    right = np.zeros(SPACE.grid.shape, np.uint8)
    right[:, :, 2], right[20:30, 100:110, 3:6], right[60:64, 50:90, 3:8] = ROAD, CAR, FENCE
    return right


def published(root: Path, name: str, lost: dict[str, int], noise: int = 0) -> PublishedVersion:
    """``lost``: log -> the class that it lacks; ``noise``: seed of voxels that are wrong anywhere."""
    frames = []
    for n, log in enumerate(LOGS):
        wrong = labels()
        if log in lost:
            wrong[wrong == lost[log]] = 0
        if noise:
            wrong[np.random.default_rng([noise, n]).random(wrong.shape) < 0.02] = 0
        frames.append(MadeUpFrame(log, "000000", {"semantics": wrong}))
    return publish(MadeUpVersion(frames, SPACE, name), root / name)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth")
    for log in LOGS:
        place = folder / f"sequences/{log}/voxels"
        place.mkdir(parents=True)
        (place / "000000.label").write_bytes(SPACE.taxonomy.to_raw[labels()].astype("<u2").tobytes())
        (place / "000000.invalid").write_bytes(bytes(262144))
    return folder


def test_a_planted_regression_is_named_first_and_blocks(root: Path, tmp_path: Path) -> None:
    before, after = published(tmp_path, "a", {}), published(tmp_path, "b", {"01": FENCE})
    gates = Gates(truth=root, against=before.spec, regression=RegressionGate(), drift=None)
    (gate,) = judge_version(after, gates)
    assert gate.blocks and gate.said.startswith("fence in log 01: IoU 100.0 -> 0.0 (-100.0)"), gate.said
    assert gate.look.startswith(f"occlabel compare {before.spec} {after.spec} --truth {root} --log 01")
    (same,) = judge_version(before, gates)
    assert same.passed and same.found == 0.0


def test_another_seed_is_no_regression(root: Path, tmp_path: Path) -> None:
    before, after = published(tmp_path, "a", {}, 1), published(tmp_path, "b", {}, 2)
    gates = Gates(truth=root, against=before.spec, regression=RegressionGate(most=0, most_of_log=0))
    (gate,) = judge_version(after, gates)
    assert gate.passed and "which may be chance" in gate.said, gate.said


def test_scores_below_the_least_block(root: Path, tmp_path: Path) -> None:
    version = published(tmp_path, "b", {"01": FENCE})
    asked = {"min_iou": 0.5, "min_miou": 0.9, "min_pq": 0.1}
    found = {one.gate: one for one in judge_version(version, Gates.model_validate({"truth": root, "score": asked}))}
    assert found["score.min_iou"].passed and found["score.min_miou"].blocks
    assert found["score.min_pq"].blocks and "no instances" in found["score.min_pq"].said


def test_where_no_class_is_anywhere_no_score_is_reached(tmp_path: Path) -> None:
    space = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])
    empty = np.full(space.grid.shape, space.taxonomy.free_id, np.uint8)
    truth = tmp_path / "gts/scene-1/aa/labels.npz"
    truth.parent.mkdir(parents=True)
    everywhere = np.ones(empty.shape, bool)
    write_labels(truth, empty, mask_lidar=everywhere, mask_camera=everywhere)
    made = MadeUpVersion([MadeUpFrame("scene-1", "aa", {"semantics": empty})], space, "v1")
    version = publish(made, tmp_path / "store")
    (gate,) = judge_version(version, Gates.model_validate({"truth": tmp_path, "score": {"min_miou": 0.1}}))
    assert gate.blocks and gate.found is None and gate.said.endswith("no class is in truth or labels")
