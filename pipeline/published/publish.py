"""Publishing a version: what the plan's stages have committed, in one atomic write."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from occlabel.pipeline.planning.plan import LogPlan, Plan, last_writers
from occlabel.pipeline.published.base import Base
from occlabel.pipeline.published.changelog import changelog
from occlabel.pipeline.published.gates import asked_frames, check_gates
from occlabel.pipeline.published.latest import tagged
from occlabel.pipeline.published.manifest import encode
from occlabel.pipeline.published.origins import provenance_of
from occlabel.pipeline.published.same_drive import scan_bytes
from occlabel.pipeline.published.version import manifest_of, manifest_path
from occlabel.schemas.arrays import KEPT, POSES, SEMANTICS, family, resolved
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog, GateFailed, StoreError
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.receipt import Receipt
from occlabel.schemas.stage import Clip
from occlabel.schemas.version import (
    ArrayPlace,
    GateResult,
    PublishedArray,
    VersionFrame,
    VersionInfo,
    content_digest,
)
from occlabel.schemas.words import counted, inflected
from occlabel.workers.ledger import Ledger
from occlabel.workers.store import Store, artifact_path, safe_name

_NOT_LABELLED, _BLANK = "not labelled; see the quarantine", "nothing is known of any voxel: "
"""Why a clip has no labels, and how it begins why a frame has none."""


@dataclass
class Collected:
    """What is committed of a plan."""

    rows: list[VersionFrame] = field(default_factory=list)
    known: list[float] | None = None
    """Of each frame, the share of voxels that are not unknown; None when nothing writes semantics."""
    missing: dict[str, str] = field(default_factory=dict)
    """Log, or log and clip -> why it is not labelled."""


def collect(store: Store, plan: Plan) -> Collected:
    """The frames whose published arrays are all committed, without times and poses, and the clips that are not.

    An array is published as the last stage that writes it left it. A frame is damaged when any stage on its way had to
    do without one of its sensor files. A frame of which nothing is known is not labelled.
    """
    writers = last_writers(plan.recipe)
    result = Collected(missing=dict(plan.refused))
    if SEMANTICS.name in writers:
        result.known = []
    for log in plan.logs:
        blank: list[VersionFrame] = []
        for clip in log.clips(plan.recipe.clip_frames):
            receipts = _receipts(store, plan, log, clip)
            there = {name: receipts[index] for name, index in writers.items()}
            final = {name: receipt for name, receipt in there.items() if receipt is not None}
            if len(final) < len(there):
                result.missing[f"{log.id} {clip.name}"] = _NOT_LABELLED
                continue
            rows = list(_rows(final, [receipt for receipt in receipts if receipt is not None]))
            if result.known is None:
                result.rows.extend(rows)
                continue
            known = final[SEMANTICS.name].known
            result.rows.extend(row for row, share in zip(rows, known, strict=True) if share)
            result.known.extend(share for share in known if share)
            blank.extend(row for row, share in zip(rows, known, strict=True) if not share)
        if blank:
            result.missing[f"{log.id} {_named(blank)}"] = _why_blank(blank)
    return result


def _named(rows: list[VersionFrame]) -> str:
    """``frame 000003``, ``24 frames from 000000``."""
    return f"frame {rows[0].name}" if len(rows) == 1 else f"{len(rows)} frames from {rows[0].name}"


def _why_blank(rows: list[VersionFrame]) -> str:
    damage = next((damage for row in rows for damage in row.damaged), None)
    return _BLANK + (damage or "nothing was predicted there")


def publish(
    store: Store, plan: Plan, name: str, reader: LogReader, found: Collected | None = None, base: Base | None = None
) -> VersionInfo:
    """Publishes what the plan has committed as version ``name``, in one atomic write; ``found`` is what ``collect``
    found. ``reader`` tells times and poses of the frames. The other logs of ``base`` are in it by reference; gates are
    asked of what is new.

    Whether it is the latest is for ``judged.let_through`` to say. Publishing the same content under the same name again
    changes nothing. Raises GateFailed (nothing is published) and StoreError when the name is taken by other content, or
    the base lost labels.
    """
    found = found or collect(store, plan)
    held = () if base is None else base.rows
    digest = content_digest([*found.rows, *held])
    taken = manifest_of(store, safe_name(name, "version"))
    if taken is not None:
        return _same(name, taken[0], digest)
    gates = _passed(plan, name, found, frozenset() if base is None else base.logs)
    info = VersionInfo(
        name=name,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        space=plan.recipe.space,
        arrays=_arrays(plan),
        logs=tuple(sorted({row.log for row in found.rows})),
        cameras={log.id: log.facts.rig.names for log in plan.logs if log.facts.rig.cameras},
        worlds=_worlds(plan),
        frames=len(found.rows),
        planned=sum(log.frames for log in plan.logs),
        missing=found.missing,
        gates=gates,
        content_digest=digest,
        provenance=provenance_of(plan),
    )
    rows = list(_placed(store, plan, found.rows, reader))
    if base is not None:
        base.refuse_lost()
        info, rows = _grown(info, base), sorted([*rows, *held], key=lambda row: row.log)
    info = info.model_copy(update={"changes": changelog(store, info, rows, None if base is None else base.version)})
    if store.create(manifest_path(name), encode(info, rows)):
        return info
    taken = manifest_of(store, name)
    if taken is None:  # it was there a moment ago, and versions are never deleted by a run
        raise StoreError(
            f"{store.location}/{manifest_path(name)} cannot be written and holds no version: something else is there, "
            "remove it and run again"
        )
    return _same(name, taken[0], digest)


def _passed(plan: Plan, name: str, found: Collected, held: frozenset[str]) -> tuple[GateResult, ...]:
    """The results of the gates, all passed; ``held``: logs that a base has. Raises GateFailed."""
    gates = check_gates(plan.recipe.gates, asked_frames(plan, held), len(found.rows), found.known)
    if failed := [gate for gate in gates if not gate.passed]:
        said = "; ".join(f"{gate.gate} is {_down(gate.found)}, required {gate.required}" for gate in failed)
        kept = "The labels are in the store" if found.rows else "There are no labels"
        refused = [why for log, why in plan.refused.items() if log not in held]
        raise GateFailed(f"version {name} was not published: {said}. {kept}; {_told(found, refused)}")
    return gates


def _down(share: float | None) -> str:
    """Never up: what is less than required must not read as if it were not."""
    return f"{int(1000 * (share or 0.0) + 1e-6) / 1000:.3f}"


def _told(found: Collected, refused: list[str]) -> str:
    """What became of the frames without labels, and where to look; ``refused``: why logs were."""
    blank = {place: why for place, why in found.missing.items() if why.startswith(_BLANK)}
    said = ["see the quarantine"] if _NOT_LABELLED in found.missing.values() else []
    if refused:
        more = f"; and {len(refused) - 1} more" if refused[1:] else ""
        said.append(
            f"{counted(len(refused), 'log')} {inflected(len(refused), 'was', 'were')} refused ({refused[0]}{more})"
        )
    if blank:
        place, why = next(iter(blank.items()))
        more = f", and {len(blank) - 1} more" if len(blank) > 1 else ""
        said.append(
            f"every stage ended, and {why} (log {place}{more}): look at what the stages were given there, with "
            "occlabel logs show and in the files of stored kinds (depth, segments, poses)"
        )
    return "; ".join(said) or "the gates of the recipe ask for more"


def _grown(info: VersionInfo, base: Base) -> VersionInfo:
    """The version of what is new, with what the base says of its other logs."""
    before, logs = base.info, base.logs
    mine = info.provenance
    origins = {log: origin for log, origin in before.provenance.logs.items() if log in logs}
    return info.model_copy(
        update={
            "arrays": {**before.arrays, **info.arrays},
            "logs": tuple(sorted({*info.logs, *logs})),
            "cameras": {**{log: names for log, names in before.cameras.items() if log in logs}, **info.cameras},
            "worlds": {**{log: world for log, world in before.worlds.items() if log in logs}, **info.worlds},
            "frames": info.frames + len(base.rows),
            "planned": (info.planned or info.frames) + len(base.rows),
            "missing": {**base.missing, **{p: why for p, why in info.missing.items() if p not in logs}},
            "provenance": mine.model_copy(update={"logs": {**origins, **mine.logs}, "base": before.name}),
        }
    )


def _worlds(plan: Plan) -> dict[str, str]:
    """Log -> world that it shares, where its labels lie by the log's own poses."""
    if any(step.stage.own_world for step in plan.recipe.chain):
        return {}
    return {log.id: log.facts.world for log in plan.logs if log.facts.world is not None}


def refuse_taken(
    store: Store, plan: Plan, name: str, note: Callable[[str], None] = lambda _: None, base: Base | None = None
) -> None:
    """Raises StoreError before any compute when ``name`` is a version with other content than the plan would publish:
    other logs, or labels under other fingerprints. ``note`` is told when it lacks some of what is planned."""
    if name == "latest":
        raise StoreError("a version cannot be named 'latest': that is how the newest one is called")
    if called := tagged(store, name):
        raise StoreError(f"{name} is a tag of version {called}: choose another --version, or take the tag away")
    taken = manifest_of(store, safe_name(name, "version"))
    if taken is None:
        return
    last = max(last_writers(plan.recipe).values())
    step = plan.recipe.chain[last]
    planned = {artifact_path(step.name, log.fingerprints[last], log.id) for log in plan.logs}
    held = {place.path for row in taken[1] for place in row.arrays.values()}
    fresh = planned - {"/".join(path.split("/")[:4]) for path in held}
    there = {log.id for log in plan.logs} | (set() if base is None else base.logs)
    lost = sorted({row.log for row in taken[1]} - there)
    if fresh or lost:
        why = "without " + ", ".join(lost[:5]) if lost else f"with other labels of {counted(len(fresh), 'log')}"
        raise StoreError(
            f"version {name} exists in {store.location}, and this would be another one ({why}); versions never change: "
            "choose another --version"
        )
    if plan.todo and taken[0].missing:
        note(
            f"version {name} exists in {store.location} without {', '.join(list(taken[0].missing)[:5])}; what of it "
            "can be labelled now is kept in the store, and takes another --version to be published"
        )


def _same(name: str, taken: VersionInfo, digest: str) -> VersionInfo:
    if taken.content_digest != digest:
        raise StoreError(
            f"version {name} was published before with other content, and versions never change; "
            "the labels of this run are in the store, publish them by running again with another --version"
        )
    return taken


def _receipts(store: Store, plan: Plan, log: LogPlan, clip: Clip) -> list[Receipt | None]:
    """Of each stage, None where the clip is not committed."""
    ledger = plan.ledger or Ledger(store)
    stages = zip(plan.recipe.chain, log.fingerprints, log.committed, strict=True)
    return [
        ledger.receipt(step.name, fingerprint, clip) if clip.name in committed else None
        for step, fingerprint, committed in stages
    ]


def _rows(final: dict[str, Receipt], receipts: list[Receipt]) -> Iterator[VersionFrame]:
    """The frames of one clip; ``final`` has the receipt of each array's last writer, by its name in the contract."""
    damaged: dict[int, dict[str, None]] = {}  # in order, each once: several stages may look at one file
    for damage in (damage for receipt in receipts for damage in receipt.damaged):
        damaged.setdefault(damage.frame, {})[f"{damage.sensor}: {damage.error}"] = None
    first = next(iter(final.values()))
    for i, name in enumerate(first.names):
        places = {}
        for published, receipt in final.items():
            for array, digests in receipt.digests.items():
                if family(array) == published:
                    path = f"{artifact_path(receipt.stage, receipt.fingerprint, receipt.log)}/{array}"
                    places[array] = ArrayPlace(path=path, digest=digests[i])
        index = first.start + i
        yield VersionFrame(log=first.log, index=index, name=name, arrays=places, damaged=tuple(damaged.get(index, ())))


def _arrays(plan: Plan) -> dict[str, PublishedArray]:
    """The published arrays by stored name; over images, those of the cameras of any log."""
    result = {}
    for name, index in last_writers(plan.recipe).items():
        step = plan.recipe.chain[index]
        written = [s for before in plan.recipe.chain[: index + 1] for s in before.stage.written if s.name == name]
        meaning = next(spec.meaning for spec in reversed(written) if spec.meaning != KEPT)
        for rig in plan.rigs:
            for stored in resolved([replace(written[-1], meaning=meaning)], rig):
                result[stored.name] = PublishedArray(stage=step.name, facts=stored.facts())
    return result


def _placed(store: Store, plan: Plan, rows: list[VersionFrame], reader: LogReader) -> Iterator[VersionFrame]:
    """The rows with the times and poses that their labels were made with."""
    by_log: dict[str, list[VersionFrame]] = {}
    for row in rows:
        by_log.setdefault(row.log, []).append(row)
    for log_id, labelled in by_log.items():
        log = next(iter(reader.logs([log_id])))
        for row in labelled:
            yield _place(store, plan, row, log)


def _place(store: Store, plan: Plan, row: VersionFrame, log: DriveLog) -> VersionFrame:
    from occlabel.workers.artifact import FrameArray

    if row.index >= len(log.frames) or log.frames[row.index].name != row.name:
        raise BadLog(f"log {log.id} has no frame {row.name} at place {row.index} any more: it changed during the run")
    frame = log.frames[row.index]
    pose: Matrix | None = frame.world_from_ego
    if POSES.name in row.arrays:  # a geometry stage estimated it
        estimated = np.asarray(FrameArray(store, row.arrays[POSES.name].path, row.index).read(), np.float64)
        pose = None if np.isnan(estimated).any() else estimated
    from_grid = frame.ego_from_grid(plan.recipe.grid)
    return row.model_copy(
        update={
            "time": frame.time,
            "world_from_ego": None if pose is None else tuple(pose.ravel().tolist()),
            "ego_from_grid": tuple(from_grid.ravel().tolist()),
            "scan_bytes": scan_bytes(frame),
        }
    )
