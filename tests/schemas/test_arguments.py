"""What functions are given is looked at before it is used."""

import numpy as np
import pytest

from occlabel.schemas.arguments import is_a, listed, maps_classes, one_of, refuse_none, shown
from occlabel.schemas.errors import BadRecipe, OcclabelError


def test_ids_of_logs_are_a_list_with_something_in_it() -> None:
    refuse_none(["00"], "logs")
    with pytest.raises(OcclabelError, match=r"logs='00' is text: give a list of ids of logs, as in logs=\['00'\]"):
        refuse_none("00", "logs")
    with pytest.raises(OcclabelError, match="logs names no log: give ids of logs, or None for all"):
        refuse_none([], "logs")


def test_a_value_is_one_of_those_that_are_known() -> None:
    one_of("at", "points", ("voxels", "points"))
    with pytest.raises(OcclabelError, match=r"at='point' \(did you mean 'points'\?\): it is one of voxels, points"):
        one_of("at", "point", ("voxels", "points"))


def test_a_value_is_of_a_kind() -> None:
    is_a("reader", None, str | None, "a name, or None")
    with pytest.raises(BadRecipe, match="reader=3: give a name, or None"):
        is_a("reader", 3, str | None, "a name, or None", BadRecipe)


@pytest.mark.parametrize("values", [3, b"voting", ["voting", 3], None])
def test_a_list_holds_texts(values: object) -> None:
    assert listed("skip", {"voting": 1}, "slots") == listed("skip", ("voting",), "slots") == ["voting"]
    with pytest.raises(BadRecipe, match=r"^skip=.*: give a list of slots, which are text$"):
        listed("skip", values, "slots", BadRecipe)
    with pytest.raises(OcclabelError, match=r"skip='voting' is text: give a list of slots, as in skip=\['voting'\]"):
        listed("skip", "voting", "slots")


@pytest.mark.parametrize("told", [[1], "van: car", {"van": 3}, {3: "car"}, 0])
def test_classes_are_said_by_a_dictionary(told: object) -> None:
    maps_classes(None)
    maps_classes({"van": "car", "dog": None})
    with pytest.raises(OcclabelError, match=r"told=.*: give a dictionary from class to class, as in told={'van': 'ca"):
        maps_classes(told)


def test_a_sentence_repeats_what_is_wrong_in_a_line() -> None:
    assert shown("a") == "'a'"
    assert "\n" not in shown(np.zeros((3, 3))) and len(shown("x" * 999)) < 100
