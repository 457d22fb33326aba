"""``occlabel loop``: what pseudo-labels of unlabelled logs are worth to an onboard model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from occlabel.pipeline.cli.options import Executor, ExecutorName, Overrides, ReaderName, RecipeName, writable_folder

_EPOCH = 500
"""Most steps between two validations."""
_RATE, _RATE_FROM_START = 3e-3, 5e-4
"""What weights know already is forgotten at a high rate."""

_Start = Annotated[
    Path | None,
    typer.Option(
        help="Weights of the onboard model that there is, or shipped; all rows go on from them. [default: from nothing]"
    ),
]
_Rate = Annotated[
    float | None,
    typer.Option(min=1e-6, help=f"Highest learning rate. [default: {_RATE}; {_RATE_FROM_START} with --start]"),
]
_Halfway = Annotated[
    bool, typer.Option("--halfway/--whole-way", help="With --start: whether rows end half-way back to it.")
]


def loop(
    recipe: RecipeName,
    labelled: Annotated[Path, typer.Option("--labelled", help="Root of logs with truth, which are learned from.")],
    unlabelled: Annotated[Path, typer.Option("--unlabelled", help="Root of logs that the recipe labels.")],
    held_out: Annotated[Path, typer.Option("--held-out", help="Root of logs with truth that are judged by.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of weights, labels and loop.json; to go on, the same.")],
    seeds: Annotated[int, typer.Option(min=1, help="How often each row is trained, from 0 on.")] = 3,
    start: _Start = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps of each training.")] = 1500,
    rate: _Rate = None,
    halfway: _Halfway = True,
    batch: Annotated[int, typer.Option(min=1, help="Crops in a step.")] = 3,
    truth: Annotated[
        Literal["voxels", "points"], typer.Option(help="What the labelled and the held-out logs have.")
    ] = "voxels",
    sure: Annotated[float, typer.Option(min=0, max=1, help="Least confidence of a label that is learned from.")] = 0.5,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where to train.")] = "cpu",
    set_: Overrides = None,
    executor: Executor = ExecutorName.ray,
    reader: ReaderName = None,
) -> None:
    """Train an onboard model on labelled logs alone, and with labels of unlabelled logs; print what these are worth.

    The rows: labelled logs alone; + the onboard model's own labels of the unlabelled logs; + those voted; + propagated
    and voted; + those of a model that looks at sweeps before and after a frame, through the whole recipe; + truth,
    where the unlabelled logs have some. The model that labels is the one of the labelled logs alone, of the same seed.
    All are trained with as many steps, from nothing, or from the weights --start, ending half-way between those and
    what was learned; --start as it was is then a row of its own. A label counts as much as it is confident, and less
    is made of what is rare than of truth; unknown voxels do not count.

    Two unlabelled frames for each labelled one are a good proportion. A killed loop goes on where it was.
    """
    from occlabel.pipeline.planning.recipe_file import load_recipe
    from occlabel.pipeline.teaching.loop import Loop, close_loop
    from occlabel.stages.completion.options import Options
    from occlabel.stages.ingest.recognise import open_logs

    writable_folder("--out", out)
    options = Options(
        truth=truth,
        start=start,
        steps=steps,
        epoch=-(-steps // -(-steps // _EPOCH)),
        rate=rate or (_RATE if start is None else _RATE_FROM_START),
        halfway=start is not None and halfway,
        batch=batch,
        sure=sure,
        device=device,
    )
    asked = Loop(
        load_recipe(recipe, set_),
        labelled=open_logs(labelled, reader),
        unlabelled=open_logs(unlabelled, reader),
        held_out=open_logs(held_out, reader),
        options=options,
        seeds=seeds,
        executor=executor.value,
    )
    table = close_loop(asked, out, lambda sentence: print(sentence, file=sys.stderr, flush=True))
    typer.echo("\n".join(table.lines()))
    typer.echo(f"wrote {out / 'loop.json'}")
