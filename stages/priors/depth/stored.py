"""Depth that another program left on disk, or a simulator."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image
from pydantic import field_validator

from occlabel.schemas.arrays import DEPTH, resolved
from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats.npz import array_names, read_floats
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import PLACE, Arrays, Clip, Hands, Inputs, Process, Resources
from occlabel.stages.priors.depth.slot import Depth, at_stride, blank, clip_bytes, image_bytes
from occlabel.stages.priors.image_files import ImageFiles, checked, refuse_empty, whole_png

_PER_METRE = 256
"""Steps of KITTI's 16-bit PNG in a metre."""


class StoredDepth(Depth):
    """Reads one file an image, of the image's size, each pixel's depth along the optical axis: a 16-bit PNG as KITTI's
    (256 steps a metre, 0 unknown); or an npy, or an npz with one array or one named ``depth``, of floating point metres
    [height, width]. Depth that is zero, negative, infinite or NaN is unknown, and so is an image without a file, or
    with one that cannot be read.
    """

    kind: Literal["stored_depth"] = "stored_depth"
    path: Annotated[Path, PLACE]
    """Where the files lie, such as ``depth/{log}/{camera}/{frame}.png``; .png, .npy or .npz."""

    @field_validator("path")
    @classmethod
    def _template(cls, value: Path) -> Path:
        return checked(value, (".png", ".npy", ".npz"))

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        memory = (300 << 20) + 6 * image_bytes(rig) + clip_bytes(self, clip_frames, space, rig)
        return Resources(memory=memory)

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        return ImageFiles(self.path).digest(log)

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        """Which images have no file, or one that cannot be read. Raises BadLog when none has, or none of a camera
        can be."""
        files = ImageFiles(self.path)
        return "; ".join(filter(None, (files.lacking(log), files.unread(log, look_at)))) or None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        files = ImageFiles(self.path)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(self, clip.frames, space, rig)
            for spec in resolved((DEPTH,), rig):
                size = rig.camera(str(spec.camera)).size
                assert size is not None  # the array would have no shape
                for n, row in enumerate(inputs.own(clip)):
                    file = files.place(clip.log, str(spec.camera), inputs.frames[row].name)
                    if file.is_file():
                        with suppress(DamagedFile):  # the plan has said so
                            result[spec.name][n] = at_stride(read_depth(file, size), spec)
            return result

        return process


def look_at(file: Path, size: tuple[int, int]) -> None:
    """Raises DamagedFile where ``read_depth`` does; of a PNG the checksums are looked at, and no pixel is decoded."""
    if file.suffix != ".png":
        read_depth(file, size)
        return
    found, mode = whole_png(file)
    _refuse_mode(file, mode)
    _refuse_size(file, found, size)


def read_depth(file: Path, size: tuple[int, int]) -> NDArray[np.floating[Any]]:
    """Metres [h, w] of a PNG, npy or npz over an image of ``size`` (width, height). Raises DamagedFile."""
    refuse_empty(file)
    try:
        if file.suffix == ".png":
            depth = _png(file)
        elif file.suffix == ".npy":
            depth = npy.open_memmap(file, mode="r")  # type: ignore[no-untyped-call]  # opens no pickle
        else:
            depth = _npz(file, size)
    except DamagedFile:
        raise
    except Exception as error:  # what PIL, numpy and zipfile raise for a damaged file is of a dozen types
        raise DamagedFile(f"{file} is not a readable {file.suffix[1:]} of depth: {error}") from error
    _refuse_size(file, depth.shape[::-1], size)
    if depth.dtype.kind != "f":
        raise DamagedFile(f"{file} holds {depth.dtype}, expected floating point numbers, in metres")
    return depth


def _png(file: Path) -> NDArray[np.floating[Any]]:
    with Image.open(file, formats=("PNG",)) as image:
        _refuse_mode(file, image.mode)
        return np.asarray(image).astype(np.float32) / _PER_METRE


def _refuse_mode(file: Path, mode: str) -> None:
    if mode not in ("I;16", "I;16B", "I"):
        raise DamagedFile(f"{file} has pixels of the mode {mode}; depth is 16-bit grey, {_PER_METRE} steps a metre")


def _refuse_size(file: Path, found: tuple[int, ...], size: tuple[int, int]) -> None:
    if found != size:
        shape = "x".join(map(str, found))
        raise DamagedFile(f"{file} is {shape}, its image is {size[0]}x{size[1]}; write depth of every pixel")


def _npz(file: Path, size: tuple[int, int]) -> NDArray[np.floating[Any]]:
    names = array_names(file)
    if "depth" not in names and len(names) != 1:
        raise DamagedFile(f"{file} holds {', '.join(names) or 'no arrays'}; name the one with the depth 'depth'")
    return read_floats(file, "depth" if "depth" in names else names[0], size[::-1])
