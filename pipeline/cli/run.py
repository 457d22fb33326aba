"""``occlabel run``: plan, execute, publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from occlabel.pipeline.cli.options import (
    AsJson,
    BaseName,
    Executor,
    ExecutorName,
    LogIds,
    LogsRoots,
    Overrides,
    ReaderName,
    RecipeName,
    Skips,
    StorePath,
    writable,
)
from occlabel.pipeline.cli.report import PAGES, report_run


def run(
    recipe: RecipeName,
    logs: LogsRoots,
    store: StorePath,
    version: Annotated[str, typer.Option("--version", help="Name of the label version to publish.")],
    base: BaseName = None,
    log: LogIds = None,
    set_: Overrides = None,
    skip: Skips = None,
    reader: ReaderName = None,
    executor: Executor = ExecutorName.ray,
    ray_address: Annotated[
        str | None,
        typer.Option("--ray-address", help="Join this Ray cluster (or that in RAY_ADDRESS) instead of starting one."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Clips worked on at once at most; all cores by default.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="HTML", help="Also write what occlabel report writes, beside the version before."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Label logs and publish a version. Run it again to go on where it stopped.

    Exit codes: 0 complete, 3 complete but for what is in quarantine, 4 a gate failed (the version is published and not
    the latest; where too little was labelled, nothing is published), 1 aborted, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM;
    3 too where --report could not write all of its page.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe, refuse_vain
    from occlabel.pipeline.published.spec import store_to_fill, version_name
    from occlabel.pipeline.quality.gates.labelled import label_logs
    from occlabel.pipeline.running.label import EXIT_CODES
    from occlabel.pipeline.running.workplace import Workplace
    from occlabel.stages.ingest.recognise import open_logs

    writable("--report", report, PAGES, make=True)
    name, target = version_name(version), store_to_fill(store)
    workplace = Workplace(executor.value, ray_address, workers)
    refuse_vain(set_, skip)
    chosen = load_recipe(recipe, set_, skip, lambda said: typer.echo(said, err=True))
    if executor is ExecutorName.local and "clip_seconds" in chosen.limits.model_fields_set:
        typer.echo(
            "limits.clip_seconds is not kept with --executor local: one process cannot end its own clip", err=True
        )
    opened = open_logs(logs, reader)
    done = label_logs(
        chosen, opened, target, name, log_ids=log, base=base, reader_name=reader, workplace=workplace, quiet=as_json
    )
    if as_json:
        typer.echo(json.dumps(done.facts(), indent=1))
    else:
        done.print()
    code = EXIT_CODES[done.state]
    if report is not None and not report_run(done, chosen.gates, opened, workplace, report):
        code = code or EXIT_CODES["quarantine"]
    raise typer.Exit(code)
