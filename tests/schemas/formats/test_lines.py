"""Lines are the same whatever editor or recorder wrote them."""

from __future__ import annotations

import pytest

from occlabel.schemas.formats.lines import fields_of, is_number, lines_of, numbers_of

TEXTS = ["1 2.5 -3e-2", "", "4 5 6"]
PLAIN = "\n".join(TEXTS) + "\n"
MARK = "line 1: a byte-order mark, skipped"


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (PLAIN.encode(), []),
        (PLAIN.replace("\n", "\r\n").encode(), []),
        (PLAIN.replace("\n", "\r").encode(), []),
        ((PLAIN + "\n \n\n").encode(), []),
        (PLAIN.replace("\n", " \t\n").encode(), []),
        (PLAIN.encode("utf-8-sig"), [MARK]),
        (PLAIN.encode("utf-16"), [MARK]),
        (b"\xfe\xff" + PLAIN.encode("utf-16-be"), [MARK]),
        (PLAIN.encode("utf-32"), [MARK]),
        (PLAIN.encode("utf-16-le"), ["line 1: UTF-16 without a byte-order mark, read as such"]),
        (PLAIN.encode("utf-16-be"), ["line 1: UTF-16 without a byte-order mark, read as such"]),
        (PLAIN.encode() + b"\0" * 512, ["the end: 512 zeros, skipped"]),
        (PLAIN.encode() + b"\x1a", []),
    ],
)
def test_lines_do_not_depend_on_who_wrote_them(content: bytes, notes: list[str]) -> None:
    lines = lines_of(content)
    assert lines.texts == TEXTS
    assert lines.notes == notes
    assert lines.ended


def test_what_is_no_text_raises_nothing() -> None:
    for content in (b"", b"\0", b"\xff\xfe\x00", bytes(range(256)) * 9):
        lines_of(content)
    assert not lines_of(b"1 2\n3 4").ended


def test_fields_may_stand_between_commas() -> None:
    assert fields_of("1,2, 3;4\t5") == ["1", "2", "3", "4", "5"]
    assert numbers_of("1,2, 3") == [1, 2, 3]
    assert numbers_of("") is numbers_of("1 x") is None


def test_numbers_are_those_of_files_and_not_of_python() -> None:
    assert all(map(is_number, ("1", "-1.5", "+.5", "2.", "1e-9", "1.5E+3", "nan", "-inf", "Infinity")))
    assert not any(map(is_number, ("1_000", "١", "0x10", "1e", "e5", "1.2.3", "--1", "", "info")))
