"""``occlabel train``: train a model of a stage on logs with truth."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.options import LogsRoot, ReaderName, RecipeName

app = typer.Typer(help="Train a stage's model on logs with truth.", no_args_is_help=True)


@app.callback()
def train() -> None:
    """Train a stage's model on logs with truth."""


@app.command()
def completion(
    recipe: RecipeName,
    logs: LogsRoot,
    out: Annotated[Path, typer.Option("--out", help="The weight file to write (.safetensors).")],
    seed: Annotated[int, typer.Option(help="The same seed on the same logs gives the same weights.")] = 0,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where to train.")] = "cpu",
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps in all.")] = 6000,
    epoch: Annotated[int, typer.Option(min=1, help="Steps between two validations and checkpoints.")] = 500,
    batch: Annotated[int, typer.Option(min=1, help="Crops in a step.")] = 3,
    crop: Annotated[float, typer.Option(min=3.2, help="Edge of a crop in metres.")] = 38.4,
    rate: Annotated[float, typer.Option(min=1e-6, help="Highest learning rate.")] = 3e-3,
    start: Annotated[Path | None, typer.Option(help="A weight file to go on from. [default: from nothing]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint beside OUT.")] = False,
    reader: ReaderName = None,
) -> None:
    """Train the LiDAR completion network of a recipe's grid and taxonomy.

    Every tenth log is held out and scored after each epoch. Checkpoints and curves (CSV) lie in the folder beside OUT
    whose name ends with .training.
    """
    from pipeline.recipe import load_recipe
    from stages.completion.training import Options, train_completion
    from stages.ingest.recognise import open_logs

    options = Options(seed=seed, steps=steps, epoch_steps=epoch, batch=batch, crop=crop, rate=rate, start=start)
    command = shlex.join(["occlabel", *sys.argv[1:]])
    space = load_recipe(recipe).space
    facts = train_completion(space, open_logs(logs, reader), out, options, device, resume, command)
    typer.echo(f"{out}: " + ", ".join(f"{name} {facts[name]}" for name in ("network", "logs", "temperature")))
