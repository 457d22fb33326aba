"""Counts decide what lines without data stand for."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.schemas.formats.rows import Rows, misplaced, numbers_on, values_of

ROWS = [f"{n}.5 1 2" for n in range(5)]


def placed(lines: list[str], others: tuple[int, ...] = (), last: int = 4) -> tuple[list[float], list[str], bool]:
    rows = Rows("a.txt", ("\n".join(lines) + "\n").encode(), numbers_on(3))
    result = rows.placed(last, others)
    return values_of(result.texts, 3)[:, 0].tolist(), result.warnings, result.misfit is None


WHOLE = [0.5, 1.5, 2.5, 3.5, 4.5]


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (ROWS, None),
        (["x y z", *ROWS], "a.txt, line 1: a header, skipped"),
        (["r11 r12 r13 3", *ROWS], "a.txt, line 1: a header, skipped"),
        (["5", *ROWS], "a.txt, line 1: a count, skipped"),
        (["", *ROWS], "a.txt, line 1: blank, skipped"),
        (["# 0.5 1 2", *ROWS], "a.txt, line 1: a comment, skipped"),
        ([*ROWS[:2], "", "// half", "", *ROWS[2:]], "a.txt, lines 3, 5: blank, skipped"),
        ([row.replace(" ", "\t") for row in ROWS], None),
        ([row.replace(" ", ", ") for row in ROWS], None),
    ],
)
def test_lines_to_spare_are_skipped(lines: list[str], warning: str | None) -> None:
    values, warnings, fits = placed(lines)
    assert (values, fits) == (WHOLE, True)
    assert warnings[: 1 if warning else None] == ([warning] if warning else [])


@pytest.mark.parametrize("gap", ["", "# 2.5 1 2", "gone"])
def test_a_line_that_the_count_needs_is_the_place_of_a_row(gap: str) -> None:
    values, (warning,), fits = placed([*ROWS[:2], gap, *ROWS[3:]])
    np.testing.assert_array_equal(values, [0.5, 1.5, np.nan, 3.5, 4.5])
    assert fits and warning.startswith("a.txt, line 3: ") and warning.endswith("taken for a missing row")


def test_a_first_line_that_is_needed_is_a_row() -> None:
    for lines in (["", *ROWS[1:]], ["9.5 x y", *ROWS[1:]]):
        values, _, fits = placed(lines)
        np.testing.assert_array_equal(values, [np.nan, 1.5, 2.5, 3.5, 4.5])
        assert fits


def test_a_time_is_no_count_of_rows() -> None:
    rows = Rows("timestamps.txt", b"2011-09-26T13:02:25\n2011-09-26T13:02:26\n", lambda text: False)
    assert len(rows.texts) == 2
    assert len(Rows("timestamps.txt", b"1317042145\n1317042146\n", lambda text: False).texts) == 2


def test_a_header_is_no_row_even_if_one_is_missing() -> None:
    values, _, fits = placed(["x y z", *ROWS[:4]])
    assert values == WHOLE[:4]
    assert not fits


def test_a_log_that_was_cut_out_of_a_longer_one_has_rows_to_spare() -> None:
    for lines, others in ((ROWS, ()), (ROWS, (5,)), (["", *ROWS], (5, 6)), (ROWS, (2,))):
        values, warnings, fits = placed(lines, others, last=2)
        assert values[:3] == WHOLE[:3] and fits
        assert warnings == (["a.txt, line 1: blank, skipped"] if lines[0] == "" else [])


def test_counts_that_contradict_are_said() -> None:
    for lines, others, last in ((ROWS, (4,), 3), (ROWS, (6,), 2), (ROWS[:3], (), 4)):
        rows = Rows("a.txt", "\n".join(lines).encode(), numbers_on(3))
        misfit = rows.placed(last, others).misfit
        assert misfit is not None and f"a.txt has {len(lines)} rows" in misfit and f"be {last + 1}" in misfit


def test_a_last_line_that_is_cut_off_is_no_row() -> None:
    lines = [f"{n}.5 1.25 2.125" for n in range(5)]
    rows = Rows("a.txt", "\n".join(lines)[:-2].encode(), numbers_on(3))
    result = rows.placed(4, ())
    assert result.texts[4] is None and result.misfit is None
    assert result.warnings == ["a.txt, line 5: cut off in the middle of a number, skipped"]
    assert Rows("a.txt", "\n".join(lines).encode(), numbers_on(3)).placed(4, ()).warnings == []


def test_a_step_that_is_a_frame_too_long_or_too_short_is_found() -> None:
    ones = np.ones(8, np.int64)
    assert misplaced(np.array([1, 1.05, 1.1, 1.1, 1.1, 1, 0.9, 0.9]), ones) is None
    assert misplaced(np.array([1, 1.05, 1.1, 2.2, 1.1, 1, 0.9, 0.9]), ones) == 3
    assert misplaced(np.array([1, 1.05, 1.1, 0, 1.1, 1, 0.9, 0.9]), ones) == 3
    assert misplaced(np.zeros(8), ones) is None
    gap = np.array([1, 1, 1, 2, 1, 1, 1, 1])
    assert misplaced(np.array([1, 1, 1, 2.0, 1, 1, 1, 1]), gap) is None
    assert misplaced(np.array([1, 1, 1, 3.0, 1, 1, 1, 1]), gap) == 3
    assert misplaced(np.array([1, 1, np.nan, 2, 1, 1, 1, 1]), ones) == 3
