"""What the town is made of, and what each kind is called in the formats that it is written to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of surface. ``kitti`` and ``kitti_moving`` are SemanticKITTI raw ids, ``occ3d`` the Occ3D class id
    (Occ3D ids 0..16 are also the nuScenes lidarseg challenge classes, with 0 = others), ``category`` the nuScenes
    category, whose index in ``category.json`` lidarseg files hold."""

    name: str
    kitti: int
    kitti_moving: int
    occ3d: int
    category: str
    thing: bool = False


FREE = 0
"""Town id of empty space; the id of a kind is its place in KINDS plus one."""

KINDS: tuple[Kind, ...] = (
    Kind("car", 10, 252, 4, "vehicle.car", thing=True),
    Kind("truck", 18, 258, 10, "vehicle.truck", thing=True),
    Kind("bus", 13, 257, 3, "vehicle.bus.rigid", thing=True),
    Kind("trailer", 20, 259, 9, "vehicle.trailer", thing=True),
    Kind("construction-vehicle", 20, 259, 5, "vehicle.construction", thing=True),
    Kind("bicycle", 11, 11, 2, "vehicle.bicycle", thing=True),
    Kind("motorcycle", 15, 15, 6, "vehicle.motorcycle", thing=True),
    Kind("person", 30, 254, 7, "human.pedestrian.adult", thing=True),
    Kind("bicyclist", 31, 253, 2, "vehicle.bicycle", thing=True),
    Kind("motorcyclist", 32, 255, 6, "vehicle.motorcycle", thing=True),
    Kind("road", 40, 40, 11, "flat.driveable_surface"),
    Kind("parking", 44, 44, 11, "flat.driveable_surface"),
    Kind("sidewalk", 48, 48, 13, "flat.sidewalk"),
    Kind("other-ground", 49, 49, 12, "flat.other"),
    Kind("terrain", 72, 72, 14, "flat.terrain"),
    Kind("building", 50, 50, 15, "static.manmade"),
    Kind("fence", 51, 51, 15, "static.manmade"),
    Kind("wall", 51, 51, 15, "static.manmade"),
    Kind("vegetation", 70, 70, 16, "static.vegetation"),
    Kind("trunk", 71, 71, 16, "static.vegetation"),
    Kind("pole", 80, 80, 15, "static.manmade"),
    Kind("traffic-sign", 81, 81, 15, "static.manmade"),
    Kind("traffic-cone", 99, 99, 8, "movable_object.trafficcone", thing=True),
    Kind("barrier", 51, 51, 1, "movable_object.barrier", thing=True),
    Kind("street-furniture", 99, 99, 15, "static.manmade"),
    Kind("delivery-van", 10, 252, 10, "vehicle.truck", thing=True),
)

KIND_ID = {kind.name: index + 1 for index, kind in enumerate(KINDS)}
