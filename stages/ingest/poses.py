"""Which poses of a log can be used: finite, rigid, and such that a car can have driven from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.formats.lines import fields_of
from occlabel.schemas.formats.rows import Rows, misplaced, values_of
from occlabel.schemas.geometry import Matrix, are_rigid
from occlabel.schemas.spans import spans

SIZES = 12, 16
"""Numbers of a pose on one line: a 3x4, a 4x4."""

_FASTEST = 100.0
"""[m/s] of a car."""
_SPINNING = 2 * np.pi
"""[rad/s] of a car."""
_SLACK = 2.0, 0.35
"""[m] and [rad] by which two poses may be off beside that."""
_HARDEST, _JITTER = 80.0, 0.3
"""[m/s^2] of a car, and [m] by which the poses of one that stands may tremble."""


class WrittenPoses(NamedTuple):
    """The poses of a log's frames as a file has them."""

    matrices: NDArray[np.float64]
    """[n, 4, 4], NaN where there is none."""
    said: frozenset[int]
    """Places of those that are missing as a warning says."""


def read_poses(
    rows: Rows, names: Mapping[int, str], others: Collection[int], warnings: list[str]
) -> WrittenPoses | None:
    """The poses of the frames ``names`` from the file ``rows``; None when it has no poses at all. ``others`` are the
    counts of rows that another file of the log may have. ``warnings`` take in what is odd."""
    numbers = list(names)
    size = _size(rows, warnings)
    if size is None:
        return None
    placed = rows.placed(numbers[-1], others)
    warnings += placed.warnings
    values = values_of(placed.of(numbers), size)
    matrices = np.tile(np.eye(4), (len(numbers), 1, 1))
    matrices[:, :3] = values[:, :12].reshape(-1, 3, 4)
    if size == 16:
        matrices[(np.abs(values[:, 12:] - [0, 0, 0, 1]) > 1e-9).any(axis=1)] = np.nan
    lost = [n for n, number in enumerate(numbers) if number >= len(placed.texts)]
    if placed.misfit is not None:
        warnings.append(placed.misfit)
        steps = np.linalg.norm(np.diff(matrices[:, :3, 3], axis=0), axis=1)
        if numbers[0] > 0 and len(placed.texts) == len(numbers):
            lost = list(range(len(numbers)))
            warnings.append(
                f"{rows.name} has as many rows as there are frames, and these are numbered from {numbers[0]}: whose "
                "row is which cannot be told; number the scans from 0, or add a row for each number before"
            )
        elif (at := misplaced(steps, np.diff(np.array(numbers)))) is not None:
            lost = list(range(at + 1, len(numbers)))
            warnings.append(
                f"the poses move on by {steps[at]:.3g} m from frame {names[numbers[at]]} to {names[numbers[at + 1]]}, "
                f"unlike around it: a line of {rows.name} was taken out or put in there"
            )
    if lost:
        matrices[lost] = np.nan
        which = spans(names[numbers[n]] for n in lost)
        warnings.append(f"{rows.name} has no pose of frame {which}; {_without(len(lost), len(numbers))}")
    return WrittenPoses(matrices, frozenset(lost))


def _size(rows: Rows, warnings: list[str]) -> int | None:
    """How many numbers a pose has in the file; None, and a warning, when it has no poses."""
    counts = Counter(len(fields_of(text)) for text in rows.texts)
    if not counts:
        warnings.append(f"{rows.name} holds no numbers; the log goes on without poses")
        return None
    size, _ = counts.most_common(1)[0]
    if size in SIZES:
        return size
    known = {7: " (position and quaternion?)", 8: " (time, position and quaternion, as TUM has it?)"}
    warnings.append(
        f"{rows.name} has {size} numbers a line{known.get(size, '')}, and a pose has 12 (a 3x4 matrix) or 16 (a 4x4); "
        "the log goes on without poses: convert the file"
    )
    return None


def usable_poses(
    poses: NDArray[np.float64],
    names: Sequence[str],
    times: NDArray[np.float64],
    source: str,
    said: Collection[int] = (),
) -> tuple[list[Matrix | None], list[str]]:
    """``poses`` [n, 4, 4] with None in place of each that is NaN, not rigid or off all others, and sentences that name
    those frames. ``times`` [n] grow; ``source`` is where the poses are from; ``said`` are the places of poses of which
    it is known that they are missing.

    One bad row of a night's log costs the use of that frame's pose, not the log. Where the whole log leaps, the longer
    side of it keeps its poses.
    """
    good = are_rigid(poses)
    sentences = []
    bad = [name for index, name in enumerate(names) if not good[index] and index not in said]
    if bad:
        sentences.append(
            f"{source}: the pose of frame {spans(bad)} is missing, NaN or not rigid{_how(poses[~good])}; "
            f"{_without(len(bad), len(names))}"
        )
    rows = np.flatnonzero(good)
    shuttled = rows[_shuttled(poses[rows, :3, 3], times[rows])]
    if len(shuttled):
        sentences.append(
            f"{source}: the poses go back and forth at frame {spans(names[n] for n in shuttled)}, as no car does (rows "
            f"that were exchanged?); {_without(len(shuttled), len(names))}"
        )
        rows = np.setdiff1d(rows, shuttled)
    kept = rows[_drivable(poses[rows], times[rows])]
    if len(kept) < len(rows):
        off = np.setdiff1d(rows, kept)
        sentences.append(
            f"{source}: {_first_leap(poses[rows], times[rows], [names[n] for n in rows])}, which no car does; "
            f"{_without(len(off), len(names))}: {spans(names[n] for n in off)}"
        )
    known = set(kept.tolist())
    return [pose if index in known else None for index, pose in enumerate(poses)], sentences


def _how(bad: NDArray[np.float64]) -> str:
    """How the first of these poses [n, 4, 4] that has numbers is not rigid."""
    for pose in bad[np.isfinite(bad).all(axis=(1, 2))]:
        rotation = pose[:3, :3]
        scale = np.linalg.norm(rotation, axis=0)
        if np.linalg.det(rotation) < 0:
            return " (it mirrors: its axes are left-handed)"
        if np.abs(scale - 1).max() > 1e-4:
            return f" (its axes have the lengths {', '.join(f'{length:.4g}' for length in scale)}, not 1)"
        return " (its axes are not at right angles)" if not are_rigid(pose[None])[0] else ""
    return ""


def _without(count: int, of: int) -> str:
    return f"{count} of {of} frames {'is' if count == 1 else 'are'} used without a pose"


def _first_leap(poses: NDArray[np.float64], times: NDArray[np.float64], names: Sequence[str]) -> str:
    n = int(np.flatnonzero(~_reached(poses[:-1], poses[1:], np.diff(times)))[0])
    metres, degrees = (float(value) for value in _apart(poses[n], poses[n + 1]))
    return (
        f"from frame {names[n]} to {names[n + 1]} the poses move by {metres:.0f} m and {np.degrees(degrees):.0f} "
        f"degrees in {times[n + 1] - times[n]:.3g} s"
    )


def _shuttled(places: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of ``places`` [n, 3] a car would have to turn back at and again forth, harder than any can."""
    result = np.zeros(len(places), np.bool_)
    if len(places) < 4:
        return result
    steps, passed = np.diff(places, axis=0), np.diff(times)
    speeds = steps / passed[:, None]
    hard = np.linalg.norm(np.diff(speeds, axis=0), axis=1) > _HARDEST * (passed[1:] + passed[:-1]) / 2
    back = hard & ((steps[1:] * steps[:-1]).sum(axis=1) < 0) & (np.linalg.norm(steps, axis=1)[1:] > _JITTER)
    again = back[:-1] & back[1:]
    result[1:-2] |= again
    result[2:-1] |= again
    return result


def _drivable(poses: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of the largest set of ``poses`` in which a car can have come from each to the next; the earliest of
    several. Rows between which there is no leap stay together."""
    if len(poses) < 2:
        return np.arange(len(poses))
    begins = np.concatenate([[0], np.flatnonzero(~_reached(poses[:-1], poses[1:], np.diff(times))) + 1])
    ends = np.append(begins[1:], len(poses))
    best = np.zeros(len(begins), np.int64)
    before = np.full(len(begins), -1)
    for n, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        last = ends[:n] - 1
        from_here = np.where(_reached(poses[last], poses[begin], times[begin] - times[last]), best[:n], 0)
        if n and from_here.max() > 0:
            before[n] = int(from_here.argmax())
        best[n] = end - begin + (from_here[before[n]] if before[n] >= 0 else 0)
    parts = []
    n = int(best.argmax())
    while n >= 0:
        parts.append(np.arange(begins[n], ends[n]))
        n = int(before[n])
    return np.concatenate(parts[::-1])


def _reached(a: NDArray[np.float64], b: NDArray[np.float64], passed: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a car can be at ``b`` [n, 4, 4] ``passed`` [n] seconds after it was at ``a``."""
    distance, angle = _apart(a, b)
    return np.asarray((distance <= _FASTEST * passed + _SLACK[0]) & (angle <= _SPINNING * passed + _SLACK[1]))


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres and radians from ``a`` to ``b`` [n, 4, 4]."""
    turned = np.trace(a[..., :3, :3].swapaxes(-1, -2) @ b[..., :3, :3], axis1=-2, axis2=-1)
    angle = np.arccos(np.clip((turned - 1) / 2, -1, 1))
    return np.linalg.norm(b[..., :3, 3] - a[..., :3, 3], axis=-1), np.asarray(angle)
