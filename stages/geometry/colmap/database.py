"""The matches of a log in a database of COLMAP, and which of them a rigid scene explains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pycolmap
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.from_images.seen import Seen

FEWEST, _SHARE = 30, 0.35
"""Matches of two images that one motion must explain: so many, and so much of them."""
_OFF = 2.0
"""Pixels by which a match may be off."""
_NEVER = 1.0
"""Share of the matches that a plane must explain for them to tell its motion: of the two that do, COLMAP takes one."""
_UPPER = 0.8
_GUESS = 1.2
"""Focal length of a lens of which nothing is known, in lengths of the longer side of its image."""
MIDDLE = 0.5
"""COLMAP's pixel begins where ours has its middle."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Of the matches of two images one motion explains so many ``points``; they ``moved`` by so many pixels in
    the middle of all, and by ``parallax`` pixels, at the upper fifth, that no homography explains, as a rotation is."""

    points: int
    moved: float
    parallax: float


def lay_down(path: Path, seen: Seen, intrinsics: Matrix | None) -> dict[int, int]:
    """Writes images, points and matches into a new database; gives the numbers of images in it by those of frames.
    ``intrinsics`` [3, 3] are K where it is known."""
    with pycolmap.Database.open(path) as database:
        camera = database.write_camera(_camera(seen, intrinsics))
        images = {}
        for number, features in seen.features.items():
            images[number] = database.write_image(pycolmap.Image(name=f"{number:06d}", camera_id=camera))
            database.write_keypoints(images[number], (features.pixels + MIDDLE).astype(np.float32))
        for (one, other), (rows, columns) in seen.links.items():
            if len(rows) >= FEWEST:
                both = np.column_stack([rows, columns]).astype(np.uint32)
                database.write_matches(images[one], images[other], both)
    return images


def verify(path: Path, seen: Seen, images: dict[int, int], seed: int) -> dict[tuple[int, int], Pair]:
    """Keeps in the database what obeys one motion of the camera, and gives it by pairs of numbers of frames."""
    told = pycolmap.TwoViewGeometryOptions(
        min_num_inliers=FEWEST, min_inlier_ratio=_SHARE, detect_watermark=False, max_H_inlier_ratio=_NEVER
    )
    told.ransac.random_seed = seed
    told.ransac.max_error = _OFF / seen.shrunk
    alone = pycolmap.GeometricVerifierOptions(num_threads=1)
    pycolmap.geometric_verification(path, alone, two_view_geometry_options=told)
    result = {}
    with pycolmap.Database.open(path) as database:
        for (one, other), (rows, columns) in seen.links.items():
            if len(rows) < FEWEST:
                continue
            geometry = database.read_two_view_geometry(images[one], images[other])
            kept = np.asarray(geometry.inlier_matches, np.int64).reshape(-1, 2)
            if len(kept) < max(FEWEST, _SHARE * len(rows)):
                continue
            first, second = (seen.features[one].pixels[rows], seen.features[other].pixels[columns])
            moved = float(np.median(np.linalg.norm(second - first, axis=1)))
            result[one, other] = Pair(len(kept), moved * seen.shrunk, _parallax(first, second, seen.shrunk))
    return result


def _parallax(first: NDArray[np.float64], second: NDArray[np.float64], shrunk: float) -> float:
    cv2.setRNGSeed(0)
    plane, _ = cv2.findHomography(first, second, cv2.RANSAC, _OFF / shrunk)
    if plane is None:
        return 0.0
    moved = np.column_stack([first, np.ones(len(first))]) @ plane.T
    there = np.abs(moved[:, 2]) > 1e-9
    off = moved[there, :2] / moved[there, 2:] - second[there]
    return float(np.quantile(np.linalg.norm(off, axis=1), _UPPER)) * shrunk if len(off) else 0.0


def _camera(seen: Seen, intrinsics: Matrix | None) -> pycolmap.Camera:
    width, height = seen.size
    told = {"width": width, "height": height, "has_prior_focal_length": intrinsics is not None}
    if intrinsics is None:
        return pycolmap.Camera(
            model="SIMPLE_PINHOLE", params=[_GUESS * max(width, height), width / 2, height / 2], **told
        )
    middle = intrinsics[:2, 2] + MIDDLE
    return pycolmap.Camera(model="PINHOLE", params=[intrinsics[0, 0], intrinsics[1, 1], *middle], **told)
