"""Objects without learning: voxels of one thing class that touch are one object.

What touches is told by the connectivity alone, so two cars parked bumper to bumper are one object, and a car cut in two
by a pole's shadow is two. It is what a log gets when the object module has no weights for it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadRecipe

Connectivity = Literal[6, 18, 26]
"""Voxels touch by faces; by faces and edges; by faces, edges and corners."""


def connected_components(
    semantics: NDArray[np.uint8],
    things: NDArray[np.bool_],
    voxel_size: float,
    *,
    connectivity: Connectivity = 26,
    smallest: float = 0.0,
    join_within: float = 0.0,
) -> NDArray[np.uint32]:
    """Instance ids [X, Y, Z] of ``semantics`` [X, Y, Z]: 1, 2, 3, ... in the C order of their first voxels; 0 = none.

    Voxels of different classes are of different objects, touching or not. ``things``: [256] by class id.
    voxel_size: metres. smallest: components of less volume [m3] are crumbs; ``smallest_voxels`` says how many voxels
    that is. A crumb joins the component of its class that is nearest to its first voxel, from centre to centre, if
    that is no more than ``join_within`` metres away; of equally near ones that with the lowest id. Other crumbs keep
    their class and get 0. Crumbs do not join crumbs: noise would grow objects.
    Raises BadRecipe for a connectivity there is not, and lengths and volumes below zero.
    """
    if connectivity not in (6, 18, 26):
        raise BadRecipe(f"voxels cannot be connected to {connectivity} neighbours; give 6, 18 or 26")
    if not (smallest >= 0 and join_within >= 0):
        raise BadRecipe(f"components got smallest {smallest} m3 and join_within {join_within} m; give 0 or more")
    import cc3d

    # Ids from 1: class 0 may be a thing, and the library takes 0 for background.
    labels = np.where(things[semantics], semantics.astype(np.uint16) + 1, 0)
    components = cc3d.connected_components(labels, connectivity=connectivity)
    places = np.flatnonzero(components)
    _, first, component = np.unique(components.reshape(-1)[places], return_index=True, return_inverse=True)
    component = component.reshape(-1)
    kept = np.bincount(component, minlength=len(first)) >= smallest_voxels(smallest, voxel_size)

    number = np.zeros(len(first), np.uint32)
    order = np.flatnonzero(kept)[np.argsort(first[kept])]
    number[order] = np.arange(1, len(order) + 1, dtype=np.uint32)
    if join_within > 0 and kept.any() and not kept.all():
        cells = np.stack(np.unravel_index(places, semantics.shape), axis=1)
        classes = semantics.reshape(-1)[places]
        for class_ in np.unique(classes[first[~kept]]):
            whole = kept[component] & (classes == class_)
            crumbs = np.flatnonzero(~kept & (classes[first] == class_))
            number[crumbs] = _nearest(
                cells[whole], number[component[whole]], cells[first[crumbs]], join_within / voxel_size
            )
    instance = np.zeros(semantics.size, np.uint32)
    instance[places] = number[component]
    return instance.reshape(semantics.shape)


def smallest_voxels(smallest: float, voxel_size: float) -> int:
    """The least number of voxels whose volume is at least ``smallest`` [m3]; at least 1."""
    return max(1, int(np.ceil(smallest / voxel_size**3 - 1e-6)))


def _nearest(
    cells: NDArray[np.int64], ids: NDArray[np.uint32], crumbs: NDArray[np.int64], within: float
) -> NDArray[np.uint32]:
    """The id [n] of the nearest of ``cells`` [m, 3] to each of ``crumbs`` [n, 3], the lowest of equals; 0 beyond."""
    if not len(cells):
        return np.zeros(len(crumbs), np.uint32)
    from scipy.spatial import cKDTree

    tree = cKDTree(cells)
    distances, _ = tree.query(crumbs, distance_upper_bound=within * (1 + 1e-9))
    result = np.zeros(len(crumbs), np.uint32)
    for n in np.flatnonzero(np.isfinite(distances)):
        # Squared distances are integers, so this ball holds the nearest and no other.
        result[n] = ids[tree.query_ball_point(crumbs[n], distances[n] + 1e-6)].min()
    return result
