"""The comparison of one log as a job: done once, and read when it is asked for again."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.published.labelled_log import Join
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.compare.changes import Pair, count_changes, has_semantics
from occlabel.pipeline.running.jobs import Job
from occlabel.schemas.errors import BadPredictions, BadRecipe
from occlabel.schemas.stage import Resources
from occlabel.schemas.taxonomy_map import map_between

Told = tuple[tuple[str, str | None], ...]


class CompareLog(Job):
    """What changed in one log."""

    name: ClassVar[str] = "compare"
    version: ClassVar[int] = 3

    a: str
    """STORE@VERSION."""
    b: str
    told: Told = ()
    """What a map file says of classes of ``b`` that ``a`` has not."""

    @property
    def resources(self) -> Resources:
        return Resources(memory=512 << 20)

    def fingerprint(self, unit: str) -> str:
        pair = opened(self.a, self.b, self.told)
        spaces = [labels.space.model_dump(mode="json") for labels in (pair.a, pair.b)]
        return digest_of([self.name, self.version, self.told, unit, pair.a.stamp(unit), pair.b.stamp(unit), spaces])

    def frames(self, unit: str) -> int:
        return len(opened(self.a, self.b, self.told).common(unit))

    def work(self, unit: str) -> bytes:
        return count_changes(opened(self.a, self.b, self.told), unit).to_bytes()


@lru_cache(maxsize=2)
def opened(a: str, b: str, told: Told) -> Pair:
    """Both versions, once per process. Raises BadPredictions for versions that have no voxels to hold against each
    other, StoreError for one that is not there."""
    mine, other = VersionLabels(open_version(a)), VersionLabels(open_version(b))
    for labels in (mine, other):
        if not has_semantics(labels):
            raise BadPredictions(f"{labels.title} publishes no semantics: see occlabel versions diff for the rest")
    if mine.space.grid.frame != other.space.grid.frame:
        raise BadPredictions(
            f"the grid of {mine.title} is fixed to the {mine.space.grid.frame} frame, that of {other.title} to the "
            f"{other.space.grid.frame} frame: their voxels cannot be held against each other; evaluate each with truth"
        )
    names, theirs = mine.space.taxonomy.names, other.space.taxonomy.names
    needed = {own: name for own, name in told if own in theirs and own not in names}
    try:
        classes = map_between(other.space.taxonomy, mine.space.taxonomy, needed)
    except BadRecipe as error:
        raise BadRecipe(f"{other.title} held against {mine.title}: {error}") from error
    return Pair(mine, Join(other, mine.space, classes))
