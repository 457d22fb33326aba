"""Objects that touch are found, and the ceiling that labels set is what perfect parting would give."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from car_parks import CAR, car_park
from chain import MadeUpReader
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.ablation.objects import (
    ScoredFrame,
    Table,
    nearest_true,
    places_of_touching,
    scored_frames,
)
from occlabel.schemas.drive_log import Box, Frame, Truth, VoxelTruth
from occlabel.schemas.errors import BadLog, BadPredictions
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


BOX = Box("parked", "car", np.eye(4), (3.2, 2.0, 1.6), 5)


@dataclass(frozen=True)
class Drive(MadeUpReader):
    """Log a of six frames that stand still, with one box."""

    boxes: tuple[Box, ...] = (BOX,)
    without_pose: int | None = None

    def _frame(self, log_id: str, index: int) -> Frame:
        pose = None if index == self.without_pose else np.eye(4)
        return Frame(f"{index}", index / 2, pose, truth=Truth(boxes=self.boxes))


@dataclass(frozen=True)
class OneCar:
    """The truth of a drive: the car of its box. In each frame, the slice of its number is not scored."""

    reader: MadeUpReader
    space: LabelSpace = SPACE

    def log_ids(self) -> list[str]:
        return self.reader.log_ids()

    def frames(self, log: str) -> list[str]:
        return [frame.name for drive in self.reader.logs([log]) for frame in drive.frames]

    def voxels(self, log: str, frame: str) -> VoxelTruth:
        semantics = np.zeros(SPACE.grid.shape, np.uint8)
        semantics[2:10, 14:19, 2:6] = CAR
        scored = np.ones(semantics.shape, bool)
        scored[int(frame)] = False
        return VoxelTruth(semantics, scored, SPACE)

    def stamp(self, log: str) -> str:
        return ""


ROOT, LOGS = Path("made up"), {"a": 6}


@pytest.fixture
def version(tmp_path: Path) -> PublishedVersion:
    """Frames 1 to 6 of log a, each labelled with its own number."""
    labels = {f"{i}": np.full(SPACE.grid.shape, i, np.uint8) for i in range(1, 7)}
    return publish(MadeUpVersion([MadeUpFrame("a", n, {"semantics": v}) for n, v in labels.items()], SPACE), tmp_path)


def test_every_other_frame_with_labels_truth_and_a_pose_is_scored(version: PublishedVersion) -> None:
    found = list(scored_frames(version, OneCar(Drive(ROOT, LOGS, without_pose=2)), every=2))
    assert [int(frame.labels.max()) for frame in found] == [3, 5]  # of 1, 3, 4 and 5
    assert [np.flatnonzero(~frame.scored[:, 0, 0]).tolist() for frame in found] == [[3], [5]]
    cars = found[0].true.semantics == CAR
    assert cars.sum() == 8 * 5 * 4
    assert set(np.unique(found[0].true.instance[cars])) <= {0, 1}
    assert found[0].true.instance[cars].any() and not found[0].true.instance[~cars].any()


def test_truth_that_says_not_whose_voxels_are_whose_is_refused(version: PublishedVersion) -> None:
    with pytest.raises(BadLog, match="log a has no boxes"):
        list(scored_frames(version, OneCar(Drive(ROOT, LOGS, boxes=())), every=1))
    with pytest.raises(BadLog, match="log a has no boxes"):
        list(scored_frames(version, OneCar(Drive(ROOT, {})), every=1))
    other = OneCar(Drive(ROOT, LOGS), LabelSpace(SPACE.grid, TAXONOMIES["occ3d"]))
    with pytest.raises(BadPredictions, match="voxels or classes"):
        list(scored_frames(version, other, every=1))
