"""Poses of KITTI-360: each row begins with the number of its frame, and frames without a pose have no row."""

from __future__ import annotations

from collections import Counter

import numpy as np

from occlabel.schemas.formats.lines import COMMENTS, cut_short, fields_of, lines_of, numbers_of
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.spans import spans

_SIZES = (13, 17)
"""Numbers of a row: that of the frame, and a 3x4 or a 4x4."""


def read_numbered_poses(name: str, content: bytes, warnings: list[str]) -> dict[int, Matrix] | None:
    """Frame -> [4, 4] of the file ``name``; rows that are none are left out, and ``warnings`` say so. None, and a
    warning, where the rows are of another kind."""
    lines = lines_of(content)
    warnings += [f"{name}, {note}" for note in lines.notes]
    rows = {
        line: text for line, text in enumerate(lines.texts, 1) if text and not text.startswith(COMMENTS)
    }  # fmt: skip
    counts = Counter(len(fields_of(text)) for text in rows.values())
    size = counts.most_common(1)[0][0] if counts else 0
    if size not in _SIZES:
        warnings.append(
            f"{name} has {size} numbers a line, and a row has 13 or 17: the number of its frame, and a 3x4 or 4x4 "
            "matrix; it is not used"
        )
        return None
    result: dict[int, Matrix] = {}
    odd = []
    last = max(rows)
    for line, text in rows.items():
        numbers = numbers_of(text)
        cut = line == last and not lines.ended and cut_short(list(rows.values()))
        if cut or numbers is None or len(numbers) != size or not _is_frame(numbers[0]) or numbers[0] in result:
            odd.append(str(line))
            continue
        matrix = np.eye(4)
        matrix[: (size - 1) // 4] = np.reshape(numbers[1:], (-1, 4))
        sound = np.isfinite(matrix).all() and (matrix[3] == [0, 0, 0, 1]).all()
        result[int(numbers[0])] = matrix if sound else np.full((4, 4), np.nan)
    if odd:
        what = "no row of a frame and its pose, a second one of a frame, or cut off"
        warnings.append(f"{name}, line{'s' if len(odd) > 1 else ''} {spans(odd)}: {what}; skipped")
    return result


def _is_frame(number: float) -> bool:
    return number.is_integer() and 0 <= number < 1e15
