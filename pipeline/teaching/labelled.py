"""Logs that are labelled for a training: what a recipe says of them is kept beside the weights, and what it could not
label is told."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from occlabel.pipeline.planning.kinds import SLOTS
from occlabel.pipeline.planning.recipe import Gates, Recipe
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion, open_version, version_names
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.stage import Stage
from occlabel.workers.store import Store

_TOLD = 5
"""Sentences about what was left out."""


def alone(recipe: Recipe, priors: Mapping[str, Stage], geometry: Stage | None = None) -> Recipe:
    """The ``priors`` and the ``geometry`` of ``recipe`` without its other stages: what is known of few frames is still
    worth learning from."""
    kept = {"priors": dict(priors), "geometry": geometry, "gates": Gates(min_labelled=0)}
    return recipe.model_copy(update={**dict.fromkeys(SLOTS), **kept})


def labelled(
    recipe: Recipe,
    reader: LogReader,
    store: Store,
    executor: str,
    lacking: str = "not learned from",
    *,
    own: bool = False,
) -> PublishedVersion:
    """What ``recipe`` says of the logs of ``reader``, as another version of ``store``; what is there is not computed
    again.

    What of a recipe of labels does not go together is told on stderr, unless it is the training's ``own``, with weights
    in it that nobody named, and logs and clips that are missing, with what
    becomes of them for ``lacking`` that. Raises BadLog where nothing was published.
    """
    # The next version, as logs may have come or changed since the last, and what failed then may be labelled now.
    version = str(len(version_names(store)) + 1)
    report = label_logs(recipe, reader, store, version, workplace=Workplace(executor))
    if not own and any(spec.name == SEMANTICS.name for step in recipe.chain for spec in step.stage.written):
        for caution in report.plan.cautions:
            print(f"caution: {caution}", file=sys.stderr, flush=True)
    left_out = _left_out(report)
    if report.info is None:
        raise BadLog(
            f"{reader.root} could not be labelled to learn from: {'; '.join([report.message, *left_out[:_TOLD]])}"
        )
    more = [f"{len(left_out) - _TOLD} more"] if len(left_out) > _TOLD else []
    for sentence in [*left_out[:_TOLD], *more]:
        print(f"{lacking}: {sentence}", file=sys.stderr, flush=True)
    return open_version(spec_of(store, version))


def frames_of(version: PublishedVersion | None, log: DriveLog) -> dict[str, PublishedFrame]:
    """By name; none of a log that is not in ``version``."""
    if version is None or log.id not in version.logs:
        return {}
    return {frame.name: frame for frame in version.frames(log.id)}


def _left_out(report: Report) -> list[str]:
    return [*report.plan.refused.values(), *(f"{entry.place}: {entry.error}" for entry in report.entries)]
