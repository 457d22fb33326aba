"""What ``occlabel run`` does: plan, execute, publish, and say what happened."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from occlabel.pipeline.planning.plan import Key, Plan, make_plan, renewed
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.base import Base, open_base
from occlabel.pipeline.published.judged import Judge, let_through
from occlabel.pipeline.published.judged import told as gates_told
from occlabel.pipeline.published.latest import is_newest
from occlabel.pipeline.published.publish import collect, publish, refuse_taken
from occlabel.pipeline.published.spec import store_to_fill, version_name
from occlabel.pipeline.published.version import version_names
from occlabel.pipeline.running.history import RunState, State, at_work_on, new_state
from occlabel.pipeline.running.holds import hold, last_collection, let_go
from occlabel.pipeline.running.loop import Work
from occlabel.pipeline.running.quarantine import QuarantineEntry
from occlabel.pipeline.running.rehearse import rehearse
from occlabel.pipeline.running.workplace import Workplace, carry_out, told
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import GateFailed, OcclabelError, StoreError
from occlabel.schemas.version import GateResult, VersionInfo
from occlabel.schemas.words import counted, inflected
from occlabel.workers.executor import Executor
from occlabel.workers.store import Store

_ROUNDS = 3
"""How often what a store loses during a run is made again."""

_NAMED = 10
"""Damaged frames that a report names."""
_PLACES = 5
"""Logs or clips without labels that a report names."""

EXIT_CODES: dict[State, int] = {"complete": 0, "running": 1, "aborted": 1, "quarantine": 3, "gate failed": 4}


@dataclass
class Report:
    """What a run did."""

    state: State
    plan: Plan
    store: Store
    info: VersionInfo | None
    message: str = ""
    damaged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Frames that were labelled without some sensor file -> what is wrong with which."""
    entries: list[QuarantineEntry] = field(default_factory=list)
    run: RunState | None = None
    base: Base | None = None
    """The version whose other logs are published too, by reference."""
    gates: tuple[GateResult, ...] = ()
    """Of the published version, where the recipe has such; those that block first."""

    def facts(self) -> dict[str, object]:
        return {
            "state": self.state,
            "exit_code": EXIT_CODES[self.state],
            "message": self.message,
            "version": None if self.info is None else self.info.name,
            "content_digest": None if self.info is None else self.info.content_digest,
            "frames": 0 if self.info is None else self.info.frames,
            "damaged_frames": len(self.damaged),
            "damaged": dict(self.damaged),
            "gates": [{**gate.model_dump(), "passed": gate.passed} for gate in self.gates],
            "run": None if self.run is None else self.run.model_dump(),
            "warnings": {log.id: list(log.warnings) for log in self.plan.logs if log.warnings},
            "quarantine": [entry.model_dump(exclude={"traceback", "recipe"}) for entry in self.entries],
            "refused": self.plan.refused,
            "cautions": list(self.plan.cautions),
        }

    def print(self) -> None:
        from occlabel.pipeline.running.console import console

        screen = console()
        for caution in self.plan.cautions:
            screen.print(f"caution: {caution}", style="yellow")
        for log in self.plan.logs:
            for warning in log.warnings:
                screen.print(f"warning: log {log.id}: {warning}", style="yellow")
        for reason in self.plan.refused.values():
            screen.print(f"refused: {reason}", style="yellow")
        for entry in self.entries:
            screen.print(f"quarantine ({entry.cause}): {entry.place}: {entry.error}", style="yellow")
            skipped = f"; skipped with it: {counted(len(entry.skipped), 'clip')}" if entry.skipped else ""
            screen.print(f"  replay: {entry.replay}{skipped}")
        if self.run is None:
            screen.print("nothing to do: everything is committed")
        for line in self._damaged_before():
            screen.print(line, style="yellow")
        if self.info is not None:
            held = () if self.base is None else self.base.rows
            before = sum(bool(row.damaged) for row in held)
            frames = counted(self.info.frames, "frame") + _of_them_damaged(len(self.damaged) + before)
            screen.print(f"published {self.store.location}@{self.info.name}: {frames}")
            if self.base is not None:
                frames = f"{counted(len(held), 'frame')} of {counted(len(self.base.logs), 'log')}"
                said = f"{frames}{_of_them_damaged(before)}"
                screen.print(f"  of these by reference, from {self.base.info.name}: {said}")
        for line in gates_told(self.gates):
            screen.print(line, style="yellow" if line.startswith("gate ") else None)
        screen.print(f"{self.state}{': ' + self.message if self.message else ''}", style="bold")

    def _damaged_before(self) -> list[str]:
        """A line for each of the first frames whose damage an earlier run put into quarantine."""
        told = "\n".join(entry.error for entry in self.entries)
        pairs = [(place, said) for place, all_said in self.damaged.items() for said in all_said]
        lines = [f"damaged: {place}: {said}" for place, said in pairs if said.partition(": ")[2] not in told]
        more = len(lines) - _NAMED
        return lines[:_NAMED] + ([f"damaged: {more} more; occlabel versions show names them"] if more > 0 else [])


def _of_them_damaged(count: int) -> str:
    return f", {count} with damaged sensor files" if count else ""


def label_logs(
    recipe: Recipe,
    reader: LogReader,
    store: Store | Path | str,
    version: str,
    *,
    log_ids: list[str] | None = None,
    base: str | None = None,
    reader_name: str | None = None,
    workplace: Workplace = Workplace(),
    quiet: bool = False,
    judge: Judge | None = None,
) -> Report:
    """Labels the logs and publishes ``version`` in ``store``, a folder or a URL; with nothing left to do no executor is
    started. ``judge`` asks the recipe's gates for a published version; without it that version is not the latest.

    ``base`` names a version of the store (or a tag, or ``latest``) whose other logs are in the version too, by
    reference: their drive logs need not be there.

    Raises OcclabelError when the recipe or the workplace cannot work, no log can be labelled, the version exists with
    other content, or the base has another log of one id or was labelled by another recipe.
    """
    store = store if isinstance(store, Store) else store_to_fill(str(store))
    version_name(version)
    if not store.exists():
        store.check_layout(mark=True)  # so that what the plan learns of the logs is kept, however this ends
    note, collected = _mute if quiet else _say, last_collection(store)
    plan = _planned(recipe, reader, store, log_ids, workplace, note)
    held = None if base is None else open_base(store, base, (log.id for log in plan.logs))
    if held is not None:
        held.refuse_other(plan)
        plan = replace(plan, cautions=(*plan.cautions, *held.cautions(plan)))
    _refuse_taken(store, plan, version, note, held)
    if plan.device == workplace.likely_device:  # or it is another machine's
        rehearse(plan, plan.device)
    report = Report("complete", plan, store, None, base=held)
    if not plan.todo and version in version_names(store):  # nothing to write: the store may be one to read from
        _publish(report, version, reader, judge)
        return report
    if held is not None:
        held.refuse_lost()
    store.check_layout(mark=True)
    state = new_state(f"version {version}", [])
    with told(store, state):
        hold(store, state, [*plan.pieces, *(() if held is None else held.pieces())])
        if last_collection(store) != collected:  # what the plan found need not be there any more
            report.plan = plan = renewed(plan, store)
            report.base = None if held is None else open_base(store, held.info.name, held.fresh)
        if plan.todo:
            from occlabel.pipeline.running.run import ChainWork, stages_of  # zarr: not where nothing is to do

            report.run, state.stages = state, stages_of(plan)
            store.put(f"runs/{state.run}/recipe.yaml", plan.recipe.to_yaml().encode())
            with workplace.open() as hands:
                _refuse_other_device(plan, hands)
                _label(report, hands, state, quiet, lambda now: ChainWork(now, reader, reader_name, store, now.device))
        _publish(report, version, reader, judge)
        state.state, state.message = report.state, report.message
    let_go(store, state)
    return report


def _planned(
    recipe: Recipe,
    reader: LogReader,
    store: Store,
    log_ids: list[str] | None,
    workplace: Workplace,
    note: Callable[[str], None],
) -> Plan:
    """For the device that the work is done on. Raises OcclabelError where there is nothing to label."""
    plan = make_plan(recipe, reader, store, log_ids, workplace.likely_device, note)
    if plan.todo and workplace.device != plan.device:  # the cluster is of another kind than this machine
        plan = make_plan(recipe, reader, store, log_ids, workplace.device, note)
    if not plan.logs:
        reasons = "; ".join(plan.refused.values()) or f"{reader.root} holds no logs"
        raise OcclabelError(f"there is nothing to label: {reasons}")
    return plan


def _refuse_taken(store: Store, plan: Plan, version: str, note: Callable[[str], None], base: Base | None) -> None:
    """Raises StoreError as ``refuse_taken`` does; ``note`` is told of runs that may be at the same work."""
    refuse_taken(store, plan, version, note, base)
    for other in at_work_on(store, version) if plan.todo else ():
        note(
            f"caution: run {other.run} is at version {version} of {store.location}, last heard of "
            f"{max(time.time() - other.heartbeat, 0):.0f} s ago; unless it was killed, stop one of the two: what is "
            "published first stands, and work is done twice until then"
        )


def _label(report: Report, hands: Executor, state: RunState, quiet: bool, work: Callable[[Plan], Work[Key]]) -> None:
    """Does what the plan of ``report`` has left, and what the store lost meanwhile; the plan is that of the end."""
    failed: set[Key] = set()
    for _ in range(_ROUNDS):
        loop = carry_out(work(report.plan), hands, report.store, state, quiet)
        report.entries.extend(loop.entries)
        failed |= loop.failed
        report.plan = renewed(report.plan, report.store)
        left = _without(report.plan.todo, failed)
        if not left:
            return
        for index, _ in left.keys() - loop.lost:
            state.stages[index].total += 1
        report.plan = replace(report.plan, todo=left)
    raise StoreError(
        f"{report.store.location} loses what is written to it: {counted(len(left), 'clip')} to be made again after "
        f"{_ROUNDS} attempts; nothing was published"
    )


def _without(todo: Mapping[Key, tuple[Key, ...]], failed: set[Key]) -> dict[Key, tuple[Key, ...]]:
    """The work that needs nothing of what ``failed``; what is needed comes first in ``todo``."""
    left: dict[Key, tuple[Key, ...]] = {}
    for key, needs in todo.items():
        if key not in failed and all(need in left for need in needs):
            left[key] = needs
    return left


def _publish(report: Report, version: str, reader: LogReader, judge: Judge | None) -> None:
    """Publishes what is committed, unless something is missing that another run would do: what infrastructure failed
    takes no name."""
    plan, store = report.plan, report.store
    found = collect(store, plan)
    report.damaged = {f"{row.log} frame {row.name}": row.damaged for row in found.rows if row.damaged}
    if unlucky := [entry for entry in report.entries if entry.cause == "store"]:
        report.state = "aborted"
        report.message = f"the store failed {counted(len(unlucky), 'clip')}, nothing was published; run again to go on"
        return
    try:
        report.info = publish(store, plan, version, reader, found, report.base)
    except GateFailed as error:
        report.state, report.message = "gate failed", str(error)
        return
    if found.missing or report.damaged:
        report.state = "quarantine"
    if count := len(found.missing):
        more = f" and {count - _PLACES} more" if count > _PLACES else ""
        report.message = (
            f"{count} of the planned logs or clips {inflected(count, 'has', 'have')} no labels: "
            f"{', '.join(list(found.missing)[:_PLACES])}{more}; once that can be done, publish under another --version"
        )
    _judge(report, report.info, judge)


def _judge(report: Report, info: VersionInfo, judge: Judge | None) -> None:
    """A version that a gate blocks exists, and does not become the latest."""
    gates = report.plan.recipe.gates
    known = let_through(report.store, info, gates, judge)
    report.gates = () if known is None else known.results
    blocking = dict.fromkeys(result.gate for result in report.gates if result.blocks)
    if blocking:
        report.state = "gate failed"
    elif known is not None or not any(gates.judged()):
        return
    leads = is_newest(report.store, info.name)
    place = "was the latest before its gates were asked, and still is" if leads else "is published and not the latest"
    said = f"version {info.name} {place}: {', '.join(blocking) or 'nobody asked its gates'}"
    if blocking and not leads:
        said += "; run again with other gates to let it through"
    report.message = "; ".join(filter(None, (said, report.message)))


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _mute(sentence: str) -> None:
    pass


def _refuse_other_device(plan: Plan, hands: Executor) -> None:
    """Raises OcclabelError when the plan was made for GPUs that are not there, or without those that are."""
    if hands.device != plan.device and any(plan.needs(index).gpus for index in {index for index, _ in plan.todo}):
        raise OcclabelError(
            f"the plan was made for {plan.device}, and {hands.where} has {hands.device}: run again if a node came or "
            "went, or set CUDA_VISIBLE_DEVICES= to label without the GPU of this machine"
        )
