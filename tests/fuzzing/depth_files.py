"""What decides depth of images besides the logs: depth of another program, and weights of foundation models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fuzzing.image_files import sizes
from fuzzing.logs import AROUND, kitti_root
from fuzzing.models import labels
from fuzzing.reading import Reading
from PIL import Image

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe_file import parse_recipe
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store

Form = Callable[[Path], None]


def stored_as(suffix: str) -> Form:
    """Metres of each image's pixels as a PNG, npy or npz."""

    def write(root: Path) -> None:
        draw = np.random.default_rng(0)
        for place, size in sizes(root):
            metres = draw.uniform(1, 80, size).astype(np.float32)
            if suffix == ".png":
                Image.fromarray((256 * metres).astype(np.uint16)).save(place.with_suffix(suffix))
            elif suffix == ".npy":
                np.save(place.with_suffix(suffix), metres)
            else:
                np.savez_compressed(place.with_suffix(suffix), depth=metres)

    return write


def read_stored(suffix: str) -> Callable[[Path], Reading]:
    return lambda root: _read(root, kind="stored_depth", path=str(root / "segments/{camera}/{frame}") + suffix)


def depth_anything(root: Path) -> None:
    from tiny_checkpoints import depth_anything

    kitti_root(root / "logs")
    depth_anything(root / "depth_anything", "metric")


def read_depth_anything(root: Path) -> Reading:
    return _read(root, kind="depth_anything", weights=str(root / "depth_anything"), side=56)


def moge(root: Path) -> None:
    from tiny_checkpoints import moge2

    kitti_root(root / "logs")
    moge2(root / "moge")


def read_moge(root: Path) -> Reading:
    return _read(root, kind="moge2", weights=str(root / "moge"))


def _read(root: Path, **depth: Any) -> Reading:
    """What a run publishes of it, beside labels that it does not decide."""
    fields = {
        "grid": AROUND.model_dump(),
        "taxonomy": "semantickitti",
        "clip_frames": 4,
        "priors": {"depth": depth},
        "completion": {"kind": "accumulated", "radius": 0, "labels": str(root / "logs")},
    }
    recipe = parse_recipe(fields, "of a test")
    reading = labels(recipe, root)
    plan = reading.attempt(make_plan, recipe, open_logs(root / "logs"), Store(root.with_name("store")))
    reading.words += [] if plan is None else plan.cautions
    return reading
