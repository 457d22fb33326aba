"""Two versions held against each other: why they differ, where, and which is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.diff.diff import VersionDiff, diff_versions
from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.quality.benchmark import BENCHMARKS
from occlabel.pipeline.quality.compare.against_truth import AgainstTruth, against_truth, asked, rules_for
from occlabel.pipeline.quality.compare.changes import WHOLE, LogChanges
from occlabel.pipeline.quality.compare.job import CompareLog, opened
from occlabel.pipeline.quality.evaluate import FRAMES_WORTH_RAY
from occlabel.pipeline.quality.stores import kept_in
from occlabel.pipeline.running.given import refuse_no_workplace
from occlabel.pipeline.running.jobs import run_job
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arguments import is_a, maps_classes, one_of, refuse_none
from occlabel.schemas.errors import BadPredictions, BadRecipe
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.words import counted, inflected, meant
from occlabel.stages.evaluation.changes import Changed, by_class, shares
from occlabel.stages.evaluation.object_changes import IdChanges, id_changes, objects_by_class

_HEAT_CELLS = 64
"""Of the heat map in JSON along its longer side."""
_WORST_FRAMES = 50


@dataclass(frozen=True)
class Comparison:
    """From the version a to the version b."""

    diff: VersionDiff
    """What their manifests say: options, weights, code, logs and frames."""
    space: LabelSpace
    """Of a; b is looked at in it."""
    logs: dict[str, LogChanges]
    """What changed in the voxels of each log that both have."""
    failed: dict[str, str]
    """Logs whose voxels could not be compared -> why."""
    truth: AgainstTruth | None = None
    """Both scores, where truth was given."""

    @property
    def sound(self) -> bool:
        """Whether everything that both have could be read."""
        damaged = any(log.damaged for log in self.logs.values())
        return not (self.failed or damaged or (self.truth is not None and self.truth.failed))

    @property
    def frames(self) -> int:
        """That were compared."""
        return sum(len(log.frames) for log in self.logs.values())

    def counts(self, range_: str = WHOLE) -> NDArray[np.int64]:
        """[class in a, class in b] over all logs; the last class is unknown."""
        return np.sum([log.ranges[range_] for log in self.logs.values()], axis=0)

    def changed(self, range_: str = WHOLE) -> Changed:
        """Voxels by what became of them."""
        return shares(self.counts(range_), self.space.taxonomy.free_id)

    @property
    def objects(self) -> NDArray[np.int64]:
        """[class in a, class in b] of objects; the last class is none: not there."""
        return np.sum([log.objects for log in self.logs.values()], axis=0)

    @property
    def with_objects(self) -> int:
        """Frames in which both have objects, or said that there are none."""
        return sum(log.with_objects for log in self.logs.values())

    @property
    def objects_changed(self) -> bool:
        """Whether any is in one alone, or another class in the other."""
        return bool(self.objects.sum() > self.objects.trace())

    @property
    def ids(self) -> IdChanges:
        return sum((id_changes(log.ids) for log in self.logs.values()), IdChanges(0, 0, 0, 0))

    @property
    def ranges(self) -> list[str]:
        return list(next(iter(self.logs.values())).ranges)

    @property
    def heat(self) -> NDArray[np.float64]:
        """[x, y]: changed voxels in each column of the grid of a, per frame."""
        return np.sum([log.heat for log in self.logs.values()], axis=0) / max(self.frames, 1)

    def worst_logs(self) -> list[tuple[str, float]]:
        """(log, share of its occupied voxels that changed), the largest first."""
        found = [(log, shares(c.ranges[WHOLE], self.space.taxonomy.free_id)) for log, c in self.logs.items()]
        return sorted(((log, c.changed_occupied / max(c.occupied, 1)) for log, c in found), key=lambda item: -item[1])

    def worst_frames(self) -> list[tuple[str, str, float]]:
        """(log, frame, share of its occupied voxels that changed), the largest first."""
        rows = [
            (log, name, float(changed / max(occupied, 1)))
            for log, found in self.logs.items()
            for name, (changed, occupied) in zip(found.frames, found.by_frame.tolist(), strict=True)
        ]
        return sorted(rows, key=lambda row: -row[2])

    def facts(self) -> dict[str, Any]:
        """For JSON: everything that a report is drawn from."""
        facts: dict[str, Any] = {"a": self.diff.a, "b": self.diff.b, "manifests": self.diff.facts()}
        damaged = [sentence for log in self.logs.values() for sentence in log.damaged]
        facts["voxels"] = {
            "frames": self.frames,
            "damaged": damaged,
            "failed": self.failed,
            "grid": self.space.grid.model_dump(mode="json"),
            "classes": [[entry.name, list(entry.colour)] for entry in self.space.taxonomy.classes],
            "ranges": {name: self._range(name) for name in self.ranges},
            "heat": self._coarse_heat(),
            "logs": [{"log": log, "share_of_occupied": share} for log, share in self.worst_logs()],
            "worst_frames": [
                {"log": log, "frame": frame, "share_of_occupied": share}
                for log, frame, share in self.worst_frames()[:_WORST_FRAMES]
            ],
        }
        if self.with_objects:
            per_class = objects_by_class(self.objects, self.space.taxonomy)
            facts["objects"] = {"frames": self.with_objects, "per_class": per_class, "ids": vars(self.ids)}
        return facts if self.truth is None else facts | {"truth": self.truth.facts()}

    def _range(self, name: str) -> dict[str, Any]:
        counts = self.counts(name)
        classes = by_class(counts, self.space.taxonomy)
        return {**self.changed(name).facts(), "per_class": classes, "confusion": counts.tolist()}

    def _coarse_heat(self) -> dict[str, Any]:
        """Changed voxels per frame in square cells; rows go along x, numbers in a row along y."""
        heat, grid = self.heat, self.space.grid
        step = -(-max(heat.shape) // _HEAT_CELLS)
        padded = np.pad(heat, [(0, -n % step) for n in heat.shape])
        cells = padded.reshape(padded.shape[0] // step, step, -1, step).sum(axis=(1, 3))
        return {"origin": list(grid.origin[:2]), "cell": step * grid.voxel_size, "changed": np.round(cells, 3).tolist()}

    def sentences(self) -> Iterator[str]:
        """The most important first."""
        if self.truth is not None:
            yield from self.truth.sentences()
        yield from self.diff.sentences()
        found = self.changed()
        yield (
            f"voxels of {counted(self.frames, 'frame')}: {_percent(found.changed_occupied, found.occupied)} of the "
            f"occupied changed, {_percent(found.changed, found.voxels)} of all: {found.other_class:,} have another "
            f"class, {found.appeared:,} appeared, {found.vanished:,} vanished, {found.became_unknown:,} became "
            f"unknown, {found.became_known:,} became known"
        )
        if self.with_objects:
            yield from self._of_objects()
        for log in self.logs.values():
            yield from (f"error: not compared: {sentence}" for sentence in log.damaged[:3])
        yield from (f"error: log {log} is not compared: {why}" for log, why in self.failed.items())

    def _of_objects(self) -> Iterator[str]:
        counts, ids = self.objects, self.ids
        both = counts[:-1, :-1]
        yield (
            f"objects of {counted(self.with_objects, 'frame')}: {counts[:-1].sum():,} and {counts[:, :-1].sum():,}; "
            f"{both.sum():,} are in both, {both.sum() - both.trace():,} of these as another class, "
            f"{counts[:-1, -1].sum():,} vanished, {counts[-1, :-1].sum():,} appeared"
        )
        if ids.renumbered or ids.split or ids.joined:
            yield (
                f"ids: of {ids.ids:,} that are found again {ids.renumbered:,} "
                f"{inflected(ids.renumbered, 'has', 'have')} another number, {ids.split:,} "
                f"{inflected(ids.split, 'is', 'are')} several now; {ids.joined:,} of now "
                f"{inflected(ids.joined, 'was', 'were')} several before"
            )


def compare(
    a: str | Path | PublishedVersion,
    b: str | Path | PublishedVersion,
    truth: Path | str | None = None,
    format: Format | None = None,
    *,
    logs: Sequence[str] | None = None,
    told: dict[str, str | None] | None = None,
    workplace: Workplace = Workplace("local"),
    quiet: bool = True,
) -> Comparison:
    """What differs from version ``a`` to version ``b`` (STORE@VERSION, or opened), of one store or of two.

    With ``truth``, a root of voxel truth, both are scored in the frames that both have, by the rules of ``format``
    (that of the classes of ``a`` by default). ``told`` says what classes are that have no namesake in ``a`` or in the
    truth.
    What was counted is kept in the stores, where they can be written: the same comparison again reads it. Raises an
    OcclabelError for an argument of another kind, for names in ``told`` that are no classes, and when there is nothing
    to compare.
    """
    _refuse_unfit(a, b, truth, format)
    maps_classes(told)
    refuse_no_workplace(workplace)
    before, after = (spec if isinstance(spec, PublishedVersion) else open_version(spec) for spec in (a, b))
    rules = None if truth is None else format or rules_for(before)
    _refuse_unknown(told or {}, before, after, rules)
    opened.cache_clear()  # what lies there may be another than when this process asked before
    pair = opened(before.spec, after.spec, tuple(sorted((told or {}).items())))
    chosen = _common(before, after, logs)
    if not any(pair.common(log) for log in chosen):
        raise BadPredictions(f"{before.spec} and {after.spec} have no frame of the logs {', '.join(chosen)} in common")
    job = CompareLog(a=before.spec, b=after.spec, told=tuple(sorted((told or {}).items())))
    place = workplace
    if workplace == Workplace("ray") and sum(job.frames(log) for log in chosen) < FRAMES_WORTH_RAY:
        place = Workplace("local")
    with kept_in(before, after) as stores:
        done = run_job(job, chosen, stores[1], place, quiet=quiet)
        counted = {log: LogChanges.from_bytes(result) for log, result in done.results.items()}
        if not any(log.frames for log in counted.values()):
            lost = [*done.failed.values(), *(sentence for log in counted.values() for sentence in log.damaged)]
            raise BadPredictions(f"no frame of both versions can be read: {'; '.join(lost[:5])}")
        found = None
        if truth is not None and rules is not None:
            question = asked(truth, rules, told or {})
            found = against_truth((before, after), (stores[0], stores[1]), question, chosen, (workplace, quiet))
    return Comparison(diff_versions(before, after), pair.a.space, counted, done.failed, found)


def _refuse_unfit(a: object, b: object, truth: object, format: object) -> None:
    for name, spec in (("a", a), ("b", b)):
        is_a(name, spec, str | Path | PublishedVersion, "STORE@VERSION, or an open version")
    is_a("truth", truth, str | Path | None, "the root of the truth, or None")
    if format is not None:
        one_of("format", format, get_args(Format))


def _refuse_unknown(
    told: Mapping[str, str | None], a: PublishedVersion, b: PublishedVersion, rules: Format | None
) -> None:
    """Raises BadRecipe for what is no class of either version, and for what it is called and is none of ``a`` or of the
    truth: it would say nothing."""
    names = a.space.taxonomy.names
    own = dict.fromkeys((*names, *b.space.taxonomy.names))
    others = dict.fromkeys(names if rules is None else (*names, *BENCHMARKS[rules].taxonomy.names))
    for name, other in told.items():
        if name not in own:
            raise BadRecipe(f"the map names the class {name!r}{meant(name, own)}; the versions have {', '.join(own)}")
        if other is not None and other not in others:
            near = meant(other, others)
            raise BadRecipe(f"the map calls {name!r} {other!r}{near}; it can be one of {', '.join(others)}")


def _common(a: PublishedVersion, b: PublishedVersion, asked_for: Sequence[str] | None) -> list[str]:
    both = sorted(set(a.logs) & set(b.logs))
    if asked_for is not None:
        refuse_none(asked_for, "logs")
    if unknown := sorted(set(asked_for or ()) - set(both)):
        raise BadPredictions(
            f"not both versions have log {', '.join(unknown)}; both have {', '.join(both[:20]) or 'none'}"
        )
    if not both:
        raise BadPredictions(
            f"{a.spec} has the logs {', '.join(a.logs[:10])}, {b.spec} has {', '.join(b.logs[:10])}: none in common, "
            "so there is nothing to compare"
        )
    return both if asked_for is None else sorted(set(asked_for))


def _percent(count: int, of: int) -> str:
    return f"{100 * count / max(of, 1):.2f}%"
