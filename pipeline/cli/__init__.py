"""The command line. Each command is a file of this folder; heavy libraries are imported when a command runs."""

from __future__ import annotations

import sys

import typer

from pipeline.cli.bench import app as bench_app
from pipeline.cli.calibrate import calibrate
from pipeline.cli.demo import demo
from pipeline.cli.evaluate import evaluate
from pipeline.cli.export import export
from pipeline.cli.logs import app as logs_app
from pipeline.cli.map import map_
from pipeline.cli.plan import plan
from pipeline.cli.replay import replay
from pipeline.cli.run import run
from pipeline.cli.simulate import simulate
from pipeline.cli.status import status
from pipeline.cli.tracks import tracks
from pipeline.cli.train import app as train_app
from pipeline.cli.versions import app as versions_app
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
app.add_typer(logs_app, name="logs")
app.command()(simulate)
app.command()(plan)
app.command()(run)
app.command()(status)
app.add_typer(versions_app, name="versions")
app.command()(evaluate)
app.command()(calibrate)
app.command()(export)
app.command()(tracks)
app.command("map")(map_)
app.add_typer(train_app, name="train")
app.add_typer(bench_app, name="bench")
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
