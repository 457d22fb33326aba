"""What the network calls the things it sees, and what that means in the taxonomies of both data sets."""

from __future__ import annotations

LABELS = (
    "car", "truck", "bus", "trailer", "construction vehicle", "bicycle", "motorcycle", "person", "bicyclist",
    "motorcyclist", "road", "parking", "sidewalk", "other ground", "terrain", "building", "fence", "vegetation",
    "trunk", "pole", "traffic sign", "traffic cone", "barrier", "street furniture", "sky",
)  # fmt: skip
"""Finer than any one taxonomy, so that each has a class table from them: ``glance`` in ``class_tables.py``. In the
order of the network's outputs."""

SKY = LABELS.index("sky")
"""The label of what has no depth."""
