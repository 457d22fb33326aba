"""The truth that gates score labels against; what is wrong with it is said by the names of a recipe's options."""

from __future__ import annotations

from occlabel.pipeline.planning.gates import Gates
from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.quality.benchmark import BENCHMARKS, rules_of
from occlabel.schemas.errors import BadLog, BadPredictions, BadRecipe
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.schemas.taxonomy_map import map_between
from occlabel.stages.ingest.truth import OtherTruth, TruthSource, open_truth
from occlabel.stages.ingest.voxel_truth import truth_space


def format_of(gates: Gates, taxonomy: Taxonomy) -> Format:
    """Whose rules and layout the truth has. Raises BadPredictions where ``gates`` do not say it and the classes are no
    benchmark's."""
    found = gates.format or rules_of(taxonomy)
    if found is None:
        raise BadPredictions(
            f"gates.truth: the classes of {taxonomy.name} are no benchmark's; set gates.format to whose rules and "
            f"truth labels are scored by: {', '.join(BENCHMARKS)}"
        )
    return found


def truth_of(gates: Gates, taxonomy: Taxonomy) -> TruthSource:
    """What labels in the classes of ``taxonomy`` are scored against. Raises BadLog where it is not there, BadRecipe
    where its classes are not those of the labels, BadPredictions as ``format_of`` does."""
    assert gates.truth is not None  # see Gates
    if not gates.truth.is_dir():
        raise BadLog(f"gates.truth: there is no folder {gates.truth}; name a root of voxel truth")
    format = format_of(gates, taxonomy)
    try:
        truth = open_truth(gates.truth, format)
    except OtherTruth as error:
        fits = _fit(taxonomy, truth_space(error.there).taxonomy)
        todo = f"set gates.format to {error.there}" if fits else f"name a root of {format} truth"
        raise BadLog(
            f"gates.truth: {error.root} has no voxel truth of {format}; it has some of {error.there}: {todo}"
        ) from error
    except BadLog as error:
        raise BadLog(f"gates.truth: {error}; name a root of voxel truth") from error
    if not _fit(taxonomy, truth.space.taxonomy):
        raise BadRecipe(
            f"gates.truth: labels in the classes of {taxonomy.name} are scored against truth in those of "
            f"{truth.space.taxonomy.name} by a map alone, and gates take none: leave score and regression out, and use "
            "occlabel evaluate --map"
        )
    return truth


def _fit(own: Taxonomy, other: Taxonomy) -> bool:
    """Whether every class has its namesake."""
    try:
        map_between(own, other)
    except BadRecipe:
        return False
    return True
