"""Which reader reads a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog


# Each reader is imported when it is used: the libraries behind them take up to two seconds.
def _kitti(root: Path) -> LogReader:
    from occlabel.stages.ingest.kitti import KittiReader

    return KittiReader(root)


def _kitti_raw(root: Path) -> LogReader:
    from occlabel.stages.ingest.kitti_raw import KittiRawReader

    return KittiRawReader(root)


def _nuscenes(root: Path) -> LogReader:
    from occlabel.stages.ingest.nuscenes import NuScenesReader

    return NuScenesReader(root)


_LAYOUTS: dict[str, tuple[str, str, Callable[[Path], LogReader]]] = {
    "kitti": ("sequences", "sequences/XX (KITTI odometry, SemanticKITTI)", _kitti),
    "kitti_raw": ("????_??_??/*_drive_*_sync", "<date>/<date>_drive_NNNN_sync (KITTI raw)", _kitti_raw),
    "nuscenes": ("v1.0-*/scene.json", "v1.0-mini|trainval|test/scene.json (nuScenes)", _nuscenes),
}
"""Reader name -> what its root holds (a glob), the same for people, and the reader."""

READERS = tuple(_LAYOUTS)


def open_logs(root: Path, reader: str | None = None) -> LogReader:
    """The reader for ``root``, recognised by what the folder holds, or the one named ``reader``.

    Raises BadLog when the folder is missing, fits no layout or not the named one, or fits several.
    """
    root = Path(root).absolute()
    if not root.is_dir():
        raise BadLog(f"{root} is not a folder")
    if reader is not None and reader not in _LAYOUTS:
        raise BadLog(f"unknown reader {reader!r}; known: {', '.join(_LAYOUTS)}")
    fitting = [name for name in ([reader] if reader else _LAYOUTS) if any(root.glob(_LAYOUTS[name][0]))]
    if not fitting:
        expected = ", ".join(_LAYOUTS[name][1] for name in ([reader] if reader else _LAYOUTS))
        raise BadLog(f"{root} holds no drive logs: there is no {expected}; give the folder that directly holds it")
    if len(fitting) > 1:
        raise BadLog(f"{root} holds several layouts ({', '.join(fitting)}); name one with --reader")
    return _LAYOUTS[fitting[0]][2](root)
