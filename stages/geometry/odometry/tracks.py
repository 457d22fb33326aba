"""What several images see of the same points: matches of pairs of them, joined to tracks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

_LEAST = 3
"""Images that must see a point: what two see obeys any motion along their line."""
_MOST = 2000
"""Tracks that are kept, those seen most often."""

Link = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices [m] of points of the earlier and of the later of two images."""


def tracks_of(rays: list[NDArray[np.float64]], links: dict[tuple[int, int], Link]) -> NDArray[np.float64]:
    """Where each image sees each point: [image, track, 2], NaN where it does not. ``rays`` [n, 2] are those of the
    points of each image, ``links`` the matches of pairs of images. A track that would see two points in one image is
    none."""
    begins = np.cumsum([0, *(len(each) for each in rays)])
    total = int(begins[-1])
    pairs = [(begins[one] + link[0], begins[other] + link[1]) for (one, other), link in links.items()]
    if not total or not pairs:
        return np.full((len(rays), 0, 2), np.nan)
    first, second = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    graph = coo_matrix((np.ones(len(first), np.int8), (first, second)), (total, total))
    _, track = connected_components(graph, directed=False)
    image = np.repeat(np.arange(len(rays)), np.diff(begins))
    seen = np.bincount(track)
    images = np.bincount(np.unique(track * len(rays) + image) // len(rays), minlength=len(seen))
    good = np.flatnonzero((seen == images) & (seen >= _LEAST))
    good = good[np.argsort(-seen[good], kind="stable")][:_MOST]
    column = np.full(len(seen), -1)
    column[good] = np.arange(len(good))
    result = np.full((len(rays), len(good), 2), np.nan)
    kept = np.flatnonzero(column[track] >= 0)
    result[image[kept], column[track[kept]]] = np.concatenate(rays)[kept]
    return result
