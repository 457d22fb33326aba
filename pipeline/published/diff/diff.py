"""What differs between two versions, and why, as their manifests say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from occlabel.pipeline.published.diff.change import Change
from occlabel.pipeline.published.diff.logs import LogDiff, Rows, log_diff, why_missing
from occlabel.pipeline.published.diff.recipes import chain_order, recipe_changes
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.arrays import ArraySpec
from occlabel.schemas.version import VersionInfo
from occlabel.schemas.words import counted, inflected

_MOST = 10
"""Logs that sentences name."""


@dataclass(frozen=True)
class VersionDiff:
    """From the version ``a`` to the version ``b``."""

    a: str
    """STORE@VERSION."""
    b: str
    changes: tuple[Change, ...]
    """What was done differently for all logs: options, weights, code, label space; what decides labels comes first."""
    added: dict[str, int]
    """Logs that only ``b`` has -> their frames."""
    removed: dict[str, str]
    """Logs that only ``a`` has -> why, where ``b`` says so."""
    logs: dict[str, LogDiff]
    """Those that both have."""
    arrays: tuple[tuple[str, ...], tuple[str, ...]]
    """That only ``a`` and only ``b`` publish."""
    traced: bool
    """Whether both keep the digests of their logs, so that one whose files differ is known."""
    same_digest: bool
    """Whether they publish the same values of the same frames."""

    @property
    def frames(self) -> int:
        """In both."""
        return sum(log.frames for log in self.logs.values())

    @property
    def changed(self) -> Counter[str]:
        """Array -> frames of both in which it holds other values."""
        return sum((Counter(log.changed) for log in self.logs.values()), Counter())

    @property
    def remade(self) -> list[LogDiff]:
        """Logs of both with an array that lies in another artifact."""
        return [log for log in self.logs.values() if log.remade]

    @property
    def unexplained(self) -> list[str]:
        """Logs that were made anew though nothing that the manifests keep differs."""
        return [log.log for log in self.remade if not all(log.remade.values())]

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "changes": [change.facts() for change in self.changes],
            "logs_added": self.added,
            "logs_removed": self.removed,
            "logs": {name: log.facts() for name, log in self.logs.items()},
            "arrays_removed": list(self.arrays[0]),
            "arrays_added": list(self.arrays[1]),
            "frames_in_both": self.frames,
            "frames_changed": dict(self.changed),
            "log_digests_known": self.traced,
            "same_labels": self.same_digest,
        }

    def sentences(self) -> Iterator[str]:
        """The most important first."""
        for change in self.changes:
            yield change.sentence + ("" if change.decides else " (decides no label)")
        own = [log for log in self.logs.values() if log.own]
        yield from (log.sentence() for log in own[:_MOST])
        if len(own) > _MOST:
            rest = len(own) - _MOST
            yield f"{counted(rest, 'more log')} {inflected(rest, 'differs itself', 'differ themselves')}: see --json"
        for names, what in ((self.removed, "removed"), (self.added, "added")):
            if names:
                yield f"logs {what}: {_listed(names)}"
        for arrays, what in zip(self.arrays, ("removed", "added"), strict=True):
            if arrays:
                yield f"arrays {what}: {', '.join(arrays)}"
        yield from self._made_anew()

    def _made_anew(self) -> Iterator[str]:
        if self.same_digest:
            yield "they hold the same labels of the same frames"
            return
        values = ", ".join(f"{array} {count}" for array, count in sorted(self.changed.items())) or "none"
        said = f"frames with other values, of {self.frames} in both: {values}"
        if self.remade:
            yield f"made anew: {len(self.remade)} of {counted(len(self.logs), 'log')} in both; {said}"
        elif self.changed:  # in two stores: by two machines, or by code that was changed and kept its version
            yield f"{said}, under the same fingerprints: the same work gave something else in the two stores"
        if self.unexplained:
            why = (
                "nothing that the versions keep differs" if self.traced
                else "the older one keeps no digests of logs, weights and code: their files may differ"
            )  # fmt: skip
            yield f"nobody says why these were made anew: {_listed(dict.fromkeys(self.unexplained, ''))} ({why})"


def diff_versions(a: PublishedVersion, b: PublishedVersion) -> VersionDiff:
    """By the manifests alone: no voxel is read. They may lie in different stores."""
    mine, other = _by_log(a), _by_log(b)
    changes, order = recipe_changes(a.info, b.info), chain_order(a.info, b.info)
    logs = {
        log: log_diff(log, (a.info, mine[log]), (b.info, other[log]), changes, order) for log in mine if log in other
    }
    return VersionDiff(
        a=a.spec,
        b=b.spec,
        changes=tuple(changes),
        added={log: len(rows) for log, rows in other.items() if log not in mine},
        removed={log: why_missing(b.info, log) for log in mine if log not in other},
        logs=logs,
        arrays=_arrays(a.info, b.info),
        traced=all(version.info.provenance.logs for version in (a, b)),
        same_digest=a.info.content_digest == b.info.content_digest,
    )


def equal_frames(a: PublishedVersion, b: PublishedVersion, log: str, array: ArraySpec[Any]) -> frozenset[str]:
    """Frames of ``log`` in both whose ``array`` was published with the same digest."""
    mine, other = ({f.name: f.row.arrays.get(array.name) for f in version.frames(log)} for version in (a, b))
    both = ((name, mine[name], other[name]) for name in mine if name in other)
    return frozenset(name for name, x, y in both if x is not None and y is not None and x.digest == y.digest)


def _by_log(version: PublishedVersion) -> dict[str, Rows]:
    result: dict[str, Rows] = {}
    for frame in version.frames():
        result.setdefault(frame.log, {})[frame.name] = frame.row
    return result


def _arrays(a: VersionInfo, b: VersionInfo) -> tuple[tuple[str, ...], tuple[str, ...]]:
    mine, other = a.arrays, b.arrays
    return tuple(sorted(set(mine) - set(other))), tuple(sorted(set(other) - set(mine)))


def _listed(names: dict[str, Any]) -> str:
    """The first, each with what is said of it."""
    told = [f"{name} ({said})" if isinstance(said, str) and said else name for name, said in names.items()]
    rest = len(told) - _MOST
    return ", ".join(told[:_MOST]) + (f" and {rest} more" if rest > 0 else "")
