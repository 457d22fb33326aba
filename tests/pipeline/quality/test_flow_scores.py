"""Flow of labels whose poses are not the log's: what is parked stands, though the log's are off in height."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled_street import labelled, nuscenes_street
from made_up_versions import MadeUpFrame, MadeUpVersion, labels_of

from occlabel.pipeline.published.labelled_log import LabelledFrame, join, labelled_log
from occlabel.pipeline.quality.rules.flow import FlowRule
from occlabel.schemas.drive_log import DriveLog, Frame, Sweep
from occlabel.schemas.geometry import yaw_rotation
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.evaluation.flow import FlowScores
from occlabel.stages.ingest.nuscenes import NuScenesReader

LOG = "scene-0103"
SINKS = 1.5
"""[m] a frame that the log's poses are off: 3 m/s at 2 Hz."""


@pytest.fixture
def hill(tmp_path: Path) -> tuple[MadeUpVersion, DriveLog, NuScenesReader]:
    """Labels of what is parked, by poses that are right; and the log, whose poses sink, and with them its boxes."""
    streets, reader = nuscenes_street(tmp_path), NuScenesReader(tmp_path)
    version = labelled(reader, {LOG: streets[LOG]}, "occ3d")
    (log,) = reader.logs([LOG])
    frames = []
    for n, (frame, label) in enumerate(zip(log.frames, version.kept, strict=True)):
        sunk = np.eye(4)
        sunk[2, 3] = -SINKS * n
        world_from_grid = frame.world_from_grid(version.space.grid)
        assert world_from_grid is not None
        boxes = tuple(replace(box, world_from_box=sunk @ box.world_from_box) for box in frame.truth.boxes)
        frames.append(
            replace(frame, world_from_ego=sunk @ frame.world_from_ego, truth=replace(frame.truth, boxes=boxes))
        )
        label.world_from_grid = world_from_grid
        label.arrays["flow"] = np.zeros((*version.space.grid.shape, 3), np.float16)
    return version, replace(log, frames=tuple(frames)), reader


def scored(version: MadeUpVersion, log: DriveLog, reader: NuScenesReader) -> FlowScores:
    joined = join(labels_of(version), version.space, reader=reader)
    rule = FlowRule(version.space.taxonomy, version.space.grid, "boxes")
    of_log = labelled_log(joined, LOG, [frame.name for frame in log.frames], log)
    rule.begin(of_log)
    for frame in of_log.frames():
        rule.add(frame)
    rule.end()
    found = rule.scores()
    assert found is not None
    return found


def test_what_is_parked_stands_in_the_world_of_the_labels(hill: tuple[MadeUpVersion, DriveLog, NuScenesReader]) -> None:
    version, log, reader = hill
    found = scored(version, log, reader)
    assert found.moving == 0 and found.standing > 100 and found.stirred == 0


def test_frames_without_a_place_are_not_held_against_those_with_one(
    hill: tuple[MadeUpVersion, DriveLog, NuScenesReader],
) -> None:
    version, log, reader = hill
    whole = scored(version, log, reader).standing
    del version.kept[1]
    found = scored(version, log, reader)
    assert found.moving == found.standing == 0 and whole > 0, "each frame left has no neighbour that is labelled"


def test_labels_that_say_no_pose_are_held_against_the_log(
    hill: tuple[MadeUpVersion, DriveLog, NuScenesReader],
) -> None:
    version, log, reader = hill
    for frame in version.kept:
        frame.world_from_grid = None
    found = scored(version, log, reader)
    assert found.standing == 0 and found.standing_still == pytest.approx(SINKS / 0.5, abs=0.01)


@pytest.mark.parametrize("turned", [0, 90, 30])
def test_vectors_turn_with_the_grid_that_they_are_looked_at_in(turned: int) -> None:
    taxonomy = TAXONOMIES["occ3d"]
    target = LabelSpace(Grid(origin=(-4, -4, -1), voxel_size=0.5, shape=(16, 16, 4), frame="ego"), taxonomy)
    own = LabelSpace(Grid(origin=(-8, -8, -1), voxel_size=0.5, shape=(32, 32, 4), frame="lidar"), taxonomy)
    sits = yaw_rotation(np.radians(turned))
    frame = Frame("0", 0.0, np.eye(4), sweep=Sweep(Path("a"), sits, 0.0))
    published = MadeUpVersion([MadeUpFrame("a", "0", {"semantics": np.zeros(own.grid.shape, np.uint8)})], own)
    ahead = np.tile((sits[:3, :3].T @ [8.0, 0, 0]).astype(np.float16), (*own.grid.shape, 1))
    seen = LabelledFrame(join(labels_of(published), target), "a", "0", frame).vectors_in_target(ahead)
    np.testing.assert_allclose(seen, np.broadcast_to([8.0, 0, 0], seen.shape), atol=0.02)
