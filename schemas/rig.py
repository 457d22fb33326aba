"""The rig of a log: which sensors it has, and what is known of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from occlabel.schemas.errors import BadLog


class RigCamera(BaseModel):
    """One camera of a rig. ``intrinsics`` and ``extrinsics`` say whether they are known wherever it has an image."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: tuple[int, int] | None = None
    """Width and height in pixels; None where it is not known."""
    intrinsics: bool = True
    extrinsics: bool = True
    height: float | None = Field(default=None, exclude_if=lambda height: height is None)
    """Metres above the road, where somebody said so. Digests of logs of which nobody did do not know of it."""
    set_aside: str | None = Field(default=None, exclude_if=lambda said: said is None)
    """Why K that is written down is not used, in a sentence; None where it is, or nobody wrote any."""


class Rig(BaseModel):
    """The sensors of a log, cameras in the order in which the log names them."""

    model_config = ConfigDict(frozen=True)

    cameras: tuple[RigCamera, ...] = ()
    lidar: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Of the cameras."""
        return tuple(camera.name for camera in self.cameras)

    @property
    def uncalibrated(self) -> list[str]:
        """Names of the cameras of which K or the place on the car is not known."""
        return [camera.name for camera in self.cameras if not (camera.intrinsics and camera.extrinsics)]

    def camera(self, name: str) -> RigCamera:
        """Raises BadLog when the rig has no such camera."""
        for camera in self.cameras:
            if camera.name == name:
                return camera
        raise BadLog(f"there is no camera {name!r}; there is {', '.join(self.names) or 'none at all'}")
