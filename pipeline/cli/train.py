"""``occlabel train``: train a model of a stage on logs with truth."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from occlabel.pipeline.cli.options import LogsRoot, ReaderName, RecipeName

_Out = Annotated[Path, typer.Option("--out", help="The weight file to write (.safetensors).")]
_Seed = Annotated[int, typer.Option(help="The same seed on the same logs gives the same weights.")]
_Device = Annotated[Literal["cpu", "cuda"], typer.Option(help="Where to train.")]
_Executor = Annotated[Literal["ray", "local"], typer.Option(help="Who labels the logs before.")]
_Steps = Annotated[int, typer.Option(min=1, help="Optimizer steps in all.")]
_Epoch = Annotated[int, typer.Option(min=1, help="Steps between two validations and checkpoints.")]
_Start = Annotated[Path | None, typer.Option(help="A weight file to go on from. [default: from nothing]")]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint beside OUT.")]

app = typer.Typer(help="Train a stage's model on logs with truth.", no_args_is_help=True)


@app.callback()
def train() -> None:
    """Train a stage's model on logs with truth."""


@app.command()
def completion(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    seed: _Seed = 0,
    device: _Device = "cpu",
    steps: _Steps = 6000,
    epoch: _Epoch = 500,
    batch: Annotated[int, typer.Option(min=1, help="Crops in a step.")] = 3,
    crop: Annotated[float, typer.Option(min=3.2, help="Edge of a crop in metres.")] = 38.4,
    rate: Annotated[float, typer.Option(min=1e-6, help="Highest learning rate.")] = 3e-3,
    start: _Start = None,
    resume: _Resume = False,
    reader: ReaderName = None,
) -> None:
    """Train the LiDAR completion network of a recipe's grid and taxonomy.

    Every tenth log is held out and scored after each epoch. Checkpoints and curves (CSV) lie in the folder beside OUT
    whose name ends with .training.
    """
    from occlabel.pipeline.planning.recipe import load_recipe
    from occlabel.stages.completion.training import Options, train_completion
    from occlabel.stages.ingest.recognise import open_logs

    options = Options(seed=seed, steps=steps, epoch_steps=epoch, batch=batch, crop=crop, rate=rate, start=start)
    space = load_recipe(recipe).space
    facts = train_completion(space, open_logs(logs, reader), out, options, device, resume, _command())
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "logs", "temperature")))


@app.command()
def propagation(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    held_out: Annotated[
        Path | None, typer.Option(help="Root of more logs to hold out, for a better calibration.")
    ] = None,
    seed: _Seed = 0,
    device: _Device = "cpu",
    executor: _Executor = "ray",
    steps: _Steps = 4000,
    epoch: _Epoch = 500,
    batch: Annotated[int, typer.Option(min=1, help="Windows in a step.")] = 2,
    crop: Annotated[int, typer.Option(min=16, help="Edge of a crop in columns, a multiple of 16.")] = 128,
    patches: Annotated[int, typer.Option(min=1, help="Blocks of 2 x 2 columns learned of each refined frame.")] = 384,
    rate: Annotated[float, typer.Option(min=1e-6, help="Learning rate.")] = 1e-3,
    local: Annotated[int, typer.Option(min=1, help="Frames refined in one pass.")] = 4,
    references: Annotated[int, typer.Option(min=0, help="Distant frames shown besides.")] = 2,
    transformer: Annotated[bool, typer.Option(help="With the transformer.")] = True,
    spatial: Annotated[bool, typer.Option(help="With the embedding of relative coordinates.")] = True,
    temporal: Annotated[bool, typer.Option(help="With an embedding of time.")] = False,
    start: _Start = None,
    resume: _Resume = False,
    reader: ReaderName = None,
) -> None:
    """Train local propagation (DualFlow4D) on the labels of a recipe's completion.

    Labels the logs with the recipe's onboard model first. Every tenth log is held out and scored after each epoch.
    Labels, checkpoints and curves (CSV) lie in the folder beside OUT whose name ends with .training.
    """
    from occlabel.pipeline.planning.recipe import load_recipe
    from occlabel.pipeline.teaching.train_propagation import train
    from occlabel.stages.ingest.recognise import open_logs
    from occlabel.stages.propagation.dualflow4d import Parts
    from occlabel.stages.propagation.training import Options
    from occlabel.stages.propagation.windows import Reach

    options = Options(
        seed=seed, steps=steps, epoch_steps=epoch, batch=batch, crop=crop, patches=patches, rate=rate,
        parts=Parts(transformer, spatial, temporal), reach=Reach(local, references), start=start,
    )  # fmt: skip
    others = None if held_out is None else open_logs(held_out, reader)
    facts = train(
        load_recipe(recipe), open_logs(logs, reader), out, options, device, executor, resume, _command(), others
    )
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "onboard", "temperature")))


@app.command()
def instances(
    recipe: RecipeName,
    logs: LogsRoot,
    out: _Out,
    seed: _Seed = 0,
    device: _Device = "cpu",
    executor: _Executor = "ray",
    steps: _Steps = 3000,
    epoch: _Epoch = 500,
    batch: Annotated[int, typer.Option(min=1, help="Crops in a step.")] = 4,
    crop: Annotated[float, typer.Option(min=3.2, help="Edge of a crop in metres.")] = 38.4,
    queries: Annotated[int, typer.Option(min=1, help="Queries of a crop.")] = 48,
    rate: Annotated[float, typer.Option(min=1e-6, help="Highest learning rate.")] = 1e-3,
    decoupled: Annotated[bool, typer.Option(help="Learn shapes from the true centre of an object.")] = True,
    damaged: Annotated[float, typer.Option(min=0, max=1, help="Share of the crops with labels made worse.")] = 0.5,
    assignment: Annotated[
        Literal["nearest", "exact"], typer.Option(help="Of an object's voxels to a query's points.")
    ] = "nearest",
    start: _Start = None,
    resume: _Resume = False,
    reader: ReaderName = None,
) -> None:
    """Train the object module (OffsetOcc) on refined labels, for a recipe's grid and taxonomy.

    Labels the logs with the recipe's stages before instances first. Every tenth log is held out and scored after each
    epoch. Labels, checkpoints and curves (CSV) lie in the folder beside OUT whose name ends with .training.
    """
    from occlabel.pipeline.planning.recipe import load_recipe
    from occlabel.pipeline.teaching.train_instances import train
    from occlabel.stages.ingest.recognise import open_logs
    from occlabel.stages.instances.training import Options

    options = Options(
        seed=seed, steps=steps, epoch_steps=epoch, batch=batch, crop=crop, queries=queries, rate=rate,
        decoupled=decoupled, assignment=assignment, damaged=damaged, start=start,
    )  # fmt: skip
    facts = train(load_recipe(recipe), open_logs(logs, reader), out, options, device, executor, resume, _command())
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "labels", "objects")))


def _command() -> str:
    """What was typed, for the header of the weight file."""
    return shlex.join(["occlabel", *sys.argv[1:]])
