"""Licences of the weights that recipes are likely to name, by their names on the hub, as their pages state them."""

from __future__ import annotations

_DEPTH_ANYTHING = {
    f"depth-anything/Depth-Anything-V2-{variant}{size}-hf": licence
    for variant in ("", "Metric-Indoor-", "Metric-Outdoor-")
    for size, licence in (("Small", "apache-2.0"), ("Base", "cc-by-nc-4.0"), ("Large", "cc-by-nc-4.0"))
}
_MOGE = {f"Ruicheng/moge-2-{variant}": "mit" for variant in ("vitl", "vitl-normal", "vitb-normal", "vits-normal")}

LICENCES: dict[str, str] = {**_DEPTH_ANYTHING, **_MOGE}
"""Of a model that is not here, the card beside its weights is asked."""
