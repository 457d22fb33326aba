"""Measuring one log as a job: done once, whatever thresholds are tried on it."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.gates.measure import measure_log
from occlabel.pipeline.quality.gates.measures import MEASURES
from occlabel.pipeline.running.jobs import Job
from occlabel.schemas.stage import Resources


class MeasureLog(Job):
    """What gates ask of one log of a version."""

    name: ClassVar[str] = "gates"
    version: ClassVar[int] = 1

    labels: str
    """STORE@VERSION."""
    measures: tuple[str, ...]
    """Names in ``MEASURES``."""

    @property
    def resources(self) -> Resources:
        return Resources(memory=768 << 20)

    def fingerprint(self, unit: str) -> str:
        labels = opened(self.labels)
        space = labels.space.model_dump(mode="json")
        return digest_of([self.name, self.version, self.measures, unit, labels.stamp(unit), space])

    def frames(self, unit: str) -> int:
        return len(opened(self.labels).names(unit))

    def work(self, unit: str) -> bytes:
        measures = [MEASURES[name] for name in self.measures]
        return measure_log(opened(self.labels).version, unit, measures).to_bytes()


@lru_cache(maxsize=2)
def opened(spec: str) -> VersionLabels:
    """Once per process."""
    return VersionLabels(open_version(spec))
