"""Jobs: work over logs or a version (evaluation, maps, exports), done on the same hands as a run and never twice.

jobs/<job>/<fingerprint>/<unit>.bin    the result of one unit, written first
jobs/<job>/<fingerprint>/<unit>.json   its receipt: proof that the result is whole

class CountVoxels(Job):
    name: ClassVar[str] = "count-voxels"
    version: ClassVar[int] = 1
    spec: str                                   # options are fields: plain values, paths, a Store

    def fingerprint(self, unit: str) -> str:    # all that decides the result
        return digest_of([self.name, self.version, open_version(self.spec).info.content_digest, unit])

    def work(self, unit: str) -> bytes:         # done by a worker
        ...

report = run_job(CountVoxels(spec="labels@v1"), ["log-1", "log-2"], Store("labels"))
report.results["log-1"], report.failed, report.state
"""

from __future__ import annotations

import hashlib
import platform
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from threadpoolctl import threadpool_limits

from occlabel.pipeline.planning.recipe import Limits
from occlabel.pipeline.running.history import RunState, StageProgress, State, new_state
from occlabel.pipeline.running.loop import Fault
from occlabel.pipeline.running.quarantine import QuarantineEntry
from occlabel.pipeline.running.workplace import Workplace, carry_out, told
from occlabel.schemas.errors import AlteredArtifact, OcclabelError, StoreError
from occlabel.schemas.receipt import JobReceipt, Timings
from occlabel.schemas.seal import sealed, unsealed
from occlabel.schemas.stage import Resources
from occlabel.workers.store import Store, safe_name


class Job(BaseModel, ABC):
    """One kind of work over units that do not depend on each other. The fields of the frozen model are its options."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: ClassVar[str]
    version: ClassVar[int]
    """Raised when the same options give another result."""

    @abstractmethod
    def fingerprint(self, unit: str) -> str:
        """Decides the result of ``unit``: of name, version, options, and the content of what is read."""

    @abstractmethod
    def work(self, unit: str) -> bytes:
        """The result of ``unit``. Pure: the same fingerprint gives the same bytes. Raises OcclabelError for data that
        cannot be used; that ends the unit, not the job."""

    def lasts(self, result: bytes) -> bool:
        """Whether a result answers the next one who asks too; otherwise it is made again then, as that of a unit of
        which a file could not be read."""
        return True

    @property
    def resources(self) -> Resources:
        """What a worker needs for any unit."""
        return Resources()

    def frames(self, unit: str) -> int:
        """Frames of ``unit``, for speed and estimates."""
        return 0


class Results(Mapping[str, bytes]):
    """The results of a job by unit, in the order of the units; each is read when it is asked for."""

    def __init__(self, units: Sequence[JobUnit]) -> None:
        self._units = {unit.unit: unit for unit in units}

    def __getitem__(self, unit: str) -> bytes:
        done = self._units[unit].committed()
        if done is None:
            raise StoreError(f"the result of {unit} is not in the store any more; run the same command again")
        return done[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._units)

    def __len__(self) -> int:
        return len(self._units)


@dataclass
class JobReport:
    """What a job did. ``failed`` (unit -> why) is in the order of the units."""

    state: State
    results: Results = field(default_factory=lambda: Results(()))
    computed: tuple[str, ...] = ()
    """The units whose result was not there before."""
    failed: dict[str, str] = field(default_factory=dict)
    run: RunState | None = None
    """None when all results were there already."""
    entries: list[QuarantineEntry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class JobUnit:
    """One unit of a job as an executor takes it."""

    job: Job
    unit: str
    fingerprint: str
    store: Store
    attempt: int = 1

    @property
    def resources(self) -> Resources:
        return self.job.resources

    def perform(self) -> JobReceipt:
        """Does the unit unless its result is there to last, reads the result back, then commits the receipt."""
        done = self.done()
        if done is not None:
            return done
        start = time.perf_counter()
        # As many threads as it asked for: the bytes must not depend on the cores that a machine happens to have.
        with threadpool_limits(self.job.resources.cpus):
            result = self._worked()
        worked = time.perf_counter()
        path, digest = self._path("bin"), _digest(result)
        self.store.put(path, result)
        if _digest(self.store.get(path) or b"") != digest:
            raise StoreError(f"{self.store.location}/{path} is not what was written a moment ago")
        receipt = JobReceipt(
            job=self.job.name,
            fingerprint=self.fingerprint,
            unit=self.unit,
            frames=self.job.frames(self.unit),
            digest=digest,
            attempt=self.attempt,
            node=platform.node(),
            timings=Timings(process=worked - start, write=time.perf_counter() - worked),
        )
        content = sealed(receipt)
        if not self.store.create(self._path("json"), content) and self.committed() is None:
            self.store.put(self._path("json"), content)  # there is one, of a result that was lost or altered
        return receipt

    def done(self) -> JobReceipt | None:
        """The receipt of a result that is there and lasts."""
        found = self.committed()
        return found[0] if found is not None and self.job.lasts(found[1]) else None

    def _worked(self) -> bytes:
        try:
            return self.job.work(self.unit)
        except AlteredArtifact as error:  # a run makes what is lost again; a job has no stage that could
            raise OcclabelError(str(error)) from error

    def committed(self) -> tuple[JobReceipt, bytes] | None:
        """The receipt and the result, None unless both are there and belong together."""
        content = self.store.get(self._path("json"))
        if content is None:
            return None
        receipt, result = unsealed(JobReceipt, content), self.store.get(self._path("bin"))
        if receipt is None or result is None or _digest(result) != receipt.digest:
            return None
        mine = (receipt.job, receipt.fingerprint, receipt.unit) == (self.job.name, self.fingerprint, self.unit)
        return (receipt, result) if mine else None

    def _path(self, ending: str) -> str:
        return f"{_place(self.job, self.fingerprint, self.unit)}.{ending}"


class JobWork:
    """See ``Work``: the missing units of a job, which wait for nothing."""

    def __init__(self, job: Job, missing: Sequence[JobUnit], limits: Limits) -> None:
        self.limits = limits
        self.needs: Mapping[int, Resources] = {0: job.resources}
        self.todo: Mapping[str, tuple[str, ...]] = {unit.unit: () for unit in missing}
        self._job = job
        self._units = {unit.unit: unit for unit in missing}

    def step(self, key: str) -> int:
        return 0

    def unit(self, key: str, attempt: int) -> JobUnit:
        unit = self._units[key]
        return JobUnit(unit.job, unit.unit, unit.fingerprint, unit.store, attempt)

    def describe(self, key: str) -> str:
        return f"{self._job.name} {key}"

    def entry(self, key: str, run: str, fault: Fault) -> QuarantineEntry:
        return QuarantineEntry(
            run=run,
            stage=self._job.name,
            unit=key,
            cause=fault.failure.cause,
            error=fault.failure.error,
            traceback=fault.failure.traceback,
            attempts=fault.attempts,
            fingerprint=self._units[key].fingerprint,
        )


def run_job(
    job: Job,
    units: Sequence[str],
    store: Store,
    workplace: Workplace = Workplace(),
    limits: Limits = Limits(),
    quiet: bool = False,
) -> JobReport:
    """Does what is missing of ``units`` and returns all results. What is done stays done: ask again to go on.

    With nothing missing nothing is started; a single unit is done in this process. Raises OcclabelError when the work
    cannot be done at all, StoreError for a store of another layout or a unit that cannot be a name in it.
    """
    safe_name(job.name, "job")
    store.check_layout(mark=True)
    asked = [JobUnit(job, safe_name(unit, "unit"), job.fingerprint(unit), store) for unit in dict.fromkeys(units)]
    missing = [unit for unit in asked if unit.done() is None]
    report = JobReport("complete")
    if missing:
        state = report.run = new_state(f"job {job.name}", [StageProgress(stage=job.name, total=len(missing))])
        with told(store, state), (workplace if len(missing) > 1 else Workplace("local")).open() as executor:
            report.entries = carry_out(JobWork(job, missing, limits), executor, store, state, quiet).entries
            state.state = report.state = "quarantine" if report.entries else "complete"
    report.failed = {entry.unit: entry.error for entry in report.entries}
    report.results = Results([unit for unit in asked if unit.unit not in report.failed])
    report.computed = tuple(unit.unit for unit in missing if unit.unit not in report.failed)
    return report


def _digest(result: bytes) -> str:
    return hashlib.blake2b(result, digest_size=16).hexdigest()


def result_path(job: Job, fingerprint: str, unit: str) -> str:
    """Where the result of a unit lies in its store, for whoever reads a part of it."""
    return f"{_place(job, fingerprint, unit)}.bin"


def _place(job: Job, fingerprint: str, unit: str) -> str:
    return f"jobs/{job.name}/{fingerprint}/{safe_name(unit, 'unit')}"
