"""Depth and segments of every image as files, for the kinds ``stored_depth`` and ``stored_segments``."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.town.oracle.depth_faults import DepthDrift, degraded_depth, draw_drift
from occlabel.stages.town.oracle.image_priors import ImagePriors, exact_priors
from occlabel.stages.town.oracle.segment_faults import degraded_segments
from occlabel.stages.town.sensors.recording import Rig, TownFrame, TownImage
from occlabel.stages.town.things.kinds import KINDS

Prior = Literal["exact", "degraded"]
"""How good: the truth, or wrong as models of single images are."""
FOLDER = "priors"
_PER_METRE = 256
"""Steps in a metre of a PNG of depth, as KITTI's has them."""
_KITTI = taxonomy_preset("semantickitti").from_raw
CLASSES = {
    "kitti": np.array([UNKNOWN, *(_KITTI[kind.kitti] for kind in KINDS)], np.uint8),
    "nuscenes": np.array([UNKNOWN, *(kind.occ3d for kind in KINDS)], np.uint8),
}
"""Class id by town kind id: of the taxonomy ``semantickitti`` in a KITTI root, of ``occ3d`` in a nuScenes root."""


@dataclass(frozen=True, slots=True)
class PriorFiles:
    """Those of one log: ``ROOT/priors/<prior>/depth/<log>/<camera>/<frame>.png``, 16 bits, 256 steps a metre, 0 where
    there is no surface within 256 m; and ``.../segments/...npz`` with ``class``, ``instance``, ``score``."""

    root: Path
    layout: Literal["kitti", "nuscenes"]
    log_id: str
    priors: tuple[Prior, ...]
    key: tuple[int, ...]
    """Seeds what is degraded."""

    def passing(self, frames: Iterable[TownFrame], rig: Rig, names: Iterable[str]) -> Iterator[TownFrame]:
        """The frames, each when its files are written; ``names`` are those of the frames in the log. What an earlier
        run left of the log is removed first."""
        self.clear()
        drift = draw_drift(np.random.default_rng(self.key))
        for index, (frame, name) in enumerate(zip(frames, names, strict=False)):
            for number, camera in enumerate(rig.cameras):
                if camera.name in frame.images:
                    rng = np.random.default_rng([*self.key, index, number])
                    self._write(frame.images[camera.name], f"{camera.name}/{name}", drift, index, rng)
            yield frame

    def clear(self) -> None:
        """Removes what there is of the log."""
        for prior in ("exact", "degraded"):
            for content in ("depth", "segments"):
                shutil.rmtree(self.root / FOLDER / prior / content / self.log_id, ignore_errors=True)

    def _write(self, image: TownImage, name: str, drift: DepthDrift, index: int, rng: np.random.Generator) -> None:
        for prior in self.priors:
            seen = exact_priors(image)
            if prior == "degraded":
                seen = ImagePriors(degraded_depth(image, drift, index, rng), *degraded_segments(image, rng))
            folder = self.root / FOLDER / prior
            write_depth(folder / "depth" / self.log_id / f"{name}.png", seen.depth)
            self._write_segments(folder / "segments" / self.log_id / f"{name}.npz", seen)

    def _write_segments(self, path: Path, seen: ImagePriors) -> None:
        classes = CLASSES[self.layout][seen.kinds]
        unknown = classes == UNKNOWN
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"instance": np.where(unknown, 0, seen.instances), "score": np.where(unknown, 0, seen.scores)}
        np.savez_compressed(path, **{"class": classes, **arrays})


def write_depth(path: Path, depth: NDArray[np.float32]) -> None:
    """Writes metres [h, w] as a PNG; what is infinite or beyond 256 m becomes 0, unknown."""
    steps = np.rint(np.where(np.isfinite(depth), depth, 0) * _PER_METRE)
    steps[steps > 65535] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(steps.astype(np.uint16)).save(path, format="PNG", compress_level=3)
