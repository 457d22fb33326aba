"""``occlabel status``: what a store holds and what its runs did."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.pipeline.cli.options import AsJson

if TYPE_CHECKING:
    from occlabel.pipeline.running.history import RunState


def status(
    store: Annotated[str, typer.Argument(metavar="STORE", help="A folder or a URL.")], as_json: AsJson = False
) -> None:
    """Show runs (going on, ended, killed), committed clips, versions and quarantine of a store."""
    from collections import Counter

    from occlabel.pipeline.published.spec import existing_store
    from occlabel.pipeline.published.version import version_names
    from occlabel.pipeline.running.history import run_states
    from occlabel.schemas.words import command
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
    for state in runs[-10:]:
        typer.echo(_sentence(state))
    typer.echo("committed clips: " + (", ".join(f"{stage} {n}" for stage, n in sorted(committed.items())) or "none"))
    typer.echo("versions: " + (", ".join(version_names(target)) or "none"))
    for run, entries in quarantine.items():
        for entry in entries:
            typer.echo("quarantine: " + command("replay", f"{target.location}/quarantine/{run}/{entry}"))


def _sentence(state: RunState) -> str:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(state.started))
    stages = ", ".join(f"{s.stage} {s.done}/{s.total}" for s in state.stages)
    what = "killed (it says it is running, and is silent)" if state.silent else state.state
    why = f" ({state.message})" if state.message else ""
    return f"run {state.run} (started {started} UTC, {state.what}): {what}{why}; {stages}; {state.seconds:.0f} s"
