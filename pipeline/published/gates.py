"""Gates: what a version must hold before it is published."""

from __future__ import annotations

from collections.abc import Sequence

from occlabel.pipeline.planning.recipe import Gates
from occlabel.schemas.version import GateResult


def check_gates(gates: Gates, planned: int, known_shares: Sequence[float]) -> tuple[GateResult, ...]:
    """Results of all gates. ``planned`` frames were asked for; ``known_shares`` has, for each labelled frame that was
    looked at, the share of voxels that are not unknown."""
    labelled = len(known_shares) / planned if planned else 0.0
    known = sum(known_shares) / len(known_shares) if known_shares else 0.0
    return (
        GateResult(gate="min_labelled", required=gates.min_labelled, found=labelled),
        GateResult(gate="min_known", required=gates.min_known, found=known),
    )
