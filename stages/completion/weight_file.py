"""Weight files of the LiDAR network: which are shipped, what each was made for, and the network that it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace

if TYPE_CHECKING:
    from occlabel.stages.completion.lmscnet import LMSCNet

NETWORK = "lmscnet-4"
"""Raised when the layers or the input volume change, so that older weights are refused instead of misread."""
PAINTED = f"{NETWORK}-painted"
"""The same with what ``paint_network.py`` adds."""
DRIVE = "drive"
"""Fact of weights that were adapted to one log: its ``LogFacts.geometry``."""
_SHIPPED = Path(__file__).parent / "weights"
_SHIPPED_BEAMS = {"occ3d_lidar.safetensors": 32, "semantickitti_lidar.safetensors": 64}
"""Of the simulated LiDAR that shipped weights were trained with; later weights say it in their header."""
_BOTTOM_SLACK = 0.3
"""How much lower or higher than in training a grid may lie [m]: sensor heights vary as much between the samples."""


def beams_of(path: Path) -> int | None:
    """Of the LiDAR whose scans weights were trained on; None where nobody says."""
    from occlabel.stages.learning.weight_header import read_facts

    if path.parent == _SHIPPED:
        return _SHIPPED_BEAMS.get(path.name)
    told = read_facts(path).get("beams", "")
    return int(told) if told.isascii() and told.isdigit() and int(told) > 0 else None


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


def said(fact: str) -> str:
    """A ``grid_fact`` in words."""
    facts = json.loads(fact)
    return (
        f"voxels of {facts['voxel_size']:g} m in the {facts['frame']} frame, {facts['heights']} of them on each other "
        f"from z = {facts['bottom']:g} m up"
    )


def nearest(space: LabelSpace) -> str:
    """What there are weights for among grids of the same classes, as the beginning of a sentence."""
    from occlabel.schemas.grid import GRIDS
    from occlabel.schemas.taxonomy import TAXONOMIES

    there = [
        f"{said(grid_fact(grid))} (grid {name})"
        for name, grid in GRIDS.items()
        if TAXONOMIES[name].names == space.taxonomy.names and (_SHIPPED / f"{name}_lidar.safetensors").is_file()
    ]
    return f"there are some for {' and '.join(there)}, as far to the sides as you like; " if there else ""


def shipped_weights(space: LabelSpace) -> Path | None:
    """The weight file that comes with occlabel for the grid and taxonomy, or None; none reads paint."""
    from occlabel.schemas.grid import GRIDS
    from occlabel.schemas.taxonomy import TAXONOMIES

    for name, grid in GRIDS.items():
        fits = _fits(grid_fact(grid), grid_fact(space.grid)) and TAXONOMIES[name].names == space.taxonomy.names
        path = _SHIPPED / f"{name}_lidar.safetensors"
        if fits and path.is_file():
            return path
    return None


def weight_facts(space: LabelSpace, network: str = NETWORK) -> dict[str, str]:
    """What the header of a weight file must say to serve ``space``: network, grid and classes."""
    return {"network": network, "grid": grid_fact(space.grid), "classes": json.dumps(space.taxonomy.names)}


def check(path: Path, space: LabelSpace, network: str = NETWORK) -> dict[str, str]:
    """The facts of a weight file of ``network``. Raises BadWeights when it is damaged or made for something else."""
    from occlabel.stages.learning.purpose import temperature_of
    from occlabel.stages.learning.weight_header import check_content, read_facts

    facts = read_facts(path)
    check_content(path)
    for name, value in weight_facts(space, network).items():
        found = facts.get(name, "")
        if not (_fits(found, value) if name == "grid" else found == value):
            raise BadWeights(f"{path} was made for the {name} {found or 'unknown'}, the recipe needs {value}")
    temperature_of(path, facts)
    return facts


def network_of(painted: bool) -> str:
    """What the header of a weight file calls the network."""
    return PAINTED if painted else NETWORK


def load_network(path: Path, space: LabelSpace, painted: bool = False) -> tuple[LMSCNet, float]:
    """The network in evaluation mode, and the temperature of its confidence. Raises BadWeights."""
    from occlabel.stages.completion.lmscnet import LMSCNet
    from occlabel.stages.learning.purpose import temperature_of
    from occlabel.stages.learning.weights import load_weights

    facts = check(path, space, network_of(painted))
    network = LMSCNet(space.grid, len(space.taxonomy.classes), space.taxonomy.free_id, painted)
    load_weights(network, path)
    return network.eval(), temperature_of(path, facts)
