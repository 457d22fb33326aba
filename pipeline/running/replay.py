"""From a quarantine entry back to the order that failed."""

from __future__ import annotations

from pathlib import Path

from occlabel.pipeline.planning.orders import OrderDesk
from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe_file import parse_recipe
from occlabel.pipeline.running.quarantine import ClipEntry, read_entry
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.stage import Clip
from occlabel.schemas.yaml_text import parse_yaml
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.order import Order


def rehearsal(location: str) -> tuple[Order, ClipEntry]:
    """The order of the entry at ``location``, made anew from the log as it is now, for this process without a GPU.

    Raises OcclabelError when the entry does not exist or its log cannot be planned any more.
    """
    store, entry = read_entry(location)
    recipe = parse_recipe(parse_yaml(entry.recipe, f"the recipe in {location}"), f"of {location}")
    reader = open_logs(Path(entry.logs), entry.reader)
    plan = make_plan(recipe, reader, store, [entry.log], entry.device)
    if not plan.logs:
        raise OcclabelError(f"log {entry.log} cannot be labelled any more: {'; '.join(plan.refused.values())}")
    desk = OrderDesk(recipe, reader, store, plan.logs)
    index = [step.name for step in recipe.chain].index(entry.stage)
    return desk.order((index, Clip(entry.log, entry.start, entry.stop))), entry
