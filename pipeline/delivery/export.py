"""Exports a version: every frame that it holds, in the layout of a benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occlabel.pipeline.published.versions import PublishedVersion
from occlabel.pipeline.quality.benchmark import BENCHMARKS, Format
from occlabel.pipeline.quality.predictions import refuse_other_space
from occlabel.schemas.errors import BadPredictions
from occlabel.stages.export import occ3d, semantickitti


def export_version(version: PublishedVersion, format: Format, out: Path, zipped: bool = False) -> int:
    """Writes the version under ``out`` and returns how many frames.

    ``zipped`` (semantickitti only) adds ``out/submission.zip``, the same tree as the benchmark server takes it.
    Raises BadPredictions, before anything is written, when ``out`` holds something already or when the official tools
    would stop at the version: other grid, other classes, log or frame names they would not find.
    """
    refuse_other_space(version, BENCHMARKS[format])
    if zipped and format != "semantickitti":
        raise BadPredictions("--zip writes a submission to the SemanticKITTI server; occ3d has none")
    refuse_full(out)
    frames = list(version.frames())
    if not frames:
        raise BadPredictions(f"version {version.name} has no frames to export")
    writer = semantickitti if format == "semantickitti" else occ3d
    for frame in frames:
        writer.refuse_name(frame.log, frame.name)
    for frame in frames:
        writer.write_frame(out, frame.log, frame.name, frame.load("semantics").astype(np.uint8, copy=False))
    if zipped:
        semantickitti.write_zip(out, out / "submission.zip")
    return len(frames)


def refuse_full(out: Path) -> None:
    """Raises BadPredictions unless ``out`` is an empty folder or not there yet."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadPredictions(f"{out} is not an empty folder; choose another one, or remove it first")
