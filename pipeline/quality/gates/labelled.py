"""Labelling with gates: what is published is judged before it is the latest."""

from __future__ import annotations

from pathlib import Path

from occlabel.pipeline.planning.gates import Gates
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.spec import store_to_fill
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.gates.beforehand import logs_to_be, refuse_unjudgeable
from occlabel.pipeline.quality.gates.judge import judge_version
from occlabel.pipeline.running import label
from occlabel.pipeline.running.given import refuse_no_workplace, refuse_unfit
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.version import GateResult
from occlabel.workers.store import Store


def label_logs(
    recipe: Recipe,
    reader: LogReader,
    store: Store | Path | str,
    version: str,
    *,
    log_ids: list[str] | None = None,
    base: str | None = None,
    reader_name: str | None = None,
    workplace: Workplace = Workplace(),
    quiet: bool = False,
) -> label.Report:
    """Labels the logs, publishes ``version`` in ``store``, a folder or a URL, and asks the recipe's gates: it is the
    latest unless one blocks. With nothing left to do no executor is started. ``base`` names a version of the store (or
    a tag, or ``latest``) whose other logs are in the version too, by reference: their drive logs need not be there.

    Raises OcclabelError for an argument of another kind, a ``store`` that is STORE@VERSION, when the recipe or the
    workplace cannot work, no log can be labelled, the version exists with other content, the base has another log of
    one id or was labelled by another recipe, or what the gates hold the version against is not there or is of other
    logs.
    """
    refuse_unfit(recipe, reader, store, version, base, reader_name)
    refuse_no_workplace(workplace)
    target = store if isinstance(store, Store) else store_to_fill(str(store))
    refuse_unjudgeable(recipe.gates, recipe.taxonomy, lambda: logs_to_be(reader, target, log_ids, base))

    def judge(published: PublishedVersion, gates: Gates) -> tuple[GateResult, ...]:
        return judge_version(published, gates, workplace=workplace, quiet=quiet)

    return label.label_logs(
        recipe, reader, target, version, log_ids=log_ids, base=base, reader_name=reader_name, workplace=workplace,
        quiet=quiet, judge=judge,
    )  # fmt: skip
