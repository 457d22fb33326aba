"""The built-in model: the network of ``lmscnet.py`` with the weights shipped for the recipe's grid, or your own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from schemas.errors import BadWeights
from schemas.grid import Grid
from schemas.stage import LabelSpace, Process, Resources
from stages.completion.slot import Completion, Prediction, Scan, as_byte, from_scans

if TYPE_CHECKING:
    from torch import Tensor

    from stages.completion.lmscnet import LMSCNet

_SHIPPED = Path(__file__).parent / "weights"
_BOTTOM_SLACK = 0.3
"""How much lower or higher than in training a grid may lie [m]: sensor heights vary as much between the samples."""


class Trained(Completion):
    """A LiDAR network trained on the simulated town alone: it has never seen real data."""

    kind: Literal["lmscnet"] = "lmscnet"
    weights: Path | None = None
    """A safetensors file of ``occlabel train completion``; the one shipped for grid and taxonomy by default."""
    batch: int = Field(default=1, ge=1)
    """Frames predicted at once; more than one pays off on a GPU."""

    def resources(self, space: LabelSpace) -> Resources:
        # Input volume, features of the body at its finest level and one row of scores, then the clip's own arrays.
        return Resources(gpus=1.0, memory=(1 << 30) + self.batch * (1 << 28) + 64 * 2 * space.grid.voxels)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        path = self.weights or shipped_weights(space)
        return () if path is None else (path,)

    def refuse(self, space: LabelSpace) -> str | None:
        if self.weights is None and shipped_weights(space) is None:
            return (
                f"there are no built-in weights for voxels of {space.grid.voxel_size} m in the {space.grid.frame} "
                f"frame and the taxonomy {space.taxonomy.name}; train some with occlabel train completion and name "
                "them in completion.weights"
            )
        return None

    def setup(self, space: LabelSpace, device: str) -> Process:
        """Raises BadWeights when the file is damaged or made for another grid, taxonomy or network."""
        import torch

        torch.set_num_threads(self.resources(space).cpus)  # the bytes must not depend on a worker's cores
        (path,) = self.files(space)
        network, temperature = load_network(path, space)
        network.to(torch.device(device))
        return from_scans(predictor(network, temperature, space, device), space, self.batch)


def grid_fact(grid: Grid) -> str:
    """What of a grid its weights depend on, as JSON: not how far it reaches to the sides."""
    facts = {"voxel_size": grid.voxel_size, "heights": grid.shape[2], "bottom": grid.origin[2], "frame": grid.frame}
    return json.dumps(facts, sort_keys=True)


def _fits(made_for: str, needed: str) -> bool:
    """Whether weights made for one ``grid_fact`` serve another: the same, but for a bottom within ``_BOTTOM_SLACK``."""
    try:
        a, b = json.loads(made_for), json.loads(needed)
        return abs(a.pop("bottom") - b.pop("bottom")) <= _BOTTOM_SLACK and a == b
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def shipped_weights(space: LabelSpace) -> Path | None:
    """The weight file that comes with occlabel for the grid and taxonomy, or None."""
    from schemas.grid import GRIDS
    from schemas.taxonomy import TAXONOMIES

    for name, grid in GRIDS.items():
        fits = _fits(grid_fact(grid), grid_fact(space.grid)) and TAXONOMIES[name].names == space.taxonomy.names
        path = _SHIPPED / f"{name}_lidar.safetensors"
        if fits and path.is_file():
            return path
    return None


def weight_facts(space: LabelSpace) -> dict[str, str]:
    """What the header of a weight file must say to serve ``space``: network, grid and classes."""
    from stages.completion.lmscnet import NETWORK

    return {"network": NETWORK, "grid": grid_fact(space.grid), "classes": json.dumps(space.taxonomy.names)}


def load_network(path: Path, space: LabelSpace) -> tuple[LMSCNet, float]:
    """The network in evaluation mode, and the temperature of its confidence. Raises BadWeights."""
    from stages.completion.lmscnet import LMSCNet
    from stages.learning.weights import load_weights, read_facts

    facts = read_facts(path)
    for name, value in weight_facts(space).items():
        found = facts.get(name, "")
        if not (_fits(found, value) if name == "grid" else found == value):
            raise BadWeights(f"{path} was made for the {name} {found or 'unknown'}, the recipe needs {value}")
    network = LMSCNet(space.grid, len(space.taxonomy.classes), space.taxonomy.free_id)
    load_weights(network, path)
    return network.eval(), float(facts.get("temperature", "1"))


def predictor(
    network: LMSCNet, temperature: float, space: LabelSpace, device: str
) -> Callable[[Sequence[Scan]], list[Prediction]]:
    """Scans to predictions: the likeliest class and its probability, the softmax of scores / temperature."""
    import torch

    from stages.completion.lidar_features import lidar_volume

    def predict(scans: Sequence[Scan]) -> list[Prediction]:
        volumes = np.stack([lidar_volume(scan.points, scan.sensor, space.grid) for scan in scans])
        with torch.inference_mode():
            volume = torch.from_numpy(volumes).to(device, memory_format=torch.channels_last)
            columns = network.columns(volume).permute(0, 2, 3, 1)
            voxels = network.voxels(volume).split(1)
            return [_decide(network, *frame, temperature) for frame in zip(columns, voxels, strict=True)]

    return predict


def _decide(network: LMSCNet, columns: Tensor, voxels: Tensor, temperature: float) -> Prediction:
    """Semantics and confidence [X, Y, Z] of one frame: columns [x, y, features], voxels [1, X + 2, Y + 2, 2 Z].

    Scored row by row, so that the scores stay in the cache of one core: those of a whole grid fill 170 MB.
    """
    import torch

    x, y, _ = columns.shape
    semantics, confidence = [], []
    for row, cells in zip(columns, torch.arange(x * y, device=columns.device).split(y), strict=True):
        # Classes first: the maximum over 20 classes is then taken along contiguous memory.
        scores = network.scores(row, network.surroundings(voxels, cells)).flatten(0, 1).T.contiguous()
        best, class_id = scores.max(dim=0)
        semantics.append(class_id.to(torch.uint8).cpu().numpy())
        confidence.append(as_byte((1 / ((scores - best) / temperature).exp().sum(dim=0)).cpu().numpy()))
    fold, heights = network.fold, network.heights

    def volume(parts: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        cells = np.concatenate(parts).reshape(x, y, fold, fold, heights)
        return cells.swapaxes(1, 2).reshape(x * fold, y * fold, heights)

    return volume(semantics), volume(confidence)
