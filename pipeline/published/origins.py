"""What a version keeps of where its labels come from: so that two versions can say why they differ."""

from __future__ import annotations

from occlabel._version import __version__
from occlabel.pipeline.planning.fingerprint import file_digests
from occlabel.pipeline.planning.plan import LogPlan, Plan
from occlabel.schemas.version import LogOrigin, Provenance, StepOrigin


def provenance_of(plan: Plan) -> Provenance:
    """Everything that decides the fingerprints of the plan, as plain values."""
    return Provenance(
        code=__version__,
        recipe=plan.recipe.to_yaml(),
        steps=_steps(plan),
        logs={log.id: _log(plan, log) for log in plan.logs},
        device=plan.device,
    )


def _steps(plan: Plan) -> dict[str, StepOrigin]:
    result = {}
    for step in plan.recipe.chain:
        paths = step.stage.files(plan.recipe.space)
        files = dict(zip((path.name for path in paths), file_digests(paths), strict=True))
        result[step.name] = StepOrigin(version=step.stage.version, files=files)
    return result


def _log(plan: Plan, log: LogPlan) -> LogOrigin:
    told = {step.name: text for step, text in zip(plan.recipe.chain, log.told, strict=True) if text}
    return LogOrigin(content=log.digest, geometry=log.facts.geometry, extra=told)
