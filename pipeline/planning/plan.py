"""The plan: which clips of which stages are missing, what they wait for, and what cannot work, before any compute."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from occlabel.pipeline.planning.catalogue import Catalogue, LogFacts
from occlabel.pipeline.planning.fingerprint import fingerprints, onboard_name, sources, stage_digest
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.arrays import ARRAYS
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog, OcclabelError, StoreError
from occlabel.schemas.stage import Clip, Stage
from occlabel.workers.store import Store, safe_name

Key = tuple[int, Clip]
"""A unit of work: index of the stage in the recipe, and the clip."""


@dataclass(frozen=True, slots=True)
class LogPlan:
    """What is known of one log: its fingerprints (one a stage), its clips, and what is already committed."""

    id: str
    digest: str
    frames: int
    fingerprints: tuple[str, ...]
    committed: tuple[frozenset[str], ...]
    """Per stage, the names of the clips that have receipts."""
    warnings: tuple[str, ...] = ()

    def clips(self, clip_frames: int) -> Iterator[Clip]:
        for start in range(0, self.frames, clip_frames):
            yield Clip(self.id, start, min(start + clip_frames, self.frames))


@dataclass(frozen=True, slots=True)
class Plan:
    """Work left for a recipe over logs. ``refused`` maps a log that cannot be labelled to the sentence why."""

    recipe: Recipe
    logs: tuple[LogPlan, ...]
    refused: dict[str, str]
    todo: dict[Key, tuple[Key, ...]] = field(default_factory=dict)
    """Missing work -> the missing work it waits for; in the order it should run, log by log."""
    cautions: tuple[str, ...] = ()
    """What works and is probably not meant, in whole sentences."""

    def counts(self) -> list[dict[str, int | str]]:
        """Per stage: clips in all, done, to do; frames and bytes (uncompressed) to do."""
        rows: list[dict[str, int | str]] = []
        for index, stage in enumerate(self.recipe.stages()):
            clips = sum(-(-log.frames // self.recipe.clip_frames) for log in self.logs)
            left = [clip for stage_index, clip in self.todo if stage_index == index]
            frames = sum(clip.frames for clip in left)
            frame_bytes = sum(ARRAYS[name].nbytes(1, self.recipe.grid) for name in stage.written)
            rows.append(
                {
                    "stage": stage.slot,
                    "kind": stage.kind,
                    "clips": clips,
                    "done": clips - len(left),
                    "todo": len(left),
                    "frames": frames,
                    "bytes": frames * frame_bytes,
                }
            )
        return rows


def make_plan(recipe: Recipe, reader: LogReader, store: Store, log_ids: list[str] | None = None) -> Plan:
    """The plan for the logs (all of the reader's by default).

    One log that cannot be read or lacks what a stage needs is refused and the others go on.
    Raises OcclabelError when the recipe itself cannot work, BadLog when a named log does not exist.
    """
    stages = recipe.stages()
    for stage in stages:
        _check_stage(stage, recipe)
    digests = tuple(stage_digest(stage, recipe.space, recipe.clip_frames) for stage in stages)
    catalogue = Catalogue(reader, store)
    known = catalogue.log_ids()
    if unknown := sorted(set(log_ids or []) - set(known)):
        raise BadLog(f"{reader.root} has no log {', '.join(unknown)}; it has {', '.join(known[:20]) or 'none'}")
    logs: list[LogPlan] = []
    refused: dict[str, str] = {}
    for log_id in sorted(set(log_ids)) if log_ids else known:
        try:
            log = catalogue.facts(log_id)
            _check_log(log, recipe)
        except (BadLog, StoreError) as error:
            refused[log_id] = str(error)
            continue
        prints = fingerprints(recipe, digests, log.digest)
        pairs = zip(stages, prints, strict=True)
        committed = tuple(frozenset(store.committed(stage.slot, print_, log.id)) for stage, print_ in pairs)
        logs.append(LogPlan(log.id, log.digest, log.frames, prints, committed, log.warnings))
    catalogue.remember()
    plan = Plan(recipe, tuple(logs), refused, cautions=_cautions(recipe))
    for log_plan in logs:
        plan.todo.update(_todo(recipe, log_plan))
    return plan


def _todo(recipe: Recipe, log: LogPlan) -> dict[Key, tuple[Key, ...]]:
    """Missing work of one log, in the order in which its frames become ready. A committed clip needs nothing."""
    stages = recipe.stages()
    clips = list(log.clips(recipe.clip_frames))
    needs: dict[Key, list[Key]] = {}
    ready: dict[Key, int] = {}
    for index, stage in enumerate(stages):
        readers = set(sources(stages, index).values())
        for clip in clips:
            touched = [c for c in clips if c.start < clip.stop + stage.lookahead and c.stop > clip.start - stage.halo]
            key = (index, clip)
            remembered = [c for c in clips if c.start < clip.start and c.stop > clip.start - stage.memory]
            needs[key] = [(source, c) for source in readers for c in touched] + [(index, c) for c in remembered]
            ready[key] = max([clip.stop, *(ready[need] for need in needs[key])])
    wanted = {(len(stages) - 1, clip) for clip in clips}
    result: dict[Key, tuple[Key, ...]] = {}
    for index, clip in reversed(needs):
        if (index, clip) in wanted and clip.name not in log.committed[index]:
            wanted.update(needs[index, clip])
            missing = (key for key in needs[index, clip] if key[1].name not in log.committed[key[0]])
            result[index, clip] = tuple(missing)
    return dict(sorted(result.items(), key=lambda item: (ready[item[0]], item[0][0], item[0][1].start)))


def _check_stage(stage: Stage, recipe: Recipe) -> None:
    """Raises OcclabelError when the stage cannot work anywhere with this recipe."""
    if (reason := stage.refuse(recipe.space)) is not None:
        raise OcclabelError(f"stage {stage.slot} ({stage.kind}): {reason}")
    for path in stage.files(recipe.space):
        if not path.is_file():
            raise OcclabelError(f"stage {stage.slot} ({stage.kind}): the file {path} does not exist")
    need, have = stage.resources(recipe.space).memory, machine_memory()
    if need > have:
        raise OcclabelError(
            f"stage {stage.slot} ({stage.kind}) needs {need / 2**30:.1f} GiB for a clip of {recipe.clip_frames} frames "
            f"and this machine has {have / 2**30:.1f}; set a smaller clip_frames, window or grid"
        )


def _cautions(recipe: Recipe) -> tuple[str, ...]:
    """What of the recipe does not go together although each part works."""
    if recipe.propagation is None:
        return ()
    onboard, reach = recipe.propagation.trained_with(recipe.space)
    result = []
    if onboard != (found := onboard_name(recipe.completion, recipe.space)):
        result.append(
            f"the propagation weights were trained on labels of {onboard}, the recipe's completion is {found}: they "
            "correct the errors of another model; train weights for this one with occlabel train propagation"
        )
    if reach != recipe.propagation.reach:
        result.append(
            f"the propagation weights were trained with {reach.local} frames refined together and {reach.references} "
            f"references {reach.distance:g} m away within {reach.radius} frames, the recipe asks for others"
        )
    return tuple(result)


def _check_log(log: LogFacts, recipe: Recipe) -> None:
    """Raises BadLog when the log lacks what a stage needs, StoreError when its id cannot be a path."""
    safe_name(log.id, "log id")
    if not log.frames:
        raise BadLog(f"log {log.id} has no frames")
    has = {"points": log.scans, "images": log.cameras, "poses": log.poses}
    names = {"points": "LiDAR scans", "images": "cameras", "poses": "poses"}
    for stage in recipe.stages():
        for sense in stage.senses:
            if not has[sense]:
                raise BadLog(
                    f"log {log.id} has no {names[sense]}, which stage {stage.slot} ({stage.kind}) needs; leave the log "
                    f"out with --log, or use a recipe without that stage"
                )
    if recipe.grid.frame == "lidar" and not log.scans:
        raise BadLog(f"log {log.id} has no LiDAR, and the recipe's grid is fixed to it; use a grid in the ego frame")


def machine_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
