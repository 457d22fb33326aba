"""Overlapping masks become one class, instance and score per pixel."""

import itertools

import numpy as np
import pytest

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.priors.segments.overlaps import Segment, flattened

TAXONOMY = TAXONOMIES["semantickitti"]
CAR, PERSON, ROAD = (TAXONOMY.names.index(name) for name in ("car", "person", "road"))
SHAPE = (6, 10)


def box(v: slice, u: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[v, u] = True
    return mask


ALL = slice(None)


def test_the_surest_segment_has_the_pixel() -> None:
    road = Segment(box(slice(3, 6), ALL), ROAD, 0.6)
    car = Segment(box(slice(2, 5), slice(2, 5)), CAR, 0.9)
    person = Segment(box(slice(1, 6), slice(4, 6)), PERSON, 0.7)
    for order in itertools.permutations([road, car, person]):
        found = flattened(order, SHAPE, TAXONOMY)
        expected = np.full(SHAPE, UNKNOWN)
        expected[3:6] = ROAD
        expected[1:6, 4:6] = PERSON
        expected[2:5, 2:5] = CAR
        np.testing.assert_array_equal(found.classes, expected)
        by_class = {CAR: (1, 230), PERSON: (2, 178), ROAD: (0, 153), UNKNOWN: (0, 0)}
        for class_id, (number, score) in by_class.items():
            there = expected == class_id
            assert set(found.instances[there]) == {number} and set(found.scores[there]) == {score}


def test_of_equal_scores_the_first_has_it_and_nearly_equal_ones_are_equal() -> None:
    left, right = box(ALL, slice(0, 6)), box(ALL, slice(4, 10))
    first = flattened([Segment(left, ROAD, 0.5), Segment(right, CAR, 0.5 + 1e-9)], SHAPE, TAXONOMY)
    assert (first.classes[:, 4:6] == ROAD).all() and (first.classes[:, 6:] == CAR).all()
    other = flattened([Segment(right, CAR, 0.5), Segment(left, ROAD, 0.5)], SHAPE, TAXONOMY)
    assert (other.classes[:, 4:6] == CAR).all()


def test_an_object_found_twice_is_one() -> None:
    once = Segment(box(slice(1, 5), slice(1, 5)), CAR, 0.9)
    again = Segment(box(slice(1, 5), slice(1, 6)), CAR, 0.5)
    other = Segment(box(slice(1, 5), slice(4, 9)), CAR, 0.4)
    found = flattened([once, again, other], SHAPE, TAXONOMY)
    assert set(found.instances[1:5, 1:6].ravel()) == {1}, "its rim is not an object of its own"
    assert set(found.instances[1:5, 6:9].ravel()) == {2}, "what stands mostly beside it is"
    assert set(flattened([once, Segment(again.mask, PERSON, 0.5)], SHAPE, TAXONOMY).instances.ravel()) == {0, 1, 2}


def test_hidden_segments_leave_no_gap_in_the_numbers() -> None:
    whole = Segment(box(ALL, slice(0, 5)), CAR, 0.9)
    hidden = Segment(box(slice(0, 2), slice(0, 2)), PERSON, 0.8)
    shown = Segment(box(slice(0, 2), slice(7, 9)), PERSON, 0.1)
    empty = Segment(box(slice(0, 0), ALL), CAR, 1.0)
    found = flattened([empty, whole, hidden, shown], SHAPE, TAXONOMY)
    assert set(found.instances.ravel()) == {0, 1, 2}
    assert (found.instances[0:2, 7:9] == 2).all()


def test_no_segment_says_nothing() -> None:
    found = flattened([], SHAPE, TAXONOMY)
    assert (found.classes == UNKNOWN).all() and not found.instances.any() and not found.scores.any()


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        (Segment(np.ones((3, 3), bool), CAR, 0.5), r"mask is bool\[3, 3\], expected bool\[6, 10\]"),
        (Segment(np.ones(SHAPE, bool), 20, 0.5), "class 20, which semantickitti does not have"),
        (Segment(np.ones(SHAPE, bool), CAR, 1.5), "score 1.5"),
        (Segment(np.ones(SHAPE, bool), CAR, float("nan")), "score nan"),
    ],
)
def test_what_is_no_segment_is_refused(segment: Segment, said: str) -> None:
    with pytest.raises(OcclabelError, match=said):
        flattened([segment], SHAPE, TAXONOMY)
