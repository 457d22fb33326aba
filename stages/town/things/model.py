"""A thing that can be placed in a town."""

from __future__ import annotations

from dataclasses import dataclass

from occlabel.stages.town.things.mesh import Mesh


@dataclass(frozen=True, slots=True)
class Model:
    """A thing that can be placed: its mesh stands on the origin and looks along x; ``size`` is its box."""

    kind: str
    mesh: Mesh
    size: tuple[float, float, float]


def fitted(kind: str, mesh: Mesh) -> Model:
    """The model of ``mesh``, moved so that its box stands centred on the origin."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    mesh = mesh.shifted(-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2])
    return Model(kind, mesh, (float(high[0] - low[0]), float(high[1] - low[1]), float(high[2] - low[2])))
