"""How sentences count."""

from occlabel.schemas.words import counted, inflected


def test_one_is_one_and_everything_else_is_several() -> None:
    assert [counted(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert [counted(n, "box", "boxes") for n in (1, 3)] == ["1 box", "3 boxes"]
    assert [inflected(n, "is", "are") for n in (0, 1, 2)] == ["are", "is", "are"]
