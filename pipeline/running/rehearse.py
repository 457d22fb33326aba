"""Before the work of a run: what somebody else made is tried out once, so that no clip has to find it out."""

from __future__ import annotations

from occlabel.pipeline.planning.plan import Plan
from occlabel.schemas.stage import Hands
from occlabel.workers.executor import Device
from occlabel.workers.rehearsal import try_out


def rehearse(plan: Plan, device: Device) -> None:
    """Tries out the stages of which anything is to be done. ``device`` is what those that use a GPU would run on, here.

    Raises OcclabelError, in a sentence, for one that cannot work with the recipe.
    """
    recipe = plan.recipe
    for index in sorted({index for index, _ in plan.todo}):
        step, needs = recipe.chain[index], plan.needs(index)
        hands = Hands(device if needs.gpus else "cpu", needs.cpus)
        try_out(step.title, step.stage, recipe.space, hands, recipe.limits.clip_seconds)
