"""One side of a street: places along it, counted in metres along the street and away from its carriageway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlabel.stages.town.site import Site
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.things.mesh import Mesh


@dataclass(frozen=True, slots=True)
class Kerbside:
    """Side 0 is left of the street's direction, side 1 right."""

    site: Site
    street: Street
    side: int

    def spot(self, station: float, beyond: float) -> tuple[float, float, float]:
        """x, y of the point ``beyond`` metres off the carriageway, and the yaw of a model whose -y side faces it."""
        sign = 1.0 if self.side == 0 else -1.0
        x, y, heading = self.street.at(station, sign * (self.street.half + beyond))
        return x, y, heading if self.side == 0 else heading + np.pi

    def clearance(self, x: float, y: float) -> float:
        """Distance [m] from the nearest carriageway of any street; negative on one and outside the ground."""
        ground = self.site.ground
        i, j = ((np.array([x, y]) - ground.origin) / ground.cell).astype(int)
        inside = 0 <= i < ground.edge.shape[0] and 0 <= j < ground.edge.shape[1]
        return float(ground.edge[i, j]) if inside else -1.0

    def stand(self, station: float, beyond: float, mesh: Mesh, reach: float, turn: float = 0.0) -> None:
        """Stands something beside the carriageway where a square of ``reach`` metres is free and off all streets."""
        if not 0 < station < self.street.length:
            return
        x, y, yaw = self.spot(station, beyond)
        if self.clearance(x, y) > 0.25:
            self.site.try_stand(mesh, x, y, yaw + turn, reach)


def sides(site: Site, street: Street) -> tuple[Kerbside, Kerbside]:
    """Left and right side of a street."""
    return Kerbside(site, street, 0), Kerbside(site, street, 1)
