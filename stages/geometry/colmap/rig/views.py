"""What the cameras of a rig see, in a database of COLMAP: points of each image, what images of one camera share, and
what one camera sees that another saw before, or will."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.colmap.database import MIDDLE, camera_of, check, kept_of, write_link
from occlabel.stages.geometry.from_images.features import matches
from occlabel.stages.geometry.from_images.pairs import FEWEST
from occlabel.stages.geometry.from_images.seen import Link, Seen

_GAPS = (0, 1, -1, 2, -2, 4, -4, 8, -8)
"""Frames from an image of one camera to that of another that it is compared with."""
_TRIED = 8
"""Images of two cameras that are compared at a gap, before all are: most cameras share nothing."""
Image = tuple[str, int]
"""Name of the camera, number of the frame."""
Shared = dict[tuple[Image, Image], NDArray[np.int64]]
"""Of two images the indices [n, 2] of the points that obey one motion."""


@dataclass(frozen=True)
class Views:
    """``seen`` by each of the cameras, the first of which the way is known of; ``links`` are the matches of images."""

    seen: Mapping[str, Seen]
    links: dict[tuple[Image, Image], Link]

    @property
    def names(self) -> list[str]:
        """Of the cameras: one at place i is that with number i + 1 in the database."""
        return list(self.seen)

    def image(self, named: str) -> Image:
        """Which an image of the database is, by its name."""
        place, number = named.split("/")
        return self.names[int(place)], int(number)


def views_of(seen: Mapping[str, Seen], frames: int) -> Views:
    """Compares images of different cameras too."""
    names = list(seen)
    links: dict[tuple[Image, Image], Link] = {}
    for name, each in seen.items():
        links |= {((name, one), (name, other)): link for (one, other), link in each.links.items()}
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            for gap in _GAPS:
                links |= _across((one, seen[one]), (other, seen[other]), gap, frames)
    return Views(seen, links)


def _across(one: tuple[str, Seen], other: tuple[str, Seen], gap: int, frames: int) -> dict[tuple[Image, Image], Link]:
    numbers = [number for number in range(frames) if 0 <= number + gap < frames]
    found: dict[int, Link] = {}
    for some in (numbers[:: max(1, len(numbers) // _TRIED)], numbers):
        for number in some:
            if number not in found:
                found[number] = matches(one[1].features[number], other[1].features[number + gap])
        if not any(len(rows) >= FEWEST for rows, _ in found.values()):
            return {}
    return {((one[0], number), (other[0], number + gap)): link for number, link in found.items()}


def lay_down(path: Path, views: Views, intrinsics: Mapping[str, Matrix | None], focal: float, seed: int) -> Shared:
    """Writes a new database, with K [3, 3] where it is known, keeps in it what obeys one motion, and gives that. Where
    K is not known, the focal length of the first camera begins with ``focal`` [pixels], those of others with what their
    images share."""
    images: dict[Image, int] = {}
    with pycolmap.Database.open(path) as database:
        for place, (name, seen) in enumerate(views.seen.items()):
            lens = camera_of(seen.size, intrinsics[name])
            if intrinsics[name] is None and not place:
                lens.focal_length, lens.has_prior_focal_length = focal, True
            camera = database.write_camera(lens)
            for number, features in seen.features.items():
                image = pycolmap.Image(name=f"{place}/{number:06d}", camera_id=camera)
                images[name, number] = database.write_image(image)
                database.write_keypoints(images[name, number], (features.pixels + MIDDLE).astype(np.float32))
        for (one, other), link in views.links.items():
            write_link(database, (images[one], images[other]), link)
    check(path, min(seen.shrunk for seen in views.seen.values()), seed)
    if any(k is None for k in intrinsics.values()):
        pycolmap.calibrate_view_graph(path, pycolmap.ViewGraphCalibrationOptions(random_seed=seed))
    shared: Shared = {}
    with pycolmap.Database.open(path) as database:
        for (one, other), (rows, _) in views.links.items():
            kept = kept_of(database, (images[one], images[other]), len(rows))
            if kept is not None:
                shared[one, other] = kept
    return shared
