"""``occlabel train``: train a model of a stage on logs with truth."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from occlabel.pipeline.cli.front import App
from occlabel.pipeline.cli.options import LogsRoot, LogsRoots, ReaderName, RecipeName, writable
from occlabel.pipeline.cli.training_options import offering
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.log_places import of_each_log, place_of
from occlabel.schemas.words import counted
from occlabel.stages.completion.drocc.options import Options as DrOccOptions
from occlabel.stages.completion.occany.options import Options as OccAnyOptions
from occlabel.stages.completion.options import Options as CompletionOptions
from occlabel.stages.completion.vipocc.options import Options as ViPOccOptions
from occlabel.stages.instances.options import Options as InstancesOptions
from occlabel.stages.priors.alignment.residual.options import Options as ResidualOptions
from occlabel.stages.priors.glance.options import Options as GlanceOptions
from occlabel.stages.propagation.options import Options as PropagationOptions

if TYPE_CHECKING:
    from occlabel.pipeline.planning.recipe import Recipe
    from occlabel.pipeline.teaching.held_out import Roots
    from occlabel.schemas.drive_log import LogReader

_Out = Annotated[Path, typer.Option("--out", help="The weight file to write (.safetensors).")]
_Executor = Annotated[Literal["ray", "local"], typer.Option(help="Who labels the logs before.")]
_HeldOut = Annotated[Path | None, typer.Option(help="Root of more logs to hold out, for a better calibration.")]
_AlsoHeldOut = Annotated[
    list[Path] | None, typer.Option("--held-out", help="Root of logs to hold out; may be given again.")
]

_WEIGHTS = (".safetensors",)

app = App(help="Train a stage's model on logs with truth.")


@app.callback()
def train() -> None:
    """Train a stage's model on logs with truth."""


@app.command()
@offering(CompletionOptions)
def completion(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    options: CompletionOptions,
    executor: _Executor = "ray",
    reader: ReaderName = None,
) -> None:
    """Train the LiDAR completion network of a recipe's grid and taxonomy, or adapt one to your logs.

    Every tenth log is held out and scored after each epoch; with --truth points or none and fewer than five logs, the
    last fifth of the frames of each. Checkpoints, curves (CSV) and labels lie in the folder beside OUT whose name ends
    with .training.

    --start shipped --truth points: learns from human labels of some frames' points. --start shipped --truth none: makes
    normalisation statistics those of the logs, labels them with the recipe and learns what it is sure of; with {log} in
    the name of OUT, such as adapted/{log}.safetensors, of each log by itself. Logs whose weights are there by the same
    recipe and options are passed over; exit code 3 when some could not be adapted to.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.teaching.train_completion import train
    from occlabel.stages.ingest.recognise import open_logs

    if of_each_log(out):
        _adapt_each(load_recipe(recipe), open_logs(logs, reader), out, options, executor)
        return
    writable("--out", out, _WEIGHTS)
    facts = train(load_recipe(recipe), open_logs(logs, reader), out, options, executor, _command())
    if "held_out" in facts:
        typer.echo(f"held out: {facts['held_out']}; that says less of other streets than a log of its own")
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "logs", "temperature")))


def _adapt_each(recipe: Recipe, reader: LogReader, out: Path, options: CompletionOptions, executor: str) -> None:
    from occlabel.pipeline.teaching.adapt_each import adapt_each

    if options.truth != "none":
        raise OcclabelError(f"--out {out}: weights of each log by itself are learned with --truth none; name one file")
    for log in reader.log_ids():
        writable("--out", place_of(out, log), _WEIGHTS, make=True)
    found = adapt_each(recipe, reader, out, options, executor, _command(), typer.echo)
    typer.echo(f"{out}: adapted to {counted(len(found.made), 'log')}; {counted(len(found.kept), 'log')} had theirs")
    for log, why in found.failed.items():
        typer.echo(f"error: log {log} has none: {why}")
    if found.failed:
        raise typer.Exit(3)


@app.command()
@offering(PropagationOptions)
def propagation(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    options: PropagationOptions,
    held_out: _HeldOut = None,
    executor: _Executor = "ray",
    reader: ReaderName = None,
) -> None:
    """Train local propagation (DualFlow4D) on the labels of a recipe's completion.

    Labels the logs with the recipe's onboard model first. Every tenth log is held out and scored after each epoch.
    Labels, checkpoints and curves (CSV) lie in the folder beside OUT whose name ends with .training.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.teaching.train_propagation import train

    _one_file(out)
    facts = train(load_recipe(recipe), _roots(logs, held_out, reader), out, options, executor, _command())
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "onboard", "temperature")))


@app.command()
@offering(InstancesOptions)
def instances(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    options: InstancesOptions,
    executor: _Executor = "ray",
    reader: ReaderName = None,
) -> None:
    """Train the object module (OffsetOcc) on refined labels, for a recipe's grid and taxonomy.

    Labels the logs with the recipe's stages before instances first. Every tenth log is held out and scored after each
    epoch. Labels, checkpoints and curves (CSV) lie in the folder beside OUT whose name ends with .training.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.teaching.train_instances import train
    from occlabel.stages.ingest.recognise import open_logs

    _one_file(out)
    facts = train(load_recipe(recipe), open_logs(logs, reader), out, options, executor, _command())
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "labels", "objects")))


@app.command()
@offering(GlanceOptions)
def glance(logs: LogsRoots, out: _Out, options: GlanceOptions, held_out: _AlsoHeldOut = None) -> None:
    """Train glance, the small network that sees depth and segments, on images of which both are known exactly.

    Logs are of occlabel simulate --priors exact, of either layout or both. Those of --held-out are scored after each
    epoch, or else every tenth log. Checkpoints and curves (CSV) lie in the folder beside OUT whose name ends with
    .training.
    """
    from occlabel.pipeline.teaching.train_glance import train

    _one_file(out)
    facts = train(logs, held_out or [], out, options, _command())
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "images", "steps")))


@app.command()
@offering(DrOccOptions)
def drocc(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    options: DrOccOptions,
    held_out: Annotated[Path | None, typer.Option(help="Root of logs to hold out, instead of every tenth.")] = None,
    executor: _Executor = "ray",
    reader: ReaderName = None,
) -> None:
    """Train Dr.Occ, the completion by cameras alone, for a recipe's grid and taxonomy.

    Logs are of occlabel simulate --priors exact: voxels and the depth of every pixel are known. Runs the recipe's
    priors first, so that the network learns from depth as wrong as it will be given. Every tenth log is held out and
    scored after each epoch. Depth, checkpoints and curves (CSV) lie in the folder beside OUT whose name ends with
    .training.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.teaching.train_drocc import train

    _one_file(out)
    facts = train(load_recipe(recipe), _roots(logs, held_out, reader), out, options, executor, _command())
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "logs", "held_out")))


@app.command(name="depth_alignment")
@offering(ResidualOptions)
def depth_alignment(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    options: ResidualOptions,
    held_out: Annotated[Path | None, typer.Option(help="Root of logs to hold out, instead of every tenth.")] = None,
    executor: _Executor = "ray",
    reader: ReaderName = None,
) -> None:
    """Train the residual of depth on what a recipe's alignment leaves over; no labels are needed.

    Runs the recipe's priors first, with half of the points of each sweep. The network learns from what neighbouring
    images show of each other by the poses, and from the other half of the points. Every tenth log is held out and
    scored after each epoch. Depth, checkpoints and curves (CSV) lie in the folder beside OUT whose name ends with
    .training.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.teaching.train_depth_alignment import train

    _one_file(out)
    facts = train(load_recipe(recipe), _roots(logs, held_out, reader), out, options, executor, _command())
    told = [f"{name} {facts[name]}" for name in ("network", "alignment", "abs_rel") if name in facts]
    typer.echo(f"{out}: {', '.join(told)}")


@app.command()
@offering(ViPOccOptions)
def vipocc(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    options: ViPOccOptions,
    held_out: Annotated[Path | None, typer.Option(help="Root of logs to hold out, instead of every tenth.")] = None,
    executor: _Executor = "ray",
    reader: ReaderName = None,
) -> None:
    """Train ViPOcc, a density field of single images, on video with poses; no labels are needed.

    Runs the recipe's priors first: depth, which the network aligns, and segments, which say where to look. Learns from
    what images show of each other by the poses. Every tenth log is held out and scored after each epoch, by depth at
    the points of sweeps where there are any. Depth, checkpoints and curves (CSV) lie in the folder beside OUT whose
    name ends with .training.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.teaching.train_vipocc import train

    _one_file(out)
    facts = train(load_recipe(recipe), _roots(logs, held_out, reader), out, options, executor, _command())
    told = [f"{name} {facts[name]}" for name in ("network", "images", "abs_rel") if name in facts]
    typer.echo(f"{out}: {', '.join(told)}")


@app.command()
@offering(OccAnyOptions)
def occany(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    options: OccAnyOptions,
    held_out: Annotated[Path | None, typer.Option(help="Root of logs to hold out, instead of every tenth.")] = None,
    executor: _Executor = "ray",
    reader: ReaderName = None,
) -> None:
    """Train OccAny, which completes what cameras see by views that no camera took, for a recipe's taxonomy.

    Logs are of occlabel simulate --priors exact: the depth of every pixel is known. Runs the recipe's priors first, so
    that the network learns from depth and segments as wrong as it will be given. Every tenth log is held out and
    scored after each epoch: which share of depths is right, also where no image showed anything, and which share of
    labels is glance's own. Priors, checkpoints and curves (CSV) lie in the folder beside OUT whose name ends with
    .training.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.teaching.train_occany import train

    _one_file(out)
    facts = train(load_recipe(recipe), _roots(logs, held_out, reader), out, options, executor, _command())
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "images", "held_out")))


def _one_file(out: Path) -> None:
    """Raises OcclabelError where the weights cannot be written to ``out``, or where that is to be many files."""
    if of_each_log(out):
        raise OcclabelError(
            f"--out {out}: one network is learned from all logs, so there is no {{log}} to name it by; name one file"
        )
    writable("--out", out, _WEIGHTS)


def _roots(logs: Path, held_out: Path | None, reader: str | None) -> Roots:
    from occlabel.pipeline.teaching.held_out import Roots
    from occlabel.stages.ingest.recognise import open_logs

    return Roots(open_logs(logs, reader), None if held_out is None else open_logs(held_out, reader))


def _command() -> str:
    """What was typed, for the header of the weight file."""
    return shlex.join(["occlabel", *sys.argv[1:]])
