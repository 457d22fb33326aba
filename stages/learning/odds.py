"""How much more common classes are where the logs come from than where weights were trained.

With the shares of classes, all else being the same, the odds of any two change by the ratio of how much more common
each has become (Saerens et al. 2002, equation 4). In the last layer of a network that is a sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from occlabel.schemas.taxonomy import Taxonomy
from occlabel.schemas.words import meant

if TYPE_CHECKING:
    from torch import nn

Odds = dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
"""Class -> by what its odds are multiplied."""


def refusal(odds: Mapping[str, float], taxonomy: Taxonomy) -> str | None:
    """The sentence about the first class that there is not."""
    known = taxonomy.names
    name = next((name for name in odds if name not in known), None)
    if name is None:
        return None
    return f"odds: {taxonomy.name} has no class {name!r}{meant(name, known)}; known: {', '.join(known)}"


def multiply_odds(classify: nn.Linear, temperature: float, odds: Mapping[str, float], taxonomy: Taxonomy) -> None:
    """Makes the classes of ``odds`` so many times likelier in the softmax of scores / ``temperature`` of a last layer
    [classes]."""
    import torch

    with torch.no_grad():
        for name, times in odds.items():
            classify.bias[taxonomy.names.index(name)] += temperature * math.log(times)
