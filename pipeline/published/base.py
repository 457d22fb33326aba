"""A version that grows: what a base holds of other logs is in the next version too, by reference and without its logs.

Nothing is copied and nothing is computed: a row of the manifest says where the arrays of a frame lie. So the labels of
both must be of one kind: one label space, one recipe, and never two logs under one id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from occlabel.pipeline.planning.plan import Plan
from occlabel.pipeline.published.diff.logs import origin_differs
from occlabel.pipeline.published.diff.recipes import moved_places, recipe_changes
from occlabel.pipeline.published.inventory import key_of
from occlabel.pipeline.published.origins import provenance_of
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.schemas.errors import AlteredArtifact, StoreError
from occlabel.schemas.version import VersionFrame, VersionInfo
from occlabel.workers.ledger import Ledger, clip_named
from occlabel.workers.store import Store

_NO_OTHER_LABELS = ("device", "clip_frames")
"""What may differ between the base and what is added: where clips begin decides no label, and of a log that both have
the fingerprints tell the rest."""


@dataclass(frozen=True)
class Base:
    """A published version and the ids of the logs that are labelled now: of these it adds nothing."""

    version: PublishedVersion
    fresh: frozenset[str]

    @property
    def info(self) -> VersionInfo:
        return self.version.info

    @cached_property
    def rows(self) -> tuple[VersionFrame, ...]:
        """Of its other logs."""
        return tuple(frame.row for frame in self.version.frames() if frame.log not in self.fresh)

    @property
    def logs(self) -> frozenset[str]:
        """That it adds."""
        return frozenset(self.info.logs) - self.fresh

    @property
    def missing(self) -> dict[str, str]:
        """What of them has no labels: log, or log and clip -> why. A log of which nothing is labelled is named too."""
        return {place: why for place, why in self.info.missing.items() if place.partition(" ")[0] not in self.fresh}

    def pieces(self) -> Iterator[str]:
        """What it reads, for whoever must not lose it."""
        yield from {key_of(place.path) for row in self.rows for place in row.arrays.values()}

    def cautions(self, plan: Plan) -> Iterator[str]:
        """What to be wary of where what is planned stands beside it in one version, in sentences."""
        moved = moved_places(self.info, self._as_planned(plan))
        if moved and self.logs:
            told = "; ".join(change.sentence for change in moved)
            yield (
                f"the logs of the base {self.info.name} were labelled from another place ({told}): if other models "
                "made what lies there, the version mixes the labels of both"
            )

    def refuse_other(self, plan: Plan) -> None:
        """Raises StoreError where what is planned cannot stand beside it in one version."""
        planned = self._as_planned(plan)
        changes = [change for change in recipe_changes(self.info, planned) if change.decides]
        if told := [change.sentence for change in changes if change.what not in _NO_OTHER_LABELS]:
            raise StoreError(
                f"version {self.info.name} cannot be the base: its logs were labelled by another recipe "
                f"({'; '.join(told[:5])}). Label with that one, or label its logs again, without --base"
            )
        for log in sorted(self.fresh & set(self.info.logs)):
            if differs := origin_differs(log, self.info, planned):
                raise StoreError(
                    f"version {self.info.name} cannot be the base: it has another log {log} ({', '.join(differs)} "
                    "differs), and a version has one log of an id. If it is the same drive, label it without --base; "
                    "if it is another one, give it another id, or leave it out with --log"
                )

    def _as_planned(self, plan: Plan) -> VersionInfo:
        return self.info.model_copy(update={"space": plan.recipe.space, "provenance": provenance_of(plan)})

    def refuse_lost(self) -> None:
        """Raises StoreError where labels that it adds are not in the store any more as they were published: no version
        stands over a hole, and logs that are not there cannot be labelled again.

        Receipts that hold are believed, as a plan believes them; frames without one are read.
        """
        ledger, vouched = Ledger(self.version.store), dict[str, frozenset[int]]()
        lost: dict[str, list[str]] = {}
        for frame in self.version.frames():
            for array, place in frame.row.arrays.items() if frame.log not in self.fresh else ():
                key = key_of(place.path)
                if key not in vouched:
                    vouched[key] = _vouched(ledger, key)
                if frame.row.index in vouched[key]:
                    continue
                try:
                    frame.load(array)
                except AlteredArtifact:
                    lost.setdefault(frame.log, []).append(frame.name)
                    break
        if lost:
            told = (f"{log} (frames: {len(names)}, the first {names[0]})" for log, names in list(lost.items())[:5])
            raise StoreError(
                f"version {self.info.name} cannot be the base: labels of log {', '.join(told)} are not in "
                f"{self.version.store.location} as they were published. Label its logs again by the same recipe, which "
                "makes the same bytes, take them from a copy of the store, or label without --base"
            )


def _vouched(ledger: Ledger, key: str) -> frozenset[int]:
    """Places of the frames of a piece that receipts vouch for."""
    stage, fingerprint, log = key.split("/")
    clips = (clip_named(log, name) for name in ledger.committed(stage, fingerprint, log))
    return frozenset(index for clip in clips if clip is not None for index in range(clip.start, clip.stop))


def open_base(store: Store, name: str, fresh: Iterable[str]) -> Base:
    """The version ``name`` of the store, by its name, a tag, or ``latest``. Raises StoreError."""
    return Base(open_version(spec_of(store, name)), frozenset(fresh))
