"""``occlabel status``: what a store holds and what its runs did."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.pipeline.cli.options import AsJson

if TYPE_CHECKING:
    from occlabel.pipeline.running.history import RunState
    from occlabel.workers.store import Store

_RUNS, _ENTRIES = 10, 20
"""So many of the newest are shown."""


def status(
    store: Annotated[str, typer.Argument(metavar="STORE", help="A folder or a URL.")], as_json: AsJson = False
) -> None:
    """Show runs (going on, ended, killed), committed clips, versions and quarantine of a store: the newest of them,
    and how many there are more; --json has all."""
    from occlabel.pipeline.published.spec import existing_store
    from occlabel.pipeline.published.version import version_names
    from occlabel.pipeline.running.history import run_states
    from occlabel.workers.ledger import Ledger

    target = existing_store(store)
    runs = run_states(target, lambda said: typer.echo(said, err=True))
    committed, ledger = Counter[str](), Ledger(target)
    for stage, fingerprint, log in target.artifacts():
        committed[stage] += len(ledger.committed(stage, fingerprint, log))
    quarantine = {run: target.names(f"quarantine/{run}")[1] for run in target.names("quarantine")[0]}
    if as_json:
        facts = {
            "runs": [{**state.model_dump(), "silent": state.silent} for state in runs],
            "committed_clips": dict(committed),
            "versions": version_names(target),
            "quarantine": quarantine,
        }
        typer.echo(json.dumps(facts, indent=1))
        return
    _print_runs(runs)
    typer.echo("committed clips: " + (", ".join(f"{stage} {n}" for stage, n in sorted(committed.items())) or "none"))
    typer.echo("versions: " + (", ".join(version_names(target)) or "none"))
    _print_quarantine(target, quarantine, {state.run: state for state in runs})


def _print_runs(runs: Sequence[RunState]) -> None:
    """The newest that labelled and the jobs that go on, each in a line; of other jobs how many there were."""
    from occlabel.schemas.words import counted

    labelled, jobs = [state for state in runs if state.job is None], [state for state in runs if state.job is not None]
    if (before := len(labelled) - _RUNS) > 0:
        typer.echo(f"{counted(before, 'run')} before these; --json has all")
    going_on = [state for state in jobs if state.state == "running" and not state.silent]
    for state in sorted([*labelled[-_RUNS:], *going_on], key=lambda state: state.started):
        typer.echo(_sentence(state))
    if len(ended := [state for state in jobs if state not in going_on]):
        kinds = ", ".join(f"{name} {n}" for name, n in sorted(Counter(state.job for state in ended).items()))
        failed = sum(state.state != "complete" for state in ended)
        typer.echo(f"jobs that ended: {kinds}" + (f"; {failed} of them not complete, see --json" if failed else ""))


def _print_quarantine(store: Store, entries: Mapping[str, Sequence[str]], runs: Mapping[str, RunState]) -> None:
    """What went wrong and in which run, as that said it; a later one may have done it well."""
    from occlabel.pipeline.running.quarantine import told

    places = [(run, f"quarantine/{run}/{name}") for run, names in entries.items() for name in names]
    if (before := len(places) - _ENTRIES) > 0:
        typer.echo(f"quarantine: {before} before these, in {store.location}/quarantine")
    for run, path in places[-_ENTRIES:]:
        of = f"{runs[run].what}, run {run}" if run in runs else f"run {run}"
        typer.echo(f"quarantine of {of}: " + "\n".join(told(store, path)))


def _sentence(state: RunState) -> str:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(state.started))
    stages = ", ".join(f"{s.stage} {s.done}/{s.total}" for s in state.stages)
    if not stages and state.state not in ("running", "aborted"):
        stages = "all was labelled before"
    what = "killed (it says it is running, and is silent)" if state.silent else state.state
    why = f" ({state.message})" if state.message else ""
    done = "; ".join(filter(None, (f"{what}{why}", stages, f"{state.seconds:.0f} s")))
    return f"run {state.run} (started {started} UTC, {state.what}): {done}"
