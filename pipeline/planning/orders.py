"""From a unit of planned work to the order that a worker can do."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from occlabel.pipeline.planning.chain import Chain, sources
from occlabel.pipeline.planning.plan import Key, LogPlan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.arrays import GEOMETRY, resolved
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.stage import Hands
from occlabel.workers.changes import Glance, glance_at, sensor_files
from occlabel.workers.order import LOG, Beside, Order, Source
from occlabel.workers.store import Store


class OrderDesk:
    """Writes orders for one recipe over one set of logs; keeps the few logs that are being worked on.

    ``device`` is what stages that use a GPU run on.
    """

    def __init__(
        self,
        recipe: Recipe,
        reader: LogReader,
        store: Store,
        logs: tuple[LogPlan, ...],
        device: Literal["cpu", "cuda"] = "cpu",
    ) -> None:
        self._recipe = recipe
        self._chain = recipe.chain
        self._reader = reader
        self._store = store
        self._plans = {log.id: log for log in logs}
        self._device: Literal["cpu", "cuda"] = device
        self._log = lru_cache(maxsize=16)(self._look_at_log)
        self._beside = lru_cache(maxsize=16)(self._look_beside)

    def order(self, key: Key) -> Order:
        """The order for a unit of work. Raises BadLog when the log, or what lies beside it, is not what it was when it
        was planned."""
        index, clip = key
        step, recipe = self._chain[index], self._recipe
        plan, (log, files) = self._plans[clip.log], self._log(clip.log)
        first, stop = self._frames(key)
        part = log.part(first, stop)
        needs = step.stage.resources(recipe.space, plan.facts.rig, recipe.clip_frames)
        return Order(
            name=step.name,
            stage=step.stage,
            space=recipe.space,
            rig=plan.facts.rig,
            reader=self._reader,
            store=self._store,
            clip=clip,
            log=part,
            first=first,
            log_frames=plan.frames,
            clip_frames=recipe.clip_frames,
            fingerprint=plan.fingerprints[index],
            sources=read_from(self._chain, index, plan),
            hands=Hands(self._device if needs.gpus else "cpu", needs.cpus),
            seen=plan.facts.seen,
            beside=self._beside(clip.log)[key] if plan.told[index] else None,
            files={path: files[path] for path in sensor_files(part.frames)} if step.stage.senses else None,
        )

    def _frames(self, key: Key) -> tuple[int, int]:
        """The frames [start, stop) that a unit of work may see."""
        index, clip = key
        stage = self._chain[index].stage
        return max(0, clip.start - stage.halo), min(clip.stop + stage.lookahead, self._plans[clip.log].frames)

    def _look_at_log(self, log_id: str) -> tuple[DriveLog, Glance]:
        """The log and its sensor files, as they were when it was planned. Raises BadLog when they are not any more."""
        log = self._read_log(log_id)
        files = glance_at(log.frames)
        # Asked last: what changes before is found here, what changes after it by the worker.
        if self._read_log(log_id).stamp != self._plans[log_id].facts.stamp:
            raise BadLog(f"files of log {log_id} were changed after the plan was made: run again")
        return log, files

    def _read_log(self, log_id: str) -> DriveLog:
        return next(iter(self._reader.logs([log_id])))

    def _look_beside(self, log_id: str) -> dict[Key, Beside]:
        """What lies beside a log for each clip of the stages that say something of it: a worker reads of it what it
        reads anyway, and not the whole log's for each clip. Raises BadLog when it changed since the plan."""
        plan, space, result = self._plans[log_id], self._recipe.space, {}
        for index, step in enumerate(self._chain):
            if not plan.told[index]:
                continue
            for clip in plan.clips(self._recipe.clip_frames):
                facts = plan.facts.part(*self._frames((index, clip)))
                result[index, clip] = Beside(facts, step.stage.fingerprint_extra(space, facts))
            # Asked last: what changes before is found here, what changes after it by the worker.
            if step.stage.fingerprint_extra(space, plan.facts) != plan.told[index]:
                raise BadLog(
                    f"what {step.name} reads beside log {log_id} was changed after the plan was made: run again"
                )
        return result


def read_from(chain: Chain, index: int, log: LogPlan) -> tuple[Source, ...]:
    """Where step ``index`` finds the arrays that it reads, for one log; one source an image array and camera."""
    result = []
    for name, writer in sources(chain, index).items():
        if writer is None:
            (spec,) = (spec for spec in GEOMETRY if spec.name == name)
            result.append(Source(spec, LOG, log.facts.geometry))
            continue
        written = (spec for spec in chain[writer].stage.written if spec.name == name)
        specs = resolved(written, log.facts.rig)
        result.extend(Source(spec, chain[writer].name, log.fingerprints[writer]) for spec in specs)
    return tuple(result)
