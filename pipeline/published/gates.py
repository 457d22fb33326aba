"""What must be labelled before a version is published at all; ``quality/gates`` judges what is."""

from __future__ import annotations

from collections.abc import Sequence

from occlabel.pipeline.planning.recipe import Gates
from occlabel.schemas.version import GateResult


def check_gates(
    gates: Gates, planned: int, labelled: int, known_shares: Sequence[float] | None
) -> tuple[GateResult, ...]:
    """Results of all gates. ``planned`` frames were asked for and ``labelled`` have labels; ``known_shares`` has, of
    each of these, the share of voxels that are not unknown, and is None when a version has no semantics."""
    results = [GateResult(gate="min_labelled", required=gates.min_labelled, found=labelled / planned if planned else 0)]
    if known_shares is not None:
        known = sum(known_shares) / len(known_shares) if known_shares else 0.0
        results.append(GateResult(gate="min_known", required=gates.min_known, found=known))
    return tuple(results)
