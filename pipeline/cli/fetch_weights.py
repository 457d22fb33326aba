"""``occlabel fetch-weights``: the weights that a recipe names, from the hub onto this machine, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.pipeline.cli.options import Overrides, RecipeName, Skips, writable_folder
from occlabel.schemas.words import in_bytes

if TYPE_CHECKING:
    from occlabel.pipeline.planning.hub_names import NamedWeights
    from occlabel.pipeline.running.fetch_weights import HubModel


def fetch_weights(
    recipe: RecipeName,
    to: Annotated[
        Path | None, typer.Option("--to", help="A folder to fetch into. [default: the hub's cache, HF_HUB_CACHE]")
    ] = None,
    set_: Overrides = None,
    skip: Skips = None,
) -> None:
    """Fetch the weights that a recipe names on the Hugging Face hub: no other command downloads anything.

    Says of each model where it is from, its revision, licence, files and sizes; then fetches what is not there yet,
    holds it against the hub's checksums, and prints what the recipe must name. Stopped, it goes on where it was.
    """
    from occlabel.pipeline.planning.hub_names import named_weights
    from occlabel.pipeline.planning.recipe_file import load_recipe, refuse_vain
    from occlabel.pipeline.running.fetch_weights import asked_of_hub, fetch
    from occlabel.stages.learning.foundation import located, on_hub

    if to is not None:
        writable_folder("--to", to)
    refuse_vain(set_, skip)
    chosen = load_recipe(recipe, set_, skip, lambda sentence: typer.echo(sentence, err=True))
    wanted: list[tuple[NamedWeights, HubModel]] = []
    for named in named_weights(chosen):
        if on_hub(named.weights):
            wanted.append((named, asked_of_hub(named.weights, named.revision)))
        else:
            typer.echo(f"{named.place}: {located(named.weights)} is a folder on this machine, nothing to fetch")
    if not wanted:
        typer.echo(f"recipe {recipe} names no weights on the hub")
        return
    models = {(model.name, model.commit): model for _, model in wanted}
    for model in models.values():
        _say(model)
    folders = {key: fetch(model, to) for key, model in models.items()}
    typer.echo("all files are here and as the hub states them")
    _say_how_named(wanted, None if to is None else folders)


def _say(model: HubModel) -> None:
    from occlabel.stages.learning.foundation import non_commercial

    licence = model.licence or "not stated: read its page before you use it"
    if model.licence is not None and non_commercial(model.licence):
        licence += ": labels made with it are for NON-COMMERCIAL use"
    typer.echo(f"{model.page}\n  revision  {model.commit} ({model.revision})\n  licence   {licence}")
    for file in model.files:
        typer.echo(f"  {in_bytes(file.size):>9}  {file.name}")
    typer.echo(f"  {in_bytes(model.nbytes):>9}  in all")


def _say_how_named(wanted: list[tuple[NamedWeights, HubModel]], folders: dict[tuple[str, str], Path] | None) -> None:
    """``folders``: where the models lie; None: in the hub's cache."""
    import shlex

    sets = []
    for named, model in wanted:
        if folders is None:
            sets.append(f"{named.revision_place}={model.commit}")
        else:
            sets.append(f"{named.place}={folders[model.name, model.commit].absolute()}")
    how = "runs find them by name; to pin these revisions" if folders is None else "runs find them by these folders"
    typer.echo(f"{how}, set in the recipe or on the command line:")
    for one in sets:
        typer.echo(f"  --set {shlex.quote(one)}")
