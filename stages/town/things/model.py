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
    towed: Model | None = None
    """What is coupled behind it, an object of its own."""
    overlap: float = 0.0
    """By how much the two boxes overlap along x [m]."""

    @property
    def length(self) -> float:
        """Of all that is coupled [m]."""
        return self.size[0] + (self.towed.size[0] - self.overlap if self.towed else 0.0)

    def coupled(self) -> list[tuple[Model, float]]:
        """The model and what it draws, each with how far its middle is ahead of the middle of both [m]."""
        if self.towed is None:
            return [(self, 0.0)]
        return [(self, (self.length - self.size[0]) / 2), (self.towed, (self.towed.size[0] - self.length) / 2)]


def fitted(kind: str, mesh: Mesh) -> Model:
    """The model of ``mesh``, moved so that its box stands centred on the origin."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    mesh = mesh.shifted(-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2])
    return Model(kind, mesh, (float(high[0] - low[0]), float(high[1] - low[1]), float(high[2] - low[2])))
