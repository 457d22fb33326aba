"""The code behind an entry point: the files of the package that brings it, wherever that is installed from."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata, util
from importlib.machinery import ModuleSpec
from pathlib import Path

from occlabel.schemas.errors import BadRecipe

_LEFT_OUT = "__pycache__"


def files_of(entry: metadata.EntryPoint) -> dict[str, Path]:
    """The files by name, in an order that no machine decides: the package of the entry point, whole, from where it is
    imported (a checkout, where it is installed as editable), and what else its distribution has installed as modules.

    Byte code and hidden files are left out. Nothing is imported but namespaces. Raises BadRecipe when there is no such
    module.
    """
    found = dict(_of_module(entry.module))
    for top in _top_levels(entry):
        found.update(_of_module(top))
    return dict(sorted(found.items()))


def _top_levels(entry: metadata.EntryPoint) -> Iterator[str]:
    """Names of the packages and modules that the distribution says it brings."""
    if entry.dist is None:
        return
    told = entry.dist.read_text("top_level.txt")
    installed = (file for file in entry.dist.files or () if file.suffix == ".py" and ".." not in file.parts)
    names = told.split() if told is not None else (file.parts[0].removesuffix(".py") for file in installed)
    for name in dict.fromkeys(names):
        spec = _spec(name)
        if spec is not None and spec.origin is not None:
            yield name


def _of_module(name: str) -> Iterator[tuple[str, Path]]:
    spec, top = None, ""
    for part in name.split("."):
        top = f"{top}.{part}" if top else part
        spec = _spec(top)
        if spec is None or spec.origin is not None:  # a namespace has no origin: it belongs to many distributions
            break
    if spec is None:
        raise BadRecipe(f"there is no module {top!r} to import")
    for folder in spec.submodule_search_locations or ():
        yield from _in_folder(top, Path(folder))
    if not spec.submodule_search_locations and spec.origin is not None and Path(spec.origin).is_file():
        yield Path(spec.origin).name, Path(spec.origin)


def _in_folder(name: str, folder: Path, seen: frozenset[Path] = frozenset()) -> Iterator[tuple[str, Path]]:
    """The files in ``folder`` and, links followed once, in the folders in it."""
    seen |= {folder.resolve()}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == _LEFT_OUT:
            continue
        if path.is_file():
            yield f"{name}/{path.name}", path
        elif path.is_dir() and path.resolve() not in seen:
            yield from _in_folder(f"{name}/{path.name}", path, seen)


def _spec(name: str) -> ModuleSpec | None:
    try:
        return util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
