"""Which topics of a recording are what: ``topics.yaml`` beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.wrong_fields import sentences
from occlabel.schemas.yaml_text import MOST_BYTES, parse_yaml
from occlabel.stages.ingest.calibration import mounted
from occlabel.stages.ingest.files import read_file

NAME = "topics.yaml"

_Topic = Annotated[str, Field(min_length=1)]
_Rows = tuple[tuple[float, float, float, float], ...]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LidarTopic(_Told):
    """A topic of ``sensor_msgs/PointCloud2``."""

    topic: _Topic
    intensity: float = Field(ge=0, le=1e6)
    """What intensities go up to; 0 where there are none."""
    extrinsics: _Rows | None = None
    """``ego_from_lidar``, three or four rows; that of the recording's transforms where it is not said."""


class CameraTopic(_Told):
    """A topic of ``sensor_msgs/Image`` or ``CompressedImage``."""

    topic: _Topic
    info: _Topic | None = None
    """A topic of ``sensor_msgs/CameraInfo``."""
    extrinsics: _Rows | None = None
    """``ego_from_camera``."""


class PoseTopic(_Told):
    """Where the car is: a topic of ``nav_msgs/Odometry``, ``geometry_msgs/PoseStamped`` or ``tf2_msgs/TFMessage``."""

    topic: _Topic
    parent: str | None = None
    """Of ``TFMessage``: the frame that the poses are in."""
    child: str | None = None
    """The frame that they are the poses of, where the messages do not say it or say of several."""


class Topics(_Told):
    """The whole file."""

    ego: str = "base_link"
    """The frame of the car."""
    static: _Topic = "/tf_static"
    """Transforms between the car and its sensors."""
    lidar: LidarTopic | None = None
    cameras: dict[Annotated[str, Field(pattern=r"^\w[\w.-]*$")], CameraTopic] = {}
    pose: PoseTopic | None = None


def read_topics(folder: Path) -> tuple[Topics, bytes]:
    """What is said in ``folder``, and the content of the file. Raises BadLog where there is none, or it cannot be used:
    nothing else tells which topic is what."""
    path = folder / NAME
    if not path.is_file():
        raise BadLog(f"there is no {path}, which says which topics of the recording are LiDAR, cameras and poses")
    try:
        content = read_file(path, MOST_BYTES)
        said = parse_yaml(content, str(path))
        topics = Topics.model_validate({} if said is None else said)
    except ValidationError as error:
        raise BadLog(f"{path} cannot be used: {'; '.join(sentences(error, Topics, whole='it'))}") from error
    except (DamagedFile, BadRecipe) as error:
        raise BadLog(str(error)) from error
    if topics.lidar is None and not topics.cameras:
        raise BadLog(f"{path} names no LiDAR and no camera")
    return topics, content


def mount_of(rows: _Rows | None, what: str) -> Matrix | None:
    """[4, 4] of what was written down. Raises BadLog for what is not rigid or longer than a car."""
    return None if rows is None else mounted(np.array(rows), f"{NAME}: extrinsics of {what}")
