"""What is scored, by what was typed: a version, or a folder of predictions."""

from __future__ import annotations

from pathlib import Path

from occlabel.pipeline.published.folder_labels import FolderLabels
from occlabel.pipeline.published.labels import Format, LabelSource, VersionLabels
from occlabel.pipeline.published.version import open_version
from occlabel.schemas.errors import BadPredictions


def open_labels(spec: str, format: Format) -> LabelSource:
    """The folder ``spec``, or the version STORE@VERSION.

    Raises BadPredictions for a folder that holds no predictions of the format, StoreError for a version that is not
    there.
    """
    folder = Path(spec)
    if folder.is_dir() and not (folder / "versions").is_dir():
        return FolderLabels(folder, format)
    if not any(mark in spec for mark in ("@", "://")) and not folder.is_dir():
        raise BadPredictions(f"{spec} is neither a folder of predictions nor a version STORE@VERSION")
    return VersionLabels(open_version(spec))
