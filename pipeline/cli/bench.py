"""``occlabel bench``: how fast stages are, beside baselines of the same run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from occlabel.pipeline.cli.front import App, Command
from occlabel.pipeline.cli.options import writable
from occlabel.schemas.formats.appearing import appearing, write_whole

if TYPE_CHECKING:
    from occlabel.pipeline.running.console import Table

app = App(help="Measure how fast stages are, beside baselines.")


@app.callback()
def bench() -> None:
    """Measure how fast stages are, beside baselines."""


class _JsonMayHaveAFile(Command):
    """A command whose ``--json`` takes a file or stands alone, which means standard output, the file ``-``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ends = [*args[1:], "--"]
        given = [
            f"{arg}=-" if arg == "--json" and following.startswith("--") else arg
            for arg, following in zip(args, ends, strict=True)
        ]
        return super().parse_args(ctx, given)


@app.command(cls=_JsonMayHaveAFile)
def voting(
    scene: Annotated[
        Path | None,
        typer.Option(help="An .npz scene: labels, clean, weights, poses, ... A made-up street when not given."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Measure this method, and the baselines, instead of all methods.")
    ] = None,
    radius: Annotated[
        int | None, typer.Option(help="Use the frames at most so far from the target. [default: all; 25 in a street]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npy", help="Write the voted labels (uint8 [X, Y, Z]) of --method, else of gather."),
    ] = None,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="[FILE]", help="Write JSON to FILE; without FILE, print it and no table."),
    ] = None,
    skip_baselines: Annotated[
        bool, typer.Option("--skip-baselines", help="Leave out the two NumPy baselines and the ratios to them.")
    ] = False,
) -> None:
    """Measure the methods of global voting: seconds a frame, memory, and quality against a scene's clean labels.

    A frame costs the preparation of one new source frame and one vote; "cold" prepares every source frame. Times are
    the least of several, in turns, compiled beforehand; the median and the CPU time of all threads stand beside.
    Memory is what a method takes above the loaded scene, in a process of its own; "total" is that process.
    "Bandwidth" is the share of the time that reading labels and weights once, and writing the target, take here.
    """
    writable("--out", out)
    writable("--json", as_json)
    from rich.console import Console

    from occlabel.pipeline.quality.bench.voting import bench_voting
    from occlabel.pipeline.running.console import console

    with Console(stderr=True).status("") as status:
        report = bench_voting(scene, method, radius, skip_baselines, status.update)
    if out is not None:
        import numpy as np

        with appearing(out) as partial, partial.open("wb") as opened:  # np.save would add .npy to another name
            np.save(opened, report.labels)
    facts = report.facts()
    if _written(facts, as_json):
        return
    console().print(_table(facts), _circumstances(facts), sep="\n")


def _written(facts: dict[str, Any], as_json: Path | None) -> bool:
    """Writes the facts to where ``--json`` says; whether that was standard output, which then holds nothing else."""
    text = json.dumps(facts, indent=1)
    if as_json == Path("-"):
        typer.echo(text)
        return True
    if as_json is not None:
        write_whole(as_json, text + "\n")
    return False


_MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "seconds_per_frame": ("s/frame", "{:.3g}".format),
    "median_seconds": ("s/frame, median", "{:.3g}".format),
    "cpu_seconds": ("CPU s/frame", "{:.3g}".format),
    "cold_seconds": ("s cold", "{:.3g}".format),
    "vs_paper_faithful": ("x paper_faithful", "{:.1f}".format),
    "vs_numpy_tuned": ("x numpy_tuned", "{:.1f}".format),
    "bandwidth_share": ("bandwidth", "{:.1%}".format),
    "peak_mb": ("peak MB", "{:.0f}".format),
    "peak_total_mb": ("peak MB, total", "{:.0f}".format),
    "iou": ("IoU", "{:.2%}".format),
    "miou": ("mIoU", "{:.2%}".format),
    "differs_from_paper_faithful": ("other than paper's", "{:.3%}".format),
}


def _table(facts: dict[str, Any]) -> Table:
    """One column per method."""
    from occlabel.pipeline.running.console import Table

    methods = facts["methods"]
    table = Table("", *methods)
    for column in table.columns[1:]:
        column.justify = "right"
    for measure, (title, text) in _MEASURES.items():
        values = (method[measure] for method in methods.values())
        table.add_row(title, *("-" if value is None else text(value) for value in values))
    return table


def _circumstances(facts: dict[str, Any]) -> str:
    scene, machine = facts["scene"], facts["machine"]
    single = scene["single_frame"]
    return (
        f"{scene['frames']} frames of {' x '.join(map(str, scene['shape']))} voxels, {scene['n_classes']} classes; the "
        f"target's own labels: IoU {_percent(single['iou'])}, mIoU {_percent(single['miou'])}.\n"
        f"{machine['cpus']} CPUs read {machine['read_gb_per_s']:.1f} GB/s and copy "
        f"{machine['copy_gb_per_s']:.1f} GB/s; to read labels and weights once and write the target takes "
        f"{machine['floor_seconds']:.4f} s."
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


@app.command(cls=_JsonMayHaveAFile)
def propagation(
    weights: Annotated[
        Path | None, typer.Option(help="A weight file of the SemanticKITTI grid. [default: an untrained network]")
    ] = None,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where to measure.")] = "cpu",
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="[FILE]", help="Write JSON to FILE; without FILE, print it and no table."),
    ] = None,
) -> None:
    """Measure local propagation: milliseconds a frame of a running log, beside a version that reuses no features."""
    writable("--json", as_json)
    from rich.console import Console

    from occlabel.pipeline.quality.bench.propagation import bench_propagation
    from occlabel.pipeline.running.console import Table, console

    with Console(stderr=True).status("") as status:
        facts = bench_propagation(weights, device, status.update)
    if _written(facts, as_json):
        return
    table = Table("", "ms/frame", "x plain", "peak MB, total")
    for name, row in facts["versions"].items():
        table.add_row(name, f"{row['ms_per_frame']:.0f}", f"{row['vs_plain']:.2f}", f"{row['peak_mb']:.0f}")
    console().print(table)


@app.command(cls=_JsonMayHaveAFile)
def accumulated(
    logs: Annotated[Path, typer.Option(help="A root of logs with labels of points and boxes; the first one is used.")],
    grid: Annotated[Literal["semantickitti", "occ3d"], typer.Option(help="Which grid.")],
    frames: Annotated[int, typer.Option(min=1, help="Frames of the clip that is measured.")] = 8,
    depth: Annotated[int, typer.Option(min=4, max=12, help="Depth of the baseline's Poisson surface.")] = 10,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="[FILE]", help="Write JSON to FILE; without FILE, print it and no table."),
    ] = None,
) -> None:
    """Measure accumulated LiDAR: CPU seconds a frame, beside the usual procedure with a Poisson surface."""
    writable("--json", as_json)
    from rich.console import Console

    from occlabel.pipeline.quality.bench.accumulated import bench_accumulated
    from occlabel.pipeline.running.console import Table, console

    with Console(stderr=True).status("") as status:
        facts = bench_accumulated(logs, grid, status.update, frames, depth)
    if _written(facts, as_json):
        return
    table = Table("", "CPU s/frame", "x surface", "IoU", "precision", "recall")
    for name, row in facts["versions"].items():
        scores = (_percent(row[score]) for score in ("iou", "precision", "recall"))
        table.add_row(name, f"{row['cpu_seconds']:.3g}", f"{row['vs_surface']:.1f}", *scores)
    console().print(table)
