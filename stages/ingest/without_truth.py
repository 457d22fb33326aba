"""What readers have in common whose logs bring no truth of voxels or points."""

from __future__ import annotations

from occlabel.schemas.drive_log import Frame, PointTruth, VoxelTruth


class WithoutTruth:
    """A ``LogReader`` without truth."""

    __slots__ = ()

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return None

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        return None
