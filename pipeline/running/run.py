"""A run: the work of a plan, for the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from occlabel.pipeline.planning.orders import OrderDesk
from occlabel.pipeline.planning.plan import Key, Plan
from occlabel.pipeline.planning.recipe import Limits
from occlabel.pipeline.running.history import StageProgress
from occlabel.pipeline.running.loop import Fault
from occlabel.pipeline.running.quarantine import ClipEntry
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.stage import Resources
from occlabel.stages.ingest.several import root_of
from occlabel.workers.executor import Device
from occlabel.workers.order import Order
from occlabel.workers.store import Store


class ChainWork:
    """See ``Work``: the missing clips of the stages of a plan."""

    def __init__(
        self, plan: Plan, reader: LogReader, reader_name: str | None, store: Store, device: Device = "cpu"
    ) -> None:
        self._plan = plan
        self._reader = reader
        self._reader_name = reader_name
        self._device: Device = device
        self._desk = OrderDesk(plan.recipe, reader, store, plan.logs, device)
        self._logs = {log.id: log for log in plan.logs}
        self._names = [step.name for step in plan.recipe.chain]
        self._recipe = plan.recipe.to_yaml()
        self.needs: Mapping[int, Resources] = {index: plan.needs(index) for index in {index for index, _ in plan.todo}}

    @property
    def limits(self) -> Limits:
        return self._plan.recipe.limits

    @property
    def todo(self) -> Mapping[Key, tuple[Key, ...]]:
        return self._plan.todo

    def step(self, key: Key) -> int:
        return key[0]

    def unit(self, key: Key, attempt: int) -> Order:
        return replace(self._desk.order(key), attempt=attempt)

    def describe(self, key: Key) -> str:
        index, clip = key
        return f"{self._names[index]} {clip.log} {clip.name}"

    def entry(self, key: Key, run: str, fault: Fault) -> ClipEntry:
        index, clip = key
        log = self._logs[clip.log]
        return ClipEntry(
            run=run,
            stage=self._names[index],
            unit=f"{clip.log}-{clip.name}",
            cause=fault.failure.cause,
            error=fault.failure.error,
            traceback=fault.failure.traceback,
            attempts=fault.attempts,
            fingerprint=log.fingerprints[index],
            skipped=fault.skipped,
            log=clip.log,
            start=clip.start,
            stop=clip.stop,
            log_digest=log.digest,
            logs=str(root_of(self._reader, clip.log)),
            reader=self._reader_name,
            recipe=self._recipe,
            device=self._device,
        )


def stages_of(plan: Plan) -> list[StageProgress]:
    """What there is to do of each stage."""
    return [StageProgress(stage=str(row["stage"]), total=int(row["todo"])) for row in plan.counts()]
