"""Fine-tuning that forgets less."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def meet_halfway(network: nn.Module, before: dict[str, Tensor]) -> None:
    """Weights in the middle between those ``before`` and those now: most of what was learned of these streets, and
    little lost of what was known of others (Wortsman et al. 2022, Robust fine-tuning of zero-shot models)."""
    now = network.state_dict()
    network.load_state_dict({n: torch.lerp(before[n], v, 0.5) if v.is_floating_point() else v for n, v in now.items()})
