"""``occlabel versions``: what each changed and takes; tags; removing versions, and what none of them reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from occlabel.pipeline.cli.options import AsJson
from occlabel.schemas.words import counted, in_bytes

if TYPE_CHECKING:
    from occlabel.pipeline.published.inventory import Piece
    from occlabel.pipeline.running.collect import Collection

DAY = 86400.0
_WHY = "none was the latest before it, or an old occlabel published it"
Version = Annotated[str, typer.Argument(metavar="STORE@VERSION", help="A version, by its own name.")]
StoreSpec = Annotated[str, typer.Argument(metavar="STORE", help="A folder or a URL.")]


def log(store: StoreSpec, as_json: AsJson = False) -> None:
    """Say what each version changed, the newest first, as it was written when the version was published."""
    from occlabel.pipeline.published.spec import existing_store
    from occlabel.pipeline.published.version import infos_of

    target = existing_store(store)
    target.check_layout()
    infos, damaged = infos_of(target)
    for sentence in damaged:
        typer.echo(f"occlabel: {sentence}", err=True)
    if as_json:
        rows = [info.model_dump(include={"name", "created", "changes"}) for info in reversed(infos)]
        bases = (info.provenance.base for info in reversed(infos))
        typer.echo(json.dumps([{**row, "base": base} for row, base in zip(rows, bases, strict=True)], indent=1))
        raise typer.Exit(1 if damaged else 0)
    for info in reversed(infos):
        typer.echo(f"{info.name}  {info.created}  {counted(info.frames, 'frame')} of {counted(len(info.logs), 'log')}")
        if info.changes is None:
            first = info is infos[0] and not damaged
            typer.echo("  the first version of its store" if first else f"  what changed was not written down: {_WHY}")
            continue
        grown = " and grown from it" if info.provenance.base == info.changes.since else ""
        typer.echo("\n    ".join([f"  since {info.changes.since or 'the one before'}{grown}", *info.changes.sentences]))
    raise typer.Exit(1 if damaged else 0)


def rm(
    version: Version,
    latest: Annotated[
        str | None, typer.Option("--latest", metavar="VERSION", help="Which version is the latest from now on.")
    ] = None,
) -> None:
    """Remove a version. Its labels stay in the store until gc finds that no other version reads them; publishing it
    again until then computes nothing."""
    from occlabel.pipeline.published.removal import named, remove_version
    from occlabel.pipeline.published.spec import existing_store
    from occlabel.schemas.words import command

    store, name = existing_store(version), named(version)
    store.check_layout()
    remove_version(store, name, latest)
    free = command("versions", "gc", store.location)
    typer.echo(f"removed version {name}; {free} frees what no other version reads")


def tag(
    version: Version,
    tag: Annotated[str, typer.Argument(metavar="TAG", help="What it is called from now on: STORE@TAG.")],
) -> None:
    """Call a version by a name that can be given to another one later, such as production. It is not removed then."""
    from occlabel.pipeline.published.removal import named, tag_version
    from occlabel.pipeline.published.spec import existing_store

    store, name = existing_store(version), named(version)
    store.check_layout()
    before = tag_version(store, name, tag)
    moved = f"; it was version {before}" if before not in (None, name) else ""
    typer.echo(f"{tag} is version {name}{moved}")


def untag(tag: Annotated[str, typer.Argument(metavar="STORE@TAG", help="A tag; its version stays.")]) -> None:
    """Take a tag away."""
    from occlabel.pipeline.published.removal import named
    from occlabel.pipeline.published.removal import untag as take_away
    from occlabel.pipeline.published.spec import existing_store

    store, name = existing_store(tag), named(tag, "tag")
    typer.echo(f"version {take_away(store, name)} is not called {name} any more")


def gc(
    store: StoreSpec,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    intermediate: Annotated[
        bool,
        typer.Option(
            "--intermediate", help="Also remove what versions were made from, and a changed option would read again."
        ),
    ] = False,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0.0, help="Leave what was written since.")
    ] = 7.0,
    as_json: AsJson = False,
) -> None:
    """Remove the labels that no version reads and no run holds."""
    from occlabel.pipeline.published.spec import existing_store
    from occlabel.pipeline.running.collect import collect

    target = existing_store(store)
    target.check_layout()
    done = collect(target, older_than * DAY, intermediate, dry_run)
    if as_json:
        typer.echo(json.dumps(_facts(done, dry_run), indent=1))
        return
    found = done.found
    if found.garbage:
        typer.echo(f"no version needs: {_told(found.garbage)}")
    if found.intermediate:
        typer.echo(f"intermediate, versions were made from it: {_told(found.intermediate)}")
        typer.echo(
            f"  to make it again takes {_cost(done.cost)}{'' if intermediate else '; kept without --intermediate'}"
        )
    if found.young:
        typer.echo(f"kept, not older than {older_than:g} days: {_told(found.young)}")
    for run, held in _by_run(found.held.values()).items():
        typer.echo(f"kept, {run} holds it: {_told(held)}")
    typer.echo(f"{'would remove' if dry_run else 'removed'} {in_bytes(done.size)}")


def du(store: StoreSpec, as_json: AsJson = False) -> None:
    """Say what takes how many bytes: each version, what several share, what none reads."""
    from occlabel.pipeline.published.inventory import read_by_versions, take_inventory
    from occlabel.pipeline.published.spec import existing_store
    from occlabel.pipeline.running.collect import seconds_to_make, unread

    target = existing_store(store)
    target.check_layout()
    inventory = take_inventory(target)
    read = {name: keys & inventory.pieces.keys() for name, keys in read_by_versions(target).items()}
    times = Counter(key for keys in read.values() for key in keys)
    none = unread(target, 0.0, inventory)
    held = [piece for piece, _ in none.held.values()]
    facts: dict[str, Any] = {
        "versions": {
            name: {"bytes": inventory.size(keys), "own_bytes": inventory.size(k for k in keys if times[k] == 1)}
            for name, keys in read.items()
        },
        "published": inventory.size(times),
        "shared": inventory.size(key for key, count in times.items() if count > 1),
        "intermediate": _size(none.intermediate),
        "seconds_to_make_intermediate": seconds_to_make(target, none.intermediate),
        "held_by_runs": _size(held),
        "no_version_needs": _size([*none.garbage, *none.young]),
        "other": dict(inventory.other),
        "total": inventory.total,
    }
    typer.echo(json.dumps(facts, indent=1)) if as_json else _print_du(facts)


def _print_du(facts: dict[str, Any]) -> None:
    from occlabel.pipeline.running.console import Table, console

    table = Table("version", box=None, pad_edge=False)
    for column in ("reads", "alone"):
        table.add_column(column, justify="right")
    for name, row in facts["versions"].items():
        table.add_row(name, in_bytes(row["bytes"]), in_bytes(row["own_bytes"]))
    if facts["versions"]:
        console().print(table)
    jobs, cost = facts["other"].get("jobs", 0), _cost(facts["seconds_to_make_intermediate"])
    rows = {
        "published": (
            facts["published"],
            f"{in_bytes(facts['shared'])} of it by several versions" * bool(facts["shared"]),
        ),
        "intermediate": (
            facts["intermediate"],
            f"versions were made from it; gc --intermediate frees it; again takes {cost}",
        ),
        "held by runs": (facts["held_by_runs"], "that go on or were killed"),
        "no version needs": (facts["no_version_needs"], "gc"),
        "results of jobs": (jobs, "scores and maps, computed again when they are gone"),
        "all else": (sum(facts["other"].values()) - jobs, "manifests, histories, what plans remember of logs"),
    }
    for name, (size, remark) in rows.items():
        if size:
            typer.echo(f"{name:17} {in_bytes(size):>9}   {remark}")
    typer.echo(f"{'total':17} {in_bytes(facts['total']):>9}")


def _size(pieces: Iterable[Piece]) -> int:
    return sum(piece.size for piece in pieces)


def _told(pieces: Iterable[Piece]) -> str:
    """``3.1 MB (completion 2.0 MB of 4 logs, voting ...)``"""
    from occlabel.pipeline.published.inventory import by_stage

    stages = {stage: (_size(those), len({piece.log for piece in those})) for stage, those in by_stage(pieces).items()}
    said = (f"{stage} {in_bytes(size)} of {counted(n, 'log')}" for stage, (size, n) in stages.items())
    return f"{in_bytes(sum(size for size, _ in stages.values()))} ({', '.join(said)})"


def _cost(seconds: dict[str, float | None]) -> str:
    """``about 340 worker seconds``"""
    known = {stage: value for stage, value in seconds.items() if value is not None}
    silent = sorted(seconds.keys() - known.keys())
    more = f" and what {', '.join(silent)} takes, which no run says" if silent else ""
    parts = ", ".join(f"{stage} {value:.3g}" for stage, value in known.items() if value >= 0.1)
    return f"about {sum(known.values()):.3g} worker seconds" + (f" ({parts})" if len(known) > 1 else "") + more


def _by_run(held: Iterable[tuple[Piece, Any]]) -> dict[str, list[Piece]]:
    result: dict[str, list[Piece]] = {}
    for piece, state in held:
        how = "which was killed and can be run again" if state.silent else "which is going on"
        result.setdefault(f"run {state.run} ({state.what}), {how},", []).append(piece)
    return result


def _facts(done: Collection, dry_run: bool) -> dict[str, Any]:
    found = done.found
    held = [piece for piece, _ in found.held.values()]
    kinds = {"garbage": found.garbage, "intermediate": found.intermediate, "young": found.young, "held": held}
    return {
        "dry_run": dry_run,
        "removed": [piece.key for piece in done.removed],
        "removed_bytes": done.size,
        "seconds_to_make_intermediate": done.cost,
        **{kind: {"pieces": len(pieces), "bytes": _size(pieces)} for kind, pieces in kinds.items()},
    }
