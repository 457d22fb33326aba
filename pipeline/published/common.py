"""The labels of a version where another one has some too: what is held against each other must be the same frames."""

from __future__ import annotations

from dataclasses import dataclass

from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.version import PublishedVersion


@dataclass(frozen=True)
class CommonLabels(VersionLabels):
    """See ``VersionLabels``; frames that ``other`` lacks are not there."""

    other: PublishedVersion

    def __post_init__(self) -> None:
        super().__post_init__()
        known = {(frame.log, frame.name) for frame in self.other.frames()}
        object.__setattr__(self, "_frames", {place: f for place, f in self._frames.items() if place in known})

    def fewer(self, log: str) -> bool:
        """Whether the version itself has more frames of the log."""
        return len(self.names(log)) < sum(1 for _ in self.version.frames(log))
