"""The files of one KITTI sequence and the names of its frames, without anything being read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from occlabel.stages.ingest.images import SUFFIXES
from occlabel.stages.ingest.numbered import Files, frame_names, numbered

CAMERAS = {"image_2": "P2", "image_3": "P3"}
"""Colour camera -> its projection in ``calib.txt``."""


@dataclass(frozen=True, slots=True)
class SequenceFiles:
    """What lies in the folders of a sequence, by number of the frame."""

    scans: Files
    images: dict[str, Files]
    points: Files
    """Labels of points, and of voxels."""
    voxels: Files
    warnings: tuple[str, ...]

    @property
    def names(self) -> dict[int, str]:
        """Of the frames: what a sensor has a file of."""
        return frame_names({*self.scans}.union(*self.images.values()), self._folders)

    @property
    def voxel_names(self) -> dict[int, str]:
        """Of the frames that have voxel labels."""
        return frame_names(self.voxels, self._folders)

    @property
    def _folders(self) -> list[Files]:
        return [self.scans, self.points, *self.images.values(), self.voxels]


def sequence_files(folder: Path) -> SequenceFiles:
    """The files of the sequence in ``folder``."""
    warnings: list[str] = []
    return SequenceFiles(
        numbered(folder / "velodyne", (".bin",), warnings),
        {name: numbered(folder / name, SUFFIXES, warnings) for name in CAMERAS},
        numbered(folder / "labels", (".label",), warnings),
        numbered(folder / "voxels", (".label",), warnings),
        tuple(warnings),
    )
