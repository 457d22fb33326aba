"""What of a recipe works and is probably not meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from occlabel.pipeline.planning.chain import Step
from occlabel.pipeline.planning.fingerprint import onboard_name
from occlabel.pipeline.planning.needs import known_by_then
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe, shipped_recipes
from occlabel.schemas.arrays import POSES, SEMANTICS, family
from occlabel.schemas.corrections import corrected_logs
from occlabel.schemas.errors import BadLog, OcclabelError
from occlabel.schemas.grid import Grid
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.log_places import of_each_log
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Stage
from occlabel.schemas.words import counted, meant
from occlabel.stages.completion.trained import Trained
from occlabel.stages.propagation.stage import LocalPropagation
from occlabel.stages.review.stage import Corrections
from occlabel.stages.voting.rules import Rules

_UNEVEN = 0.1
"""Metres by which the ground below a car differs from that around it."""
_NEAR, _LIDAR = 20.0, 150.0
"""[m]: how far a grid may lie from the car, and how far a LiDAR sees at all."""
_STEEP = 0.5
"""Share of the way along z that no street has."""
_ASIDE = 45.0
"""Degrees between where a car drives to and where the middle of a grid lies."""


def cautions(recipe: Recipe) -> tuple[str, ...]:
    """Whole sentences about parts that work alone and do not go together."""
    return (*_no_labels(recipe), *_odds(recipe), *_propagation(recipe), *_unshifted(recipe))


def _no_labels(recipe: Recipe) -> Iterator[str]:
    written = {spec.name for step in recipe.chain for spec in step.stage.written if spec.published}
    if SEMANTICS.name not in written:
        yield (
            f"no stage of the recipe writes {SEMANTICS.name}: what is published has no labels of voxels, but "
            f"{', '.join(sorted(map(family, written))) or 'nothing'}, and is the latest version all the same"
        )


def _odds(recipe: Recipe) -> Iterator[str]:
    """Of odds that a shipped recipe has for its own weights, beside others; those that each log has of its own were
    adapted to labels by these odds."""
    for slot in ("completion", "propagation"):
        stage = getattr(recipe, slot)
        if not isinstance(stage, Trained | LocalPropagation) or stage.weights is None or of_each_log(stage.weights):
            continue
        shipped = (getattr(load_recipe(name), slot) for name in shipped_recipes())
        if stage.odds and stage.odds in [its.odds for its in shipped if isinstance(its, Trained | LocalPropagation)]:
            yield (
                f"{slot}.odds are those of a shipped recipe, for weights that learned from simulated towns, and "
                f"{slot}.weights are {stage.weights}: if these learned from the truth of real streets they know how "
                f"common a class is there; then set {slot}.odds={{}}"
            )


def _propagation(recipe: Recipe) -> list[str]:
    """Of weights that were trained with other labels or another reach than the recipe's."""
    propagation, completion = recipe.propagation, recipe.completion
    if not isinstance(propagation, LocalPropagation) or completion is None:
        return []
    onboard, reach = propagation.trained_with(recipe.space)
    result = []
    adapted = isinstance(completion, Trained) and of_each_log(completion.weights)  # from those it was trained with
    if not adapted and onboard != (found := onboard_name(completion, recipe.space)):
        result.append(
            f"the propagation weights were trained on labels of {onboard}, the recipe's completion is "
            f"{found}{_told_otherwise(completion, onboard, recipe.space)}: they correct the errors of another model; "
            "train weights for this one with occlabel train propagation"
        )
    if reach != propagation.reach:
        result.append(
            f"the propagation weights were trained with {reach.local} frames refined together and {reach.references} "
            f"references {reach.distance:g} m away within {reach.radius} frames, the recipe asks for others"
        )
    return result


def _told_otherwise(completion: Stage, onboard: str, space: LabelSpace) -> str:
    """What the recipe tells a model otherwise than a shipped recipe does, whose labels ``onboard`` is; nothing where
    none is that."""
    for name in shipped_recipes():
        shipped = load_recipe(name)
        its = shipped.completion
        if its is None or shipped.space != space or onboard_name(its, space) != onboard or its.kind != completion.kind:
            continue
        options = its.model_dump(mode="json", exclude={"weights", "batch"})
        now = completion.model_dump(mode="json")
        changed = [f"{option}={now[option]}" for option, value in options.items() if now[option] != value]
        return f", told {', '.join(changed)}" if changed else ""
    return ""


def _unshifted(recipe: Recipe) -> Iterator[str]:
    """Of a correction that is asked for, where nothing is heard by which it could be made. It is on by default, so a
    recipe with all defaults written out must stay one."""
    voting = recipe.voting
    if (
        isinstance(voting, Rules)
        and not voting.evidence
        and voting.log_shift
        and "log_shift" in voting.model_fields_set
    ):
        yield (
            "voting.log_shift is set to true, and confidence is corrected by what sweeps hit, which voting.evidence "
            "says not to hear: nothing is corrected; set voting.log_shift=false, or voting.evidence=true"
        )


def corrects_others(recipe: Recipe, known: Collection[str], root: object) -> Iterator[str]:
    """Of a folder that holds no corrections, and of those that belong to no log of ``root``, which has those that are
    ``known``: each log is asked for its own, so that no log can tell. Raises BadRecipe for a folder whose name can be
    none of a log."""
    review = recipe.review
    if not isinstance(review, Corrections):
        return
    if not (corrected := corrected_logs(review.path)):
        yield (
            f"the folder of corrections {review.path} holds none, so no label is corrected; if there should be some, "
            "set review.path to the folder that occlabel review wrote them into"
        )
    if lost := sorted(set(corrected) - set(known)):
        few = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
        few += meant(lost[0], known) if len(lost) == 1 else ""
        yield (
            f"{review.path} corrects {counted(len(lost), 'log')} that {root} does not have, and nothing comes of it "
            f"here: {few}; a folder of corrections has the id of its log"
        )


def doubts(log: LogFacts, recipe: Recipe) -> tuple[str, ...]:
    """Whole sentences about what a log and a recipe have that do not go together. Raises BadLog when nothing would come
    of it."""
    found = [_reach(log, recipe.grid), _ground(log, recipe.grid), _groundless(log), _side(log, recipe.grid)]
    found.append(_climb(log))
    found += [_poses(log, recipe), _scans(log, recipe), _cut(log, recipe)]
    for index, step in enumerate(recipe.chain):
        rig = known_by_then(log.rig, recipe.chain[:index])
        found.append(_asked(step, recipe, log.model_copy(update={"rig": rig})))
    return tuple(said for said in found if said is not None)


def _asked(step: Step, recipe: Recipe, log: LogFacts) -> str | None:
    """What a stage says of a log. Raises BadLog when it fails at that: a stage of a package may raise anything, and
    other logs go on."""
    try:
        return step.stage.doubts(recipe.space, log)
    except OcclabelError:
        raise
    except Exception as error:
        raise BadLog(
            f"log {log.id}: {step.title} failed with {type(error).__name__}: {error} when it was asked about the log"
        ) from error


def _ground(log: LogFacts, grid: Grid) -> str | None:
    """Where the ground lies in the grid. Raises BadLog when it lies outside."""
    ground = log.seen.ground_in_lidar if grid.frame == "lidar" else log.seen.ground_in_ego
    if ground is None:
        return None
    bottom, top = grid.origin[2], grid.upper[2]
    lies = f"log {log.id}: its scans show the ground at z {ground:.2f} m in the {grid.frame} frame, the recipe's grid"
    remedy = "use a recipe for this sensor, or set grid.origin"
    if ground < bottom or ground >= top:
        outside = f"{bottom - ground:.2f} m above it" if ground < bottom else f"{ground - top:.2f} m below it"
        begins = "begins" if ground < bottom else "ends"
        raise BadLog(f"{lies} {begins} {outside}; {remedy}")
    if ground < bottom + grid.voxel_size - _UNEVEN:
        return f"{lies} begins at {bottom:g} m: the road will lie partly below it; {remedy}"
    if ground > (bottom + top) / 2:
        return f"{lies} reaches from {bottom:g} to {top:g} m: most of it lies below the road; {remedy}"
    return None


def _groundless(log: LogFacts) -> str | None:
    """Whether scans show no ground at all below their sensor."""
    said = log.seen.no_ground
    return None if said is None else f"log {log.id}: {said}"


def _reach(log: LogFacts, grid: Grid) -> str | None:
    """Whether a grid lies so far away that hardly a ray comes there. Raises BadLog where none does."""
    low, high = np.array(grid.origin), np.array(grid.upper)
    away = float(np.linalg.norm(np.maximum(np.maximum(low, -high), 0)))
    if away < _NEAR:
        return None
    said = f"log {log.id}: the recipe's grid begins {away:.0f} m from the {grid.frame} frame's origin"
    if away > _LIDAR:
        raise BadLog(f"{said}, where no sensor sees anything; set grid.origin")
    return f"{said}: little will be known of it"


def _climb(log: LogFacts) -> str | None:
    """Whether the car drives to where its LiDAR has the sky."""
    if log.seen.climb is None or log.seen.climb < _STEEP:
        return None
    return (
        f"log {log.id}: it drives along z of the LiDAR frame, which points up; its poses are in another frame, or the "
        "calibration between LiDAR and camera (Tr) is not that of the log"
    )


def _poses(log: LogFacts, recipe: Recipe) -> str | None:
    """Whether stages put frames together by poses that cannot be right, and no stage finds others."""
    fault, chain = log.seen.poses.fault, recipe.chain
    readers = [step.title for step in chain if any(spec.name == POSES.name for spec in step.stage.needed)]
    if fault is None or not readers or any(spec.name == POSES.name for step in chain for spec in step.stage.written):
        return None
    return (
        f"log {log.id}: its poses cannot be right: {fault}; {', '.join(readers)} will put together what does not fit: "
        "add geometry: {kind: registration} to the recipe"
    )


def _scans(log: LogFacts, recipe: Recipe) -> str | None:
    """Whether not one scan that was looked at can be read, and stages look at scans."""
    said = log.seen.none_read(log.scans)
    if said is None or not any("points" in step.stage.senses for step in recipe.chain):
        return None
    return f"log {log.id}: {said}; frames whose scan cannot be read stay without labels"


def _cut(log: LogFacts, recipe: Recipe) -> str | None:
    """Whether copies of scans may have broken off, and stages look at scans."""
    said = log.seen.broken_off(log.scans)
    if said is None or not any("points" in step.stage.senses for step in recipe.chain):
        return None
    return f"log {log.id}: {said}; labels are made of what is there: copy them again"


def _side(log: LogFacts, grid: Grid) -> str | None:
    """Whether a grid that lies to one side of its frame's origin lies where the car drives to."""
    ahead = log.seen.ahead_in_lidar if grid.frame == "lidar" else log.seen.ahead_in_ego
    middle = np.array([(low + high) / 2 for low, high in zip(grid.origin[:2], grid.upper[:2], strict=True)])
    size = np.array(grid.shape[:2]) * grid.voxel_size
    if ahead is None or not log.seen.poses.usable or (np.abs(middle) <= size / 4).all():
        return None
    turn = np.degrees(np.arctan2(ahead[0] * middle[1] - ahead[1] * middle[0], np.dot(ahead, middle)))
    if abs(turn) <= _ASIDE:
        return None
    where = "behind the car" if abs(turn) > 180 - _ASIDE else f"to the {'left' if turn > 0 else 'right'} of the car"
    return (
        f"log {log.id}: it drives towards ({ahead[0]:.2f}, {ahead[1]:.2f}) in x and y of the {grid.frame} frame, the "
        f"recipe's grid lies {where}, its middle at ({middle[0]:g}, {middle[1]:g}) m; use a recipe for this sensor"
    )
