"""The box of a whole object, of which each frame shows a part."""

import numpy as np
import pytest
from laid import GRID, laid

from occlabel.schemas.objects import Objects
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.tracking.logbook import Logbook

TAXONOMY = TAXONOMIES["semantickitti"]
CAR, OTHER = TAXONOMY.names.index("car"), TAXONOMY.names.index("other-vehicle")
PLACE = ("x", "y", "z", "length", "width", "height", "turn")


def pose(x: float, y: float, yaw: float = 0.0) -> np.ndarray:
    result = np.eye(4)
    result[:2, :2], result[:2, 3] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]], (x, y)
    return result


def kept(objects: Objects, which: np.ndarray) -> np.ndarray:
    """[x, y, z]: object 1 of those of the voxels that are chosen."""
    volume = np.zeros(GRID.shape, np.uint16)
    volume[tuple(objects.cells[which].T)] = 1
    return volume


def book_of(*frames: tuple[np.ndarray, np.ndarray | None], class_id: int = CAR, tracked: bool = True) -> Logbook:
    """Of ids [x, y, z] and poses, ten frames a second."""
    book = Logbook(GRID, TAXONOMY, tracked=tracked)
    for n, (volume, placed) in enumerate(frames):
        book.add(n, volume, np.where(volume > 0, class_id, 0).astype(np.uint8), n / 10, placed)
    return book


def whole(*args: float) -> np.ndarray:
    return kept(laid(*args), np.ones(laid(*args).cells.shape[0], bool))


def test_a_car_whose_back_alone_is_seen_is_as_long_as_cars_are() -> None:
    objects = laid(10.0, 4.0, 4.6, 2.0, 0.0)
    back = kept(objects, objects.offsets(GRID)[:, 0] < -1.3)
    (box,) = book_of((back, pose(0, 0))).boxes().values()
    found = dict(zip(PLACE, box.tolist(), strict=True))
    assert found["length"] == 4.63 and found["width"] == pytest.approx(2.0, abs=0.25)
    assert (found["x"], found["y"]) == (pytest.approx(10.0, abs=0.2), pytest.approx(4.0, abs=0.2))
    assert abs(found["turn"]) < 0.05


def test_of_a_class_of_no_usual_size_the_box_is_what_is_seen() -> None:
    objects = laid(10.0, 4.0, 4.6, 2.0, 0.0)
    back = kept(objects, objects.offsets(GRID)[:, 0] < -1.3)
    (box,) = book_of((back, pose(0, 0)), class_id=OTHER).boxes().values()
    assert box[3] == pytest.approx(1.8, abs=0.25) and box[0] == pytest.approx(8.2, abs=0.15)


def test_what_stands_has_one_box_in_the_world_by_all_frames() -> None:
    """A parked car, turned by 20 degrees, as a car drives by it and turns; its label frays in one frame."""
    frames = []
    for n, yaw in enumerate((0.0, 0.02, 0.05, 0.1, 0.12)):
        here = pose(0.8 * n, 0.0, yaw)
        x, y = np.linalg.solve(here[:2, :2], np.array([11.0, 3.0]) - here[:2, 3])
        volume = whole(float(x), float(y), 4.4, 1.8, np.deg2rad(20) - yaw)
        if n == 2:
            volume[80, 60:90, 6:8] = 1  # two metres and more of something behind it
        frames.append((volume, here))
    boxes = book_of(*frames).boxes()
    for (_, frame), box in boxes.items():
        here = frames[frame][1]
        assert here is not None
        place, turn = here[:2, :2] @ box[:2] + here[:2, 3], box[6] + np.arctan2(here[1, 0], here[0, 0])
        np.testing.assert_allclose(place, [11.0, 3.0], atol=0.25)
        assert np.rad2deg(turn) == pytest.approx(20, abs=4)
        np.testing.assert_allclose(box[3:6], [4.4, 1.8, 1.6], atol=0.35)


def test_what_drives_lies_where_each_frame_sees_it_along_its_way() -> None:
    frames = [(whole(6.0 + n, 2.0, 4.4, 1.8, 0.0), pose(0, 0)) for n in range(10)]
    boxes = book_of(*frames).boxes()
    for (_, frame), box in boxes.items():
        np.testing.assert_allclose(box[:2], [6.0 + frame, 2.0], atol=0.2)
        assert abs(box[6]) < 0.02


def test_what_was_seen_for_a_moment_stands_no_more_than_it_drives() -> None:
    """Three frames in a fifth of a second: too few to say that it moves, and yet it is not where it was."""
    frames = [(whole(6.0 + 1.5 * n, 2.0, 4.4, 1.8, 0.0), pose(0, 0)) for n in range(3)]
    for (_, frame), box in book_of(*frames).boxes().items():
        assert box[0] == pytest.approx(6.0 + 1.5 * frame, abs=0.2)


def test_a_world_that_stands_on_end_has_boxes_nonetheless() -> None:
    """Poses of a camera taken for the car's: nothing of them can be right, and everything else goes on."""
    upended = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    (box,) = book_of((whole(8.0, 0.0, 4.4, 1.8, 0.0), upended)).boxes().values()
    assert np.isfinite(box).all()


def test_frames_without_a_pose_and_ids_of_one_frame_stand_for_themselves() -> None:
    near, far = whole(8.0, 0.0, 4.4, 1.8, 0.0), whole(14.0, 0.0, 4.4, 1.8, 0.0)
    for book in (book_of((near, None), (far, None)), book_of((near, pose(0, 0)), (far, pose(0, 0)), tracked=False)):
        boxes = book.boxes()
        assert boxes[1, 0][0] == pytest.approx(8.0, abs=0.2) and boxes[1, 1][0] == pytest.approx(14.0, abs=0.2)


def test_labels_of_something_else_do_not_make_a_car_longer_than_cars_are() -> None:
    volume = whole(8.0, 0.0, 4.4, 1.8, 0.0)
    volume[60:90, 49:51, 6:8] = 1  # a fence goes on behind it
    (box,) = book_of((volume, pose(0, 0))).boxes().values()
    assert box[3] <= 1.3 * 4.63 and box[0] == pytest.approx(8.0, abs=1.0)
