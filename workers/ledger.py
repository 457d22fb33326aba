"""What is committed: receipts, and whether what lies in the store is still what they vouch for.

An object's tag changes when it is written, so most receipts are believed for the price of a listing. Where a tag is
another (a copy of the store, a shard that was cut, exchanged or written again), every value is compared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress

from occlabel.schemas.errors import AlteredArtifact, StoreAway
from occlabel.schemas.receipt import Receipt
from occlabel.schemas.seal import sealed
from occlabel.schemas.stage import Clip
from occlabel.workers.store import Store, artifact_path

_REMEMBERED = 4096
"""Receipts that are kept, so that who plans and then publishes reads those of a small store once."""


class Ledger:
    """The receipts of a store as they were when they were first asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str, Clip], Receipt] = OrderedDict()
        self.void: list[str] = []
        """What has a receipt that does not hold: stage, log and clip."""

    def committed(self, stage: str, fingerprint: str, log: str) -> frozenset[str]:
        """Names of the clips of ``log`` that have a receipt, and the arrays it vouches for."""
        names = self._store.committed(stage, fingerprint, log)
        if not names:
            return frozenset()
        tags = self._store.tags(artifact_path(stage, fingerprint, log))
        clips = (clip for name in sorted(names) if (clip := clip_named(log, name)) is not None)
        return frozenset(clip.name for clip in clips if self._holds(stage, fingerprint, clip, tags))

    def receipt(self, stage: str, fingerprint: str, clip: Clip) -> Receipt | None:
        """The receipt of a clip that is ``committed``; None where there is none."""
        kept = self._kept.get((stage, fingerprint, clip))
        return kept if kept is not None else self._store.receipt(stage, fingerprint, clip)

    def _holds(self, stage: str, fingerprint: str, clip: Clip, tags: dict[str, str]) -> bool:
        found = self._store.receipt(stage, fingerprint, clip)
        receipt = None if found is None else _holding(self._store, found, tags)
        if receipt is None:
            self.void.append(f"{stage} {clip.log} {clip.name}")
            return False
        self._kept[stage, fingerprint, clip] = receipt
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return True


def intact(store: Store, stage: str, fingerprint: str, clip: Clip) -> Receipt | None:
    """The receipt of one clip; None unless what it vouches for is there."""
    receipt = store.receipt(stage, fingerprint, clip)
    if receipt is None:  # as for nearly every clip that is about to be done
        return None
    return _holding(store, receipt, store.tags(artifact_path(stage, fingerprint, clip.log)))


def demand(store: Store, stage: str, fingerprint: str, clips: Sequence[Clip]) -> None:
    """Raises AlteredArtifact unless all of these clips, at least one and of one log, are committed as they were
    written."""
    tags = store.tags(artifact_path(stage, fingerprint, clips[0].log))
    for clip in clips:
        receipt = store.receipt(stage, fingerprint, clip)
        if receipt is None or _holding(store, receipt, tags) is None:
            raise AlteredArtifact(
                f"{stage} {clip.log} {clip.name} in {store.location} is not what its receipt says any more, or has "
                "none: it has to be made again first"
            )


def void_damaged(store: Store, stage: str, fingerprint: str, clips: Iterable[Clip]) -> None:
    """Removes the receipts of those of these clips that are not what was written, whatever their tags say."""
    for clip in clips:
        receipt = store.receipt(stage, fingerprint, clip)
        if receipt is None or _compared(store, receipt) is None:
            store.delete(store.receipt_path(stage, fingerprint, clip))


def receipts_of(array: str) -> str:
    """The folder of the receipts that vouch for the array at path ``array``."""
    return "/".join(["receipts", *array.split("/")[1:4]])


def void_frame(store: Store, array: str, index: int) -> None:
    """Removes the receipts of the clips that hold frame ``index`` of the array at path ``array``, and the folder, if
    one lies where a clip belongs."""
    from occlabel.workers.artifact import Artifact

    _, stage, fingerprint, log, *name = array.split("/")
    clips = (clip_named(log, name) for name in store.committed(stage, fingerprint, log))
    for clip in clips:
        if clip is not None and clip.start <= index < clip.stop:
            store.delete(store.receipt_path(stage, fingerprint, clip))
    artifact = Artifact(store, stage, fingerprint, log)
    with suppress(AlteredArtifact):
        store.clear(f"{artifact.path}/{artifact.shard('/'.join(name), index)}")


def _holding(store: Store, receipt: Receipt, tags: dict[str, str]) -> Receipt | None:
    """The receipt if what it vouches for is there; ``tags`` are those of its artifact."""
    now = {path: tags.get(path, "") for path in receipt.objects}
    return receipt if receipt.objects and now == receipt.objects else _compared(store, receipt)


def _compared(store: Store, receipt: Receipt) -> Receipt | None:
    """The receipt with the tags of now, when every value is what it says; it is written so, to be believed at once
    the next time."""
    from occlabel.workers.artifact import Artifact  # a plan that finds all in order needs no zarr

    artifact = Artifact(store, receipt.stage, receipt.fingerprint, receipt.log)
    try:
        found = artifact.objects(receipt.clip, receipt.digests)
        artifact.verify(receipt.clip, receipt.digests)
    except AlteredArtifact:
        return None
    if found != receipt.objects:
        receipt = receipt.model_copy(update={"objects": found})
        with suppress(StoreAway):  # of a store that can only be read every value is compared each time
            store.put(store.receipt_path(receipt.stage, receipt.fingerprint, receipt.clip), sealed(receipt))
    return receipt


def clip_named(log: str, name: str) -> Clip | None:
    """The clip of a receipt's file name, None for another file."""
    start, _, stop = name.partition("-")
    if not (start.isascii() and start.isdecimal() and stop.isascii() and stop.isdecimal()):
        return None
    clip = Clip(log, int(start), int(stop))
    return clip if clip.name == name and clip.frames > 0 else None
