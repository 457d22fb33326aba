"""Garbage collection: what no version reads and no run holds is removed, the old first of all.

Three kinds of pieces are told apart: those that a version publishes stay; those that such a one was made from are
intermediate, and are removed when that is asked for; all others no version needs in any way.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from occlabel.pipeline.published.inventory import (
    Inventory,
    Piece,
    by_stage,
    made_from,
    read_by_versions,
    take_inventory,
)
from occlabel.pipeline.running.history import RunState, seconds_per_frame
from occlabel.pipeline.running.holds import Held, collecting, held
from occlabel.schemas.errors import StoreError
from occlabel.workers.store import Store


@dataclass(frozen=True)
class Unread:
    """What no version reads."""

    garbage: tuple[Piece, ...]
    """No version was made from it."""
    intermediate: tuple[Piece, ...]
    """What versions were made from."""
    young: tuple[Piece, ...]
    """Of either kind, and not old enough yet."""
    held: dict[str, tuple[Piece, RunState]]
    """Of either kind, by key: a run may publish it."""


def unread(store: Store, grace: float, inventory: Inventory | None = None, holds: Held | None = None) -> Unread:
    """What no version reads, by how it is needed. ``grace``: seconds after which a piece is old.

    Raises StoreError for a manifest that cannot be read.
    """
    inventory = inventory or take_inventory(store)
    # Runs before versions: one that ends in between has published by then what it held.
    holds = holds or held(store, grace)
    read = frozenset().union(*read_by_versions(store).values())
    behind = made_from(store, inventory, read)
    garbage: list[Piece] = []
    made: list[Piece] = []
    young: list[Piece] = []
    kept: dict[str, tuple[Piece, RunState]] = {}
    for key, piece in inventory.pieces.items():
        if key in read:
            continue
        if key in holds.keys:
            kept[key] = (piece, holds.keys[key])
        elif time.time() - piece.written < grace:
            young.append(piece)
        else:
            (made if key in behind else garbage).append(piece)
    return Unread(tuple(garbage), tuple(made), tuple(young), kept)


@dataclass(frozen=True)
class Collection:
    """What was removed, or would be."""

    found: Unread
    removed: tuple[Piece, ...]
    cost: dict[str, float | None]
    """Stage of each intermediate piece that is removed -> worker seconds to make these again; None: never recorded."""

    @property
    def size(self) -> int:
        """Bytes removed."""
        return sum(piece.size for piece in self.removed)


def collect(store: Store, grace: float, intermediate: bool = False, dry_run: bool = False) -> Collection:
    """Removes what no version reads and no run holds, where it is older than ``grace`` seconds; of what versions were
    made from only if ``intermediate``. Ended in the middle, it leaves a store that is whole, and goes on the next time.

    Raises StoreError for a manifest that cannot be read, and while a run goes on that does not say what it needs.
    """
    if dry_run:
        return _chosen(store, unread(store, grace), intermediate)
    with collecting(store) as sign:
        inventory, holds = take_inventory(store), held(store, grace)
        if holds.silent:
            runs = ", ".join(f"{state.run} ({state.what})" for state in holds.silent)
            raise StoreError(f"{runs} is going on in {store.location} and does not say what it reads: wait for its end")
        result = _chosen(store, unread(store, grace, inventory, holds), intermediate)
        for piece in result.removed:
            sign.check()
            piece.remove(store)
    return result


def _chosen(store: Store, found: Unread, intermediate: bool) -> Collection:
    made = found.intermediate if intermediate else ()
    return Collection(found, (*found.garbage, *made), seconds_to_make(store, found.intermediate))


def seconds_to_make(store: Store, pieces: Iterable[Piece]) -> dict[str, float | None]:
    """Stage -> worker seconds that its pieces take, by the newest run that did the stage."""
    rates = seconds_per_frame(store)
    frames = {stage: sum(piece.frames for piece in those) for stage, those in by_stage(pieces).items()}
    return {stage: rates[stage] * count if stage in rates else None for stage, count in frames.items()}
