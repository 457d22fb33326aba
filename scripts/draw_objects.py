"""Draws the place where most objects touch as connected components, the object module and truth part it.

    python scripts/draw_objects.py STORE@VERSION --truth LOGS --out PNG [--weights FILE] [--every 5]

VERSION holds refined labels of simulated logs, in which objects are looked for as by ``ablate_instances.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter

from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, objects_from_above, panels
from occlabel.pipeline.delivery.pictures.from_above import FromAbove
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.ablation.objects import ScoredFrame, scored_frames
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs
from occlabel.stages.ingest.truth import open_truth
from occlabel.stages.instances.learned import ObjectQueries
from occlabel.stages.instances.slot import Instances
from occlabel.stages.instances.touching import ConnectedComponents

SIZE = 24.0
"""Edge of the place that is drawn [m]."""


def most_crowded(candidates: Iterable[ScoredFrame], space: LabelSpace) -> tuple[ScoredFrame, tuple[slice, slice]]:
    """The frame, and in it the place, with most voxels of objects that touch and are labelled."""
    side = round(SIZE / space.grid.voxel_size)
    best: tuple[float, ScoredFrame, tuple[slice, slice]] | None = None
    for frame in candidates:
        shown = frame.touching & (frame.true.instance > 0) & (frame.labels == frame.true.semantics) & frame.scored
        dense = uniform_filter(shown.sum(axis=2).astype(np.float64), side)
        x, y = np.unravel_index(dense.argmax(), dense.shape)
        corner = [int(np.clip(at - side // 2, 0, size - side)) for at, size in zip((x, y), dense.shape, strict=True)]
        if best is None or dense[x, y] > best[0]:
            best = float(dense[x, y]), frame, (slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side))
    assert best is not None, "no frames to look at"
    return best[1:]


def instances(stage: Instances, frame: ScoredFrame, space: LabelSpace) -> np.ndarray:  # type: ignore[type-arg]
    inputs = Inputs(0, (Moment("frame", 0.0),), {"semantics": frame.labels[None]})
    return stage.setup(space, Rig(), Hands())(Clip("log", 0, 1), inputs)["instance"][0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="[default: the shipped ones]")
    parser.add_argument("--every", type=int, default=5, help="looks at one frame in so many")
    options = parser.parse_args()
    version = open_version(options.version)
    space = version.space
    frame, place = most_crowded(scored_frames(version, open_truth(options.truth), options.every), space)
    found = {
        "connected components": instances(ConnectedComponents(), frame, space),
        "object module": instances(ObjectQueries(weights=options.weights), frame, space),
    }
    images = [birds_eye(frame.labels[place], space.taxonomy)]
    images += [objects_from_above(ids[place], frame.labels[place], space.taxonomy) for ids in found.values()]
    images.append(objects_from_above(frame.true.instance[place], frame.true.semantics[place], space.taxonomy))
    footer = f"{SIZE:.0f} m, from above; a colour for each object."
    titles = ["labels", *found, "truth"]
    pictures = [FromAbove(i, title, space.grid.voxel_size) for i, title in zip(images, titles, strict=True)]
    panels(pictures, space.taxonomy, options.out, footer, width=260)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
