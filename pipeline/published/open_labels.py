"""What is scored, by what was typed: a version, or a folder of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from occlabel.pipeline.published.folder_labels import FolderLabels
from occlabel.pipeline.published.labels import Format, LabelSource, VersionLabels
from occlabel.pipeline.published.version import open_version
from occlabel.schemas.errors import BadPredictions


def open_labels(spec: str, format: Format | None) -> LabelSource:
    """The folder ``spec``, or the version STORE@VERSION.

    Raises BadPredictions for a folder that holds no predictions of the format, or of which nobody says it, StoreError
    for a version that is not there.
    """
    folder = Path(spec)
    if folder.is_dir() and not (folder / "versions").is_dir():
        if format is None:
            raise BadPredictions(
                f"{spec} is a folder of predictions: say in whose layout they are, as format={get_args(Format)[0]!r}; "
                f"there are {', '.join(get_args(Format))}"
            )
        return FolderLabels(folder, format)
    if not any(mark in spec for mark in ("@", "://")) and not folder.is_dir():
        raise BadPredictions(f"{spec} is neither a folder of predictions nor a version STORE@VERSION")
    return VersionLabels(open_version(spec))
