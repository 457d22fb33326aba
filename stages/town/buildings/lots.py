"""The kinds of lots, by the names that styles weigh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from occlabel.stages.town.buildings import built_lots, freight, green_lots
from occlabel.stages.town.buildings.lot import Lot


@dataclass(frozen=True, slots=True)
class LotKind:
    """How large such lots are [m] and what is built on them."""

    width: tuple[float, float]
    depth: tuple[float, float]
    build: Callable[[Lot], None]


LOTS = {
    "house": LotKind((11, 24), (18, 30), built_lots.house),
    "terrace": LotKind((14, 42), (13, 24), built_lots.terrace),
    "shop": LotKind((8, 26), (12, 20), built_lots.shop),
    "tower": LotKind((14, 38), (18, 32), built_lots.tower),
    "block": LotKind((18, 48), (18, 30), built_lots.block),
    "hall": LotKind((25, 60), (25, 45), built_lots.hall),
    "freight-yard": LotKind((24, 70), (20, 44), freight.freight_yard),
    "garages": LotKind((10, 30), (11, 18), built_lots.garages),
    "parking": LotKind((18, 50), (12, 36), green_lots.parking),
    "site": LotKind((18, 40), (18, 30), green_lots.site),
    "wood": LotKind((12, 60), (14, 40), green_lots.wood),
    "field": LotKind((20, 70), (15, 40), green_lots.field),
    "garden": LotKind((8, 30), (12, 26), green_lots.garden),
    "lawn-strip": LotKind((20, 80), (12, 30), green_lots.lawn_strip),
    "plaza": LotKind((14, 40), (12, 30), green_lots.plaza),
    "yard": LotKind((12, 40), (14, 30), green_lots.yard),
    "lawn": LotKind((10, 50), (12, 35), green_lots.lawn),
    "walled": LotKind((12, 45), (14, 30), green_lots.walled),
    "barrier-wall": LotKind((25, 70), (12, 30), green_lots.barrier_wall),
}
