"""Whether most of what was planned is labelled, from whole input: by the manifest alone."""

from __future__ import annotations

from collections import Counter

from occlabel.pipeline.planning.gates import QuarantineGate
from occlabel.pipeline.published.version import PublishedFrame
from occlabel.pipeline.quality.gates.case import Case, answer, percent
from occlabel.schemas.version import GateResult


def judge(case: Case, options: QuarantineGate) -> list[GateResult]:
    info = case.version.info
    planned = info.planned or info.frames
    refused = [place for place in info.missing if place in _refused(case)]
    whole = planned + len(refused) * planned / max(len(info.logs), 1)
    damaged = [frame for frame in case.version.frames() if frame.row.damaged]
    bad = whole - info.frames + len(damaged)
    share = bad / whole if whole else 1.0
    said = f"of {whole:.0f} planned frames {planned - info.frames} have no labels, {len(damaged)} lack a sensor file"
    if refused:
        were = "log was" if len(refused) == 1 else "logs were"
        said += f", and {len(refused)} {were} refused ({', '.join(refused[:3])}), each counted as a mean log"
    if (worst := _worst(damaged)) is not None:
        said += f"; most of these in log {worst}"
    if info.missing:
        place, why = next(iter(info.missing.items()))
        said += f"; {place}: {why}"
    look = f"occlabel status {case.version.store.location}"
    return [answer("quarantine", options, share, f"{percent(share)}: {said}", look)]


def _refused(case: Case) -> set[str]:
    """What is missing and is no part of a log that was planned: its reason is told of it as a whole."""
    info = case.version.info
    known = {*info.provenance.logs, *info.logs}
    return {place for place in info.missing if not any(place == log or place.startswith(f"{log} ") for log in known)}


def _worst(damaged: list[PublishedFrame]) -> str | None:
    counts = Counter(frame.log for frame in damaged)
    return counts.most_common(1)[0][0] if counts else None
