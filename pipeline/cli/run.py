"""``occlabel run``: plan, execute, publish."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from occlabel.pipeline.cli.options import AsJson, LogIds, LogsRoot, Overrides, ReaderName, RecipeName, Skips, StorePath


class ExecutorName(StrEnum):
    """Who executes clips."""

    ray = "ray"
    local = "local"


def run(
    recipe: RecipeName,
    logs: LogsRoot,
    store: StorePath,
    version: Annotated[str, typer.Option("--version", help="Name of the label version to publish.")],
    log: LogIds = None,
    set_: Overrides = None,
    skip: Skips = None,
    reader: ReaderName = None,
    executor: Annotated[ExecutorName, typer.Option(help="ray: all cores or a cluster; local: this process.")] = (
        ExecutorName.ray
    ),
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="Join this Ray cluster instead of starting one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Label logs and publish a version. Run it again to go on where it stopped.

    Exit codes: 0 complete, 3 complete but for what is in quarantine, 4 a gate failed and nothing was published,
    1 aborted, 2 wrong usage.
    """
    from occlabel.pipeline.planning.recipe import load_recipe
    from occlabel.pipeline.running.label import EXIT_CODES, label_logs
    from occlabel.stages.ingest.recognise import open_logs
    from occlabel.workers.store import Store

    report = label_logs(
        load_recipe(recipe, set_, skip),
        open_logs(logs, reader),
        Store(store),
        version,
        log_ids=log,
        reader_name=reader,
        executor=executor.value,
        ray_address=ray_address,
        quiet=as_json,
    )
    if as_json:
        typer.echo(json.dumps(report.facts(), indent=1))
    else:
        report.print()
    raise typer.Exit(EXIT_CODES[report.state])
