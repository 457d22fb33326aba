"""The reliability diagram: how often labels of each confidence are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.words import in_points
from occlabel.stages.evaluation.reliability import BINS, Reliability


def draw_reliability(curves: dict[str, Reliability], path: Path) -> None:
    """Draws each of the named ``curves`` as accuracy over confidence, and below it where the voxels are, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    above.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--", label="confidence is right")
    width = 1 / BINS
    for number, (name, reliability) in enumerate(curves.items()):
        curve = reliability.curve()
        at = np.array([point["confidence"] for point in curve])
        right = np.array([point["accuracy"] for point in curve])
        voxels = np.array([point["voxels"] for point in curve], np.float64)
        label = f"{name}: off by {in_points(reliability.error())} points"
        above.plot(at, right, marker="o", markersize=4, color=f"C{number}", label=label)
        shift = (number + 0.5) / len(curves) - 0.5
        below.bar(at + shift * width * 0.8, voxels / voxels.sum(), width * 0.8 / len(curves), color=f"C{number}")
    above.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    above.legend(loc="upper left", frameon=False)
    below.set(xlabel="confidence", ylabel="voxels", yscale="log")
    with appearing(path) as partial:
        figure.savefig(partial, dpi=110, metadata={"Software": None})
