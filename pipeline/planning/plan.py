"""The plan: which clips of which stages are missing, what they wait for, and what cannot work, before any compute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from occlabel.pipeline.planning.catalogue import Catalogue
from occlabel.pipeline.planning.cautions import cautions, corrects_others, doubts
from occlabel.pipeline.planning.chain import sources
from occlabel.pipeline.planning.fingerprint import fingerprints, stage_digest
from occlabel.pipeline.planning.needs import check_log, check_step
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.arguments import refuse_none
from occlabel.schemas.arrays import Extent, resolved
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog, Ended, OcclabelError, StoreAway
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.stage import Clip, Resources
from occlabel.schemas.words import counted, inflected
from occlabel.workers.executor import Device
from occlabel.workers.ledger import Ledger
from occlabel.workers.store import Store

Key = tuple[int, Clip]
"""A unit of work: index of the stage in the chain, and the clip."""


@dataclass(frozen=True, slots=True)
class LogPlan:
    """What is known of one log: its facts, its fingerprints (one a stage), and what is already committed."""

    facts: LogFacts
    told: tuple[str, ...]
    """What each stage said by ``fingerprint_extra``."""
    fingerprints: tuple[str, ...]
    committed: tuple[frozenset[str], ...] = ()
    """Per stage, the names of the clips that have receipts, and the arrays that these vouch for."""

    @property
    def id(self) -> str:
        return self.facts.id

    @property
    def digest(self) -> str:
        return self.facts.digest

    @property
    def frames(self) -> int:
        return self.facts.frames

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.facts.warnings

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
    ledger: Ledger | None = None
    """The receipts as they were read for it."""
    device: Device = "cpu"
    """What stages that use a GPU run on."""
    refused_frames: dict[str, int] = field(default_factory=dict)
    """Frames of refused logs, of those that could be read."""

    @property
    def rigs(self) -> tuple[Rig, ...]:
        """The different ones of the logs."""
        return tuple({rig.model_dump_json(): rig for rig in (log.facts.rig for log in self.logs)}.values())

    @property
    def pieces(self) -> Iterator[str]:
        """All that the plan may read or write: stage, fingerprint and log."""
        for log in self.logs:
            for step, fingerprint in zip(self.recipe.chain, log.fingerprints, strict=True):
                yield f"{step.name}/{fingerprint}/{log.id}"

    def needs(self, index: int) -> Resources:
        """What one worker needs for stage ``index``: the most that any log does."""
        stage, recipe = self.recipe.chain[index].stage, self.recipe
        needs = [stage.resources(recipe.space, rig, recipe.clip_frames) for rig in self.rigs or (Rig(),)]
        return Resources(*(max(getattr(need, name) for need in needs) for name in ("cpus", "gpus", "memory")))

    def counts(self) -> list[dict[str, int | str]]:
        """Per stage: clips in all, done, to do; frames and bytes (uncompressed) to do."""
        recipe, rigs = self.recipe, {log.id: log.facts.rig for log in self.logs}
        clips = sum(-(-log.frames // recipe.clip_frames) for log in self.logs)
        left: list[list[Clip]] = [[] for _ in recipe.chain]
        for index, clip in self.todo:
            left[index].append(clip)
        rows: list[dict[str, int | str]] = []
        for step, missing in zip(recipe.chain, left, strict=True):
            frame_bytes = {
                name: sum(Extent(1, recipe.grid, rig).nbytes(spec) for spec in resolved(step.stage.written, rig))
                for name, rig in rigs.items()
            }
            rows.append(
                {
                    "stage": step.name,
                    "kind": step.stage.kind,
                    "clips": clips,
                    "done": clips - len(missing),
                    "todo": len(missing),
                    "frames": sum(clip.frames for clip in missing),
                    "bytes": sum(clip.frames * frame_bytes[clip.log] for clip in missing),
                }
            )
        return rows


_PATIENCE = 5.0
"""Seconds after which whoever waits for a plan is told how far it is."""


def make_plan(
    recipe: Recipe,
    reader: LogReader,
    store: Store,
    log_ids: list[str] | None = None,
    device: Device = "cpu",
    note: Callable[[str], None] = lambda _: None,
) -> Plan:
    """The plan for the logs (all of the reader's by default). ``device`` is what stages that use a GPU would run on;
    ``note`` is told how far it is, as a first plan reads every file of every log once.

    One log that cannot be read or lacks what a stage needs is refused and the others go on.
    Raises OcclabelError when the recipe itself cannot work, BadLog when a named log does not exist, StoreError for a
    store of another layout.
    """
    store.check_layout()
    chain = recipe.chain
    for step in chain:
        check_step(step, recipe)
    digests = tuple(stage_digest(step.stage, recipe.space, recipe.clip_frames, device) for step in chain)
    catalogue = Catalogue(reader, store)
    known = catalogue.log_ids()
    if log_ids is not None:
        refuse_none(log_ids, "log_ids")
    if unknown := sorted(set(log_ids or []) - set(known)):
        raise BadLog(f"{reader.root} has no log {', '.join(unknown)}; it has {', '.join(known[:20]) or 'none'}")
    logs: list[LogPlan] = []
    refused: dict[str, str] = {}
    frames: dict[str, int] = {}
    doubtful: list[str] = []
    asked, told = known if log_ids is None else sorted(set(log_ids)), time.monotonic()
    for done, log_id in enumerate(asked):
        if time.monotonic() - told > _PATIENCE:
            told = time.monotonic()
            note(f"looking at the logs: {done} of {len(asked)}; what is read once is remembered")
        try:
            log = catalogue.facts(log_id)
            frames[log_id] = log.frames
            check_log(log, recipe)
            doubted = doubts(log, recipe)
            extra = tuple(step.stage.fingerprint_extra(recipe.space, log) for step in chain)
            logs.append(LogPlan(log, extra, fingerprints(chain, digests, extra, log)))
            doubtful.extend(doubted)
        except (StoreAway, Ended):
            raise
        except OcclabelError as error:
            name = f"log {log_id}"
            refused[log_id] = str(error) if name in str(error) else f"{name}: {error}"
        except (Exception, SystemExit) as error:  # what a package brings may raise anything; the other logs go on
            refused[log_id] = (
                f"log {log_id} cannot be labelled: its reader, or a stage that was asked about it, failed with "
                f"{type(error).__name__}: {error}"
            )
    catalogue.remember()
    cautious = (*cautions(recipe), *corrects_others(recipe, known, reader.root), *dict.fromkeys(doubtful))
    unlabelled = {log_id: frames[log_id] for log_id in refused if log_id in frames}
    found = Plan(recipe, tuple(logs), refused, cautions=cautious, device=device, refused_frames=unlabelled)
    plan = renewed(found, store)
    assert plan.ledger is not None  # see renewed
    if void := plan.ledger.void:
        plan = replace(plan, cautions=(*plan.cautions, _lost(void)))
    return plan


def _lost(void: Sequence[str]) -> str:
    """A sentence of clips whose receipts do not hold."""
    clips = f"{counted(len(void), 'clip')} {inflected(len(void), 'is', 'are')}"
    receipts = inflected(len(void), "its receipt says", "their receipts say")
    return f"{clips} not in the store as {receipts} ({', '.join(void[:3])}): made again where needed"


def renewed(plan: Plan, store: Store) -> Plan:
    """The plan as things are now: what is committed, what is not or not any more."""
    ledger, recipe = Ledger(store), plan.recipe
    logs, todo = [], {}
    for log in plan.logs:
        pairs = zip(recipe.chain, log.fingerprints, strict=True)
        log = replace(log, committed=tuple(ledger.committed(step.name, print_, log.id) for step, print_ in pairs))
        logs.append(log)
        todo.update(_todo(recipe, log))
    return replace(plan, logs=tuple(logs), todo=todo, ledger=ledger)


def _todo(recipe: Recipe, log: LogPlan) -> dict[Key, tuple[Key, ...]]:
    """Missing work of one log, in the order in which its frames become ready. A committed clip needs nothing.

    Wanted is all that a version publishes: of each array the last writer, and what that one needs.
    """
    chain = recipe.chain
    clips = list(log.clips(recipe.clip_frames))
    needs: dict[Key, list[Key]] = {}
    ready: dict[Key, int] = {}
    for index, step in enumerate(chain):
        stage, writers = step.stage, {writer for writer in sources(chain, index).values() if writer is not None}
        for clip in clips:
            touched = [c for c in clips if c.start < clip.stop + stage.lookahead and c.stop > clip.start - stage.halo]
            key = (index, clip)
            recalled = [c for c in clips if c.start < clip.start and c.stop > clip.start - stage.recalls]
            needs[key] = [(writer, c) for writer in writers for c in touched] + [(index, c) for c in recalled]
            ready[key] = max([clip.stop, *(ready[need] for need in needs[key])])
    wanted = {(index, clip) for index in set(last_writers(recipe).values()) for clip in clips}
    result: dict[Key, tuple[Key, ...]] = {}
    for index, clip in reversed(needs):
        if (index, clip) in wanted and clip.name not in log.committed[index]:
            wanted.update(needs[index, clip])
            missing = (key for key in needs[index, clip] if key[1].name not in log.committed[key[0]])
            result[index, clip] = tuple(missing)
    return dict(sorted(result.items(), key=lambda item: (ready[item[0]], item[0][0], item[0][1].start)))


def last_writers(recipe: Recipe) -> dict[str, int]:
    """Published array -> index of the last stage that writes it."""
    pairs = ((spec, index) for index, step in enumerate(recipe.chain) for spec in step.stage.written)
    return {spec.name: index for spec, index in pairs if spec.published}
