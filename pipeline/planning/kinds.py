"""The registry: which kinds of stages each slot knows. A kind of ours is one line here; a user's package brings its own
as entry points of the group ``occlabel.stages``, named ``<slot>.<kind>``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module, metadata
from typing import get_args

from pydantic import ValidationError

from occlabel.schemas.arrays import ArraySpec
from occlabel.schemas.errors import BadRecipe, Ended, OcclabelError
from occlabel.schemas.stage import Sensor, Stage
from occlabel.schemas.words import meant

SLOTS = (
    "geometry", "priors", "evidence", "completion", "propagation", "voting", "ground", "review", "instances",
    "tracking", "audit",
)  # fmt: skip
"""The slots of the chain, in the order the data flows."""

SEVERAL = frozenset({"priors"})
"""Slots that hold several stages, each under a name of its own."""

KINDS: dict[str, dict[str, str]] = {
    "priors": {
        "depth_anything": "occlabel.stages.priors.depth.depth_anything:DepthAnything",
        "depth_anything_3": "occlabel.stages.priors.depth.depth_anything_3:DepthAnything3",
        "prompt_depth_anything": "occlabel.stages.priors.depth.prompt_depth_anything:PromptDepthAnything",
        "moge2": "occlabel.stages.priors.depth.moge:Moge2",
        "lidar": "occlabel.stages.priors.depth.lidar:LidarDepth",
        "stereo": "occlabel.stages.priors.depth.stereo:Stereo",
        "glance_depth": "occlabel.stages.priors.glance.depth:GlanceDepth",
        "stored_depth": "occlabel.stages.priors.depth.stored:StoredDepth",
        "lidar_alignment": "occlabel.stages.priors.alignment.lidar:LidarAlignment",
        "motion_alignment": "occlabel.stages.priors.alignment.motion:MotionAlignment",
        "ground_alignment": "occlabel.stages.priors.alignment.ground:GroundAlignment",
        "residual_alignment": "occlabel.stages.priors.alignment.residual.stage:ResidualAlignment",
        "grounded_sam": "occlabel.stages.priors.segments.grounded_sam:GroundedSam",
        "panoptic": "occlabel.stages.priors.segments.networks:Panoptic",
        "semantic": "occlabel.stages.priors.segments.networks:Semantic",
        "glance_segments": "occlabel.stages.priors.glance.segments:GlanceSegments",
        "stored_segments": "occlabel.stages.priors.segments.stored:StoredSegments",
    },
    "geometry": {
        "registration": "occlabel.stages.geometry.registration.stage:PosesFromScans",
        "odometry": "occlabel.stages.geometry.odometry.stage:PosesFromImages",
        "colmap": "occlabel.stages.geometry.colmap.stage:PosesFromModel",
        "depth_anything_3": "occlabel.stages.geometry.views_network.stage:PosesByDepthAnything3",
        "occany": "occlabel.stages.geometry.views_network.stage:PosesByOccAny",
        "stored": "occlabel.stages.geometry.stored.stage:StoredPoses",
    },
    "evidence": {
        "rays": "occlabel.stages.evidence.rays:Rays",
        "depth": "occlabel.stages.evidence.depth:DepthOfCameras",
    },
    "completion": {
        "lmscnet": "occlabel.stages.completion.trained:Trained",
        "accumulated": "occlabel.stages.completion.accumulated.stage:Accumulated",
        "depth_lifting": "occlabel.stages.completion.depth_lifting.stage:DepthLifting",
        "drocc": "occlabel.stages.completion.drocc.stage:DrOccCompletion",
        "vipocc": "occlabel.stages.completion.vipocc.stage:ViPOccCompletion",
        "occany": "occlabel.stages.completion.occany.stage:OccAnyCompletion",
        "stored": "occlabel.stages.completion.stored:Stored",
        "torch_export": "occlabel.stages.completion.own_model:TorchExport",
        "onnx": "occlabel.stages.completion.own_model:Onnx",
        "entry_point": "occlabel.stages.completion.own_model:EntryPoint",
    },
    "propagation": {"dualflow4d": "occlabel.stages.propagation.stage:LocalPropagation"},
    "voting": {"registration": "occlabel.stages.voting.stage:Registration"},
    "ground": {
        "intensity": "occlabel.stages.ground.stage:GroundByIntensity",
        "segments": "occlabel.stages.ground.segments:GroundBySegments",
    },
    "review": {"corrections": "occlabel.stages.review.stage:Corrections"},
    "instances": {
        "components": "occlabel.stages.instances.touching:ConnectedComponents",
        "offsetocc": "occlabel.stages.instances.learned:ObjectQueries",
    },
    "tracking": {"association": "occlabel.stages.tracking.stage:Association"},
    "audit": {"tracks": "occlabel.stages.tracking.audit:Tracks"},
}
"""Slot -> kind -> ``module:class``, imported when a recipe names it."""

GROUP = "occlabel.stages"


def kinds_of(slot: str) -> tuple[str, ...]:
    """Names of the kinds of a slot, ours first."""
    brought = {name.removeprefix(f"{slot}.") for name in _plugins() if name.startswith(f"{slot}.")}
    return (*KINDS[slot], *sorted(brought - set(KINDS[slot])))


@cache
def stage_class(slot: str, kind: str) -> type[Stage]:
    """The class of a kind. Raises BadRecipe for a kind that is not known or an entry point that is no such stage."""
    plugin = _plugins().get(f"{slot}.{kind}")
    where = _where(plugin)
    if kind in KINDS[slot]:
        if plugin is not None:
            raise BadRecipe(f"{where} takes the name of a kind that comes with occlabel; give it another one")
        module, _, name = KINDS[slot][kind].partition(":")
        found: type[Stage] = getattr(import_module(module), name)
        return found
    if plugin is None:
        known = ", ".join(kinds_of(slot)) or "none yet; a package can bring some as entry points of " + GROUP
        raise BadRecipe(f"{slot} has no kind {kind!r}{meant(kind, kinds_of(slot))}; known: {known}")
    try:
        loaded = plugin.load()
    except Ended:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's package raises when it is imported
        raise BadRecipe(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Stage)):
        raise BadRecipe(f"{where} is no stage: it must be a subclass of occlabel.Stage")
    if (lack := _lack(loaded)) is not None:
        raise BadRecipe(f"{where} is no whole stage: {lack}")
    if loaded.slot != slot or loaded.model_fields["kind"].default != kind:
        told = f"slot {loaded.slot!r}, kind {loaded.model_fields['kind'].default!r}"
        raise BadRecipe(f"{where} is a stage of {told}; its name must be <slot>.<kind>")
    return loaded


def _lack(stage: type[Stage]) -> str | None:
    """What a class must say of itself and does not, or None."""
    if lacking := sorted(stage.__abstractmethods__):
        return f"it has no {', '.join(lacking)}"
    if not isinstance(getattr(stage, "slot", None), str):
        return "it has no slot: ClassVar[str]"
    if not isinstance(getattr(stage, "version", None), int):
        return "it has no version: ClassVar[int]"
    for name in ("reads", "writes"):
        said = getattr(stage, name, None)
        if not (isinstance(said, tuple | list) and all(isinstance(spec, ArraySpec) for spec in said)):
            return f"it has no {name}: ClassVar[tuple[ArraySpec[Any], ...]]"
    if not stage.writes:
        return "its writes are empty, so that nothing would come of it"
    if not (isinstance(stage.senses, tuple | list) and set(stage.senses) <= set(get_args(Sensor))):
        return f"its senses are {stage.senses!r}, and must be a tuple of {', '.join(get_args(Sensor))}"
    return None


def kinds_at_hand(slot: str) -> dict[str, type[Stage]]:
    """The kinds of a slot without those of packages that are broken, which must not hide what is wrong elsewhere."""
    found = {}
    for kind in kinds_of(slot):
        with suppress(BadRecipe):
            found[kind] = stage_class(slot, kind)
    return found


@contextmanager
def asked(stage: type[Stage], what: str) -> Iterator[None]:
    """Around what asks a stage about itself (``what``). Raises BadRecipe for what a stage of a package raises that is
    no sentence, with its entry point; what one of ours raises is a bug."""
    try:
        yield
    except (OcclabelError, ValidationError, MemoryError, Ended):
        raise
    except (Exception, SystemExit) as error:
        if stage.__module__.startswith("occlabel."):
            raise
        plugin = _plugins().get(f"{getattr(stage, 'slot', '')}.{stage.model_fields['kind'].default}")
        where = _where(plugin) or f"the stage {stage.__module__}:{stage.__qualname__}"
        raise BadRecipe(f"{where} failed with {type(error).__name__}: {error} when it was asked {what}") from error


def _where(plugin: metadata.EntryPoint | None) -> str:
    """What sentences call the entry point; empty where there is none."""
    return "" if plugin is None else f"the entry point {plugin.name} = {plugin.value} (group {GROUP})"


def writers_of(array: str, reader: str) -> list[str]:
    """Which kinds write an array before the slot ``reader``, as ``slot (kind, kind)``, in the order of the chain."""
    result = []
    for slot in SLOTS[: SLOTS.index(reader)]:
        known = kinds_at_hand(slot).items()
        kinds = [kind for kind, stage in known if any(spec.name == array for spec in stage.writes)]
        if kinds:
            result.append(f"{slot} ({', '.join(kinds)})")
    return result


@cache
def _plugins() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}
