"""The matches of a log in a database of COLMAP, and which of them a rigid scene explains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.from_images.pairs import FEWEST, OFF, SHARE, Pair, enough, pair_of
from occlabel.stages.geometry.from_images.seen import Link, Seen

_NEVER = 1.0
"""Share of the matches that a plane must explain for them to tell its motion: of the two that do, COLMAP takes one."""
_GUESS = 1.2
"""Focal length of a lens of which nothing is known, in lengths of the longer side of its image."""
MIDDLE = 0.5
"""COLMAP's pixel begins where ours has its middle."""


def lay_down(path: Path, seen: Seen, intrinsics: Matrix | None) -> dict[int, int]:
    """Writes images, points and matches into a new database; gives the numbers of images in it by those of frames.
    ``intrinsics`` [3, 3] are K where it is known."""
    with pycolmap.Database.open(path) as database:
        camera = database.write_camera(camera_of(seen.size, intrinsics))
        images = {}
        for number, features in seen.features.items():
            images[number] = database.write_image(pycolmap.Image(name=f"{number:06d}", camera_id=camera))
            database.write_keypoints(images[number], (features.pixels + MIDDLE).astype(np.float32))
        for (one, other), link in seen.links.items():
            write_link(database, (images[one], images[other]), link)
    return images


def verify(path: Path, seen: Seen, images: dict[int, int], seed: int) -> dict[tuple[int, int], Pair]:
    """Keeps in the database what obeys one motion of the camera, and gives it by pairs of numbers of frames."""
    check(path, seen.shrunk, seed)
    result = {}
    with pycolmap.Database.open(path) as database:
        for (one, other), (rows, columns) in seen.links.items():
            kept = kept_of(database, (images[one], images[other]), len(rows))
            if kept is not None:
                first, second = seen.features[one].pixels[rows], seen.features[other].pixels[columns]
                result[one, other] = pair_of(first, second, len(kept), seen.shrunk)
    return result


def write_link(database: pycolmap.Database, images: tuple[int, int], link: Link) -> None:
    """Matches of points of two images, by their numbers in each; too few are none."""
    if len(link[0]) >= FEWEST:
        database.write_matches(*images, np.column_stack(link).astype(np.uint32))


def kept_of(database: pycolmap.Database, images: tuple[int, int], matches: int) -> NDArray[np.int64] | None:
    """Those [n, 2] of so many ``matches`` of two images that obeyed one motion; None where too few did."""
    if matches < FEWEST:
        return None
    kept = np.asarray(database.read_two_view_geometry(*images).inlier_matches, np.int64).reshape(-1, 2)
    return kept if enough(len(kept), matches) else None


def check(path: Path, shrunk: float, seed: int) -> None:
    """Keeps in the database what obeys one motion of two images, which were ``shrunk`` so much for points to be looked
    for."""
    told = pycolmap.TwoViewGeometryOptions(
        min_num_inliers=FEWEST, min_inlier_ratio=SHARE, detect_watermark=False, max_H_inlier_ratio=_NEVER
    )
    told.ransac.random_seed = seed
    told.ransac.max_error = OFF / shrunk
    alone = pycolmap.GeometricVerifierOptions(num_threads=1)
    pycolmap.geometric_verification(path, alone, two_view_geometry_options=told)


def camera_of(size: tuple[int, int], intrinsics: Matrix | None) -> pycolmap.Camera:
    """Of images of a ``size`` [pixels] with K, or with a guess where it is not known."""
    width, height = size
    told = {"width": width, "height": height, "has_prior_focal_length": intrinsics is not None}
    if intrinsics is None:
        return pycolmap.Camera(
            model="SIMPLE_PINHOLE", params=[_GUESS * max(width, height), width / 2, height / 2], **told
        )
    middle = intrinsics[:2, 2] + MIDDLE
    return pycolmap.Camera(model="PINHOLE", params=[intrinsics[0, 0], intrinsics[1, 1], *middle], **told)
