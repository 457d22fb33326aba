"""What stages need and logs have: every mismatch a sentence, before a second of compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from numbers import Integral

from occlabel.pipeline.planning.chain import Chain, Step, changes, sources
from occlabel.pipeline.planning.kinds import SLOTS, asked, kinds_at_hand
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.absence import no_file
from occlabel.schemas.arrays import family, resolved
from occlabel.schemas.errors import BadLog, BadRecipe, OcclabelError
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.log_places import BadPlace
from occlabel.schemas.rig import Rig
from occlabel.workers.machine import machine_memory
from occlabel.workers.store import safe_name

_NAMES = {"points": "LiDAR scans", "images": "cameras"}
_WARNED = {"poses": "pose", "intrinsics": "calib", "extrinsics": "calib"}
"""Array -> word in the warnings of readers that say why it is not known."""


def check_step(step: Step, recipe: Recipe) -> None:
    """Raises OcclabelError when the stage cannot work anywhere with this recipe."""
    stage = step.stage
    with asked(type(stage), "what it needs"):
        try:
            reason = stage.refuse(recipe.space, None)
        except BadPlace as error:
            reason = str(error)
        if reason is not None:
            raise OcclabelError(f"{step.title}: {reason}")
        for path in stage.files(recipe.space):
            if not path.is_file():
                raise OcclabelError(f"{step.title}: the file {path} {no_file(path)}")
        _refuse_memory(step, recipe, Rig())
        for name in ("halo", "lookahead", "recalls"):
            frames = getattr(stage, name)
            if not isinstance(frames, Integral) or int(frames) < 0:
                raise BadRecipe(f"{step.title}: its {name} is {frames!r}, and must be a number of frames")


def check_log(log: LogFacts, recipe: Recipe) -> None:
    """Raises BadLog when the log lacks what a stage needs, StoreError when a name in it cannot be a path."""
    safe_name(log.id, "log id")
    if not log.frames:
        raise BadLog(f"log {log.id} has no frames")
    for (before, earlier), (name, time) in pairwise(zip(log.names, log.times, strict=True)):
        if not time > earlier:  # readers of ours mend times; one of a package may not
            raise BadLog(
                f"log {log.id}: frame {name} ({time:g} s) is not later than frame {before} before it ({earlier:g} s): "
                "its reader has to give frames in the order of time"
            )
    _refuse_repeated(log)
    chain = recipe.chain
    for index, step in enumerate(chain):
        for sense in step.stage.senses:
            if not (log.scans if sense == "points" else any(log.images.values())):
                raise BadLog(
                    f"log {log.id} has no {_NAMES[sense]}, which {step.title} needs; leave the log out with --log, or "
                    "use a recipe without that stage"
                )
        if (reason := step.stage.refuse(recipe.space, known_by_then(log.rig, chain[:index]))) is not None:
            raise BadLog(f"log {log.id}: {step.title}: {reason}")
        for spec in resolved(step.stage.written, log.rig):
            if spec.camera is not None:
                safe_name(spec.camera, f"log {log.id}: camera")
                if log.rig.camera(spec.camera).size is None:
                    raise BadLog(
                        f"log {log.id}: the images of {spec.camera} have no one size, and {step.title} writes "
                        f"{family(spec.name)} over them; repair the images, or use a recipe without that stage"
                    )
        _refuse_memory(step, recipe, log.rig)
    _check_geometry(log, chain)
    if recipe.grid.frame == "lidar" and not log.scans:
        raise BadLog(
            f"log {log.id} has no LiDAR, and the recipe's grid is fixed to it; use a grid in the ego frame: --set "
            "grid.frame=ego"
        )


def _refuse_repeated(log: LogFacts) -> None:
    """Raises BadLog for a name that two frames have."""
    [(name, times)] = Counter(log.names).most_common(1)
    if times > 1:
        first, second = [number for number, other in enumerate(log.names) if other == name][:2]
        raise BadLog(
            f"log {log.id}: frames {first} and {second}, counted from 0, are both called {name}, and labels lie under "
            "the names of frames: its reader has to give each a name of its own"
        )


def known_by_then(rig: Rig, before: Chain) -> Rig:
    """The rig of a log as a stage finds it: calibration that stages ``before`` it write is known."""
    written = {spec.name for step in before for spec in step.stage.written}
    known = {field for field in ("intrinsics", "extrinsics") if field in written}
    cameras = (camera.model_copy(update=dict.fromkeys(known, True)) for camera in rig.cameras)
    return rig.model_copy(update={"cameras": tuple(cameras)})


def _check_geometry(log: LogFacts, chain: Chain) -> None:
    """Raises BadLog when stages read poses or calibration that neither the log nor an earlier stage knows. A stage that
    writes what it reads does without."""
    lacking: dict[str, list[Step]] = {}
    for index, step in enumerate(chain):
        own = {spec.name for spec in step.stage.written}
        for name, writer in sources(chain, index).items():
            if writer is None and name not in own and not log.knows(name):
                lacking.setdefault(name, []).append(step)
    if not lacking:
        return
    readers = {step.name: step for steps in lacking.values() for step in steps}
    skips = " ".join(f"--skip {slot}" for slot in dict.fromkeys(name.partition(".")[0] for name in readers))
    words = {_WARNED[name] for name in lacking}
    why = [warning for warning in log.warnings if any(word in warning for word in words)]
    said = f" ({'; '.join(why)})" if why else ""
    raise BadLog(
        f"log {log.id} has no {' and no '.join(lacking)}{said}, which "
        f"{', '.join(step.title for step in readers.values())} read; "
        f"{', or '.join([*_ways_out(lacking), f'label without those stages: {skips}'])}"
    )


def _ways_out(lacking: dict[str, list[Step]]) -> Iterator[str]:
    """What helps stages that read geometry that nobody knows: a stage before them that writes it all, or options by
    which each does without."""
    later = SLOTS[SLOTS.index("geometry") + 1 :]
    if all(step.name.partition(".")[0] in later for steps in lacking.values() for step in steps):
        written = {kind: {spec.name for spec in found.writes} for kind, found in kinds_at_hand("geometry").items()}
        if kinds := [kind for kind, names in written.items() if names >= set(lacking)]:
            yield f"add a geometry block that finds or reads them (kinds: {', '.join(kinds)})"
    spared = [(step, step.stage.without(name)) for name, steps in lacking.items() for step in steps]
    changed = [change for step, stage in spared if stage is not None for change in changes(step, stage)]
    if all(stage is not None for _, stage in spared):
        yield f"set {' '.join(dict.fromkeys(changed))}"


def _refuse_memory(step: Step, recipe: Recipe, rig: Rig) -> None:
    need, have = step.stage.resources(recipe.space, rig, recipe.clip_frames).memory, machine_memory()
    if need > have:
        raise BadRecipe(
            f"{step.title} needs {need / 2**30:.1f} GiB for a clip of {recipe.clip_frames} frames and this machine has "
            f"{have / 2**30:.1f}; set a smaller clip_frames, window or grid"
        )
