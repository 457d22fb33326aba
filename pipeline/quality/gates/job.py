"""Measuring one log as a job: done once, whatever thresholds are tried on it."""

from __future__ import annotations

from typing import ClassVar

from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.opened import opened
from occlabel.pipeline.quality.gates.measure import measure_log
from occlabel.pipeline.quality.gates.measures import MEASURES
from occlabel.pipeline.running.jobs import Job
from occlabel.schemas.stage import Resources


class MeasureLog(Job):
    """What gates ask of one log of a version."""

    name: ClassVar[str] = "gates"
    version: ClassVar[int] = 2

    labels: str
    """STORE@VERSION."""
    measures: tuple[str, ...]
    """Names in ``MEASURES``."""

    @property
    def resources(self) -> Resources:
        return Resources(memory=768 << 20)

    def fingerprint(self, unit: str) -> str:
        labels = self._labels
        space = labels.space.model_dump(mode="json")
        return digest_of([self.name, self.version, self.measures, unit, labels.stamp(unit), space])

    def frames(self, unit: str) -> int:
        return len(self._labels.names(unit))

    def work(self, unit: str) -> bytes:
        measures = [MEASURES[name] for name in self.measures]
        return measure_log(self._labels.version, unit, measures).to_bytes()

    @property
    def _labels(self) -> VersionLabels:
        return VersionLabels(opened(self.labels))
