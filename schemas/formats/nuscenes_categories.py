"""The 32 categories of nuScenes lidarseg, and the Occ3D class of each.

A lidarseg file holds the index of a category, which is its place in this list. The classes are those of the lidarseg
challenge, whose ids 1..16 are the Occ3D ids; what the challenge ignores is not scored.
"""

from __future__ import annotations

from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset

_ROWS = """
noise -
animal -
human.pedestrian.adult pedestrian
human.pedestrian.child pedestrian
human.pedestrian.construction_worker pedestrian
human.pedestrian.personal_mobility -
human.pedestrian.police_officer pedestrian
human.pedestrian.stroller -
human.pedestrian.wheelchair -
movable_object.barrier barrier
movable_object.debris -
movable_object.pushable_pullable -
movable_object.trafficcone traffic_cone
static_object.bicycle_rack -
vehicle.bicycle bicycle
vehicle.bus.bendy bus
vehicle.bus.rigid bus
vehicle.car car
vehicle.construction construction_vehicle
vehicle.emergency.ambulance -
vehicle.emergency.police -
vehicle.motorcycle motorcycle
vehicle.trailer trailer
vehicle.truck truck
flat.driveable_surface driveable_surface
flat.other other_flat
flat.sidewalk sidewalk
flat.terrain terrain
static.manmade manmade
static.other -
static.vegetation vegetation
vehicle.ego -
"""

_PAIRS = [row.split() for row in _ROWS.strip().splitlines()]

CATEGORIES = tuple(category for category, _ in _PAIRS)

OCC3D_CLASS = {
    category: UNKNOWN if name == "-" else taxonomy_preset("occ3d").names.index(name) for category, name in _PAIRS
}
"""Category -> Occ3D class id, UNKNOWN where the challenge ignores it."""
