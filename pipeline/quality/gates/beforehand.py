"""Before any work: whether the gates of what is to be published can be judged at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from occlabel.pipeline.planning.gates import Gates
from occlabel.pipeline.published.base import open_base
from occlabel.pipeline.published.spec import LATEST
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.gates.table import GATES
from occlabel.pipeline.quality.gates.truth import truth_of
from occlabel.schemas.arguments import refuse_none
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.workers.store import Store

_NAMED = 5


def refuse_unjudgeable(gates: Gates, taxonomy: Taxonomy, logs: Callable[[], Collection[str]] | None = None) -> None:
    """Raises an OcclabelError where the other version is not there, or no truth for labels in the classes of
    ``taxonomy``; where a gate would block for it, also where none of the ``logs`` that a version is to have has
    truth."""
    asked = dict(gates.judged())
    if gates.against not in (None, LATEST) and any(GATES[name].against for name in asked):
        open_version(gates.against)
    scored = [options for name, options in asked.items() if name in ("score", "regression")]
    if gates.truth is None or not scored:
        return
    truth = truth_of(gates, taxonomy)
    if logs is None or all(options.action == "warn" for options in scored):
        return
    labelled, known = logs(), truth.log_ids()
    if labelled and not set(labelled) & set(known):
        raise BadLog(
            f"gates.truth: {gates.truth} has truth of the logs {_named(known)}, and none of what is to be labelled "
            f"({_named(labelled)}); name the root of its truth, or leave score and regression out"
        )


def logs_to_be(reader: LogReader, store: Store, log_ids: Sequence[str] | None, base: str | None) -> set[str]:
    """Ids of the logs that a version would have, as far as there are such. Raises StoreError where there is no such
    base."""
    found = set(reader.log_ids())
    if log_ids is not None:
        refuse_none(log_ids, "log_ids")
        found &= set(log_ids)
    if base is not None:
        found |= open_base(store, base, found).logs
    return found


def _named(logs: Collection[str]) -> str:
    more = f" and {len(logs) - _NAMED} more" if len(logs) > _NAMED else ""
    return ", ".join(sorted(logs)[:_NAMED]) + more
