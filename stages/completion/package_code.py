"""The code behind an entry point: the files of the package that brings it, wherever that is installed from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import invalidate_caches, metadata, util
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

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


_LOADED_FROM: dict[str, list[tuple[str, int, int]]] = {}


def load(entry: metadata.EntryPoint) -> Any:
    """What the entry point names. Where its files have changed since this process last loaded it, they are imported
    anew: a notebook runs, changes the model, and runs again."""
    files = files_of(entry)
    stats = ((name, path.stat()) for name, path in files.items())
    now = [(name, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in stats]
    if _LOADED_FROM.setdefault(entry.value, now) != now:
        paths = {str(path) for path in files.values()}
        for module in [name for name, module in sys.modules.items() if getattr(module, "__file__", None) in paths]:
            del sys.modules[module]
        invalidate_caches()
        _LOADED_FROM[entry.value] = now
    return entry.load()


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
