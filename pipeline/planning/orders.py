"""From a unit of planned work to the order that a worker can do."""

from __future__ import annotations

from functools import lru_cache

from occlabel.pipeline.planning.fingerprint import sources
from occlabel.pipeline.planning.plan import Key, LogPlan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.workers.store import Store
from occlabel.workers.work import Order


class OrderDesk:
    """Writes orders for one recipe over one set of logs; keeps the few logs that are being worked on."""

    def __init__(self, recipe: Recipe, reader: LogReader, store: Store, logs: tuple[LogPlan, ...], device: str) -> None:
        self._recipe = recipe
        self._reader = reader
        self._store = store
        self._plans = {log.id: log for log in logs}
        self._device = device
        self._log = lru_cache(maxsize=16)(self._read_log)

    def order(self, key: Key) -> Order:
        """The order for a unit of work. Raises BadLog when the log changed so that it cannot be read any more."""
        index, clip = key
        stages = self._recipe.stages()
        stage = stages[index]
        plan, log = self._plans[clip.log], self._log(clip.log)
        first = max(0, clip.start - stage.halo)
        return Order(
            stage=stage,
            space=self._recipe.space,
            reader=self._reader,
            store=self._store,
            clip=clip,
            log=log.part(first, min(clip.stop + stage.lookahead, plan.frames)),
            first=first,
            log_frames=plan.frames,
            clip_frames=self._recipe.clip_frames,
            fingerprint=plan.fingerprints[index],
            sources={name: (stages[s].slot, plan.fingerprints[s]) for name, s in sources(stages, index).items()},
            device=self._device,
        )

    def _read_log(self, log_id: str) -> DriveLog:
        return next(iter(self._reader.logs([log_id])))
