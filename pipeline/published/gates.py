"""What must be labelled before a version is published at all; ``quality/gates`` judges what is."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from occlabel.pipeline.planning.plan import Plan
from occlabel.pipeline.planning.recipe import Gates
from occlabel.schemas.version import GateResult


def asked_frames(plan: Plan, held: Collection[str] = ()) -> float:
    """Frames that were to be labelled: of the planned logs, and of the refused ones, but for logs that are ``held`` by
    a base. A refused log that could not be read counts as many as the mean of the others."""
    frames = [log.frames for log in plan.logs]
    refused = [plan.refused_frames.get(log, 0) for log in plan.refused if log not in held]
    known = [*frames, *filter(None, refused)]
    return sum(known) + refused.count(0) * sum(known) / max(len(known), 1)


def check_gates(
    gates: Gates, asked: float, labelled: int, known_shares: Sequence[float] | None
) -> tuple[GateResult, ...]:
    """Results of all gates. ``asked`` frames were to be labelled and ``labelled`` have labels; ``known_shares`` has, of
    each of these, the share of voxels that are not unknown, and is None when a version has no semantics."""
    results = [GateResult(gate="min_labelled", required=gates.min_labelled, found=labelled / asked if asked else 0)]
    if known_shares is not None:
        known = sum(known_shares) / len(known_shares) if known_shares else 0.0
        results.append(GateResult(gate="min_known", required=gates.min_known, found=known))
    return tuple(results)
