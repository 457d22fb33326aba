"""A published version before its gates: what they count of it is counted once, then each is asked."""

from __future__ import annotations

from collections.abc import Iterable

from occlabel.pipeline.planning.gates import GateOptions, Gates
from occlabel.pipeline.published.judged import is_blocked
from occlabel.pipeline.published.latest import latest
from occlabel.pipeline.published.opened import opened_anew
from occlabel.pipeline.published.spec import LATEST, spec_of
from occlabel.pipeline.published.version import PublishedVersion, infos_of, open_version
from occlabel.pipeline.quality.evaluate import FRAMES_WORTH_RAY
from occlabel.pipeline.quality.gates.case import Case, NotJudged, answer
from occlabel.pipeline.quality.gates.job import MeasureLog
from occlabel.pipeline.quality.gates.measure import LogNumbers, Measure
from occlabel.pipeline.quality.gates.table import GATES
from occlabel.pipeline.quality.stores import kept_in
from occlabel.pipeline.running.jobs import run_job
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import AlteredArtifact, BadPredictions, StoreAway, StoreError
from occlabel.schemas.version import GateResult


def judge_version(
    version: PublishedVersion,
    gates: Gates,
    *,
    workplace: Workplace = Workplace("local"),
    quiet: bool = True,
) -> tuple[GateResult, ...]:
    """The results of all gates that are asked, those that block first. What was counted is kept in the version's store,
    where that can be written: other thresholds read it.

    A gate that cannot be judged does not pass, but for one that holds the first version of a store against its latest.
    Raises an OcclabelError for another version or a truth that is not there.
    """
    asked = dict(gates.judged())
    against = _against(version, gates)
    there, lacking = _countable(version, asked)
    beside = {measure for name in asked if GATES[name].against for measure in GATES[name].measures}
    work = workplace, quiet
    try:
        numbers = _numbers(version, there, work)
        other = {} if against is None else _numbers(against, beside, work)
    except BadPredictions as error:
        lacking |= {name: str(error) for name in asked if GATES[name].measures}
        numbers, other = {}, {}
    case = Case(version, gates, against, numbers, other, workplace, quiet)
    results = [one for name, options in asked.items() for one in _judged(case, name, options, lacking.get(name))]
    return tuple(sorted(results, key=lambda result: (not result.blocks, result.passed)))


def _judged(case: Case, name: str, options: GateOptions, lacking: str | None) -> list[GateResult]:
    try:
        if lacking is not None:
            raise NotJudged(lacking)
        if not (GATES[name].against and case.against is None):
            return GATES[name].judge(case, options)
        why, held = "there is no other version yet to hold this one against", True
    except NotJudged as error:
        why, held = str(error), False
    return [answer(name, options, None, why, held=held)]


def _countable(version: PublishedVersion, asked: Iterable[str]) -> tuple[set[Measure], dict[str, str]]:
    """What can be counted of the version, and the gates that cannot be judged by it and why."""
    there: set[Measure] = set()
    lacking: dict[str, str] = {}
    for name in asked:
        for measure in GATES[name].measures:
            missing = [spec for spec in measure.reads if spec.name not in version.info.arrays]
            if missing:
                lacking[name] = f"{version.spec} publishes no {missing[0].name}"
            else:
                there.add(measure)
    return there, lacking


def _numbers(
    version: PublishedVersion, measures: Iterable[Measure], work: tuple[Workplace, bool]
) -> dict[str, LogNumbers]:
    """Of each log; ``work``: who counts, and whether quietly. Raises BadPredictions where labels cannot be read."""
    names, (workplace, quiet) = tuple(sorted(measure.name for measure in measures)), work
    if not names:
        return {}
    if workplace == Workplace("ray") and version.info.frames < FRAMES_WORTH_RAY:
        workplace = Workplace("local")
    with kept_in(version) as (store,):
        done = run_job(
            MeasureLog(labels=opened_anew(version.spec).spec, measures=names),
            version.logs,
            store,
            workplace,
            quiet=quiet,
        )
        result = {log: LogNumbers.from_bytes(content) for log, content in done.results.items()}
    lost = [f"log {log}: {why}" for log, why in done.failed.items()]
    lost += [sentence for numbers in result.values() for sentence in numbers.damaged]
    if lost:
        raise BadPredictions(f"labels cannot be read: {lost[0]}" + (f", and {len(lost) - 1} more" if lost[1:] else ""))
    return result


def _against(version: PublishedVersion, gates: Gates) -> PublishedVersion | None:
    """The version that this one is held against: where ``latest`` is this one, what was published before it and no gate
    blocks. None where there is none yet."""
    if gates.against is None:
        return None
    if gates.against != LATEST:
        return open_version(gates.against)
    try:
        name = latest(version.store)
    except (AlteredArtifact, StoreAway):
        raise
    except StoreError:  # there is none yet
        return None
    if name != version.name:
        return open_version(spec_of(version.store, name))
    names = [info.name for info in infos_of(version.store)[0]]
    earlier = names[: names.index(name)]
    let_be = (other for other in reversed(earlier) if not is_blocked(version.store, other))
    found = next(let_be, None)
    return None if found is None else open_version(spec_of(version.store, found))
