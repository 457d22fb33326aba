"""The fingerprint of an artifact: known before anything runs, equal exactly when the voxels must be."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.stage import LabelSpace, Stage


@lru_cache(maxsize=64)
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def stage_digest(stage: Stage, space: LabelSpace, clip_frames: int) -> str:
    """Digest of a stage with its options, weights and label space; the same for all logs."""
    files = [_file_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in stage.files(space)]
    facts = {
        "slot": stage.slot,
        "version": stage.version,
        "options": stage.model_dump(mode="json"),
        "extra": stage.fingerprint_extra(space),
        "files": files,
        "grid": space.grid.model_dump(mode="json", exclude={"ranges"}),
        "taxonomy": [space.taxonomy.free_id, *[[c.name, c.thing, c.movable] for c in space.taxonomy.classes]],
        "clip_frames": clip_frames,
    }
    return _digest(facts)


def onboard_name(completion: Stage, space: LabelSpace) -> str:
    """What tells one onboard model from another: its kind, its weights' name, a digest of their content and options."""
    paths = completion.files(space)
    files = [_file_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    digest = _digest([files, completion.model_dump(mode="json", exclude={"weights", "batch"})])
    return " ".join([completion.kind, *(path.name for path in paths), digest])


def fingerprints(recipe: Recipe, stage_digests: tuple[str, ...], log_digest: str) -> tuple[str, ...]:
    """One fingerprint per stage of the recipe, for the log with that digest."""
    result: list[str] = []
    for index, (stage, digest) in enumerate(zip(recipe.stages(), stage_digests, strict=True)):
        reads = {name: result[source] for name, source in sources(recipe.stages(), index).items()}
        # What a stage computes from arrays alone is the same whatever became of the log's files.
        log = log_digest if stage.senses or not reads else None
        result.append(_digest({"stage": digest, "reads": reads, "log": log}))
    return tuple(result)


def sources(stages: tuple[Stage, ...], index: int) -> dict[str, int]:
    """Array name -> index of the nearest earlier stage that writes it, for the arrays that stage ``index`` reads."""
    result = {}
    for name in stages[index].reads:
        writers = [i for i in range(index) if name in stages[i].written]
        result[name] = writers[-1]
    return result


def _digest(facts: object) -> str:
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=12).hexdigest()
