"""``occlabel report``: everything about a version as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from occlabel.pipeline.cli.options import Executor, ExecutorName, ReaderName, writable
from occlabel.schemas.formats.appearing import write_whole

if TYPE_CHECKING:
    from occlabel.pipeline.delivery.report.content import Report as Content
    from occlabel.pipeline.delivery.report.gather import Sources
    from occlabel.pipeline.planning.gates import Gates
    from occlabel.pipeline.running.label import Report
    from occlabel.pipeline.running.workplace import Workplace
    from occlabel.schemas.drive_log import LogReader

PAGES = (".html", ".htm")


def report(
    version: Annotated[str, typer.Argument(metavar="STORE@VERSION", help="A version; the latest of a store.")],
    out: Annotated[Path, typer.Option("--out", metavar="HTML", help="The file to write.")],
    against: Annotated[
        str | None, typer.Option("--against", metavar="STORE@VERSION", help="A version to hold it against.")
    ] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="Score it against this root of voxel truth.")] = None,
    format: Annotated[
        Literal["semantickitti", "occ3d"] | None,
        typer.Option("--format", help="With --truth: whose rules and layout; that of the classes when not given."),
    ] = None,
    logs: Annotated[
        list[Path] | None, typer.Option("--logs", help="The logs, for pictures of their cameras; may be given again.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=0, max=40, help="How many frames are shown.")] = 12,
    reader: ReaderName = None,
    executor: Executor = ExecutorName.ray,
) -> None:
    """Write everything about a version as one HTML file that needs no network.

    Gates, scores by class and range, whether confidence means what it says, what changed from another version and which
    is better, the worst frames from above, in space and in the cameras, time by stage, quarantine with the commands
    that replay it, and where all of it comes from. The frames are those that changed most, or those furthest from the
    truth, or else those of which the labels are least sure, of each log in turn; of more than 200 frames every so
    manieth is looked at. Exit code 3 when labels could not be read: the page and the command name them.
    """
    from occlabel.pipeline.delivery.report.gather import Sources
    from occlabel.pipeline.running.workplace import Workplace
    from occlabel.schemas.errors import OcclabelError
    from occlabel.stages.ingest.recognise import open_logs

    if format is not None and truth is None:
        raise OcclabelError("--format says whose rules truth is scored by; add --truth, or leave it out")
    if reader is not None and not logs:
        raise OcclabelError("--reader is for the logs, whose images are shown: add --logs, or leave it out")
    writable("--out", out, PAGES, make=True)
    opened = open_logs(logs, reader) if logs else None
    if not write_report(version, Sources(against, truth, format, opened, frames, Workplace(executor.value)), out):
        raise typer.Exit(3)


def write_report(version: str, sources: Sources, out: Path, err: bool = False) -> bool:
    """Writes the page and says so, on stderr with ``err``; whether all labels could be read."""
    from occlabel.pipeline.delivery.report.gather import gather
    from occlabel.pipeline.delivery.report.page import page
    from occlabel.schemas.words import in_bytes

    found = gather(version, sources, lambda said: typer.echo(said, err=True))
    text = page(found)
    write_whole(out, text)
    typer.echo(f"wrote {out} ({in_bytes(len(text.encode()))})", err=err)
    say_notes(found)
    for said in found.look.damaged:
        typer.echo(f"occlabel: cannot be read: {said}", err=True)
    return found.sound


def say_notes(found: Content) -> None:
    """What the page could not show, on stderr."""
    for said in found.notes:
        typer.echo(f"occlabel: {said}", err=True)


def report_run(done: Report, gates: Gates, logs: LogReader, workplace: Workplace, out: Path) -> bool:
    """The page of what a run published, beside what was the latest before and the truth of its gates; whether there is
    one and all labels could be read. That there is none is said, and does not undo the run."""
    from occlabel.pipeline.delivery.report.gather import Sources
    from occlabel.pipeline.published.spec import spec_of
    from occlabel.pipeline.published.version import version_names
    from occlabel.schemas.errors import OcclabelError

    if done.info is None:
        typer.echo(f"no report is written to {out}: the run published nothing", err=True)
        return False
    before = "" if done.info.changes is None else done.info.changes.since
    against = spec_of(done.store, before) if before in version_names(done.store) else None
    try:
        sources = Sources(against, gates.truth, gates.format, logs, workplace=workplace)
        return write_report(spec_of(done.store, done.info.name), sources, out, err=True)
    except OcclabelError as error:
        typer.echo(f"occlabel: no report is written to {out}: {error}", err=True)
        return False
