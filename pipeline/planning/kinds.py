"""The registry: which kinds of stages each slot knows. A kind of ours is one line here; a user's package brings its own
as entry points of the group ``occlabel.stages``, named ``<slot>.<kind>``."""

from __future__ import annotations

from functools import cache
from importlib import import_module, metadata

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.stage import Stage
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
    where = "" if plugin is None else f"the entry point {plugin.name} = {plugin.value} (group {GROUP})"
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
    except Exception as error:  # whatever a user's package raises when it is imported
        raise BadRecipe(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Stage)):
        raise BadRecipe(f"{where} is no stage: it must be a subclass of occlabel.Stage")
    if loaded.slot != slot or loaded.model_fields["kind"].default != kind:
        told = f"slot {loaded.slot!r}, kind {loaded.model_fields['kind'].default!r}"
        raise BadRecipe(f"{where} is a stage of {told}; its name must be <slot>.<kind>")
    return loaded


def writers_of(array: str, reader: str) -> list[str]:
    """Which kinds write an array before the slot ``reader``, as ``slot (kind, kind)``, in the order of the chain."""
    result = []
    for slot in SLOTS[: SLOTS.index(reader)]:
        kinds = [kind for kind in kinds_of(slot) if any(spec.name == array for spec in stage_class(slot, kind).writes)]
        if kinds:
            result.append(f"{slot} ({', '.join(kinds)})")
    return result


@cache
def _plugins() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}
