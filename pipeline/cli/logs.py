"""``occlabel logs``: what drive logs hold, before anything is computed from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from occlabel.pipeline.cli.front import App
from occlabel.pipeline.cli.options import LAYOUTS, AsJson, LogIds, ReaderName, writable
from occlabel.schemas.errors import BadLog, OcclabelError
from occlabel.schemas.words import counted

if TYPE_CHECKING:
    from occlabel.schemas.drive_log import DriveLog, LogReader

_LOOKED = 32
"""Logs of which a list looks at scans, up to 16 of each."""
app = App(help="Say what drive logs hold, and draw their LiDAR into their cameras.")
Root = Annotated[Path, typer.Argument(metavar="DIR", help=f"Root of the drive logs: {LAYOUTS}.")]


@app.command("list")
def list_(root: Root, log: LogIds = None, reader: ReaderName = None, as_json: AsJson = False) -> None:
    """List the logs under DIR, one a line. A log that cannot be read is listed with the reason. Of more than 32, scans
    are not looked at: whether they can be read, and poses be right, is then for occlabel logs show to say, of one log.

    Exit code 1 when none can be read.
    """
    from occlabel.pipeline.delivery.pictures.log_facts import log_facts
    from occlabel.stages.ingest.recognise import open_logs

    logs = open_logs(root, reader)
    rows: list[dict[str, Any]] = []
    asked = log or logs.log_ids()
    looks = len(asked) <= _LOOKED
    for log_id in asked:
        try:
            drive = next(iter(logs.logs([log_id])))
            rows.append(log_facts(drive) | (_shown_by_scans(drive, logs) if looks else {}))
        except BadLog as error:
            rows.append({"id": log_id, "error": str(error)})
    bad = sum("error" in row for row in rows)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        unread = f", {bad} of them cannot be read" if bad else ""
        _print_list(rows, f"{counted(len(rows), 'log')} under {root}{unread}")
        if not looks:
            typer.echo(
                "warnings: without those that scans show, of so many logs; occlabel logs show --log ID looks at them"
            )
    if bad == len(rows):
        if not rows:
            typer.echo(f"{root} holds no logs", err=True)
        raise typer.Exit(1)


def _print_list(rows: list[dict[str, Any]], title: str) -> None:
    from rich.text import Text

    from occlabel.pipeline.running.console import Table, console

    table = Table("log", title=title)
    for name in ("frames", "s", "m", "scans", "cameras", "poses", "truth", "warnings"):
        table.add_column(name, justify="right", overflow="fold" if name == "truth" else "ellipsis")
    for row in rows:
        table.add_row(*([Text(row["id"], "red"), "-"] if "error" in row else _cells(row)))
    screen = console()
    screen.print(table)
    for row in rows:
        if "error" in row:
            screen.print(f"cannot be read: {row['error']}", style="red")


def _cells(row: dict[str, Any]) -> list[str]:
    distance = "-" if row["distance"] is None else f"{row['distance']:.0f}"
    truth = " ".join(kind for kind, count in row["truth"].items() if count) or "-"
    numbers = [row["frames"], f"{row['duration']:.1f}", distance, row["scans"], len(row["cameras"]), row["poses"]]
    return [row["id"], *map(str, numbers), truth, str(len(_warnings(row)))]


def _shown_by_scans(drive: DriveLog, logs: LogReader) -> dict[str, str | None]:
    """What is wrong by a few scans of the log, as a plan looks at them; None where nothing is."""
    from occlabel.pipeline.planning.catalogue import seen_of

    seen = seen_of(drive, logs)
    scans = sum(frame.sweep is not None for frame in drive.frames)
    return {
        "fault_of_poses": seen.poses.fault,
        "fault_of_scans": seen.none_read(scans),
        "broken_off": seen.broken_off(scans),
        "no_ground": seen.no_ground,
    }


def _warnings(facts: dict[str, Any]) -> list[str]:
    """Of its files and, where scans were looked at, of these and of its poses."""
    poses, scans, broken = facts.get("fault_of_poses"), facts.get("fault_of_scans"), facts.get("broken_off")
    said = f"its poses cannot be right: {poses}; the recipe needs geometry: {{kind: registration}}"
    shown = [scans, None if broken is None else f"{broken}: copy them again", facts.get("no_ground")]
    shown.append(None if poses is None else said)
    return [*facts["warnings"], *(text for text in shown if text is not None)]


@app.command()
def show(
    root: Root,
    log: Annotated[str | None, typer.Option("--log", help="The log; the first one when not given.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Draw LiDAR into the cameras, to this PNG.")] = None,
    frame: Annotated[
        int | None, typer.Option("--frame", min=0, help="Which frame to draw, counted from 0. [default: 0]")
    ] = None,
    reader: ReaderName = None,
    as_json: AsJson = False,
) -> None:
    """Show what one log holds; with --out, draw a frame's LiDAR projected into its cameras, coloured by depth.

    Points that sit on the edges of things in the picture mean that calibration and poses are understood.
    """
    from occlabel.pipeline.delivery.pictures.log_facts import log_facts
    from occlabel.stages.ingest.recognise import open_logs

    if out is None and frame is not None:
        raise OcclabelError("--frame says which frame to draw; name the picture with --out, or leave it out")
    writable("--out", out, (".png",))
    logs = open_logs(root, reader)
    drive, frame = _one(logs, log), frame or 0
    if frame >= len(drive.frames) and out is not None:
        held = counted(len(drive.frames), "frame")
        raise BadLog(f"log {drive.id} has {held}, counted from 0; there is no frame {frame}")
    facts = log_facts(drive) | _shown_by_scans(drive, logs)
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
    else:
        _print(facts)
    if out is not None:
        from occlabel.pipeline.delivery.pictures.overlay import draw_overlay

        draw_overlay(logs, drive, frame, out)
        typer.echo(f"wrote {out}", err=as_json)


def _one(logs: LogReader, log_id: str | None) -> DriveLog:
    if log_id is None:
        known = logs.log_ids()
        if not known:
            raise BadLog(f"{logs.root} holds no logs")
        log_id = known[0]
    return next(iter(logs.logs([log_id])))


def _known(camera: dict[str, Any]) -> str:
    """What of a camera is known, and what is not."""
    size = "of unknown size" if camera["width"] is None else f"{camera['width']}x{camera['height']}"
    lacks = [name for name in ("intrinsics", "extrinsics") if not camera[name]]
    placed = "" if camera["above_road"] is None else f", {camera['above_road']:g} m above the road"
    return size + placed + (f", without {' and '.join(lacks)}" if lacks else "")


def _print(facts: dict[str, Any]) -> None:
    from rich.table import Column

    from occlabel.pipeline.running.console import Table, console

    distance = "unknown: no poses" if facts["distance"] is None else f"{facts['distance']:.1f} m"
    table = Table("", Column(overflow="fold"), show_header=False, title=f"log {facts['id']}")
    table.add_row("frames", f"{facts['frames']} ({facts['first']} to {facts['last']})")
    table.add_row("duration", f"{facts['duration']:.1f} s")
    table.add_row("distance", distance)
    table.add_row("LiDAR scans", str(facts["scans"]))
    table.add_row("poses", str(facts["poses"]))
    for camera in facts["cameras"]:
        table.add_row(camera["name"], f"{counted(camera['images'], 'image')}, {_known(camera)}")
    for kind, count in facts["truth"].items():
        table.add_row(f"truth: {kind}", counted(count, "frame") if count else "none")
    screen = console()
    screen.print(table)
    for warning in _warnings(facts):
        screen.print(f"warning: {warning}", style="yellow")
