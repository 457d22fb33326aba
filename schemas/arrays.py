"""The arrays that stages exchange, stores hold and versions publish, each declared once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig
from occlabel.schemas.taxonomy import UNKNOWN

T_co = TypeVar("T_co", bound=np.generic, covariant=True)
Dim = Literal["frame", "x", "y", "z", "camera", "v", "u", "row", "column"]
"""``frame`` of the log; ``x y z`` of the grid; ``camera`` of the rig; ``v u``: rows and columns of an image, one
in ``stride``; ``row column`` of a matrix."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How chunks are compressed, with a checksum that finds a flipped bit. Frames are written once and read in every
    epoch of every training: ``lz4`` (its slow compressor, in Blosc's frame) is read three times as fast as ``zstd``,
    and takes up to twice the room of what compresses to a twentieth, as class ids do."""

    level: int = 1
    checksum: bool = True
    name: Literal["zstd", "lz4"] = "zstd"


_READ_OFTEN = Codec(level=4, name="lz4")


@dataclass(frozen=True, slots=True)
class ArraySpec(Generic[T_co]):
    """One array, or one a camera for arrays over images: ``depth`` is stored as ``depth/CAM_FRONT`` and so on."""

    name: str
    dtype: np.dtype[T_co]
    fill: float
    """Value of what was never written: missing is never empty."""
    meaning: str
    dims: tuple[Dim, ...] = ("frame", "x", "y", "z")
    matrix: tuple[int, int] = (0, 0)
    """Sizes of ``row`` and ``column``."""
    stride: int = 1
    """Pixels of the image per element along ``v`` and ``u``."""
    camera: str | None = None
    """Whose image it lies over."""
    chunk: int | None = 1
    """Frames in a chunk; None: all of a clip. A shard is always one clip."""
    codec: Codec = Codec()
    published: bool = True
    """Whether a version publishes it; bookkeeping between stages is not, and no digest of a version knows it."""

    @property
    def over_images(self) -> bool:
        return "u" in self.dims

    def on(self, camera: str) -> ArraySpec[T_co]:
        """The array over the images of ``camera``."""
        return replace(self, name=f"{self.name}/{camera}", camera=camera)

    def check(self, array: NDArray[np.generic], extent: Extent) -> None:
        """Raises OcclabelError unless ``array`` is what this spec declares."""
        shape = extent.shape(self)
        if array.dtype != self.dtype or array.shape != shape:
            raise OcclabelError(
                f"array {self.name!r} is {array.dtype}{list(array.shape)}, declared {self.dtype}{list(shape)}; "
                "the stage that wrote it breaks its contract"
            )

    def check_classes(self, array: NDArray[np.generic], classes: int) -> None:
        """Raises OcclabelError when an array of class ids holds one that is neither below ``classes`` nor UNKNOWN; one
        that holds something else is not looked at. ``array`` is what ``check`` took."""
        if family(self.name) not in _CLASS_IDS or self.dtype != _U8:
            return
        for number, frame in enumerate(array):
            after = frame + np.uint8(1)  # unknown becomes 0: one look for the highest is all
            if after.size and after.max() > classes:
                place = np.unravel_index(int(after.argmax()), after.shape)
                raise OcclabelError(
                    f"array {self.name!r} holds {frame[place]} at {[number, *map(int, place)]}, classes are "
                    f"0..{classes - 1} and {UNKNOWN} is unknown; the stage that wrote it breaks its contract"
                )

    def empty(self, extent: Extent) -> NDArray[T_co]:
        """The array of which nothing was written."""
        return np.full(extent.shape(self), self.fill, self.dtype)

    def facts(self) -> dict[str, Any]:
        """For JSON; see ``from_facts``. NaN is spelled out, as JSON has none."""
        fill = "nan" if math.isnan(self.fill) else self.fill
        plain = {"dtype": self.dtype.name, "fill": fill, "dims": list(self.dims), "matrix": list(self.matrix)}
        return asdict(self) | plain

    @staticmethod
    def from_facts(facts: dict[str, Any]) -> ArraySpec[Any]:
        """The spec that ``facts`` describe; what a later occlabel says besides is passed over."""
        return ArraySpec(
            **_known(ArraySpec, facts)
            | {
                "dtype": np.dtype(facts["dtype"]),
                "fill": float(facts["fill"]),
                "dims": tuple(facts["dims"]),
                "matrix": tuple(facts.get("matrix", (0, 0))),
                "codec": Codec(**_known(Codec, facts.get("codec", {}))),
            }
        )


def _known(kind: type[Codec | ArraySpec[Any]], facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name in kind.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Extent:
    """What named dimensions resolve against: so many frames, over this grid and this rig."""

    frames: int
    grid: Grid
    rig: Rig = Rig()

    def shape(self, spec: ArraySpec[Any]) -> tuple[int, ...]:
        """Raises OcclabelError for an array over the images of a camera that is not in the rig or has no known size."""
        return tuple(self._size(dim, spec) for dim in spec.dims)

    def nbytes(self, spec: ArraySpec[Any]) -> int:
        return math.prod(self.shape(spec)) * spec.dtype.itemsize

    def _size(self, dim: Dim, spec: ArraySpec[Any]) -> int:
        match dim:
            case "frame":
                return self.frames
            case "x" | "y" | "z":
                return self.grid.shape["xyz".index(dim)]
            case "camera":
                return len(self.rig.cameras)
            case "row" | "column":
                return spec.matrix[dim == "column"]
        if spec.camera is None:
            raise OcclabelError(f"{spec.name!r} is one array a camera: ask for that of one with .on(camera)")
        size = self.rig.camera(spec.camera).size
        if size is None:
            raise OcclabelError(f"the size of the images of {spec.camera} is not known, so {spec.name!r} has no shape")
        return -(-size[dim == "v"] // spec.stride)


def resolved(specs: Iterable[ArraySpec[Any]], rig: Rig) -> tuple[ArraySpec[Any], ...]:
    """The arrays as they are stored for a rig: those over images once for each of its cameras."""
    result: list[ArraySpec[Any]] = []
    for spec in specs:
        one_each = spec.over_images and spec.camera is None
        result.extend([spec.on(camera) for camera in rig.names] if one_each else [spec])
    return tuple(result)


def family(name: str) -> str:
    """``depth`` of ``depth/CAM_FRONT``: the name under which stages read and write it."""
    return name.partition("/")[0]


_U8, _U16, _U32 = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32)
_F16, _F64 = np.dtype(np.float16), np.dtype(np.float64)
_NAN = float("nan")
_IMAGE: tuple[Dim, ...] = ("frame", "v", "u")

MARGIN = "vote margin, 0..255 for 0..1"
PROBABILITY = "how likely the class is right, 0..255 for 0..1"
"""What confidence means as voting leaves it without and with a calibration: so a version alone tells which it is."""

SEMANTICS: ArraySpec[np.uint8] = ArraySpec("semantics", _U8, UNKNOWN, "class id; 255 unknown", codec=_READ_OFTEN)
CONFIDENCE: ArraySpec[np.uint8] = ArraySpec("confidence", _U8, 0, PROBABILITY)


KEPT = "as before"
KEPT_CONFIDENCE = replace(CONFIDENCE, meaning=KEPT)
"""Of a stage that changes some labels after the vote: how sure the others are, and in which measure, stays."""


def least_confidence(sure: float) -> int:
    """The least value of ``CONFIDENCE`` that is as sure as ``sure``, 0..1."""
    return math.ceil(sure * 255)


VOTED = "how many frames voted; 0 unknown"
SAW = "how many frames saw it, by a point or a ray; 0 nobody did"
"""What support means as voting leaves it without and with evidence."""

SUPPORT: ArraySpec[np.uint16] = ArraySpec("support", _U16, 0, SAW)
PASSED, HIT = 1, 2
"""Values of ``OBSERVED`` besides 0."""
OBSERVED: ArraySpec[np.uint8] = ArraySpec(
    "observed", _U8, 0, "0 nobody saw it, 1 a ray passed through, 2 a point was measured in it", codec=_READ_OFTEN
)
MEASURED: ArraySpec[np.uint8] = ArraySpec("measured", _U8, 0, "1 the frame's own sweep measured a point in it")
MARGIN_STEP, MARGIN_STEPS = 15, 18
"""Margins 0..255 in steps of 15; the last holds 255 alone."""
SURENESS: ArraySpec[np.uint32] = ArraySpec(
    "sureness", _U32, 0,
    "of voxels that the frame's own sweep hit and that are labelled occupied, by vote margin in steps of 15: how many, "
    "and how sure the frame was of its own label, summed",
    ("frame", "row", "column"), (2, MARGIN_STEPS), chunk=None,
)  # fmt: skip
INSTANCE: ArraySpec[np.uint16] = ArraySpec(
    "instance", _U16, 0, "object; tracked ones keep theirs through a log; 0 none", codec=_READ_OFTEN
)
TRACKS: ArraySpec[np.uint32] = ArraySpec(
    "tracks", _U32, 0, "objects that the log has had up to this frame", ("frame",), chunk=None, published=False
)
FLOW: ArraySpec[np.float16] = ArraySpec(
    "flow", _F16, _NAN, "velocity in the world, along the axes of the grid [m/s]; 0 stands; NaN unknown",
    ("frame", "x", "y", "z", "column"), (0, 3),
)  # fmt: skip
DEPTH: ArraySpec[np.float16] = ArraySpec(
    "depth", _F16, _NAN, "depth along the optical axis [m]; NaN unknown", _IMAGE, stride=4
)
"""Element [v, u] is of the pixel [stride * v, stride * u]: metres along z of the camera, not along the ray."""
RELATIVE_DEPTH: ArraySpec[np.float16] = ArraySpec(
    "relative_depth", _F16, _NAN, "1 / depth up to a scale and a shift of each image: large is near; NaN unknown",
    _IMAGE, stride=4, published=False,
)  # fmt: skip
"""What models say that know no metre. Lies as ``DEPTH`` does."""
DEPTH_DEVIATION: ArraySpec[np.float16] = ArraySpec(
    "depth_deviation", _F16, _NAN, "standard deviation of depth, as a share of it; NaN unknown", _IMAGE, stride=4
)
"""Lies as ``DEPTH`` does."""
SEGMENT_CLASS: ArraySpec[np.uint8] = ArraySpec(
    "segment_class", _U8, UNKNOWN, "class id of the pixel; 255 no segment says", _IMAGE, stride=4
)
SEGMENT_INSTANCE: ArraySpec[np.uint16] = ArraySpec(
    "segment_instance", _U16, 0, "object of the pixel, numbered within the image; 0 stuff or none", _IMAGE, stride=4
)
SEGMENT_SCORE: ArraySpec[np.uint8] = ArraySpec(
    "segment_score", _U8, 0, "how sure the model is of the class, 0..255 for 0..1", _IMAGE, stride=4
)
_CLASS_IDS = frozenset({SEMANTICS.name, SEGMENT_CLASS.name})
SEGMENTS = (SEGMENT_CLASS, SEGMENT_INSTANCE, SEGMENT_SCORE)
"""What is seen in an image: element [v, u] is of the pixel [stride * v, stride * u], as in ``DEPTH``."""
POSES: ArraySpec[np.float64] = ArraySpec(
    "poses", _F64, _NAN, "world_from_ego; NaN where it is not known", ("frame", "row", "column"), (4, 4), chunk=None
)
INTRINSICS: ArraySpec[np.float64] = ArraySpec(
    "intrinsics", _F64, _NAN, "K of each camera [pixels]; NaN unknown", ("frame", "camera", "row", "column"), (3, 3),
    chunk=None,
)  # fmt: skip
EXTRINSICS: ArraySpec[np.float64] = ArraySpec(
    "extrinsics", _F64, _NAN, "ego_from_camera of each camera; NaN unknown", ("frame", "camera", "row", "column"),
    (4, 4), chunk=None,
)  # fmt: skip
SCALE_DEVIATION: ArraySpec[np.float64] = ArraySpec(
    "scale_deviation", _F64, _NAN,
    "deviation of the length of the way to the frame, as a share of it; 0 it stands; NaN unknown",
    ("frame",), chunk=None,
)  # fmt: skip

GEOMETRY: tuple[ArraySpec[np.float64], ...] = (POSES, INTRINSICS, EXTRINSICS)
"""What the log itself has written, where it knows it."""
