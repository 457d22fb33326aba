"""Scores against the outputs of the official evaluators."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.grid import GRIDS
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.evaluation import occ3d, semantickitti
from occlabel.stages.evaluation.confusion import confusion, crop

KITTI = [
    "all_empty_pred",
    "all_invalid",
    "class_absent_gt",
    "perfect",
    "pred_ignored_id_in_invalid",
    "raw_255_and_moving",
    "two_scans",
]
OCC3D = ["all_free_pred", "class_absent_gt_and_both", "empty_mask", "gt_255_ignored", "perfect", "two_samples"]


@pytest.mark.parametrize("name", KITTI)
def test_semantickitti(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/semantickitti_completion/case_{name}.npz")
    taxonomy, ranges = TAXONOMIES["semantickitti"], GRIDS["semantickitti"].ranges
    counts = {range_: np.zeros((20, 20), np.int64) for range_ in ranges}
    for truth_raw, predicted_raw, invalid in zip(case["gt_raw"], case["pred_raw"], case["invalid_packed"], strict=True):
        truth, predicted = taxonomy.from_raw[truth_raw], taxonomy.from_raw[predicted_raw]
        scored = np.unpackbits(invalid).reshape(truth.shape) == 0
        for range_, box in ranges.items():
            counts[range_] += confusion(crop(predicted, box), crop(truth, box), crop(scored, box), 20, name)

    np.testing.assert_array_equal(counts["51.2"], case["confusion"])
    full = semantickitti.score(counts["51.2"], taxonomy)
    assert list(full.per_class.values()) == case["iou_per_class"][1:].tolist()
    assert (full.miou, full.precision, full.recall) == (case["miou"], case["precision"], case["recall"])
    assert full.iou == (0.0 if np.isnan(case["iou_completion"]) else case["iou_completion"])

    for range_, count in counts.items():
        key = f"vf_{range_.replace('.', 'p')}"
        right = count.diagonal()
        np.testing.assert_array_equal(right, case[f"{key}_tps"])
        np.testing.assert_array_equal(count.sum(axis=1) - right, case[f"{key}_fps"])
        np.testing.assert_array_equal(count.sum(axis=0) - right, case[f"{key}_fns"])
        assert count.sum() == case[f"{key}_valid_voxels"].sum()
        scores = semantickitti.score(count, taxonomy)
        # VoxFormer adds 1e-5 to the union where the official evaluator adds 1e-15.
        np.testing.assert_allclose(list(scores.per_class.values()), case[f"{key}_iou_ssc"][1:], atol=1e-5)
        for measure in ("iou", "miou", "precision", "recall"):
            np.testing.assert_allclose(getattr(scores, measure), case[f"{key}_{measure}"], atol=1e-6)


@pytest.mark.parametrize("name", OCC3D)
def test_occ3d(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/occ3d_miou/case_{name}.npz")
    taxonomy = TAXONOMIES["occ3d"]
    for prefix, mask in (("", case["mask_camera"]), ("nomask_", np.ones_like(case["mask_camera"]))):
        counts = confusion(case["semantics_pred"], case["semantics_gt"], mask, 18, name)
        np.testing.assert_array_equal(counts.T, case[f"{prefix}hist"])
        scores = occ3d.score(counts, taxonomy)
        np.testing.assert_array_equal(list(scores.per_class.values()), case[f"{prefix}iou_per_class"][:17])
        np.testing.assert_allclose(scores.miou, case[f"{prefix}miou"], rtol=1e-14)
        np.testing.assert_array_equal(round(100 * scores.miou, 2), case[f"{prefix}miou_percent_rounded"])
