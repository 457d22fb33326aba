"""What functions are given is looked at before it is used."""

import pytest

from occlabel.schemas.arguments import one_of, refuse_none
from occlabel.schemas.errors import OcclabelError


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
