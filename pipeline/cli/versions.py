"""``occlabel versions``: list, show, verify and diff label versions; the rest is in ``versions_life.py``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.pipeline.cli.front import App
from occlabel.pipeline.cli.options import AsJson
from occlabel.pipeline.cli.versions_check import check
from occlabel.pipeline.cli.versions_life import du, gc, log, rm, tag, untag
from occlabel.schemas.words import counted, inflected

if TYPE_CHECKING:
    from occlabel.schemas.version import VersionInfo
    from occlabel.workers.store import Store

app = App(help="List, show, verify, diff, tag and remove published label versions.")
_NAMED = 10
"""Damaged frames that ``show`` names; --json has all."""
_DIGITS = 8
"""Of a digest in a list; ``show`` and ``--json`` have all."""
Spec = Annotated[str, typer.Argument(metavar="STORE[@VERSION]", help="A store; @VERSION is the latest when left out.")]


@app.command("list")
def list_(spec: Spec, as_json: AsJson = False) -> None:
    """List the versions of a store, which is the latest, and which a gate keeps from it.

    Exit code 1 when one of them is damaged.
    """
    from occlabel.pipeline.published.spec import existing_store, spec_of
    from occlabel.pipeline.published.version import infos_of
    from occlabel.schemas.words import command

    store = existing_store(spec)
    store.check_layout()
    infos, damaged = infos_of(store)
    called, verdicts = _names(store, damaged), _verdicts(store, infos, damaged)
    for sentence in damaged:
        typer.echo(f"occlabel: {sentence}", err=True)
    if as_json:
        rows = [
            {
                **info.model_dump(exclude={"provenance"}),
                "tags": called.get(info.name, []),
                "verdict": verdicts.get(info.name),
            }
            for info in infos
        ]
        typer.echo(json.dumps(rows, indent=1))
        raise typer.Exit(1 if damaged else 0)
    from rich.table import Column

    from occlabel.pipeline.running.console import Table, console

    called_so = Column("also called", overflow="fold")
    table = Table("version", called_so, "gates", "created", "logs", "frames", "digest")
    for info in infos:
        gates, names = verdicts.get(info.name, "?").split(" ")[0].rstrip(";"), ", ".join(called.get(info.name, ()))
        created, digest = info.created[:16].replace("T", " "), info.content_digest[:_DIGITS]
        table.add_row(info.name, names, gates, created, str(len(info.logs)), _labelled(info), digest)
    console().print(table if infos or damaged else "no version is published yet")
    for name, said in verdicts.items():
        if said not in ("", "passes"):
            typer.echo(f"{name}: {said}; {command('versions', 'show', spec_of(store, name))} says why")
    raise typer.Exit(1 if damaged else 0)


def _labelled(info: VersionInfo) -> str:
    """``7``, or ``7 of 10, 2 logs or clips missing``: how many frames have labels, and what of the version has none; of
    a log that was refused, and of what a base lacked, frames are not counted."""
    planned = info.planned or info.frames
    frames = f"{info.frames} of {planned}" if planned > info.frames else str(info.frames)
    lacking = counted(len(info.missing), "log or clip", "logs or clips")
    return f"{frames}, {lacking} missing" if info.missing else frames


def _names(store: Store, damaged: list[str]) -> dict[str, list[str]]:
    """Version -> what else it is called: ``latest``, tags. What cannot be read joins ``damaged``."""
    from occlabel.pipeline.published.latest import newest, tags
    from occlabel.pipeline.published.spec import LATEST
    from occlabel.schemas.errors import StoreAway, StoreError

    called: dict[str, list[str]] = {}
    try:
        for called_so, version in {LATEST: newest(store), **tags(store)}.items():
            called.setdefault(str(version), []).append(called_so)
    except StoreAway:
        raise
    except StoreError as error:
        damaged.append(str(error))
    return called


def _verdicts(store: Store, infos: list[VersionInfo], damaged: list[str]) -> dict[str, str]:
    """Version -> what its gates say. What cannot be read joins ``damaged``."""
    from occlabel.pipeline.published.judged import judged, verdict
    from occlabel.schemas.errors import AlteredArtifact

    said = {}
    for info in infos:
        try:
            said[info.name] = verdict(info, judged(store, info))
        except AlteredArtifact as error:
            damaged.append(str(error))
    return said


@app.command()
def show(spec: Spec, as_json: AsJson = False) -> None:
    """Show what a version says about itself."""
    from occlabel.pipeline.published.judged import judged, verdict
    from occlabel.pipeline.published.version import open_version

    version = open_version(spec)
    info, known = version.info, judged(version.store, version.info)
    results = () if known is None else known.results
    wrong: list[str] = []
    called = _names(version.store, wrong).get(info.name, [])
    damaged = {f"{one.log} frame {one.name}": one.row.damaged for one in version.frames() if one.row.damaged}
    for sentence in wrong:
        typer.echo(f"occlabel: {sentence}", err=True)
    if as_json:
        facts = info.model_dump(mode="json")
        facts["gates"] += [one.model_dump() for one in results]
        typer.echo(json.dumps({**facts, "damaged": damaged, "tags": called, "verdict": verdict(info, known)}, indent=1))
        return
    typer.echo(f"version         {info.name}\ncreated         {info.created} by occlabel {info.provenance.code}")
    if called:
        typer.echo(f"also called     {', '.join(called)}")
    if said := verdict(info, known):
        typer.echo(f"gates           {said}")
    typer.echo(f"logs            {len(info.logs)}: {', '.join(info.logs[:10])}{' ...' if len(info.logs) > 10 else ''}")
    typer.echo(f"frames          {info.frames}\ncontent digest  {info.content_digest}")
    grid = info.space.grid
    typer.echo(
        f"grid            {list(grid.shape)} voxels of {grid.voxel_size} m from {list(grid.origin)}, {grid.frame} frame"
    )
    typer.echo(f"classes         {', '.join(info.space.taxonomy.names)}")
    for name, array in sorted(info.arrays.items()):
        typer.echo(f"array           {name}: {array.spec.dtype}, {array.spec.meaning} (written by {array.stage})")
    for gate in (*info.gates, *results):
        typer.echo(
            f"gate            {'passes' if gate.passed else 'blocks' if gate.blocks else 'warns'}: {gate.sentence()}"
        )
    for place, reason in info.missing.items():
        typer.echo(f"missing         {place}: {reason}")
    for place, lacking in list(damaged.items())[:_NAMED]:
        typer.echo(f"damaged         {place}: {'; '.join(lacking)}")
    if len(damaged) > _NAMED:
        typer.echo(f"damaged         {len(damaged) - _NAMED} more frames; --json has all")
    if info.provenance.base is not None:
        typer.echo(f"base            {info.provenance.base}: its other logs are in it by reference")
    if info.changes is not None:
        typer.echo("\n  ".join([f"since {info.changes.since or 'the one before'}", *info.changes.sentences]))
    typer.echo("recipe\n  " + "\n  ".join(info.provenance.recipe.splitlines()))


@app.command()
def verify(
    spec: Spec,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Take back the receipts of what differs, remove folders in its place: the next run makes it again.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every voxel of a version again and compare it with what was published. Exit code 1 when any differs."""
    from occlabel.pipeline.published.version import open_version
    from occlabel.schemas.words import command

    version = open_version(spec)
    problems = version.verify(void=repair)
    if as_json:
        typer.echo(json.dumps({"version": version.name, "frames": version.info.frames, "problems": problems}, indent=1))
    else:
        if problems:
            first = "" if repair else f"{command('versions', 'verify', version.spec, '--repair')}, then "
            are = inflected(len(problems), "is", "are")
            problems.append(
                f"{counted(len(problems), 'array')} of frames {are} not as published; to make them anew, run {first}"
                "the command that labelled them again"
            )
        frames = f"{counted(version.info.frames, 'frame')} of {version.name}"
        typer.echo("\n".join(problems) or f"{frames} {inflected(version.info.frames, 'is', 'are')} as published")
    raise typer.Exit(1 if problems else 0)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="STORE@A", help="A version.")],
    after: Annotated[str, typer.Argument(metavar="STORE@B", help="The version to hold against it.")],
    as_json: AsJson = False,
) -> None:
    """Say what differs between two versions and why: options, weights, code, logs and frames. No voxel is read; see
    occlabel compare for those."""
    from occlabel.pipeline.published.diff.diff import diff_versions
    from occlabel.pipeline.published.version import open_version

    found = diff_versions(open_version(before), open_version(after))
    if as_json:
        typer.echo(json.dumps({"a": found.a, "b": found.b, **found.facts()}, indent=1))
        return
    typer.echo(f"{found.a} -> {found.b}")
    typer.echo("\n".join(found.sentences()))


for command in (check, log, rm, tag, untag, gc, du):
    app.command()(command)
