"""The command line. Each command is a file of this folder; heavy libraries are imported when a command runs."""

from __future__ import annotations

import sys

import typer

import pipeline.cli.logs
import pipeline.cli.train
import pipeline.cli.versions
from pipeline.cli.demo import demo
from pipeline.cli.evaluate import evaluate
from pipeline.cli.export import export
from pipeline.cli.plan import plan
from pipeline.cli.replay import replay
from pipeline.cli.run import run
from pipeline.cli.simulate import simulate
from pipeline.cli.status import status
from pipeline.cli.view import view
from schemas.errors import OcclabelError

app = typer.Typer(
    name="occlabel",
    help="Turns drive logs into versioned 3D occupancy labels. Start with: occlabel demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(pipeline.cli.logs.app, name="logs")
app.command()(simulate)
app.command()(plan)
app.command()(run)
app.command()(status)
app.add_typer(pipeline.cli.versions.app, name="versions")
app.command()(evaluate)
app.command()(export)
app.add_typer(pipeline.cli.train.app, name="train")
app.command()(view)
app.command()(replay)
app.command()(demo)


def main() -> None:
    """Runs a command. An OcclabelError is one sentence on stderr and exit code 1; wrong usage is exit code 2."""
    try:
        app()
    except OcclabelError as error:
        print(f"occlabel: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("occlabel: interrupted; what was committed stays, run the same command to go on", file=sys.stderr)
        raise SystemExit(1) from None
