"""What ``occlabel run`` does: plan, execute, publish, and say what happened."""

from __future__ import annotations

from dataclasses import dataclass, field

from occlabel.pipeline.planning.plan import Plan, make_plan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.versions import collect, publish, published
from occlabel.pipeline.running.history import RunState, State, write_state
from occlabel.pipeline.running.progress import progress
from occlabel.pipeline.running.quarantine import QuarantineEntry
from occlabel.pipeline.running.run import Run, new_run_id, new_state
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import GateFailed, OcclabelError, StoreError
from occlabel.schemas.version import VersionInfo
from occlabel.workers.executor import Executor
from occlabel.workers.store import Store, safe_name

EXIT_CODES: dict[State, int] = {"complete": 0, "running": 1, "aborted": 1, "quarantine": 3, "gate failed": 4}


@dataclass
class Report:
    """What a run did."""

    state: State
    plan: Plan
    store: Store
    info: VersionInfo | None
    message: str = ""
    damaged: int = 0
    entries: list[QuarantineEntry] = field(default_factory=list)
    run: RunState | None = None

    def facts(self) -> dict[str, object]:
        return {
            "state": self.state,
            "exit_code": EXIT_CODES[self.state],
            "message": self.message,
            "version": None if self.info is None else self.info.name,
            "content_digest": None if self.info is None else self.info.content_digest,
            "frames": 0 if self.info is None else self.info.frames,
            "damaged_frames": self.damaged,
            "run": None if self.run is None else self.run.model_dump(),
            "quarantine": [entry.model_dump(exclude={"traceback", "recipe"}) for entry in self.entries],
            "refused": self.plan.refused,
            "cautions": list(self.plan.cautions),
        }

    def print(self) -> None:
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        for caution in self.plan.cautions:
            console.print(f"caution: {caution}", style="yellow")
        for reason in self.plan.refused.values():
            console.print(f"refused: {reason}", style="yellow")
        for entry in self.entries:
            place = f"{entry.slot} {entry.log} frames {entry.start}-{entry.stop - 1}"
            console.print(f"quarantine ({entry.cause}): {place}: {entry.error}", style="yellow")
            skipped = f"; skipped with it: {len(entry.skipped)} clips" if entry.skipped else ""
            console.print(f"  replay: {entry.replay}{skipped}")
        if self.run is None:
            console.print("nothing to do: everything is committed")
        if self.info is not None:
            damaged = f", {self.damaged} with damaged sensor files" if self.damaged else ""
            console.print(f"published {self.store.location}@{self.info.name}: {self.info.frames} frames{damaged}")
        console.print(f"{self.state}{': ' + self.message if self.message else ''}", style="bold")


def label_logs(
    recipe: Recipe,
    reader: LogReader,
    store: Store,
    version: str,
    *,
    log_ids: list[str] | None = None,
    reader_name: str | None = None,
    executor: str = "ray",
    ray_address: str | None = None,
    quiet: bool = False,
) -> Report:
    """Labels the logs and publishes ``version``. With nothing left to do no executor is started.

    Raises OcclabelError when the recipe cannot work, no log can be labelled, or the version exists with other content.
    """
    safe_name(version, "version")
    plan = make_plan(recipe, reader, store, log_ids)
    if not plan.logs:
        reasons = "; ".join(plan.refused.values()) or f"{reader.root} holds no logs"
        raise OcclabelError(f"there is nothing to label: {reasons}")
    _check_name_free(store, plan, version)
    report = Report("complete", plan, store, None)
    if plan.todo:
        hands = _executor(executor, ray_address, recipe)
        try:
            _execute(report, reader, reader_name or _name_of(reader), hands, version, quiet)
        finally:
            hands.close()
    return _publish(report, version)


def _execute(report: Report, reader: LogReader, reader_name: str, hands: Executor, version: str, quiet: bool) -> None:
    plan, store = report.plan, report.store
    state = report.run = new_state(plan, new_run_id(), version, hands.slots)
    store.put(f"runs/{state.run}/recipe.yaml", plan.recipe.to_yaml().encode())
    with progress(state, quiet) as watch:
        run = Run(plan, reader, reader_name, store, hands, state, watch)
        report.entries = run.entries
        try:
            run.execute()
        except BaseException as error:  # also Ctrl-C: the history must not say that the run still goes on
            state.state, state.message = "aborted", f"{type(error).__name__}: {error}"
            write_state(store, state)
            raise


def _publish(report: Report, version: str) -> Report:
    plan, store = report.plan, report.store
    rows, _, missing = collect(store, plan)
    report.damaged = sum(bool(row.damaged) for row in rows)
    try:
        report.info = publish(store, plan, version)
        incomplete = bool(missing or report.damaged)
        report.state = "quarantine" if incomplete else "complete"
        if missing:
            report.message = (
                f"{len(missing)} of the planned logs or clips have no labels: {', '.join(list(missing)[:5])}"
            )
    except GateFailed as error:
        report.state, report.message = "gate failed", str(error)
    if report.run is not None:
        report.run.state, report.run.message = report.state, report.message
        write_state(store, report.run)
    return report


def _check_name_free(store: Store, plan: Plan, version: str) -> None:
    """Raises StoreError before any compute when ``version`` exists and was made by another recipe."""
    taken = published(store, version)
    if taken is not None and plan.todo and taken.recipe != plan.recipe.to_yaml():
        raise StoreError(
            f"version {version} exists in {store.location} with another recipe, and versions never change; "
            "choose another --version"
        )


def _executor(name: str, ray_address: str | None, recipe: Recipe) -> Executor:
    if name == "local":
        from occlabel.workers.local import LocalExecutor

        return LocalExecutor()
    from occlabel.workers.ray import RayExecutor

    needs = [stage.resources(recipe.space) for stage in recipe.stages()]
    return RayExecutor(ray_address, max(need.cpus for need in needs), max(need.gpus for need in needs))


def _name_of(reader: LogReader) -> str:
    """The reader's name as ``--reader`` takes it: its module."""
    return type(reader).__module__.rsplit(".", 1)[-1]
