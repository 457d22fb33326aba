"""What a plan must know of a log: its digests, its frames by name, what it has and lacks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from occlabel.schemas.rig import Rig
from occlabel.schemas.scan_facts import ScanFacts


class LogFacts(BaseModel):
    """A log without its frames."""

    model_config = ConfigDict(frozen=True)

    id: str
    stamp: str
    """Of the log that was looked at (``DriveLog.stamp``)."""
    digest: str
    """Of the content of everything that a stage may read from the log; a copy of the log has the same."""
    geometry: str
    """Of what the log has written itself: poses, intrinsics, extrinsics, and the times they belong to."""
    names: tuple[str, ...]
    """Of the frames, in time."""
    times: tuple[float, ...]
    """Of the frames [s], on the log's clock."""
    rig: Rig
    scans: int
    """Frames that have one, as the next two."""
    images: dict[str, int]
    """By camera."""
    poses: int
    warnings: tuple[str, ...] = ()
    world: str | None = None
    seen: ScanFacts = ScanFacts()
    """What a few scans show."""

    @property
    def frames(self) -> int:
        return len(self.names)

    def part(self, start: int, stop: int) -> LogFacts:
        """The same of the frames [start, stop) alone: their names and times."""
        return self.model_copy(update={"names": self.names[start:stop], "times": self.times[start:stop]})

    def knows(self, array: str) -> bool:
        """Whether the log has written ``poses``, ``intrinsics`` or ``extrinsics`` for any of its frames or cameras."""
        match array:
            case "poses":
                return self.poses > 0
            case "intrinsics":
                return any(camera.intrinsics for camera in self.rig.cameras)
            case "extrinsics":
                return any(camera.extrinsics for camera in self.rig.cameras)
        return False
