"""What shows that cameras are no rig, or sit otherwise than is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from occlabel.stages.geometry.colmap.checks import ERROR
from occlabel.stages.geometry.colmap.rig.model import RigModel
from occlabel.stages.geometry.from_images.lens import UNSURE, no_lens
from occlabel.stages.geometry.from_images.metres import Metres

_ONE = 0.5
"""Share of what cameras see both that must be one point: 0.98 of simulated cameras, 0.60 of those of nuScenes, which do
not take their images at the same time, and 0.39 of one that is said to be turned by 5 degrees."""
_TURNED = np.radians(0.1)
"""By which cameras may be turned beside what is known of them."""
_FLOOR, _FAR_OFF = 0.02, 3.0
"""Deviation of lengths by known places, at the least; and so many deviations from the road they contradict it."""


def fault_of(model: RigModel, widths: dict[str, int], shrunk: float, fixed: bool) -> str | None:
    """What is wrong with a model, as the second half of a sentence; None where nothing is. Images are so wide [pixels]
    by camera, and points were looked for in images ``shrunk`` so much; ``fixed``: cameras sit as was given."""
    if model.error * shrunk > ERROR:
        return f"points lie {model.error * shrunk:.1f} pixels off where images see them"
    for name, share in model.one.items():
        if share is not None and share < _ONE and name in list(model.one)[1:]:
            but = ", so that it does not sit as its extrinsics say" if fixed else ""
            return f"of what {name} and others see both, {share:.0%} lie where both see them{but}"
    for name, unsure in model.unsure.items():
        focal = float(model.intrinsics[name][0, 0])
        if (fault := no_lens(focal, widths[name])) is not None:
            return f"{name}: {fault}"
        if unsure > UNSURE:
            how = f"to {unsure:.0%}" if unsure < 1 else "or any other"
            return f"what {name} sees does not tell its focal length ({focal:.0f} pixels, {how})"
    return None


def known_lengths(model: RigModel) -> float:
    """Deviation of lengths that the known places of cameras tell, as a share: what halves of the frames differ by, and
    what a slight turn of a camera does to things that are far away for how far cameras sit apart."""
    apart = max(float(np.linalg.norm(place[:3, 3])) for place in model.first_from_camera.values())
    turned = _TURNED / max(model.near * apart, 1e-9)
    return float(np.sqrt(model.length**2 + turned**2 + _FLOOR**2))


def surer(model: RigModel, road: Metres) -> Metres | str:
    """Metres of a model of cameras whose places are known: theirs or the road's, whichever are surer; the second half
    of a sentence where they contradict each other."""
    deviation = known_lengths(model)
    if abs(np.log(road.scale)) > _FAR_OFF * np.hypot(deviation, road.spread):
        return (
            f"by how far cameras sit apart, all is {1 / road.scale:.2f} times as long as the road says, which lies as "
            "far below the first as was written down"
        )
    if deviation >= road.spread:
        return road
    said = np.column_stack([road.said[:, 0], np.zeros(len(road.said))])
    return replace(road, scale=1.0, spread=deviation, said=said)
