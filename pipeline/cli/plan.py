"""``occlabel plan``: what a run would do, and what would stop it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.pipeline.cli.options import (
    AsJson,
    BaseName,
    LogIds,
    LogsRoots,
    Overrides,
    ReaderName,
    RecipeName,
    Skips,
    StorePath,
)
from occlabel.schemas.words import counted

if TYPE_CHECKING:
    from occlabel.pipeline.planning.plan import Plan
    from occlabel.workers.store import Store


def plan(
    recipe: RecipeName,
    logs: LogsRoots,
    store: StorePath,
    version: Annotated[
        str | None, typer.Option("--version", help="Also say whether a run could publish under this name.")
    ] = None,
    base: BaseName = None,
    log: LogIds = None,
    set_: Overrides = None,
    skip: Skips = None,
    reader: ReaderName = None,
    as_json: AsJson = False,
) -> None:
    """Show what is done, what is left and what cannot work, without computing anything.

    Exit code 1 when a run would be refused: nothing can be labelled, the name is taken, or what the gates hold a
    version against is not there.
    """
    from occlabel.pipeline.planning.plan import make_plan
    from occlabel.pipeline.planning.recipe_file import load_recipe, refuse_vain
    from occlabel.pipeline.published.base import open_base
    from occlabel.pipeline.published.publish import refuse_taken
    from occlabel.pipeline.published.spec import store_to_fill, version_name
    from occlabel.pipeline.quality.gates.beforehand import logs_to_be, refuse_unjudgeable
    from occlabel.pipeline.running.workplace import Workplace
    from occlabel.stages.ingest.recognise import open_logs

    if version is not None:
        version_name(version)
    target = store_to_fill(store)

    def said(sentence: str) -> None:
        typer.echo(sentence, err=True)

    refuse_vain(set_, skip)
    chosen = load_recipe(recipe, set_, skip, said)
    opened = open_logs(logs, reader)
    refuse_unjudgeable(chosen.gates, chosen.taxonomy, lambda: logs_to_be(opened, target, log, base))
    result = make_plan(chosen, opened, target, log, Workplace().likely_device, said)
    if not target.exists():
        said(f"there is no store at {target.location} yet: a run makes it, a plan writes nothing")
    if as_json:
        typer.echo(json.dumps(plan_facts(result, target), indent=1))
    else:
        print_plan(result, target)
    held = None if base is None else open_base(target, base, (log.id for log in result.logs))
    if held is not None:
        held.refuse_other(result)
        for caution in held.cautions(result):
            said(f"caution: {caution}")
        held.refuse_lost()
    if version is not None:
        refuse_taken(target, result, version, base=held)
    if not result.logs:
        raise typer.Exit(1)


def plan_facts(result: Plan, store: Store) -> dict[str, object]:
    """The plan as plain values: what ``--json`` prints."""
    from occlabel.pipeline.running.history import seconds_per_frame

    rates = seconds_per_frame(store)
    rows = result.counts()
    for row in rows:
        rate = rates.get(str(row["stage"]))
        row["worker_seconds"] = None if rate is None else round(rate * int(row["frames"]), 1)  # type: ignore[assignment]
    return {
        "logs": len(result.logs),
        "frames": sum(log.frames for log in result.logs),
        "stages": rows,
        "todo": len(result.todo),
        "refused": result.refused,
        "cautions": list(result.cautions),
        "warnings": {log.id: list(log.warnings) for log in result.logs if log.warnings},
    }


def print_plan(result: Plan, store: Store) -> None:
    """The plan as a table, then every refusal and warning."""
    from occlabel.pipeline.running.console import Table, console

    facts = plan_facts(result, store)
    screen, frames = console(), sum(log.frames for log in result.logs)
    table = Table("stage", "kind", title=f"{counted(len(result.logs), 'log')}, {counted(frames, 'frame')}")
    for name in ("clips", "done", "to do", "data", "estimate"):
        table.add_column(name, justify="right")
    for row in facts["stages"]:  # type: ignore[attr-defined]
        seconds = row["worker_seconds"]
        estimate = "-" if seconds is None else f"{seconds:.0f} worker s"
        cells = [str(row[name]) for name in ("stage", "kind", "clips", "done", "todo")]
        table.add_row(*cells, f"{row['bytes'] / 2**20:.0f} MiB", estimate)
    screen.print(table)
    for caution in result.cautions:
        screen.print(f"caution: {caution}", style="yellow")
    for log_id, reason in result.refused.items():
        screen.print(f"refused: {reason if log_id in reason else f'{log_id}: {reason}'}", style="red")
    for log in result.logs:
        for warning in log.warnings:
            screen.print(f"warning: log {log.id}: {warning}", style="yellow")
