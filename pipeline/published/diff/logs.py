"""One log in two versions: its frames, its files, what was made anew, and what of that holds other values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from occlabel.pipeline.published.diff.change import Change, shortened
from occlabel.schemas.version import VersionFrame, VersionInfo

Rows = dict[str, VersionFrame]
"""The frames of one log of a version, by name."""


@dataclass
class LogDiff:
    """What differs in a log that both versions have."""

    log: str
    frames: int
    """In both."""
    changed: dict[str, int] = field(default_factory=dict)
    """Array -> frames of both in which it holds other values."""
    remade: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Array that lies in another artifact -> the sentences of all that can be why; none where nothing is known."""
    differs: tuple[str, ...] = ()
    """What of the log itself is another: "content", "poses, calibration or times", "input of STEP"."""
    added: tuple[str, ...] = ()
    """Frames that only the second version has."""
    removed: dict[str, str] = field(default_factory=dict)
    """Frames that only the first version has -> why, where the second says so."""
    damaged: tuple[str, ...] = ()
    """Files that could not be read for the second version alone: "000004: lidar: ... is truncated"."""
    mended: tuple[str, ...] = ()
    """The same for the first alone."""

    @property
    def equal(self) -> bool:
        """Whether it has the same labels of the same frames."""
        return not (self.changed or self.added or self.removed)

    @property
    def own(self) -> bool:
        """Whether the log itself is another, or has other frames."""
        return bool(self.differs or self.added or self.removed or self.damaged or self.mended)

    def sentence(self) -> str:
        """What of the log itself differs."""
        said = [f"its {what} differs" for what in self.differs]
        if self.removed:
            reasons = dict.fromkeys(why for why in self.removed.values() if why)
            why = f" ({'; '.join(reasons)})" if reasons else ""
            said.append(f"{_counted(list(self.removed))} missing now{why}")
        if self.added:
            said.append(f"{_counted(self.added)} new")
        if self.damaged:
            said.append(f"could not be read now: {_few(self.damaged)}")
        if self.mended:
            said.append(f"could not be read before: {_few(self.mended)}")
        return f"log {self.log}: {'; '.join(said)}"

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "frames": self.frames,
            "changed": self.changed,
            "remade": {array: list(why) for array, why in self.remade.items()},
            "differs": list(self.differs),
            "added": list(self.added),
            "removed": self.removed,
            "damaged": list(self.damaged),
            "mended": list(self.mended),
        }


def log_diff(
    log: str, a: tuple[VersionInfo, Rows], b: tuple[VersionInfo, Rows], changes: Sequence[Change], order: Sequence[str]
) -> LogDiff:
    """``a`` and ``b``: the versions and their frames of ``log``; ``changes`` are those of all logs, ``order`` the steps
    as the data flows."""
    (_, mine), (info, other) = a, b
    both = [name for name in mine if name in other]
    result = LogDiff(log, len(both), differs=origin_differs(log, a[0], info))
    result.added = tuple(name for name in other if name not in mine)
    result.removed = {name: why_missing(info, log) for name in mine if name not in other}
    result.damaged, result.mended = _only(other, mine), _only(mine, other)
    for array in dict.fromkeys(name for rows in (mine, other) for row in rows.values() for name in row.arrays):
        pairs = [(mine[name].arrays.get(array), other[name].arrays.get(array)) for name in both]
        # An array that only one of them has is no other value: ``VersionDiff.arrays`` names it.
        places = [(one, two) for one, two in pairs if one is not None and two is not None]
        if count := sum(one.digest != two.digest for one, two in places):
            result.changed[array] = count
        if any(one.path != two.path for one, two in places):
            result.remade[array] = _why(array, (a[0], info), changes, order, result.differs)
    return result


def _why(
    array: str, infos: tuple[VersionInfo, VersionInfo], changes: Sequence[Change], order: Sequence[str],
    differs: tuple[str, ...],
) -> tuple[str, ...]:  # fmt: skip
    """What can have decided another artifact: of the step that wrote it, and of those before it."""
    places = {name: place for place, name in enumerate(order)}
    writers = [info.arrays[array].stage for info in infos if array in info.arrays]
    last = max((places.get(writer, len(order)) for writer in writers), default=len(order))
    told = [change for change in changes if change.decides and places.get(change.step or "", -1) <= last]
    # Where anything else explains it, the device is none of the reasons: most stages are exact.
    sure = [change for change in told if change.what != "device"]
    reasons = [change.sentence for change in sure] + [f"the {what} of the log" for what in differs]
    return tuple(reasons or [change.sentence for change in told])


def origin_differs(log: str, a: VersionInfo, b: VersionInfo) -> tuple[str, ...]:
    """What of the log itself is another in the two versions, as ``LogDiff.differs``; nothing where nobody says."""
    mine, other = a.provenance.logs.get(log), b.provenance.logs.get(log)
    if mine is None or other is None:
        return ()
    found = [] if mine.content == other.content else ["content"]
    found += [] if mine.geometry == other.geometry else ["poses, calibration or times"]
    steps = (step for step in mine.extra if step in other.extra and mine.extra[step] != other.extra[step])
    # What a stage is told of a log follows from its files where these differ.
    return tuple(found or [f"input of {step}" for step in steps])


def why_missing(info: VersionInfo, log: str) -> str:
    """What the version says of frames of the log that it lacks."""
    reasons = [why for place, why in info.missing.items() if place == log or place.startswith(f"{log} ")]
    return "; ".join(dict.fromkeys(reasons))


def _only(rows: Rows, others: Rows) -> tuple[str, ...]:
    """Damage of frames that they do not have in the others."""
    return tuple(
        f"{name}: {damage}"
        for name, row in rows.items()
        for damage in row.damaged
        if name not in others or damage not in others[name].damaged
    )


def _counted(names: Sequence[str]) -> str:
    return f"frame {names[0]} is" if len(names) == 1 else f"{len(names)} frames ({_few(names, ', ')}) are"


def _few(names: Sequence[str], between: str = "; ", most: int = 3) -> str:
    rest = len(names) - most
    return between.join(map(shortened, names[:most])) + (f" and {rest} more" if rest > 0 else "")
