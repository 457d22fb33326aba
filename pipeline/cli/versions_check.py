"""``occlabel versions check``: what the gates say of a version that is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.pipeline.cli.options import AsJson, Executor, ExecutorName

if TYPE_CHECKING:
    from occlabel.pipeline.running.console import Table
    from occlabel.schemas.version import GateResult


def check(
    version: Annotated[str, typer.Argument(metavar="STORE@VERSION", help="The version to judge.")],
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="Whose gates are asked; all that can be, by their defaults, when not given."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="gates.GATE.OPTION=VALUE", help="Tries another threshold; may be given again."),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="STORE@B", help="The version to hold it against; or: latest.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Root of voxel truth; with --against for regressions.")
    ] = None,
    as_json: AsJson = False,
    executor: Executor = ExecutorName.ray,
) -> None:
    """Ask the gates of a version without labelling anything: to choose thresholds, or to see why one blocks.

    What the gates count is kept in the store, so another threshold is asked in a moment. Nothing is decided: which
    version is the latest stays as it is. Exit code 4 when a gate blocks.
    """
    from occlabel.pipeline.planning.recipe_file import load_gates
    from occlabel.pipeline.published.judged import told
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.quality.gates.beforehand import refuse_unjudgeable
    from occlabel.pipeline.quality.gates.judge import judge_version
    from occlabel.pipeline.running.console import console
    from occlabel.pipeline.running.workplace import Workplace
    from occlabel.schemas.errors import BadRecipe

    gates = load_gates(recipe, set_ or [], against, truth)
    if not any(gates.judged()):
        raise BadRecipe(f"recipe {recipe} asks for no gate of a published version: add blocks to its gates")
    found = open_version(version)
    refuse_unjudgeable(gates, found.space.taxonomy)
    results = judge_version(found, gates, workplace=Workplace(executor.value), quiet=as_json)
    if as_json:
        rows = [{**result.model_dump(), "passed": result.passed} for result in results]
        typer.echo(json.dumps({"version": found.name, "gates": rows}, indent=1))
    else:
        console().print(_table(results), *told(results), sep="\n")
    if any(result.blocks for result in results):
        raise typer.Exit(4)


def _table(results: tuple[GateResult, ...]) -> Table:
    from rich.table import Column

    from occlabel.pipeline.running.console import Table

    table = Table("gate", "found", "asked", "", Column("what is worst", overflow="fold"))
    for one in results:
        found = "-" if one.found is None else f"{one.found:.4f}"
        verdict = "passes" if one.passed else "blocks" if one.blocks else "warns"
        table.add_row(one.gate, found, f"at {one.bound} {one.required:g}", verdict, one.said)
    return table
