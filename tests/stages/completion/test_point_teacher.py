"""Labelled points as voxels: what a hit is, what rays freed, and what stays unknown."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tiny_streets import GRID, ROAD, SPACE, TinyStreets

from occlabel.schemas.drive_log import Frame, PointTruth, Truth
from occlabel.schemas.errors import BadRecipe, DamagedFile
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, Taxonomy
from occlabel.stages.completion.point_teacher import PointTeacher, voxels_of_points
from occlabel.stages.sensing.scan import Scan

METRES = Grid(origin=(0.0, -2.0, -2.0), voxel_size=1.0, shape=(20, 4, 4), frame="lidar")
SPACE_OF_METRES = LabelSpace(METRES, TAXONOMIES["semantickitti"])
CAR, POLE = 1, 18
LABELLED = Truth(points=Path("labels"))


def scan(*points: tuple[float, float, float]) -> Scan:
    return Scan(np.array([(*p, 0.0) for p in points], np.float32), np.array([0.5, 0.5, 0.5]), "frame")


def voxels(found: Scan, labels: list[int]) -> np.ndarray:
    return voxels_of_points(found, np.array(labels, np.uint8), SPACE_OF_METRES)


def test_a_voxel_is_of_the_class_of_most_of_its_points() -> None:
    place = [(15.5 + n / 100, 0.5, 0.5) for n in range(4)]
    assert voxels(scan(*place), [POLE, POLE, CAR, UNKNOWN])[15, 2, 2] == POLE
    assert voxels(scan(*place), [POLE, CAR, CAR, POLE])[15, 2, 2] == CAR, "the lower id among equals"
    assert voxels(scan(*place), [UNKNOWN, UNKNOWN, UNKNOWN, CAR])[15, 2, 2] == CAR
    assert voxels(scan(*place), [UNKNOWN] * 4)[15, 2, 2] == UNKNOWN, "hit, and nobody says by what"


def test_free_is_what_two_rays_passed_far_from_their_ends_and_from_hits() -> None:
    ends = [(15.5, 0.5, 0.5), (15.6, 0.5, 0.5)]
    found = voxels(scan(*ends), [CAR, CAR])
    np.testing.assert_array_equal(np.flatnonzero(found[:, 2, 2] == 0), np.arange(12))
    assert set(found[12:15, 2, 2]) == {UNKNOWN}, "a ray that meets the road has grazed it for as long"
    assert (found == 0).sum() == 12, "and nothing beside the rays is known"
    assert not (voxels(scan(ends[0]), [CAR]) == 0).any(), "one ray is too few"
    touched = voxels(scan(*ends, (6.5, 1.5, 0.5)), [CAR, CAR, POLE])
    np.testing.assert_array_equal(np.flatnonzero(touched[:, 2, 2] == 0), [0, 1, 2, 3, 4, 8, 9, 10, 11])
    assert touched[6, 3, 2] == POLE


def test_points_that_say_nothing() -> None:
    nan, own_car, outside = (np.nan, 1.0, 1.0), (1.5, 0.5, 0.5), (50.0, 0.5, 0.5)
    found = voxels(scan(nan, own_car, outside), [CAR, CAR, CAR])
    assert not (found == CAR).any()


@dataclass(frozen=True)
class OtherClasses(TinyStreets):
    """Labels all points as one id of another taxonomy."""

    id: int = 0
    taxonomy: Taxonomy = SPACE.taxonomy

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        return PointTruth(np.full(points or 0, self.id, np.uint8), self.taxonomy)


def test_frames_with_labels_teach_what_their_points_say() -> None:
    street = TinyStreets(1, truth=LABELLED)
    (log,) = street.logs()
    lessons = PointTeacher(street, SPACE).lessons(log)
    assert [frame.name for frame, _ in lessons] == ["000000", "000001", "000002"]
    truth = lessons[0][1]().semantics
    exact = street._semantics("00")
    away = np.hypot(*(GRID.centres()[..., axis] for axis in (0, 1))) > 3
    np.testing.assert_array_equal(truth[(exact > 0) & away], exact[(exact > 0) & away])
    assert set(np.unique(truth[exact == 0])) <= {0, UNKNOWN}
    bare = replace(log, frames=tuple(replace(f, truth=Truth()) for f in log.frames))
    assert PointTeacher(street, SPACE).lessons(bare) == []


def test_labels_that_are_none_are_refused() -> None:
    street = OtherClasses(1, truth=LABELLED, id=77)
    (log,) = street.logs()
    with pytest.raises(DamagedFile, match="the id 77, which is no class"):
        PointTeacher(street, SPACE).lessons(log)[0][1]()
    other = OtherClasses(1, truth=LABELLED, id=ROAD, taxonomy=TAXONOMIES["occ3d"])
    with pytest.raises(BadRecipe, match="the truth has classes that the taxonomy semantickitti has not"):
        PointTeacher(other, SPACE).lessons(log)[0][1]()
