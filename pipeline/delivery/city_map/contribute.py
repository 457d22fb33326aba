"""The job of a map: what each log of a version has to say."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.city_map.votes_file import VotesFile
from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.published.opened import opened
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.pipeline.running.jobs import Job
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.city_map import Contribution
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Resources
from occlabel.stages.mapping.ballot import ballot
from occlabel.stages.mapping.fuse import PlacedFrame, cast_frames, survey_frames
from occlabel.workers.store import safe_name


class MapVotes(Job):
    """Static classes and free space of a log's frames, placed by the poses that its labels were made with, as votes."""

    name: ClassVar[str] = "map-votes"
    version: ClassVar[int] = 2

    labels: str
    """The version, as STORE@NAME."""

    @property
    def resources(self) -> Resources:
        """The counts of the tiles that are held at a time, and as much again for what is made of them."""
        return Resources(memory=2 << 30)

    def fingerprint(self, unit: str) -> str:
        version = opened(self.labels)
        space = version.space
        facts = {
            "job": [self.name, self.version],
            "world": world_of(version, unit),
            "grid": space.grid.model_dump(mode="json", exclude={"ranges"}),
            "taxonomy": [space.taxonomy.free_id, *[[c.name, c.movable] for c in space.taxonomy.classes]],
            "frames": [
                [frame.name, frame.row.arrays[SEMANTICS.name].digest, placed.world_from_grid.tobytes().hex()]
                for frame, placed in placed_frames(version, unit)
            ],
        }
        return digest_of(facts)

    def frames(self, unit: str) -> int:
        return len(placed_frames(opened(self.labels), unit))

    def work(self, unit: str) -> bytes:
        version = opened(self.labels)
        frames = [placed for _, placed in placed_frames(version, unit)]
        about = Contribution(
            log=unit,
            world=world_of(version, unit),
            fingerprint=self.fingerprint(unit),
            frames=len(frames),
            poseless=sum(1 for _ in version.frames(unit)) - len(frames),
            tiles=(),
        )
        return contribute(frames, version.space, about)


def contribute(frames: list[PlacedFrame], space: LabelSpace, about: Contribution) -> bytes:
    """The votes file of ``frames``, which says ``about`` itself and in which tiles they have votes."""
    rows, file, written = ballot(space.taxonomy), VotesFile(), []
    surveyed = survey_frames(frames, space.grid, rows)
    for tiles, votes in cast_frames(frames, space.grid, rows, surveyed):
        for tile in tiles:
            file.add(tile, votes.part(tile), rows)
        written += tiles
        del votes  # or it would lie beside the next ones
    return file.finish(about.model_copy(update={"tiles": tuple(sorted(written))}))


def placed_frames(version: PublishedVersion, log: str) -> list[tuple[PublishedFrame, PlacedFrame]]:
    """The labelled frames of a log that have a pose."""
    pairs = ((frame, frame.world_from_grid) for frame in version.frames(log))
    return [(frame, PlacedFrame(_Labels(frame), pose)) for frame, pose in pairs if pose is not None]


def world_of(version: PublishedVersion, log: str) -> str:
    """Name of the frame that the poses of a log are in."""
    return safe_name(version.info.worlds.get(log, log), "world")


class _Labels:
    """Reads the classes of a frame when it is called."""

    def __init__(self, frame: PublishedFrame) -> None:
        self._frame = frame

    def __call__(self) -> NDArray[np.uint8]:
        return self._frame[SEMANTICS]
