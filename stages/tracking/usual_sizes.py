"""How large objects of a class usually are."""

from __future__ import annotations

Size = tuple[float, float, float]
"""Length, width and height [m]; the length is the longer side."""

_CAR, _TRUCK = (4.63, 1.97, 1.74), (6.93, 2.51, 2.84)
_MOTORCYCLE, _BICYCLE, _PERSON = (2.11, 0.77, 1.47), (1.70, 0.60, 1.28), (0.73, 0.67, 1.77)

USUAL: dict[str, Size] = {
    "car": _CAR,
    "truck": _TRUCK,
    "bus": (11.1, 2.94, 3.47),
    "trailer": (12.29, 2.90, 3.87),
    "construction_vehicle": (6.37, 2.85, 3.19),
    "motorcycle": _MOTORCYCLE,
    "motorcyclist": (*_MOTORCYCLE[:2], 1.7),
    "bicycle": _BICYCLE,
    "bicyclist": (*_BICYCLE[:2], 1.7),
    "person": _PERSON,
    "pedestrian": _PERSON,
    "traffic_cone": (0.41, 0.41, 1.07),
    "barrier": (2.53, 0.50, 0.98),
}
"""By the name of a class: the means over nuScenes, as detectors use them for anchors (Zhu et al. 2019, CBGS); a rider
is as high as one who sits. Classes that are not here come in all sizes."""
