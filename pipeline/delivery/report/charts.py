"""Charts as SVG, in the colours of the page."""

from __future__ import annotations

from markupsafe import Markup

from occlabel.schemas.words import in_points
from occlabel.stages.evaluation.reliability import Reliability

_SIZE, _LEFT, _RIGHT, _TOP, _BOTTOM, _KEY = 300, 44, 10, 10, 40, 17
"""Of the square, its margins, and a line of the key below it."""
_GRID = Markup('<path class="grid" d="M{0} {1}V{2}M{3} {4}H{5}"/>')
_TEXT = Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>')


def reliability_chart(curves: dict[str, Reliability]) -> Markup:
    """How often labels of each confidence are right; the size of a dot is the number of voxels. On the line confidence
    means what it says."""
    parts = [
        Markup('<svg viewBox="0 0 {} {}" role="img" class="chart" aria-label="reliability diagram">').format(
            _SIZE, _SIZE + _KEY * len(curves)
        )
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _at(tick, tick)
        parts.append(_GRID.format(x, _TOP, _SIZE - _BOTTOM, _LEFT, y, _SIZE - _RIGHT))
        parts.append(_TEXT.format("", x, _SIZE - _BOTTOM + 14, "middle", f"{tick:g}"))
        parts.append(_TEXT.format("", _LEFT - 5, y + 4, "end", f"{tick:g}"))
    parts.append(Markup('<path class="ideal" d="M{} {}L{} {}"/>').format(*_at(0, 0), *_at(1, 1)))
    for number, (name, found) in enumerate(curves.items()):
        parts += _curve(number, name, found)
        told = f"{name}: off by {in_points(found.error())} points"
        parts.append(_TEXT.format(f"c{number} key", _LEFT, _SIZE + _KEY * (number + 0.6), "start", told))
    parts.append(_TEXT.format("", (_SIZE + _LEFT - _RIGHT) / 2, _SIZE - 8, "middle", "confidence"))
    middle = (_SIZE - _BOTTOM) / 2
    parts.append(
        Markup('<text transform="translate(12 {}) rotate(-90)" text-anchor="middle">right</text>').format(middle)
    )
    return Markup("").join([*parts, Markup("</svg>")])


def _curve(number: int, name: str, found: Reliability) -> list[Markup]:
    points = [(*_at(point["confidence"], point["accuracy"]), int(point["voxels"])) for point in found.curve()]
    most = max((voxels for *_, voxels in points), default=1)
    path = "L".join(f"{x} {y}" for x, y, _ in points)
    dots = [
        Markup('<circle class="dot c{}" cx="{}" cy="{}" r="{:.1f}"><title>{}: {:,} voxels</title></circle>').format(
            number, x, y, 2 + 5 * (voxels / most) ** 0.5, name, voxels
        )
        for x, y, voxels in points
    ]
    return [Markup('<path class="curve c{}" d="M{}"/>').format(number, path), *dots] if points else []


def _at(confidence: float, accuracy: float) -> tuple[float, float]:
    across, down = _SIZE - _LEFT - _RIGHT, _SIZE - _BOTTOM - _TOP
    return round(_LEFT + confidence * across, 1), round(_TOP + (1 - accuracy) * down, 1)
