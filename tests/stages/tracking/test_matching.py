"""The assignment against all assignments there are."""

from itertools import permutations

import numpy as np
import pytest

from occlabel.stages.tracking.matching import best_matching


def best_sum(table: np.ndarray) -> float:
    size = max(table.shape)
    square = np.zeros((size, size))
    square[: table.shape[0], : table.shape[1]] = table
    return max(sum(square[i, p[i]] for i in range(size)) for p in permutations(range(size)))


@pytest.mark.parametrize("seed", range(20))
def test_no_assignment_has_a_larger_sum(seed: int) -> None:
    draw = np.random.default_rng(seed)
    table = draw.random((draw.integers(1, 6), draw.integers(1, 7))) * (draw.random() + 0.5)
    table[draw.random(table.shape) < 0.4] = 0
    rows, columns = np.nonzero(table)
    matched = best_matching(rows, columns, table[rows, columns])
    assert table[matched].sum() == pytest.approx(best_sum(table))
    assert (table[matched] > 0).all()
    assert len(set(matched[0])) == len(set(matched[1])) == len(matched[0])
    assert (np.diff(matched[0]) > 0).all()


def test_rows_and_columns_keep_their_numbers() -> None:
    rows, columns = best_matching(np.array([7, 7, 90]), np.array([3, 50, 3]), np.array([0.9, 0.8, 0.5]))
    assert (rows.tolist(), columns.tolist()) == ([7, 90], [50, 3])


def test_no_pairs_no_matches() -> None:
    none = np.zeros(0, np.int64)
    assert [len(part) for part in best_matching(none, none, np.zeros(0))] == [0, 0]
