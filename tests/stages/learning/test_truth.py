"""Networks learn the classes of the recipe, whatever the data set calls them and in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from occlabel.schemas.drive_log import Frame, LogReader, Truth, VoxelTruth
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.formats import occ3d
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, LabelClass, Taxonomy
from occlabel.stages.ingest.nuscenes import NuScenesReader
from occlabel.stages.learning.coarser import coarser
from occlabel.stages.learning.truth import check_truth, classes_in, learnable_truth, truth_in

OCC3D, KITTI = TAXONOMIES["occ3d"], TAXONOMIES["semantickitti"]
GRID = Grid(origin=(-1.6, -1.6, -1), voxel_size=0.4, shape=(8, 8, 16), frame="ego")
FRAME = Frame("000000", 0.0, None, truth=Truth(voxels=Path("labels.npz")))
WITHOUT = Frame("000001", 0.1, None)


@dataclass(frozen=True)
class OneTruth:
    """A reader of one frame's truth."""

    truth: VoxelTruth

    def voxel_truth(self, frame: Frame) -> VoxelTruth:
        return self.truth


def reader_of(semantics: np.ndarray, taxonomy: Taxonomy, grid: Grid = GRID) -> LogReader:
    scored = np.random.default_rng(1).random(semantics.shape) < 0.8
    return cast("LogReader", OneTruth(VoxelTruth(semantics, scored, LabelSpace(grid, taxonomy))))


def in_order(taxonomy: Taxonomy, order: np.ndarray) -> Taxonomy:
    """The same classes: the new class n is the old class ``order[n]``."""
    classes = [taxonomy.classes[old].model_copy(update={"id": new}) for new, old in enumerate(order)]
    fields: dict[str, Any] = {
        "name": "mine",
        "classes": classes,
        "free_id": int(np.flatnonzero(order == taxonomy.free_id)[0]),
    }
    return Taxonomy.model_validate(fields)


def classes_of(*names: str) -> list[LabelClass]:
    return [LabelClass(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(names)]


EIGHT = Taxonomy(
    name="eight",
    classes=tuple(classes_of("other", "two-wheeler", "vehicle", "person", "ground", "manmade", "vegetation", "free")),
    free_id=7,
    learning_map=dict(enumerate((0, 0, 1, 2, 2, 2, 1, 3, 0, 2, 2, 4, 4, 4, 4, 5, 6, 7))),
)


@pytest.mark.parametrize("taxonomy", [OCC3D, KITTI])
def test_permuted_classes_give_the_permuted_truth(taxonomy: Taxonomy) -> None:
    draw = np.random.default_rng(0)
    count = len(taxonomy.classes)
    truth = draw.integers(0, count, GRID.shape).astype(np.uint8)
    truth[0, 0] = 255
    order = draw.permutation(count)
    reader, permuted = reader_of(truth, taxonomy), in_order(taxonomy, order)
    own = truth_in(reader, FRAME, LabelSpace(GRID, taxonomy))
    np.testing.assert_array_equal(own.semantics, truth)
    mapped = truth_in(reader, FRAME, LabelSpace(GRID, permuted))
    expected = np.append(np.argsort(order), [0] * (255 - count) + [255])[truth]
    np.testing.assert_array_equal(mapped.semantics, expected)
    np.testing.assert_array_equal(mapped.scored, own.scored)
    back = truth_in(reader_of(mapped.semantics, permuted), FRAME, LabelSpace(GRID, taxonomy))
    np.testing.assert_array_equal(back.semantics, truth)


def test_a_learning_map_of_the_truths_ids_says_what_they_are() -> None:
    truth = np.random.default_rng(0).integers(0, 18, GRID.shape).astype(np.uint8)
    learned = learnable_truth(reader_of(truth, OCC3D), FRAME_WITHOUT_FILE, LabelSpace(GRID, EIGHT))
    expected = np.array([EIGHT.learning_map[n] for n in range(18)])[truth]
    scored = np.random.default_rng(1).random(truth.shape) < 0.8
    np.testing.assert_array_equal(learned, np.where(scored, expected, 255))


FRAME_WITHOUT_FILE = Frame("000000", 0.0, None, truth=Truth(voxels=Path("000000.label")))


def test_merged_classes_of_semantickitti_follow_its_raw_ids() -> None:
    merged = {raw: {0: 0, 9: 1, 10: 1, 11: 1, 12: 1}.get(class_id, 2) for raw, class_id in KITTI.learning_map.items()}
    flat = Taxonomy(name="flat", classes=tuple(classes_of("free", "flat", "rest")), free_id=0, learning_map=merged)
    table = classes_in(KITTI, flat)
    assert [int(table[n]) for n in (0, 1, 9, 12, 13, 19, 20, 255)] == [0, 2, 1, 1, 2, 2, 254, 255]
    left_out = flat.model_copy(update={"learning_map": merged | {10: 255, 252: 255}})
    assert classes_in(KITTI, left_out)[1] == 255
    moving = flat.model_copy(update={"learning_map": merged | {252: 1}})
    with pytest.raises(BadRecipe, match="tells apart the raw ids 10, 252, which are one class of the truth"):
        classes_in(KITTI, moving)


def test_a_learning_map_of_other_ids_is_not_believed() -> None:
    """Ids of SemanticKITTI mean something else in Occ3D: 10 is a car there and a truck here."""
    with pytest.raises(BadRecipe) as error:
        classes_in(OCC3D, KITTI)
    assert "classes that the taxonomy semantickitti has not: others, barrier, bus" in str(error.value)
    others = {raw: class_id for raw, class_id in KITTI.learning_map.items() if class_id < 18}
    named = in_order(OCC3D, np.arange(18)[::-1]).model_copy(update={"learning_map": others})
    assert classes_in(OCC3D, named)[:18].tolist() == list(range(18))[::-1], "equal names are equal classes"
    wrong_free = EIGHT.model_copy(update={"learning_map": EIGHT.learning_map | {17: 3}})
    with pytest.raises(BadRecipe, match="18 raw ids"):
        classes_in(OCC3D, wrong_free)


def test_classes_of_which_nobody_tells_are_refused_before_any_work() -> None:
    few = Taxonomy(name="few", classes=tuple(classes_of("car", "road", "free")), free_id=2)
    reader = reader_of(np.zeros(GRID.shape, np.uint8), OCC3D)
    with pytest.raises(BadRecipe, match=r"has not: others, barrier, .* give it a learning_map .*\{0: 0, \.\.\.\}"):
        check_truth(reader, [WITHOUT, FRAME], LabelSpace(GRID, few))
    check_truth(reader, [WITHOUT], LabelSpace(GRID, few))


def test_ids_that_a_learning_map_lacks_are_named() -> None:
    some = {raw: class_id for raw, class_id in EIGHT.learning_map.items() if raw not in (4, 11)}
    with pytest.raises(BadRecipe, match=r"its learning_map lacks the raw ids 4, 11; give it a learning_map"):
        classes_in(OCC3D, EIGHT.model_copy(update={"learning_map": some}))


def test_ids_that_are_no_classes_are_damage() -> None:
    truth = np.zeros(GRID.shape, np.uint8)
    truth[1, 2, 3] = 18
    coarse = Grid(origin=GRID.origin, voxel_size=0.8, shape=(4, 4, 8), frame="ego")
    for grid in (GRID, coarse):
        with pytest.raises(DamagedFile, match="holds the id 18, no class"):
            truth_in(reader_of(truth, OCC3D), FRAME, LabelSpace(grid, OCC3D))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"shape": (8, 8, 8)}, r"is \[8, 8, 16\] voxels"),
        ({"voxel_size": 0.2}, "has voxels of 0.4 m"),
        ({"origin": (0.0, 0.0, -1.0)}, r"from \[-1\.6, -1\.6, -1\.0\]"),
        ({"frame": "lidar"}, "in the ego frame, the recipe's grid"),
    ],
)
def test_truth_on_another_grid_is_refused(change: dict[str, Any], word: str) -> None:
    grid = Grid.model_validate(GRID.model_dump() | change)
    with pytest.raises(BadLog, match=word):
        truth_in(reader_of(np.zeros(GRID.shape, np.uint8), OCC3D), FRAME, LabelSpace(grid, OCC3D))


def test_truth_of_occ3d_is_learned_where_the_lidar_saw_it(tmp_path: Path) -> None:
    semantics = np.random.default_rng(0).integers(0, 18, occ3d.SHAPE).astype(np.uint8)
    camera, lidar = (np.random.default_rng(seed).random(occ3d.SHAPE) < 0.3 for seed in (1, 2))
    occ3d.write_labels(tmp_path / "labels.npz", semantics, mask_camera=camera, mask_lidar=lidar)
    frame = Frame("a", 0.0, None, truth=Truth(voxels=tmp_path / "labels.npz"))
    learned = learnable_truth(NuScenesReader(tmp_path), frame, LabelSpace(GRIDS["occ3d"], EIGHT))
    expected = np.array([EIGHT.learning_map[n] for n in range(18)])[semantics]
    np.testing.assert_array_equal(learned, np.where(camera | lidar, expected, 255))


def test_truth_is_learned_on_larger_voxels_in_the_recipes_classes() -> None:
    semantics = np.random.default_rng(0).integers(0, 18, GRID.shape).astype(np.uint8)
    coarse = LabelSpace(Grid(origin=GRID.origin, voxel_size=0.8, shape=(4, 4, 8), frame="ego"), EIGHT)
    found, fine = (truth_in(reader_of(semantics, OCC3D), FRAME, space) for space in (coarse, LabelSpace(GRID, EIGHT)))
    expected = coarser(fine, coarse.grid)
    assert expected is not None and found.space == coarse
    np.testing.assert_array_equal(found.semantics, expected.semantics)
    np.testing.assert_array_equal(found.scored, expected.scored)
