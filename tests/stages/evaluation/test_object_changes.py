"""Objects of two labellings of which every voxel is known: what is in both, as what, and under which ids."""

import numpy as np

from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.evaluation.object_changes import IdChanges, id_changes, object_pairs, objects_by_class
from occlabel.stages.evaluation.segments import Labels

TAXONOMY = TAXONOMIES["semantickitti"]
CLASSES = len(TAXONOMY.classes)
CAR, TRUCK = 1, 4


def street(*objects: tuple[slice, int, int]) -> Labels:
    """A row of 40 voxels with ``objects``: place, class, id."""
    labels = Labels(np.zeros((40, 1, 1), np.uint8), np.zeros((40, 1, 1), np.uint16))
    for place, semantics, instance in objects:
        labels.semantics[place], labels.instance[place] = semantics, instance
    return labels


def test_an_object_is_in_both_by_more_than_half_of_its_voxels_whatever_it_is_called() -> None:
    a = street((slice(0, 6), CAR, 3), (slice(10, 16), CAR, 5), (slice(20, 23), CAR, 6), (slice(30, 34), TRUCK, 9))
    b = street((slice(0, 5), CAR, 3), (slice(11, 16), TRUCK, 7), (slice(22, 26), CAR, 6), (slice(36, 38), CAR, 2))
    found = object_pairs(a, b, CLASSES)
    assert found.ids.tolist() == [[3, 3], [5, 7]]
    by_class = objects_by_class(found.counts, TAXONOMY)
    assert by_class["car"] == {"a": 3, "b": 3, "both": 1, "only_a": 1, "only_b": 2, "became": {"truck": 1}}
    assert by_class["truck"] == {"a": 1, "b": 1, "both": 0, "only_a": 1, "only_b": 0, "became": {}}
    assert set(by_class) == {"car", "truck"}


def test_half_of_the_voxels_is_not_more_than_half() -> None:
    found = object_pairs(street((slice(0, 4), CAR, 1)), street((slice(0, 2), CAR, 1)), CLASSES)
    assert not len(found.ids) and found.counts[CAR, -1] == found.counts[-1, CAR] == 1


def test_the_class_of_an_object_is_that_of_most_of_its_voxels_and_no_class_is_no_object() -> None:
    mixed = street((slice(0, 4), CAR, 1), (slice(4, 6), TRUCK, 1), (slice(20, 24), UNKNOWN, 2))
    found = object_pairs(mixed, mixed, CLASSES)
    assert found.counts[CAR, CAR] == found.counts.sum() == 1


def test_volumes_without_objects_have_none() -> None:
    found = object_pairs(street(), street((slice(0, 4), CAR, 1)), CLASSES)
    assert found.counts.sum() == found.counts[-1, CAR] == 1 and found.ids.shape == (0, 2)
    assert id_changes(found.ids) == IdChanges(0, 0, 0, 0)


def test_ids_are_kept_renumbered_split_and_joined() -> None:
    pairs = [[1, 1], [2, 7], [3, 3], [3, 4], [5, 9], [6, 9]]
    assert id_changes(np.array(pairs)) == IdChanges(ids=5, renumbered=3, split=1, joined=1)
    assert IdChanges(1, 2, 3, 4) + IdChanges(5, 0, 0, 1) == IdChanges(6, 2, 3, 5)
