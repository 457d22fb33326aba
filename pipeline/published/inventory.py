"""What lies in a store and which versions read it: for whoever counts bytes, and whoever removes what nobody reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from occlabel.pipeline.published.version import manifest_of, version_names
from occlabel.schemas.errors import StoreAway, StoreError
from occlabel.workers.ledger import clip_named
from occlabel.workers.store import Store, artifact_path

_DEPTH = 3
"""Parts of the path of an artifact below ``artifacts``: stage, fingerprint, log."""


@dataclass
class Piece:
    """What one stage made of one log under one fingerprint: arrays and their receipts. A version reads all or none."""

    stage: str
    fingerprint: str
    log: str
    size: int = 0
    """Bytes."""
    written: float = 0.0
    """When the youngest of its objects was, in seconds since 1970."""
    clips: list[str] = field(default_factory=list)
    """Names of those that have receipts."""

    @property
    def key(self) -> str:
        return f"{self.stage}/{self.fingerprint}/{self.log}"

    @property
    def frames(self) -> int:
        """That are committed."""
        return sum(clip.frames for name in self.clips if (clip := clip_named(self.log, name)) is not None)

    def remove(self, store: Store) -> None:
        """Receipts first: what has none never happened, so a removal that ends in the middle leaves nothing that a run
        or a version would believe."""
        store.remove(f"receipts/{self.key}")
        store.remove(artifact_path(self.stage, self.fingerprint, self.log))


@dataclass(frozen=True)
class Inventory:
    """All objects of a store, once."""

    pieces: dict[str, Piece]
    """By key."""
    other: Counter[str]
    """Folder or object at the top of the store -> bytes of all that is no piece."""

    @property
    def total(self) -> int:
        return sum(piece.size for piece in self.pieces.values()) + self.other.total()

    def size(self, keys: Iterable[str]) -> int:
        return sum(self.pieces[key].size for key in keys)


def take_inventory(store: Store) -> Inventory:
    """By one listing of the store."""
    pieces: dict[str, Piece] = {}
    other = Counter[str]()
    for lying in store.lying():
        top, *place = lying.path.split("/")
        if top not in ("artifacts", "receipts") or len(place) <= _DEPTH:
            other[top] += lying.size
            continue
        stage, fingerprint, log, *_ = place
        piece = pieces.setdefault(f"{stage}/{fingerprint}/{log}", Piece(stage, fingerprint, log))
        piece.size += lying.size
        piece.written = max(piece.written, lying.written)
        if top == "receipts":
            piece.clips.append(place[_DEPTH].removesuffix(".json"))
    return Inventory(pieces, other)


def read_by_versions(store: Store) -> dict[str, frozenset[str]]:
    """Version -> keys of the pieces that it publishes an array of. Raises StoreError for a manifest that cannot be
    read: what it names is not known then, and must not be taken for unread."""
    result = {}
    for name in version_names(store):
        try:
            found = manifest_of(store, name)
        except StoreAway:
            raise
        except StoreError as error:
            raise StoreError(
                f"{error}. What version {name} reads is not known, so nothing is taken for unread; when nobody "
                "needs it any more, remove it with occlabel versions rm"
            ) from error
        if found is not None:  # it was removed since
            result[name] = frozenset(key_of(p.path) for row in found[1] for p in row.arrays.values())
    return result


def key_of(array: str) -> str:
    """The piece that the array at this path of the store belongs to."""
    return "/".join(array.split("/")[1 : 1 + _DEPTH])


def made_from(store: Store, inventory: Inventory, keys: Iterable[str]) -> frozenset[str]:
    """The pieces that those of ``keys`` were made from, and what these were, without themselves. Of each one receipt is
    read: all clips of a piece were made from the same ones."""
    asked = set(keys)
    left, seen = [key for key in asked if key in inventory.pieces], set(asked)
    while left:
        for key in _sources(store, inventory.pieces[left.pop()]):
            if key in inventory.pieces and key not in seen:
                seen.add(key)
                left.append(key)
    return frozenset(seen - asked)


def _sources(store: Store, piece: Piece) -> list[str]:
    for name in piece.clips:
        clip = clip_named(piece.log, name)
        receipt = None if clip is None else store.receipt(piece.stage, piece.fingerprint, clip)
        if receipt is not None:  # the others tell the same
            return [f"{stage}/{fingerprint}/{piece.log}" for stage, fingerprint in receipt.reads.values()]
    return []


def by_stage(pieces: Iterable[Piece]) -> dict[str, list[Piece]]:
    """Stage -> its pieces, by the name of the stage."""
    result = defaultdict[str, list[Piece]](list)
    for piece in sorted(pieces, key=lambda piece: piece.key):
        result[piece.stage].append(piece)
    return dict(result)
