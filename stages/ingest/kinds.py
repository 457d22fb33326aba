"""The readers that there are. One of ours is one line here; a user's package brings its own as an entry point of the
group ``occlabel.readers``, named as the reader is to be named.

Such an entry point is a class with two class attributes, ``LAYOUT_GLOB`` (what a root of its layout holds) and
``LAYOUT_WORDS`` (the same for people), whose instances are made with a root and are a ``LogReader``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from pathlib import Path

from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog, Ended
from occlabel.schemas.words import meant
from occlabel.stages.ingest.brought import opened
from occlabel.stages.ingest.mcap.layout import is_recording
from occlabel.stages.ingest.video.layout import is_video

Holds = str | Callable[[Path], bool]
"""What a root of a layout holds: a glob, or what looks whether it does. Those that look are asked where no glob fits,
for folders of images are parts of other layouts too."""

READERS: dict[str, tuple[Holds, str, str]] = {
    "kitti": ("sequences", "sequences/XX (KITTI odometry, SemanticKITTI)", "occlabel.stages.ingest.kitti:KittiReader"),
    "kitti_raw": (
        "????_??_??/*_drive_*_sync",
        "<date>/<date>_drive_NNNN_sync (KITTI raw)",
        "occlabel.stages.ingest.kitti_raw:KittiRawReader",
    ),
    "kitti360": (
        "data_[23]d_raw/*_drive_*_sync",
        "data_3d_raw/<date>_drive_NNNN_sync (KITTI-360)",
        "occlabel.stages.ingest.kitti360:Kitti360Reader",
    ),
    "nuscenes": (
        "v1.0-*/scene.json",
        "v1.0-mini|trainval|test/scene.json (nuScenes)",
        "occlabel.stages.ingest.nuscenes:NuScenesReader",
    ),
    "argoverse2": (
        "*/calibration/egovehicle_SE3_sensor.feather",
        "<log>/calibration/egovehicle_SE3_sensor.feather (Argoverse 2 sensor)",
        "occlabel.stages.ingest.argoverse2.reader:Argoverse2Reader",
    ),
    "mcap": (
        is_recording,
        "recording (.mcap) beside topics.yaml, or folder of such (MCAP)",
        "occlabel.stages.ingest.mcap.reader:McapReader",
    ),
    "video": (
        is_video,
        "film (.mp4, .mov, .mkv), folder of images, or folder of several such, a camera each (video)",
        "occlabel.stages.ingest.video.reader:VideoReader",
    ),
}
"""Reader -> what its root holds, the same for people, and ``module:class``, imported when a root is opened: the
libraries behind readers take up to two seconds."""

EXTRAS = dict.fromkeys(("mcap", "mcap_ros2", "lz4", "zstandard"), "mcap")
"""Library of a reader -> the extra that brings it."""

GROUP = "occlabel.readers"

Plugins = dict[str, metadata.EntryPoint]
"""What packages bring, by name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a reader reads."""

    reader: str
    holds: Holds
    words: str
    open: Callable[[Path], LogReader]

    @property
    def last(self) -> bool:
        """Whether it is asked for only where no other fits."""
        return not isinstance(self.holds, str)

    def fits(self, root: Path) -> bool:
        return any(root.glob(self.holds)) if isinstance(self.holds, str) else self.holds(root)


def layout_of(reader: str) -> Layout:
    """Raises BadLog for a reader that is not known, or an entry point that is none."""
    return _layout(reader, _plugins())


def layouts() -> tuple[list[Layout], list[str]]:
    """Of all readers; and what is wrong with those that a package brings and that cannot be had, which must not keep
    logs of another layout from being read. What packages bring is looked up once: each look reads what every package
    says of itself."""
    plugins, found, broken = _plugins(), [], []
    for name in _names(plugins):
        try:
            found.append(_layout(name, plugins))
        except BadLog as error:
            broken.append(str(error))
    return found, broken


def _names(plugins: Plugins) -> tuple[str, ...]:
    return (*READERS, *sorted(set(plugins) - set(READERS)))


def _layout(reader: str, plugins: Plugins) -> Layout:
    if reader in READERS:
        if reader in plugins:
            raise BadLog(
                f"the entry point {reader} = {plugins[reader].value} (group {GROUP}) takes the name of a reader that "
                "comes with occlabel; give it another one"
            )
        ours, called, place = READERS[reader]
        return Layout(reader, ours, called, lambda root: _class_at(place)(root))
    if reader not in plugins:
        known = _names(plugins)
        raise BadLog(f"unknown reader {reader!r}{meant(reader, known)}; known: {', '.join(known)}")
    where = f"the reader {reader!r} (entry point {plugins[reader].value}, group {GROUP})"
    try:
        found = plugins[reader].load()
    except Ended:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's package raises when it is imported
        raise BadLog(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    glob, words = getattr(found, "LAYOUT_GLOB", None), getattr(found, "LAYOUT_WORDS", None)
    if not (isinstance(found, type) and isinstance(glob, str) and isinstance(words, str)):
        raise BadLog(f"{where} is no reader: it must be a class with the texts LAYOUT_GLOB and LAYOUT_WORDS")
    if not glob or Path(glob).is_absolute():
        raise BadLog(f"{where}: LAYOUT_GLOB {glob!r} is no pattern of something inside a root, as 'sequences' is")
    return Layout(reader, glob, words, partial(opened, found, where))


def _class_at(place: str) -> Callable[[Path], LogReader]:
    module, _, name = place.partition(":")
    try:
        found: Callable[[Path], LogReader] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise BadLog(
            f"{error.name} is not installed, which such logs are read with: pip install 'occlabel[{extra}]'"
        ) from error
    return found


def _plugins() -> Plugins:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}
