"""Licences of the weights that recipes are likely to name, by their names on the hub, as their pages state them."""

from __future__ import annotations

_DEPTH_ANYTHING = {
    f"depth-anything/Depth-Anything-V2-{variant}{size}-hf": licence
    for variant in ("", "Metric-Indoor-", "Metric-Outdoor-")
    for size, licence in (("Small", "apache-2.0"), ("Base", "cc-by-nc-4.0"), ("Large", "cc-by-nc-4.0"))
}
_MOGE = {f"Ruicheng/moge-2-{variant}": "mit" for variant in ("vitl", "vitl-normal", "vitb-normal", "vits-normal")}

_DEPTH_ANYTHING_3 = {
    **{f"depth-anything/DA3{model}": "apache-2.0" for model in ("METRIC-LARGE", "-SMALL", "-BASE")},
    **{f"depth-anything/DA3-{model}": "cc-by-nc-4.0" for model in ("LARGE", "LARGE-1.1", "GIANT", "GIANT-1.1")},
}

_PROMPTED = {
    **{f"IDEA-Research/grounding-dino-{size}": "apache-2.0" for size in ("tiny", "base")},
    **{f"facebook/sam-vit-{size}": "apache-2.0" for size in ("base", "large", "huge")},
    **{f"facebook/sam2.1-hiera-{size}": "apache-2.0" for size in ("tiny", "small", "base-plus", "large")},
}
_SEGFORMER = {
    f"nvidia/segformer-b{size}-finetuned-{data}": "the NVIDIA Source Code License (non-commercial)"
    for size in range(6)
    for data in ("cityscapes-1024-1024", "ade-640-640" if size == 5 else "ade-512-512")
}

LICENCES: dict[str, str] = {**_DEPTH_ANYTHING, **_DEPTH_ANYTHING_3, **_MOGE, **_PROMPTED, **_SEGFORMER}
"""Of a model that is not here, the card beside its weights is asked."""
