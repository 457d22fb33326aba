"""How sentences count."""

import math

from occlabel.schemas.words import counted, in_points, inflected


def test_one_is_one_and_everything_else_is_several() -> None:
    assert [counted(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert [counted(n, "box", "boxes") for n in (1, 3)] == ["1 box", "3 boxes"]
    assert [inflected(n, "is", "are") for n in (0, 1, 2)] == ["are", "is", "are"]


def test_no_share_is_a_dash() -> None:
    assert [in_points(share) for share in (0.0, 0.1234, math.nan)] == ["0.0", "12.3", "-"]
    assert (in_points(0.25, "+.1f"), in_points(math.nan, "+.1f")) == ("+25.0", "-")
