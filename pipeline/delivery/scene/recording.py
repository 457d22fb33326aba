"""A scene as a rerun recording, ``.rrd``. Nobody else here knows rerun.

rerun-sdk asks for NumPy 2 in its metadata and works with the NumPy 1.26 that occlabel needs, so it is no extra of this
package, which pip could not resolve: it is installed by itself, without its dependencies, which occlabel has.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path as File
from types import ModuleType
from typing import Any

import numpy as np

from occlabel.pipeline.delivery.scene.shapes import (
    ABOUT,
    NOTES,
    WORLD,
    Arrows,
    Boxes,
    Lines,
    Moment,
    Path,
    Picture,
    Placed,
    Points,
    Scene,
    Shape,
    Text,
    Voxels,
)
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.grid import Grid

INSTALL = "pip install --no-deps rerun-sdk==0.41.0"
_POINT_RADIUS, _LINE_RADIUS = 0.03, 0.05
"""[m]"""


def rerun() -> ModuleType:
    """The package, which reports nothing to its makers from here. Raises OcclabelError where it cannot be imported."""
    os.environ["RERUN_ANALYTICS"] = "false"
    try:
        import rerun as package
    except ImportError as error:
        raise OcclabelError(
            f"a scene needs rerun-sdk, which cannot be imported ({error}); install it with {INSTALL} (without that "
            "option pip asks for NumPy 2, which is not needed)"
        ) from error
    return package


def record(scene: Scene, moments: Iterable[Moment], out: File) -> None:
    """Writes the file. Equal scenes make equal content, but for the time of writing. Raises OcclabelError."""
    rr = rerun()
    with appearing(out) as partial:
        recording = rr.RecordingStream("occlabel", recording_id=scene.title)
        try:
            recording.save(partial, default_blueprint=_layout(rr, scene))
            recording.log(_name(rr, WORLD), rr.ViewCoordinates.FLU, static=True)
            for path, shape in scene.always.items():
                _log(rr, recording, path, shape, scene.grid, static=True)
            there: set[Path] = set()
            for moment in moments:
                recording.set_time("frame", sequence=moment.index)
                recording.set_time("time", duration=moment.seconds)
                for gone in there - moment.shapes.keys():
                    recording.log(_name(rr, gone), rr.Clear(recursive=False))
                for path, shape in moment.shapes.items():
                    _log(rr, recording, path, shape, scene.grid)
                there |= moment.shapes.keys()
            recording.flush()
        finally:
            recording.disconnect()


def _log(rr: ModuleType, recording: Any, path: Path, shape: Shape, grid: Grid, static: bool = False) -> None:
    recording.log(_name(rr, path), *_drawn(rr, shape, grid), static=static)


def _drawn(rr: ModuleType, shape: Shape, grid: Grid) -> list[Any]:
    """What rerun calls the shape."""
    match shape:
        case Placed(pose):
            return [rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3])]
        case Voxels(cells, colours):
            return [_voxels(rr, cells, colours, grid)]
        case Points(places, colours):
            return [rr.Points3D(places, colors=colours, radii=_POINT_RADIUS)]
        case Lines(ways, colours):
            return [rr.LineStrips3D(list(ways), colors=colours, radii=_LINE_RADIUS)]
        case Arrows(places, vectors, colours):
            return [rr.Arrows3D(origins=places, vectors=vectors, colors=colours, radii=_LINE_RADIUS)]
        case Boxes(boxes, names, colours):
            turns = [rr.RotationAxisAngle(axis=[0, 0, 1], radians=float(yaw)) for yaw in boxes[:, 6]]
            sides = {"centers": boxes[:, :3], "sizes": boxes[:, 3:6], "rotation_axis_angles": turns}
            return [rr.Boxes3D(**sides, labels=list(names), colors=colours)]
        case Picture(jpeg, size, intrinsics):
            image = rr.EncodedImage(contents=jpeg, media_type="image/jpeg")
            lens = [] if intrinsics is None else [rr.Pinhole(image_from_camera=intrinsics, resolution=size)]
            return [*lens, image]
        case Text(words):
            return [rr.TextDocument(words, media_type="text/markdown")]


def _voxels(rr: ModuleType, cells: np.ndarray[Any, Any], colours: np.ndarray[Any, Any], grid: Grid) -> Any:
    """Points as large as voxels where this rerun draws no voxels: their archetype is young, and may change."""
    if hasattr(rr, "VoxelGridMap"):
        return rr.VoxelGridMap(cells, [grid.voxel_size] * 3, colors=colours, translation=grid.origin)
    places = (cells + 0.5) * grid.voxel_size + np.array(grid.origin)
    return rr.Points3D(places, colors=colours, radii=grid.voxel_size / 2)


def _layout(rr: ModuleType, scene: Scene) -> Any:
    """The space, beside it the cameras and what is said; layers that are asked for are hidden."""
    import rerun.blueprint as rrb

    hidden = {_name(rr, path): [rrb.EntityBehavior(visible=False)] for path in scene.hidden}
    space = rrb.Spatial3DView(origin=_name(rr, WORLD), name=scene.title, overrides=hidden)
    images = [rrb.Spatial2DView(origin=_name(rr, (*path, "image")), name=path[-1]) for path in scene.cameras]
    said = rrb.Tabs(
        rrb.TextDocumentView(origin=_name(rr, ABOUT), name="about"),
        rrb.TextDocumentView(origin=_name(rr, NOTES), name="notes of the frame"),
    )
    side = rrb.Vertical(*([rrb.Grid(*images)] if images else []), said)
    panels = rrb.Horizontal(space, side, column_shares=[3, 1])
    return rrb.Blueprint(panels, rrb.TimePanel(timeline="frame", state="expanded"))


def _name(rr: ModuleType, path: Path) -> str:
    name: str = rr.new_entity_path(list(path))
    return name
