"""The command line. Each command is a file of this folder; heavy libraries are imported when a command runs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from occlabel._version import __version__
from occlabel.pipeline.cli.bench import app as bench_app
from occlabel.pipeline.cli.calibrate import calibrate
from occlabel.pipeline.cli.compare import compare
from occlabel.pipeline.cli.demo import demo
from occlabel.pipeline.cli.evaluate import evaluate
from occlabel.pipeline.cli.export import export
from occlabel.pipeline.cli.fetch_weights import fetch_weights
from occlabel.pipeline.cli.front import DEBUG, App, carry_out, end_at_once
from occlabel.pipeline.cli.logs import app as logs_app
from occlabel.pipeline.cli.loop import loop
from occlabel.pipeline.cli.map import map_
from occlabel.pipeline.cli.plan import plan
from occlabel.pipeline.cli.replay import replay
from occlabel.pipeline.cli.report import report
from occlabel.pipeline.cli.review import app as review_app
from occlabel.pipeline.cli.run import run
from occlabel.pipeline.cli.simulate import simulate
from occlabel.pipeline.cli.status import status
from occlabel.pipeline.cli.tracks import tracks
from occlabel.pipeline.cli.train import app as train_app
from occlabel.pipeline.cli.versions import app as versions_app
from occlabel.pipeline.cli.view import view

app = App(name="occlabel", help="Turns drive logs into versioned 3D occupancy labels. Start with: occlabel demo")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"occlabel {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version of occlabel.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of what ends a command; OCCLABEL_DEBUG=1 does so too.")
    ] = False,
) -> None:
    """Turns drive logs into versioned 3D occupancy labels. Start with: occlabel demo"""
    if debug:
        os.environ[DEBUG] = "1"


app.add_typer(logs_app, name="logs")
app.command()(simulate)
app.command()(fetch_weights)
app.command()(plan)
app.command()(run)
app.command()(status)
app.add_typer(versions_app, name="versions")
app.add_typer(review_app, name="review")
app.command()(evaluate)
app.command()(compare)
app.command()(report)
app.command()(calibrate)
app.command()(export)
app.command()(tracks)
app.command("map")(map_)
app.add_typer(train_app, name="train")
app.command()(loop)
app.add_typer(bench_app, name="bench")
app.command()(view)
app.command()(replay)
app.command()(demo)


def main() -> None:
    """Runs a command; see ``front.carry_out`` for how it ends."""
    try:
        carry_out(app)
    except SystemExit as end:
        end_at_once(end.code)
        raise
