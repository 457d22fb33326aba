"""Both versions against the same truth, in the same frames, by the counts of ``occlabel evaluate``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.benchmark import BENCHMARKS, rules_of
from occlabel.pipeline.quality.compare.verdict import LEAST_LOGS, Counts, Difference, differences
from occlabel.pipeline.quality.counting import LogCounts, Question
from occlabel.pipeline.quality.evaluate import EvaluateLog, counts_of, fresh
from occlabel.pipeline.quality.rules.rule import part
from occlabel.pipeline.quality.rules.voxels import VoxelRule
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.words import counted
from occlabel.stages.evaluation.scores import Scores
from occlabel.workers.store import Store


@dataclass(frozen=True)
class AgainstTruth:
    """Both scores and their difference."""

    frames: int
    """That are scored, the same in both versions."""
    logs: tuple[str, ...]
    range: str
    """Of the differences: the largest."""
    scores: tuple[dict[str, Scores], dict[str, Scores]]
    """Of a and of b, by range."""
    measures: dict[str, Difference]
    """"mIoU", "IoU", then the classes."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Logs that are not scored -> why: no truth in both, or labels that cannot be read."""
    failed: bool = False
    """Whether any of these is for labels that could not be read or scored."""
    by_log: tuple[Sequence[Counts], Sequence[Counts]] = ((), ())
    """Counts [prediction, truth] of each of ``logs``, of a and of b, over ``range``."""

    @property
    def verdict(self) -> str:
        """ "better", "worse" or "no difference that these logs can show"."""
        miou = self.measures["mIoU"]
        if not miou.shown:
            return "no difference that these logs can show"
        return "better" if miou.interval.value > 0 else "worse"

    @property
    def classes(self) -> dict[str, Difference]:
        """The worst regression first; classes of which there is no number, or none in either, last."""
        named = {name: found for name, found in self.measures.items() if name not in ("mIoU", "IoU")}
        values = {name: found.interval.value for name, found in named.items()}
        return {name: named[name] for name in sorted(named, key=lambda name: (math.isnan(values[name]), values[name]))}

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        a, b = ({name: scores.facts() for name, scores in found.items()} for found in self.scores)
        return {
            "verdict": self.verdict,
            "frames": self.frames,
            "logs": list(self.logs),
            "left_out": self.left_out,
            "range": self.range,
            "a": a,
            "b": b,
            "miou": self.measures["mIoU"].facts(),
            "iou": self.measures["IoU"].facts(),
            "per_class": {name: found.facts() for name, found in self.classes.items()},
        }

    def sentences(self) -> Iterator[str]:
        """The verdict, and the worst regression with the log that carries most of it."""
        over = f"{counted(len(self.logs), 'log')}, {counted(self.frames, 'frame')}"
        yield f"{self.verdict}: mIoU {_told(self.measures['mIoU'])} over {over}"
        if len(self.logs) < LEAST_LOGS:
            yield f"of {counted(len(self.logs), 'log')} none can be shown, whatever its size: that takes {LEAST_LOGS}"
        for name, found in list(self.classes.items())[:1]:
            if found.interval.value < 0:
                much = f", {100 * found.share:.0f}% of it in log {found.log}" if found.log is not None else ""
                sure = "" if found.shown else "; these logs do not show that it is more than chance"
                yield f"worst class: {name} {_told(found)}{much}{sure}"
        for log, why in self.left_out.items():
            yield f"log {log} is not scored: {why}"


def _told(found: Difference) -> str:
    """``42.10 -> 44.00, +1.90 (0.70 to 3.10)``, in percent."""
    value, low, high = (100 * getattr(found.interval, name) for name in ("value", "low", "high"))
    return f"{100 * found.a:.2f} -> {100 * found.b:.2f}, {value:+.2f} ({low:+.2f} to {high:+.2f})"


def against_truth(
    versions: tuple[PublishedVersion, PublishedVersion],
    stores: tuple[Store, Store],
    question: Question,
    logs: Sequence[str],
    work: tuple[Workplace, bool],
) -> AgainstTruth:
    """``stores``: where the counts of each are kept; ``work``: who does it, and whether quietly. Raises BadPredictions
    when no log can be scored in both, BadRecipe for truth in classes that nobody translates."""
    specs, counted, failed = [version.spec for version in versions], [], []
    for mine, other, store in ((specs[0], specs[1], stores[0]), (specs[1], specs[0], stores[1])):
        joined = fresh(mine, question, other)
        known = set(question.logs(joined))
        job = EvaluateLog(labels=mine, question=question, beside=other)
        found, lost = counts_of(job, [log for log in logs if log in known], store, *work)
        counted.append(found)
        failed.append(lost)
    left_out = {log: why for log in logs if (why := _why_not(log, counted, failed)) is not None}
    scored = [log for log in logs if log not in left_out]
    if not scored:
        raise BadPredictions(
            "there is nothing to score in both versions: "
            + "; ".join(f"log {log}: {why}" for log, why in list(left_out.items())[:10])
        )
    benchmark, taxonomy = BENCHMARKS[question.format], joined.target.taxonomy
    counts = [[part(VoxelRule.name, found[log].counts) for log in scored] for found in counted]
    ranges = [name.removeprefix("range ") for name in counts[0][0] if name.startswith("range ")]
    scores = [
        {name: benchmark.score(sum(c[f"range {name}"] for c in of_logs), taxonomy) for name in ranges}  # type: ignore[arg-type]
        for of_logs in counts
    ]
    a, b = ([c[f"range {ranges[-1]}"] for c in of_logs] for of_logs in counts)
    return AgainstTruth(
        frames=sum(counted[0][log].frames for log in scored),
        logs=tuple(scored),
        range=ranges[-1],
        scores=(scores[0], scores[1]),
        measures=differences(scored, a, b, benchmark.score, taxonomy),
        left_out=left_out,
        failed=any(failed) or any(c.damaged for found in counted for c in found.values()),
        by_log=(a, b),
    )


def _why_not(log: str, counted: list[dict[str, LogCounts]], failed: list[dict[str, str]]) -> str | None:
    for lost in failed:
        if log in lost:
            return lost[log]
    if any(log not in found for found in counted):
        return "the truth has no such log"
    if damaged := [sentence for found in counted for sentence in found[log].damaged]:
        return f"other frames of it are scored in one version than in the other: {damaged[0]}"
    return None if all(found[log].frames for found in counted) else "none of its frames has truth and both labels"


def rules_for(version: PublishedVersion) -> Format:
    """The benchmark whose classes the version has. Raises BadPredictions when it has others."""
    if (format := rules_of(version.space.taxonomy)) is not None:
        return format
    raise BadPredictions(
        f"{version.spec} has the classes of {version.space.taxonomy.name}, no benchmark's: say by --format whose rules "
        f"and truth it is scored by: {', '.join(BENCHMARKS)}"
    )


def asked(truth: Path | str, format: Format, told: dict[str, str | None]) -> Question:
    return Question(Path(truth).absolute(), format, "voxels", tuple(sorted(told.items())))
