"""The rows of ViPOcc's table 5, trained and scored: what each of its parts is worth.

The paper does not say with which losses its rows of depth were trained. Here they have both, so that "+ inverse pseudo
depth" and "+ L_ta, L_rc" are one; whatever row asks for no sampler has the random one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.quality.evaluate import evaluate
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.pipeline.teaching.held_out import Roots
from occlabel.pipeline.teaching.train_vipocc import Parted, parted
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadRecipe, OcclabelError
from occlabel.stages.completion.vipocc.stage import ViPOccCompletion
from occlabel.stages.evaluation.visible import VisibleScores
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.completion.vipocc.options import Options

_BARE: dict[str, Any] = {"branch": "none", "sampler": "random", "depth": 0.0, "temporal": 0.0}
_LOSSES: dict[str, Any] = {"sampler": "random"}
ROWS: dict[str, dict[str, Any]] = {
    "baseline": _BARE,
    "+ depth": {**_LOSSES, "branch": "depth"},
    "+ pseudo depth": {**_LOSSES, "branch": "residual"},
    "+ inverse pseudo depth (+ L_ta, L_rc)": {**_LOSSES, "branch": "inverse"},
    "+ SNOG sampler": {**_BARE, "sampler": "snog"},
    "+ L_ta": {**_LOSSES, "depth": 0.0},
    "+ L_rc": {**_LOSSES, "temporal": 0.0},
    "full": {},
}
"""Name -> what differs from the options of the whole."""


class Row(NamedTuple):
    """What one row came to, on held-out logs."""

    name: str
    scores: dict[str, VisibleScores]
    """As ``Evaluation.visible``."""
    abs_rel: str | None
    """Of depth by priors, branch and field; None without a LiDAR."""


def rows(
    recipe: Recipe, readers: tuple[LogReader, LogReader], folder: Path, options: Options, names: Sequence[str]
) -> Iterator[Row]:
    """Trains each row of ``names`` on the logs of the first reader, labels those of the second with it, and scores them
    before the camera that looks ahead. ``recipe`` has the completion ``vipocc``, whatever its weights.

    Priors run once. Everything lies in ``folder``; a weight file that lies there is not trained again, and one that was
    begun is gone on with. Raises BadRecipe for another completion or a row that there is not, OcclabelError for a file
    that was made otherwise.
    """
    from occlabel.stages.learning.weight_header import read_facts

    completion = recipe.completion
    if not isinstance(completion, ViPOccCompletion):
        raise BadRecipe("the rows are of completion.kind vipocc; the recipe has another, or none")
    if unknown := sorted(set(names) - set(ROWS)):
        raise BadRecipe(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    _, held_out = readers
    part = parted(recipe, Roots(*readers), folder / "priors", "local", options.held_out_every)
    for name in names:
        weights = folder / f"{list(ROWS).index(name)}.safetensors"
        _train(weights, options.model_copy(update=ROWS[name]), part)
        labels = recipe.model_copy(update={"completion": completion.model_copy(update={"weights": weights.absolute()})})
        store, version = Store(str(folder / "labels")), f"row-{list(ROWS).index(name)}"
        label_logs(labels, held_out, store, version, workplace=Workplace("local"))
        found = evaluate(spec_of(store, version), held_out.root, "semantickitti", "visible")
        assert found.visible is not None  # that is what was asked
        yield Row(name, found.visible, read_facts(weights).get("abs_rel"))


def _train(weights: Path, options: Options, part: Parted) -> None:
    """Writes ``weights``, or finds them made by the same ``options``."""
    from occlabel.stages.completion.vipocc.training import train_field
    from occlabel.stages.learning.weight_header import read_facts

    made = part.facts | {"options": options.model_dump_json(exclude={"device", "resume"})}
    if not weights.is_file():
        going_on = options.model_copy(update={"resume": True})
        train_field(part.learned, part.held_out, weights, going_on, made)
        return
    facts = read_facts(weights)
    if any(facts.get(name) != value for name, value in made.items()):
        raise OcclabelError(
            f"{weights} was made of other logs or with other options; give another folder, or remove it"
        )
