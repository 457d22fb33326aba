"""Files that a recipe names: in a recipe file relative to that file, on the command line to the current folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from occlabel.pipeline.planning.gates import Gates
from occlabel.pipeline.planning.kinds import KINDS, SEVERAL, SLOTS, stage_class
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.stage import HUB_OR_FOLDER, NAME_OR_FILE


def anchored(fields: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The recipe ``fields`` with relative paths taken from ``folder``, and ``~`` as the home of the user.

    What cannot be read as a recipe stays as it is: whoever checks the recipe says so.
    """
    result = dict(fields)
    for slot in SLOTS:
        block = fields.get(slot)
        if not isinstance(block, dict):
            continue
        if slot in SEVERAL:
            result[slot] = {name: _block(slot, inner, folder) for name, inner in block.items()}
        else:
            result[slot] = _block(slot, block, folder)
    if isinstance(gates := fields.get("gates"), dict):
        result["gates"] = gates | {
            name: _value(Gates.model_fields[name], value, folder) for name, value in gates.items() if name == "truth"
        }
        if isinstance(against := gates.get("against"), str) and "@" in against and "://" not in against:
            result["gates"]["against"] = str(folder / Path(against).expanduser())
    return result


def _block(slot: str, block: Any, folder: Path) -> Any:
    if not isinstance(block, dict):
        return block
    kind = block.get("kind", next(iter(KINDS[slot]), None))
    try:
        fields = stage_class(slot, kind).model_fields if isinstance(kind, str) else {}
    except BadRecipe:
        return block
    return block | {name: _value(fields[name], value, folder) for name, value in block.items() if name in fields}


def _value(field: FieldInfo, value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_value(field, one, folder) for one in value]
    found = _path(field, value, folder) if isinstance(value, str) else None
    return value if found is None else found


def _path(field: FieldInfo, value: str, folder: Path) -> str | None:
    """Where the file lies that ``value`` names, None where it is no path."""
    try:
        path = folder / Path(value).expanduser()
    except RuntimeError:  # ~nobody
        return None
    if Path in _types(field.annotation):
        return str(path)
    if HUB_OR_FOLDER in field.metadata:  # a name on the hub has a slash too
        return str(path) if value.startswith((".", "/", "~")) or path.is_dir() else None
    named = NAME_OR_FILE in field.metadata and ("/" in value or Path(value).suffix != "")
    return str(path) if named else None


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _types(inner)
