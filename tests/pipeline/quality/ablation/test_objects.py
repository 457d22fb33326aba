"""Objects that touch are found, and the ceiling that labels set is what perfect parting would give."""

import numpy as np
from car_parks import CAR, car_park

from occlabel.pipeline.quality.ablation.objects import ScoredFrame, Table, nearest_true, places_of_touching
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.evaluation.segments import Labels

SPACE = LabelSpace(
    Grid(origin=(0.0, -7.2, -1.0), voxel_size=0.4, shape=(40, 36, 7), frame="lidar"), TAXONOMIES["semantickitti"]
)


def scored(semantics: np.ndarray, owners: np.ndarray) -> ScoredFrame:
    near = places_of_touching(semantics, owners, SPACE)
    return ScoredFrame(semantics, Labels(semantics, owners), np.ones(semantics.shape, bool), near)


def test_cars_in_a_row_touch_and_a_car_alone_does_not() -> None:
    semantics, owners = np.zeros((2, 40, 36, 7), np.int64)
    for car, (x, y) in enumerate(((2, 2), (2, 7), (28, 25)), 1):
        body = np.s_[x : x + 8, y : y + 5, 2:6]
        semantics[body], owners[body] = CAR, car
    touching = places_of_touching(semantics.astype(np.uint8), owners, SPACE)
    assert touching[owners == 1].all() and touching[owners == 2].all()
    assert not touching[owners == 3].any()


def test_perfect_parting_of_perfect_labels_scores_one_everywhere() -> None:
    frame = scored(*car_park(3))
    table = Table(SPACE.taxonomy)
    table.add("at best", frame, nearest_true(frame, SPACE))
    table.add("one object", frame, (frame.labels == CAR).astype(np.uint32))
    everywhere, touching, _ = table.quality("at best")
    assert everywhere.pq == touching.pq == 1.0
    assert table.quality("one object")[0].pq < 0.5
