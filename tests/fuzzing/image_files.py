"""What lies on disk for each image of a log: segments of another program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fuzzing.logs import AROUND, kitti_root
from fuzzing.models import labels
from fuzzing.reading import Reading
from PIL import Image

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe_file import parse_recipe
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store


def sizes(root: Path) -> list[tuple[Path, tuple[int, int]]]:
    """Where the file of each image lies, without its suffix, and the image's height and width."""
    kitti_root(root / "logs")
    places = []
    for log in open_logs(root / "logs").logs():
        for frame in log.frames:
            for camera in frame.cameras:
                assert camera.size is not None
                places.append((root / "segments" / camera.name / frame.name, camera.size[::-1]))
                places[-1][0].parent.mkdir(parents=True, exist_ok=True)
    return places


def classes_as_png(root: Path) -> None:
    draw = np.random.default_rng(0)
    for place, size in sizes(root):
        Image.fromarray(draw.integers(0, 20, size, np.uint8)).save(place.with_suffix(".png"))


def segments_as_npz(root: Path) -> None:
    draw = np.random.default_rng(0)
    for place, size in sizes(root):
        arrays = {"class": draw.integers(0, 20, size), "instance": draw.integers(0, 99, size)}
        np.savez_compressed(place.with_suffix(".npz"), **arrays, score=draw.integers(0, 256, size))


def read_png(root: Path) -> Reading:
    return _read(root, ".png")


def read_npz(root: Path) -> Reading:
    return _read(root, ".npz")


def _read(root: Path, suffix: str) -> Reading:
    """What a run publishes of them, beside labels that they do not decide."""
    path = str(root / "segments/{camera}/{frame}") + suffix
    fields = {
        "grid": AROUND.model_dump(),
        "taxonomy": "semantickitti",
        "clip_frames": 4,
        "priors": {"segments": {"kind": "stored_segments", "path": path}},
        "completion": {"kind": "accumulated", "radius": 0, "labels": str(root / "logs")},
    }
    recipe = parse_recipe(fields, "of a test")
    reading = labels(recipe, root)
    plan = reading.attempt(make_plan, recipe, open_logs(root / "logs"), Store(root.with_name("store")))
    reading.words += [] if plan is None else plan.cautions
    return reading
