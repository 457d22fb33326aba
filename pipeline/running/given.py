"""What labelling is given, before any of it is used."""

from __future__ import annotations

from pathlib import Path

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arguments import is_a, shown
from occlabel.schemas.drive_log import is_reader
from occlabel.schemas.errors import OcclabelError
from occlabel.stages.ingest.kinds import layout_of
from occlabel.workers.store import Store


def refuse_unfit(
    recipe: object, reader: object, store: object, version: object, base: object, reader_name: str | None
) -> None:
    """Raises OcclabelError for arguments of ``label_logs`` that are of another kind, and for the name of a reader that
    nobody knows: logs in quarantine could not be opened by it again."""
    is_a("recipe", recipe, Recipe, "a Recipe, as load_recipe(...) makes it")
    if not is_reader(reader):
        raise OcclabelError(f"reader={shown(reader)}: give a LogReader, as open_logs(...) makes it")
    is_a("store", store, Store | Path | str, "the folder of a store, or its URL")
    is_a("version", version, str, "the name of the version, as text")
    is_a("base", base, str | None, "the name of a version of the store, or None")
    is_a("reader_name", reader_name, str | None, "the name of the reader, or None")
    if reader_name is not None:
        layout_of(reader_name)


def refuse_no_workplace(workplace: object) -> None:
    """Raises OcclabelError for what is no Workplace, as the bare name of an executor."""
    expected = 'a Workplace of occlabel.pipeline.running.workplace, as in Workplace("local")'
    is_a("workplace", workplace, Workplace, expected)
