"""The fingerprint of an artifact: known before anything runs, equal exactly when the voxels must be."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from occlabel.pipeline.planning.chain import Chain, sources
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Stage, places_of


@lru_cache(maxsize=64)
def _file_digest(path: Path, size: int, mtime_ns: int, ctime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def file_digests(paths: tuple[Path, ...]) -> list[str]:
    """Of the content of each file, read once per process while it stays as it is."""
    stats = ((path, path.stat()) for path in paths)
    return [_file_digest(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats]


def _options(stage: Stage, files: tuple[Path, ...]) -> dict[str, Any]:
    """The options as plain values. Of ``files`` and their folders the content counts, not where they lie."""
    places = {str(path) for path in files} | {str(path.parent) for path in files}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(part) for name, part in value.items()}
        if isinstance(value, list):
            return [plain(part) for part in value]
        return "a file" if isinstance(value, str) and value in places else value

    return {name: plain(value) for name, value in stage.model_dump(mode="json").items()}


def stage_digest(stage: Stage, space: LabelSpace, clip_frames: int, device: str) -> str:
    """Digest of a stage with its options, weights and label space; the same for all logs.

    ``device`` is what stages that use a GPU would run on; it counts for those that are not exact.
    """
    options, places = _options(stage, stage.files(space)), places_of(type(stage))
    on_device = stage.resources(space, Rig(), clip_frames).gpus > 0 and not stage.exact
    taxonomy = space.taxonomy
    facts = {
        "slot": stage.slot,
        "version": stage.version,
        # Where such things lie does not count: what they hold for a log is in its fingerprint.
        "options": {n: "a place" if n in places and value is not None else value for n, value in options.items()},
        "files": file_digests(stage.files(space)),
        "grid": space.grid.model_dump(mode="json", exclude={"ranges"}),
        "taxonomy": [taxonomy.free_id, *[[c.name, c.thing, c.movable] for c in taxonomy.classes]],
        "raw": sorted(taxonomy.learning_map.items()),
        "clip_frames": clip_frames,
        "device": device if on_device else "cpu",
    }
    return digest_of(facts)


def onboard_name(completion: Stage, space: LabelSpace) -> str:
    """What tells one onboard model from another: its kind, its weights' name where they are one file, a digest of their
    content and of its options. One that is off counts as if there were none, so that a model that learns to do more
    stays what it was."""
    paths = completion.files(space)
    told = {name: value for name, value in _options(completion, paths).items() if value is not False and value != {}}
    options = {name: value for name, value in told.items() if name not in ("weights", "batch")}
    digest = digest_of([file_digests(paths), options])
    return " ".join([completion.kind, *(path.name for path in paths if len(paths) == 1), digest])


def fingerprints(chain: Chain, digests: tuple[str, ...], told: tuple[str, ...], log: LogFacts) -> tuple[str, ...]:
    """One fingerprint per step of the chain for ``log``; ``digests`` are those of ``stage_digest``, and ``told`` is
    what each says by ``fingerprint_extra``."""
    result: list[str] = []
    for index, (step, digest, extra) in enumerate(zip(chain, digests, told, strict=True)):
        facts = {
            "stage": digest,
            "extra": extra,
            "reads": {name: result[i] for name, i in sources(chain, index).items() if i is not None},
            # What a stage computes from arrays alone is the same whatever became of the log's files.
            "log": log.digest if step.stage.senses else None,
            "geometry": log.geometry,
        }
        result.append(digest_of(facts))
    return tuple(result)


def digest_of(facts: object) -> str:
    """Digest of plain values."""
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=12).hexdigest()
