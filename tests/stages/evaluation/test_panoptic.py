"""Panoptic quality: equal to the official evaluators, and by hand where no evaluator covers it."""

import math
from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.evaluation.panoptic import PanopticCounts, PanopticScores
from occlabel.stages.evaluation.panoptic_rules import Rules, nuscenes, pasco, semantickitti, voxels
from occlabel.stages.evaluation.segments import Labels

POINTS = [
    "all_ignored_gt",
    "all_ignored_pred",
    "class_absent",
    "instance_ids_gt_255",
    "iou_exactly_half",
    "three_scans",
]
PASCO = ["all_empty_pred", "class_absent_gt", "perfect", "stuff_low_iou_and_exact_half", "two_samples"]
SMALL = Rules(things=(1, 2), stuff=(3, 4), whole_stuff=True, unidentified_dropped=True)


def labels(semantics: list[int], instance: list[int]) -> Labels:
    return Labels(np.array(semantics, np.uint8), np.array(instance, np.int64))


def assert_golden(counts: PanopticCounts, case: np.lib.npyio.NpzFile, least: int) -> None:
    key = f"mp{least}_"
    for name, found in (("tp", counts.matches), ("fp", counts.false), ("fn", counts.missed)):
        np.testing.assert_array_equal(found, case[key + name])
    np.testing.assert_allclose(counts.iou, case[key + "iou_sum"], rtol=1e-13)
    scores = counts.scores()
    for suffix, mean in (("", scores.all), ("_things", scores.things), ("_stuff", scores.stuff)):
        expected = [case[f"{key}{measure}{suffix}"] for measure in ("PQ", "SQ", "RQ")]
        np.testing.assert_allclose([mean.pq, mean.sq, mean.rq], expected, rtol=1e-13)
    np.testing.assert_allclose(scores.pq_dagger, case[key + "PQ_dagger"], rtol=1e-13)
    for measure in ("pq", "sq", "rq"):
        per_class = [getattr(quality, measure) for quality in scores.per_class.values()]
        np.testing.assert_allclose(per_class, case[f"{key}{measure}_per_class"][list(scores.per_class)], rtol=1e-13)


@pytest.mark.parametrize("least", [0, 15, 30, 50])
@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("rules", [nuscenes, semantickitti])
def test_points_equal_the_official_evaluators(shared: Path, rules, name: str, least: int) -> None:
    prefix = {nuscenes: "nuscenes", semantickitti: "semkitti"}[rules]
    case = np.load(shared / f"golden/panoptic_pq/case_{prefix}_{name}.npz")
    counts = PanopticCounts(rules(least), int(case["n_classes"]))
    for start, stop in zip(case["scan_start"][:-1], case["scan_start"][1:], strict=True):
        predicted, true = (
            Labels(case[f"{side}_sem"][start:stop].astype(np.uint8), case[f"{side}_inst"][start:stop])
            for side in ("pred", "gt")
        )
        counts.add(predicted, true)
    assert_golden(counts, case, least)


@pytest.mark.parametrize("least", [0, 15, 30, 50])
def test_whole_labels_as_ids_equal_the_script_of_semantickitti(shared: Path, least: int) -> None:
    case = np.load(shared / "golden/panoptic_pq/case_semkitti_raw_u32_labels.npz")
    classes = TAXONOMIES["semantickitti"].from_raw.copy()
    classes[classes == UNKNOWN] = 0
    counts = PanopticCounts(semantickitti(least), 20)
    predicted, true = (Labels(classes[raw & 0xFFFF], raw) for raw in (case["pred_label_u32"], case["gt_label_u32"]))
    counts.add(predicted, true)
    assert_golden(counts, case, least)


@pytest.mark.parametrize("name", PASCO)
def test_voxels_by_the_rules_of_pasco(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/panoptic_pq/case_pasco_{name}.npz")
    counts = PanopticCounts(pasco(), 20)

    def sample(side: str, index: int) -> Labels:
        start, stop = case[f"{side}_segments_start"][index : index + 2]
        classes = np.zeros(65536, np.uint8)
        classes[case[f"{side}_segments"][start:stop, 0]] = case[f"{side}_segments"][start:stop, 1]
        ids = np.where(case["unknown_mask"][index], 0, case[f"{side}_panoptic"][index])
        return Labels(classes[ids], ids)

    for index in range(len(case["gt_panoptic"])):
        counts.add(sample("pred", index), sample("gt", index))
    expected = np.nan_to_num(case["per_class"][1:])  # NaN: the class is nowhere
    found = np.stack([counts.matches, counts.false, counts.missed], axis=1)[1:]
    np.testing.assert_array_equal(found, expected[:, 3:6])
    scores = counts.scores()
    per_class = [[quality.pq, quality.sq, quality.rq] for quality in scores.per_class.values()]
    np.testing.assert_allclose(np.nan_to_num(per_class), expected[:, :3], rtol=1e-12)
    for name_, mean in (("all", scores.all), ("things", scores.things), ("stuff", scores.stuff)):
        means = [case[f"{name_}_{measure}"] for measure in ("pq", "sq", "rq")]
        np.testing.assert_allclose(np.nan_to_num([mean.pq, mean.sq, mean.rq]), means, rtol=1e-12)
    np.testing.assert_allclose(np.nan_to_num(scores.pq_dagger), case["all_pq_dagger"], rtol=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_scans_equal_the_devkit_of_nuscenes(seed: int) -> None:
    from nuscenes.eval.panoptic.panoptic_seg_evaluator import PanopticEval

    rng = np.random.default_rng(seed)
    official, counts = PanopticEval(17, ignore=[0], min_points=15), PanopticCounts(nuscenes(), 17)
    for _ in range(3):
        # Whole objects of 1 to 60 points, of which the prediction renames some points, classes and ids.
        sizes = rng.integers(1, 60, 120)
        semantics, instance = np.repeat(rng.integers(0, 17, 120), sizes), np.repeat(rng.integers(0, 90_000, 120), sizes)
        wrong = rng.random(len(semantics)) < rng.choice([0.05, 0.6], 120).repeat(sizes)
        found = np.where(wrong, rng.integers(0, 17, len(semantics)), semantics)
        ids = np.where(rng.random(len(semantics)) < 0.1, rng.choice(instance, len(semantics)), instance)
        official.addBatch(found, ids, semantics, instance)
        counts.add(Labels(found.astype(np.uint8), ids), Labels(semantics.astype(np.uint8), instance))
    np.testing.assert_array_equal(counts.matches, official.pan_tp)
    np.testing.assert_array_equal(counts.false[1:], official.pan_fp[1:])
    np.testing.assert_array_equal(counts.missed[1:], official.pan_fn[1:])
    assert counts.matches.sum() > 20 and counts.false.sum() > 20 and counts.missed.sum() > 5
    scores = counts.scores()
    means = (scores.all.pq, scores.all.sq, scores.all.rq)
    np.testing.assert_allclose(means, official.getPQ()[:3], rtol=1e-12)
    np.testing.assert_allclose(np.nan_to_num(counts.semantic_iou())[1:], official.getSemIoU()[1][1:], rtol=1e-12)


def test_an_iou_of_one_half_is_no_match() -> None:
    true = labels([1] * 20 + [2] * 10, [1] * 10 + [2] * 10 + [1] * 10)
    found = labels([1] * 15 + [2] * 15, [1] * 10 + [2] * 5 + [1] * 15)
    counts = PanopticCounts(Rules((1, 2), (), ignored=(0,), absent_is_zero=True), 3)
    counts.add(found, true)
    # Class 1: all 10 of 10 match, 5 of 10 do not; class 2: 10 of 15 match.
    assert (counts.matches.tolist(), counts.false.tolist(), counts.missed.tolist()) == ([0, 1, 1], [0, 1, 0], [0, 1, 0])
    assert counts.scores().all.pq == pytest.approx((1 / 2 + 2 / 3) / 2)


def scores_of(found: Labels, true: Labels, scored: np.ndarray | None = None) -> PanopticScores:
    counts = PanopticCounts(SMALL, 5)
    counts.add(found, true, scored)
    return counts.scores()


def test_stuff_is_one_segment_a_frame_and_false_voxels_in_free_space_count() -> None:
    true = labels([3, 3, 3, 0, 1, 1, 0, 0], [0, 0, 0, 0, 7, 7, 0, 0])
    found = labels([3, 3, 3, 3, 1, 1, 1, 0], [5, 6, 0, 0, 300_000, 300_000, 300_000, 0])
    scores = scores_of(found, true)
    assert scores.per_class[3].pq == pytest.approx(3 / 4)
    assert scores.per_class[1].pq == pytest.approx(2 / 3), "ids need not be equal, and may be large"
    assert math.isnan(scores.per_class[2].pq), "a class that is nowhere is in no mean"
    assert scores.all.pq == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert scores.facts(("free", "car", "bus", "road", "wall"))["per_class"]["bus"]["pq"] is None


def test_ids_beyond_16_bits_stay_apart() -> None:
    true = labels([1] * 8, [1] * 4 + [65_537] * 4)
    assert scores_of(true, true).things.pq == 1.0
    one = labels([1] * 8, [1] * 8)
    assert scores_of(one, true).things.pq == 0.0, "two halves of one segment, each with an IoU of exactly one half"


def test_unscored_voxels_and_things_that_nobody_identified_are_left_out() -> None:
    true = labels([1, 1, 1, 1, UNKNOWN, 4, 4], [7, 7, 0, 0, 0, 0, 0])
    found = labels([1, 1, 1, 1, 1, 4, 3], [2, 2, 2, 2, 2, 0, 0])
    scored = np.array([True] * 6 + [False])
    assert scores_of(found, true, scored).all.pq == 1.0
    assert scores_of(found, true).stuff.pq == 0.0, "counted, wall is half of a wall and road is where none is"


def test_pq_dagger_takes_the_semantic_iou_of_stuff_over_all_frames() -> None:
    counts = PanopticCounts(SMALL, 5)
    for hit in (1, 3):  # of four voxels of road: no match in one frame, a match in the other
        counts.add(labels([3] * hit + [0] * (4 - hit), [0] * 4), labels([3] * 4, [0] * 4))
    scores = counts.scores()
    assert scores.stuff.pq == pytest.approx(0.75 / 2)
    assert scores.pq_dagger == pytest.approx(4 / 8)


def test_small_segments_are_no_error_but_may_match() -> None:
    counts = PanopticCounts(Rules((1, 2), (), least=3), 3)
    counts.add(labels([1, 1, 2, 2, 0], [1, 1, 4, 4, 0]), labels([1, 1, 0, 2, 2], [9, 9, 0, 4, 4]))
    assert (counts.matches.tolist(), counts.false.sum(), counts.missed.sum()) == ([0, 1, 0], 0, 0)


def test_nothing_at_all_has_no_score_and_no_class_is_refused() -> None:
    empty = labels([0, 0], [0, 0])
    assert math.isnan(scores_of(empty, empty).all.pq) and math.isnan(scores_of(empty, empty).pq_dagger)
    with pytest.raises(BadPredictions, match=r"a\.label predicts an id that is no class .* on 1 scored"):
        PanopticCounts(SMALL, 5).add(labels([9, 0], [0, 0]), empty, where="a.label")


def test_rules_of_voxels_follow_the_taxonomy() -> None:
    rules = voxels(TAXONOMIES["occ3d"])
    assert rules.things == (2, 3, 4, 5, 6, 7, 9, 10)
    assert 17 not in rules.classes and len(rules.classes) == 17


def test_a_scene_of_two_thousand_objects() -> None:
    # Columns of 4 x 4 x 8 voxels on a grid of 200 x 200 x 16; the prediction gives every second one to its neighbour.
    x, y, z = np.indices((200, 200, 16))
    instance = np.where(z < 8, (x // 4) * 40 + y // 5 + 70_000, 0)
    semantics = np.where(z < 8, 1, 0).astype(np.uint8)
    merged = np.where(z < 8, (x // 8) * 40 + y // 5, 0)
    counts = PanopticCounts(SMALL, 5)
    counts.add(Labels(semantics, 4_000_000_000 - instance), Labels(semantics, instance))
    assert (counts.matches[1], counts.false[1], counts.missed[1]) == (2000, 0, 0)
    counts.add(Labels(semantics, merged), Labels(semantics, instance))
    assert (counts.matches[1], counts.false[1], counts.missed[1]) == (2000, 1000, 2000)
