"""What is doubtful in one log, as a job: done once, and read when it is asked for again."""

from __future__ import annotations

from typing import ClassVar

from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.opened import opened
from occlabel.pipeline.review.blocks import LAYERS, SIDE, count_blocks
from occlabel.pipeline.running.jobs import Job
from occlabel.schemas.stage import Resources


class DoubtLog(Job):
    """The blocks of one log."""

    name: ClassVar[str] = "review"
    version: ClassVar[int] = 1

    labels: str
    """STORE@VERSION."""

    @property
    def resources(self) -> Resources:
        return Resources(memory=1 << 30)

    def fingerprint(self, unit: str) -> str:
        return digest_of([self.name, self.version, unit, SIDE, LAYERS, VersionLabels(opened(self.labels)).stamp(unit)])

    def frames(self, unit: str) -> int:
        return len(list(opened(self.labels).frames(unit)))

    def work(self, unit: str) -> bytes:
        return count_blocks(opened(self.labels), unit).to_bytes()
