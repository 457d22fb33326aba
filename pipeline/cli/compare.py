"""``occlabel compare``: two versions held against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from occlabel.pipeline.cli.options import ClassMap, Executor, ExecutorName, LogIds, aside, writable
from occlabel.schemas.formats.appearing import write_whole
from occlabel.schemas.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from occlabel.pipeline.quality.compare.against_truth import AgainstTruth
    from occlabel.pipeline.quality.compare.compare import Comparison
    from occlabel.pipeline.running.console import Table

_MOST = 12
"""Classes in the table of voxels."""


def compare(
    before: Annotated[str, typer.Argument(metavar="STORE@A", help="A version.")],
    after: Annotated[str, typer.Argument(metavar="STORE@B", help="The version to hold against it.")],
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Score both against this root of voxel truth, and their difference.")
    ] = None,
    format: Annotated[
        Literal["semantickitti", "occ3d"] | None,
        typer.Option("--format", help="With --truth: whose rules and layout; that of the classes when not given."),
    ] = None,
    log: LogIds = None,
    map_: ClassMap = None,
    picture: Annotated[
        Path | None, typer.Option("--out", metavar="PNG", help="Also draw where voxels changed, from above.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write it as a page with the worst frames.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write everything as JSON; -: print it alone.")
    ] = None,
    executor: Executor = ExecutorName.ray,
) -> None:
    """Say what differs between two versions: why, in which voxels, and with --truth which is better.

    Why: the options, weights, code, logs and frames that differ, from the manifests. Which voxels: per class and range,
    in which logs and frames most. Which objects, where both versions have some: what is in both (IoU above 0.5), as
    another class or under another id. With --truth both are scored in the frames that both have, as occlabel evaluate
    scores them; the difference is called better or worse only where these logs show that it is more than chance.

    Voxels of another grid are looked up at the centres of those of A, other classes through --map. What was counted is
    kept in the stores: the same comparison again reads it. Exit code 3 when labels of either could not be read. The
    page of --html is that of occlabel report B --against A, which also takes logs for pictures of cameras.
    """
    from occlabel.pipeline.quality.compare.compare import compare as hold
    from occlabel.pipeline.running.console import console
    from occlabel.pipeline.running.workplace import Workplace
    from occlabel.schemas.errors import OcclabelError
    from occlabel.schemas.taxonomy_map import read_map

    if format is not None and truth is None:
        raise OcclabelError("--format says whose rules truth is scored by; add --truth, or leave it out")
    if page is not None and (map_ is not None or log):
        raise OcclabelError("--html is the page of all logs, of the same classes; leave it or --map and --log out")
    writable("--out", picture, (".png",), make=True)
    writable("--html", page, (".html", ".htm"), make=True)
    writable("--json", out)
    told = None if map_ is None else read_map(map_)
    found = hold(before, after, truth, format, logs=log, told=told, workplace=Workplace(executor.value), quiet=False)
    _say(found, console(stderr=aside(out)))
    _keep(found, picture, out)
    if page is not None:
        _write_page(found, truth, format, page)
        typer.echo(f"wrote {page}", err=aside(out))
    if not found.sound:
        raise typer.Exit(3)


def _say(found: Comparison, console: Console) -> None:
    console.print(f"{found.diff.a} -> {found.diff.b}", *found.sentences(), sep="\n")
    if found.truth is not None:
        console.print(truth_table(found.truth))
    if found.changed().changed:
        console.print(voxel_table(found))
        console.print(_most_changed(found))
    if found.objects_changed:
        console.print(object_table(found))


def _keep(found: Comparison, picture: Path | None, out: Path | None) -> None:
    if picture is not None:
        from occlabel.pipeline.delivery.pictures.heat import draw_heat

        names = [spec.rpartition("@")[2] for spec in (found.diff.a, found.diff.b)]
        title = f"changed voxels, {names[0]} -> {names[1]}, {counted(found.frames, 'frame')}"
        draw_heat(found.heat, found.space.grid, title, picture)
        typer.echo(f"wrote {picture}", err=aside(out))
    if out is not None:
        text = json.dumps(found.facts(), indent=1)
        if aside(out):
            typer.echo(text)
        else:
            write_whole(out, text + "\n")
            typer.echo(f"wrote {out}")


def _write_page(
    found: Comparison, truth: Path | None, format: Literal["semantickitti", "occ3d"] | None, out: Path
) -> None:
    """What was counted is read again from the stores."""
    from occlabel.pipeline.cli.report import say_notes
    from occlabel.pipeline.delivery.report.gather import Sources, gather
    from occlabel.pipeline.delivery.report.page import page

    content = gather(found.diff.b, Sources(found.diff.a, truth, format))
    write_whole(out, page(content))
    say_notes(content)


def truth_table(found: AgainstTruth) -> Table:
    """Percent: both scores, the difference with its interval, the log that carries most; the worst class first."""
    from rich.table import Column

    from occlabel.pipeline.running.console import Table

    table = Table("", "A", "B", "difference", "19 in 20 draws", Column("most of it in", overflow="fold"))
    for column in table.columns[1:5]:
        column.justify = "right"
    rows = {name: found.measures[name] for name in ("mIoU", "IoU")} | found.classes
    for name, one in rows.items():
        if not (one.a > 0 or one.b > 0):
            continue
        low, high = 100 * one.interval.low, 100 * one.interval.high
        table.add_row(
            name, f"{100 * one.a:.2f}", f"{100 * one.b:.2f}",
            f"{100 * one.interval.value:+.2f}{' *' if one.shown else ''}", f"{low:+.2f} to {high:+.2f}",
            "" if one.log is None else f"{one.log} ({100 * one.share:.0f}%)", end_section=name == "IoU",
        )  # fmt: skip
    table.caption = f"range {found.range}; * more than chance"
    return table


def voxel_table(found: Comparison) -> Table:
    """By class, the one of which most changed first: voxels in both versions, how far they agree in each range."""
    from rich.table import Column

    from occlabel.pipeline.running.console import Table

    facts = {name: entry["per_class"] for name, entry in found.facts()["voxels"]["ranges"].items()}
    whole, *ranges = facts
    became_ = Column("became mostly", overflow="fold")
    columns = (name if name == "full" else f"{name} m" for name in ranges)
    table = Table("class", "in A", "in B", "IoU A/B", *columns, became_)
    for column in table.columns[1:-1]:
        column.justify = "right"
    order = sorted(facts[whole].items(), key=lambda item: item[1]["both"] * 2 - item[1]["a"] - item[1]["b"])
    for name, entry in order[:_MOST]:
        near = [f"{100 * facts[r][name]['iou']:.1f}" if name in facts[r] else "-" for r in ranges]
        became = ", ".join(f"{other} {count:,}" for other, count in list(entry["became"].items())[:1])
        table.add_row(name, f"{entry['a']:,}", f"{entry['b']:,}", f"{100 * entry['iou']:.1f}", *near, became)
    if (more := len(order) - _MOST) > 0:
        table.caption = f"and {counted(more, 'class', 'classes')} that changed less; --json and --html have all"
        table.caption_justify = "left"
    return table


def object_table(found: Comparison) -> Table:
    """By class of objects."""
    from rich.table import Column

    from occlabel.pipeline.running.console import Table

    became_ = Column("became mostly", overflow="fold")
    table = Table("objects", "in A", "in B", "in both", "only in A", "only in B", became_)
    for column in table.columns[1:-1]:
        column.justify = "right"
    for name, entry in found.facts()["objects"]["per_class"].items():
        became = ", ".join(f"{other} {count:,}" for other, count in list(entry["became"].items())[:1])
        table.add_row(name, *(f"{entry[what]:,}" for what in ("a", "b", "both", "only_a", "only_b")), became)
    return table


def _most_changed(found: Comparison) -> str:
    logs = ", ".join(f"{log} {100 * share:.1f}%" for log, share in found.worst_logs()[:3])
    frames = ", ".join(f"{log} {name} {100 * share:.1f}%" for log, name, share in found.worst_frames()[:3])
    return f"of the occupied voxels changed most: in logs {logs}; in frames {frames}"
