"""Logs that are labelled for a training: what a recipe says of them is kept beside the weights, and what it could not
label is told."""

from __future__ import annotations

import hashlib
import sys

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion, open_version
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.workers.store import Store

_TOLD = 5
"""Sentences about what was left out."""


def labelled(
    recipe: Recipe, reader: LogReader, store: Store, version: str, executor: str, lacking: str = "not learned from"
) -> PublishedVersion:
    """What ``recipe`` says of the logs of ``reader``, as ``version`` of ``store``; what is there is not computed again.

    Logs and clips that it lacks are told on stderr, with what becomes of them for ``lacking`` that. Raises BadLog where
    nothing was published.
    """
    report = label_logs(recipe, reader, store, version, workplace=Workplace(executor))
    left_out = _left_out(report)
    if report.info is None:
        raise BadLog(
            f"{reader.root} could not be labelled to learn from: {'; '.join([report.message, *left_out[:_TOLD]])}"
        )
    more = [f"{len(left_out) - _TOLD} more"] if len(left_out) > _TOLD else []
    for sentence in [*left_out[:_TOLD], *more]:
        print(f"{lacking}: {sentence}", file=sys.stderr, flush=True)
    return open_version(spec_of(store, version))


def named(recipe: Recipe) -> str:
    """A name for a version of what ``recipe`` says."""
    return hashlib.blake2b(recipe.model_dump_json().encode(), digest_size=6).hexdigest()


def frames_of(version: PublishedVersion | None, log: DriveLog) -> dict[str, PublishedFrame]:
    """By name; none of a log that is not in ``version``."""
    if version is None or log.id not in version.logs:
        return {}
    return {frame.name: frame for frame in version.frames(log.id)}


def _left_out(report: Report) -> list[str]:
    return [*report.plan.refused.values(), *(f"{entry.place}: {entry.error}" for entry in report.entries)]
