"""``occlabel review``: what to look at, and what people said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from occlabel.pipeline.cli.front import App
from occlabel.pipeline.cli.options import AsJson, Executor, ExecutorName, writable_folder
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.words import command, counted

if TYPE_CHECKING:
    from occlabel.pipeline.published.version import PublishedVersion
    from occlabel.pipeline.review.queue import Item, Said
    from occlabel.schemas.corrections import Box

app = App(help="Look at what is probably wrong, and correct it: the next version carries the corrections.")
Spec = Annotated[str, typer.Argument(metavar="STORE@VERSION", help="A version; the latest of a store.")]
ItemName = Annotated[str, typer.Argument(metavar="ITEM", help="As queue and next name it.")]
Reviewer = Annotated[str, typer.Option("--by", help="Your name.")]
Into = Annotated[Path, typer.Option("--into", help="The folder of corrections; made where it is not there.")]
_NAMED = 10
"""Frames without a volume that ``apply`` names."""


@app.command("queue")
def queue(
    spec: Spec,
    most: Annotated[int, typer.Option("--most", min=1, max=100_000, help="Places in the queue.")] = 500,
    executor: Executor = ExecutorName.ray,
    as_json: AsJson = False,
) -> None:
    """Rank the places of a version by how many voxels are probably wrong there, and keep the queue in the store.

    A place is 4 x 4 m of the world and a quarter of the grid's height, in all frames that see it. A voxel labelled
    occupied with confidence p is wrong with 1 - p. No log has more than twice its share of the queue's beginning. Exit
    code 3 when labels of some frame could not be read: they are named, and not in the queue.
    """
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.review.queue import make_queue
    from occlabel.pipeline.running.workplace import Workplace

    made = make_queue(open_version(spec), Workplace(executor.value), most, quiet=False)
    if as_json:
        typer.echo(json.dumps([item.model_dump(mode="json") for item in made.items], indent=1))
    else:
        for item in made.items[:20]:
            typer.echo(sentence(item))
        typer.echo(f"{counted(len(made.items), 'place')}; occlabel review next shows the first")
    for said in made.damaged:
        typer.echo(f"occlabel: not in the queue: {said}", err=True)
    if made.damaged:
        raise typer.Exit(3)


@app.command("next")
def next_(
    spec: Spec,
    by: Reviewer,
    out: Annotated[Path | None, typer.Option("--out", metavar="PNG", help="Also draw it from above.")] = None,
) -> None:
    """Say what to look at next; what comes back to its reviewer comes first."""
    from occlabel.pipeline.cli.options import writable
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.review.queue import open_review

    writable("--out", out, (".png",), make=True)
    version = open_version(spec)
    item = open_review(version).next(by)
    if item is None:
        typer.echo("nothing is pending")
        return
    typer.echo(sentence(item))
    if out is not None:
        from occlabel.pipeline.delivery.pictures.place import draw_place

        draw_place(version, item.log, item.frame, item.box, sentence(item), out)
        typer.echo(f"wrote {out}")


@app.command()
def mark(
    spec: Spec,
    item: ItemName,
    state: Annotated[
        Literal["accepted", "rejected", "pending"],
        typer.Option("--state", help="accepted: the labels are right; rejected: it cannot be said; pending: again."),
    ],
    by: Reviewer,
    note: Annotated[str, typer.Option("--note", help="In your words.")] = "",
    into: Annotated[
        Path | None, typer.Option("--into", help="Also take the place's corrections back from this folder.")
    ] = None,
) -> None:
    """Say that a place is right, or cannot be told. What was said before stays in the store, and corrections in their
    folder, but for --into."""
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.review import queue
    from occlabel.schemas.corrections import box_file, read_boxes

    if into is not None and not into.is_dir():
        raise OcclabelError(f"--into {into} is no folder; name the folder of corrections")
    version = open_version(spec)
    review = queue.open_review(version)
    found = review.item(item)
    if into is not None and read_boxes(into, found.log):  # or it would be marked, and its corrections applied
        writable_folder("--into", box_file(into, found.log).parent)
    said = queue.mark(version, found, state, by, note=note)
    typer.echo(f"{item}: {said.state}, {said.by}, {said.at}")
    if into is not None:
        typer.echo(_taken_back(version, found, into))
    elif review.state(found) == "fixed":
        typer.echo(_what_stays(version, found, said))


def _taken_back(version: PublishedVersion, item: Item, into: Path) -> str:
    """Takes the corrections of the item back, and says how many there were."""
    from occlabel.pipeline.review.correcting import item_name, take_back
    from occlabel.schemas.corrections import box_file

    file = box_file(into, item.log)
    if not (count := take_back(version, item, into)):
        return f"{file} has no correction with item: {item_name(version, item)}; nothing is taken back"
    return f"{counted(count, 'correction')} of it taken back from {file}"


def _what_stays(version: PublishedVersion, item: Item, said: Said) -> str:
    """Where corrections of an item lie that is fixed no longer, and how they are taken back."""
    from occlabel.pipeline.review.correcting import item_name
    from occlabel.schemas.corrections import box_file

    again = command(
        "review", "mark", version.spec, item.id, "--state", said.state, "--by", said.by, "--into", "CORRECTIONS"
    )
    return (
        f"its corrections stay in {box_file(Path('CORRECTIONS'), item.log)}, and every run with that folder applies "
        f"them; {again} takes them back, or remove the entries with item: {item_name(version, item)} there"
    )


@app.command()
def fix(
    spec: Spec,
    item: ItemName,
    wrong: Annotated[
        Literal["missing", "extraneous", "class", "position"], typer.Option("--wrong", help="What is wrong.")
    ],
    by: Reviewer,
    into: Into,
    class_: Annotated[str | None, typer.Option("--class", help="The class that is there.")] = None,
    was: Annotated[
        list[str] | None, typer.Option("--was", help="Correct voxels of this class alone; may be given again.")
    ] = None,
    box: Annotated[
        tuple[float, float, float, float, float, float, float] | None,
        typer.Option(
            "--box", help="x y z, length width height [m] and yaw [rad] in the frame's grid; else the item's."
        ),
    ] = None,
    moved: Annotated[
        tuple[float, float, float] | None, typer.Option("--moved", help="With --wrong position: by x y z [m].")
    ] = None,
    holds: Annotated[
        Literal["frame", "log"], typer.Option("--holds", help="log: in all frames of the log; for what does not move.")
    ] = "frame",
) -> None:
    """Correct a place. The folder of corrections goes into a recipe as review: {kind: corrections, path: FOLDER}."""
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.review.correcting import Fix
    from occlabel.pipeline.review.correcting import fix as correct
    from occlabel.pipeline.review.queue import open_review
    from occlabel.schemas.corrections import box_file

    _refuse(wrong, class_, was or [], moved)
    place = None if box is None else _box(box)
    writable_folder("--into", into)  # the correction makes it
    version = open_version(spec)
    told = Fix(wrong, class_, tuple(was or ()), moved, place, holds)
    found = open_review(version).item(item)
    made = correct(version, found, told, by, into)
    changed = f"{counted(made.voxels, 'voxel')} of frame {found.frame} as {version.spec} labels it"
    hint = "" if made.voxels else "; look at --was and --box"
    typer.echo(f"{item}: fixed, in {box_file(into, found.log)}; this changes {changed}{hint}")
    if made.of_item > 1:
        typer.echo(f"{made.of_item} corrections of {item} are there now, and are applied one after the other")


def _box(numbers: tuple[float, ...]) -> Box:
    """``--box``. Raises OcclabelError for numbers that make none."""
    from pydantic import ValidationError

    from occlabel.schemas.corrections import Box
    from occlabel.schemas.words import first_of

    try:
        return Box.model_validate({"centre": numbers[:3], "size": numbers[3:6], "yaw": numbers[6]})
    except ValidationError as error:
        raise OcclabelError(f"--box: {first_of(error)[1]}") from error


def _refuse(wrong: str, class_: str | None, was: list[str], moved: tuple[float, float, float] | None) -> None:
    """Raises OcclabelError for options that make no correction, by their names: the correction speaks of its file."""
    if wrong in ("missing", "class") and class_ is None:
        raise OcclabelError(f"--wrong {wrong} needs --class, the class that is there")
    if wrong not in ("missing", "class") and class_ is not None:
        raise OcclabelError(f"--wrong {wrong} takes no --class; leave it out, or say --wrong class")
    if wrong == "missing" and was:
        raise OcclabelError("--wrong missing takes no --was: what is missing was free or unknown; leave it out")
    if wrong == "position" and moved is None:
        raise OcclabelError("--wrong position needs --moved, by how much it is elsewhere: x y z in metres")
    if wrong != "position" and moved is not None:
        raise OcclabelError(f"--wrong {wrong} takes no --moved; leave it out, or say --wrong position")


@app.command()
def apply(
    spec: Spec,
    labels: Annotated[Path, typer.Option("--labels", help="A folder of volumes that were edited.")],
    into: Into,
    format: Annotated[
        Literal["semantickitti", "occ3d"], typer.Option("--format", help="Their layout: as occlabel export wrote them.")
    ],
) -> None:
    """Take corrections from volumes that another tool has edited: each voxel that differs from the version's label.

    Frames without a volume keep their labels, and are named. A volume that cannot be used refuses all.
    """
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.review.correcting import from_volumes

    writable_folder("--into", into)
    version = open_version(spec)
    found = from_volumes(version, labels, format, into, lambda said: typer.echo(said, err=True))
    into.mkdir(parents=True, exist_ok=True)  # where nothing differs too: a recipe may name it
    if found.unknown:
        typer.echo(f"not in {version.spec}, and left out: {', '.join(found.unknown[:10])}", err=True)
    if lacking := len(found.absent):
        named = ", ".join(found.absent[:_NAMED]) + (f" and {lacking - _NAMED} more" if lacking > _NAMED else "")
        typer.echo(f"no volume in {labels} of {counted(lacking, 'frame')}, whose labels stay: {named}", err=True)
    typer.echo(
        f"read {counted(found.frames, 'frame')}; corrections in {into}: {counted(found.voxels, 'voxel')} of "
        f"{counted(found.corrected, 'frame')}"
    )


@app.command("page")
def page_(
    spec: Spec,
    by: Reviewer,
    into: Into,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
) -> None:
    """Serve a page to review on, to this machine alone: one place after the other, by keyboard. Ctrl-C ends it."""
    from occlabel.pipeline.delivery.review_page.desk import Desk
    from occlabel.pipeline.delivery.review_page.server import Server
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.review.queue import open_review

    writable_folder("--into", into)
    version = open_version(spec)
    open_review(version)  # that there is none is said here, not in the page
    with Server(Desk(version, by, into), port) as server:
        into.mkdir(parents=True, exist_ok=True)
        typer.echo(f"http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)")
        server.serve_forever()


@app.command()
def status(spec: Spec, as_json: AsJson = False) -> None:
    """Say how far a review is."""
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.review.queue import open_review

    found = open_review(open_version(spec))
    if as_json:
        said = {name: [one.model_dump() for one in words] for name, words in found.said.items()}
        typer.echo(json.dumps({"states": found.counts(), "said": said}, indent=1))
        return
    typer.echo(", ".join(f"{state} {count}" for state, count in found.counts().items()))


def sentence(item: Item) -> str:
    """What is to be looked at, and where."""
    x, y, z = item.box.centre
    return (
        f"{item.id}: {item.wrong:.0f} of {item.labelled} voxels probably wrong in {counted(item.frames, 'frame')}, "
        f"mostly {item.doubted}; log {item.log}, frame {item.frame}, around x {x:.1f} y {y:.1f} z {z:.1f} m"
    )
