"""What a margin is worth: fitted to counts, moved to points and by doubt, kept in a file, refused when another's."""

import json
from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.arrays import HIT, MARGIN_STEPS, PASSED
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.voting.calibration import STATES, Calibration, find, load
from occlabel.stages.voting.fitting import Tally, correct, fit

SPACE = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])
CAR, WALL, FREE = 4, 15, 17
MARGINS = np.arange(256, dtype=np.uint8)


def drawn(chance_of: dict[int, float], voxels: int = 60_000, observed: int = HIT, tally: Tally | None = None) -> Tally:
    """Voxels whose chance of being right is margin ** power, with a power for each class."""
    draw = np.random.default_rng(0)
    tally = tally or Tally.empty(len(SPACE.taxonomy.classes))
    for class_id, power in chance_of.items():
        margin = draw.integers(0, 256, voxels).astype(np.uint8)
        right = draw.random(voxels) < (margin / 255) ** power
        tally.add(np.full(voxels, class_id, np.uint8), margin, right, np.full(voxels, observed, np.uint8))
    return tally


def said(calibration: Calibration, label: int, observed: int | None = HIT, doubt: float = 0.0) -> np.ndarray:
    """Confidence 0..1 by margin."""
    state = None if observed is None else np.full(256, observed, np.uint8)
    return calibration.confidence(np.full(256, label, np.uint8), MARGINS, state, doubt) / 255


def test_confidence_becomes_the_chance_of_being_right() -> None:
    calibration = fit(drawn({CAR: 2.0, FREE: 0.3}), SPACE.taxonomy, "a test")
    for class_id, power in ((CAR, 2.0), (FREE, 0.3)):
        found = said(calibration, class_id)
        assert np.abs(found - (MARGINS / 255) ** power)[16:].max() < 0.05
        assert (np.diff(found) >= 0).all()


def test_the_same_margin_is_worth_less_where_nobody_looked() -> None:
    tally = drawn({CAR: 5.0}, observed=0, tally=drawn({CAR: 0.5}))
    calibration = fit(tally, SPACE.taxonomy, "a test")
    truth = {HIT: (MARGINS / 255) ** 0.5, 0: (MARGINS / 255) ** 5}
    for observed, chance in truth.items():
        assert np.abs(said(calibration, CAR, observed) - chance)[30:].max() < 0.06
    both = (truth[HIT] + truth[0]) / 2
    assert np.abs(said(calibration, CAR, None) - both)[30:].max() < 0.05
    assert np.abs(said(calibration, CAR, PASSED) - both)[30:].max() < 0.05, "none of these was counted"


def test_occupied_classes_lean_on_each_other_and_never_on_free() -> None:
    calibration = fit(drawn({CAR: 1.0, FREE: 0.01}), SPACE.taxonomy, "a test")
    assert np.abs(said(calibration, 9) - MARGINS / 255)[16:].max() < 0.05, "a class without voxels"
    apart = fit(drawn({CAR: 0.2, WALL: 4.0}), SPACE.taxonomy, "a test")
    car, wall = said(apart, CAR)[128], said(apart, WALL)[128]
    assert 0.5**4 < wall < car < 0.5**0.2


def test_points_move_what_was_hit_by_class_and_the_rest_on_the_whole() -> None:
    both = drawn({CAR: 0.2, WALL: 0.2, FREE: 0.1}, observed=0, tally=drawn({CAR: 0.2, WALL: 0.2}))
    start = fit(both, SPACE.taxonomy, "")
    points = drawn({CAR: 3.0}, 400_000, tally=drawn({WALL: 0.2}, 400_000))
    moved = correct(start, points, "points")
    right = points.counts[HIT, ..., 1].sum() / points.counts[HIT].sum()
    assert (said(moved, CAR).mean() + said(moved, WALL).mean()) / 2 == pytest.approx(right, abs=0.02)
    assert said(moved, CAR)[128] < said(moved, WALL)[128] < said(start, WALL)[128]
    for label in (CAR, WALL):
        assert said(moved, label, 0)[128] < said(start, label, 0)[128] - 0.1
    assert said(moved, CAR, 0)[128] == pytest.approx(said(moved, WALL, 0)[128], abs=0.03)
    np.testing.assert_array_equal(said(moved, FREE, 0), said(start, FREE, 0))
    few = correct(start, drawn({CAR: 0.2}, 50), "a handful")
    assert np.abs(said(few, CAR) - said(start, CAR)).max() < 0.15


def test_frames_that_are_less_sure_at_the_same_margin_are_doubted() -> None:
    tally = drawn({CAR: 1.0, FREE: 1.0})
    tally.sureness[0], tally.sureness[1] = 1000, 1000 * 204
    calibration = fit(tally, SPACE.taxonomy, "a test")
    like = np.stack([np.full(MARGIN_STEPS, 10_000), np.full(MARGIN_STEPS, 10_000 * 204)]).astype(np.uint32)
    less, more = like.copy(), like.copy()
    less[1], more[1] = 10_000 * 179, 10_000 * 229
    assert calibration.doubt(like) == pytest.approx(0, abs=1e-9)
    assert calibration.doubt(less) == pytest.approx(25 / 255, rel=0.01) == -calibration.doubt(more)
    plain, doubted = said(calibration, CAR), said(calibration, CAR, doubt=calibration.doubt(less))
    assert doubted[128] == pytest.approx(1 / (1 + np.exp(8 * 25 / 255)), abs=0.03)
    assert doubted[128] < plain[128]
    np.testing.assert_array_equal(said(calibration, FREE, doubt=0.1), said(calibration, FREE))
    handful = np.stack([np.ones(MARGIN_STEPS), np.zeros(MARGIN_STEPS)]).astype(np.uint32)
    assert calibration.doubt(handful) < 0.05, "a few voxels are no evidence"
    assert calibration.doubt(np.zeros_like(like)) == 0
    assert fit(drawn({CAR: 1.0}), SPACE.taxonomy, "").doubt(less) == 0, "nobody knows how sure the frames were"


def test_labels_that_are_no_class_do_not_count() -> None:
    tally = Tally.empty(3)
    labels, margin = np.array([0, 2, 3, 255], np.uint8), np.array([10, 20, 30, 40], np.uint8)
    tally.add(labels, margin, np.array([1, 0, 1, 1], bool), np.array([0, 2, 2, 1], np.uint8))
    assert tally.counts.sum() == 4, "once where they were observed so, and once where nobody asks"
    assert tally.counts[0, 0, 10, 1] == tally.counts[2, 2, 20, 0] == 1
    tally.add(labels, margin, np.array([1, 0, 1, 1], bool))
    assert tally.counts[:3].sum() == 2 and tally.counts[3].sum() == 4


def test_a_file_gives_the_same_table_again(tmp_path: Path) -> None:
    tally = drawn({CAR: 2.0, FREE: 0.3})
    tally.sureness[:] = np.arange(2 * MARGIN_STEPS).reshape(2, -1)[::-1]
    calibration, path = fit(tally, SPACE.taxonomy, "a test"), tmp_path / "c.json"
    calibration.save(path)
    again = load(str(path), SPACE)
    assert np.abs(again.table().astype(int) - calibration.table()).max() <= 1
    assert again.made_of == "a test"
    again.save(tmp_path / "d.json")
    assert path.read_bytes() == (tmp_path / "d.json").read_bytes()
    assert tuple(json.loads(path.read_text())["observed"]) == STATES


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="there is no file nowhere"):
        find("nowhere.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BadRecipe, match="is not a calibration"):
        load(str(tmp_path / "broken.json"), SPACE)
    (tmp_path / "old.json").write_text('{"margins": [0], "right": {"free": [1.0]}}')
    with pytest.raises(BadRecipe, match="is not a calibration of this version"):
        load(str(tmp_path / "old.json"), SPACE)
    fit(Tally.empty(20), TAXONOMIES["semantickitti"], "").save(tmp_path / "other.json")
    with pytest.raises(BadRecipe, match="is for the classes"):
        load(str(tmp_path / "other.json"), SPACE)


@pytest.mark.parametrize(("name", "preset"), [("semantickitti_lidar", "semantickitti"), ("nuscenes_lidar", "occ3d")])
def test_shipped_calibrations_rise_with_the_margin(name: str, preset: str) -> None:
    space = LabelSpace(GRIDS[preset], TAXONOMIES[preset])
    calibration = load(name, space)
    assert (np.diff(calibration.table().astype(int), axis=2) >= 0).all()
    nobody, hit = (calibration.table()[state] for state in (0, HIT))
    assert nobody[space.taxonomy.free_id, 255] > 240 and calibration.sure is not None
    occupied = list(space.taxonomy.occupied_ids)
    assert nobody[occupied, 255].mean() < hit[occupied, 255].mean() - 25
