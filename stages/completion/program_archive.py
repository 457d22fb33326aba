"""What a ``torch.export`` file may hold: tensors and a graph. Loading one with pickled objects would run their code."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path, PurePosixPath

from occlabel.schemas.errors import BadWeights

_OBJECTS = ("custom_obj", "opaque_obj")
"""Names of constants that are no tensors begin so; torch unpickles them."""
_CONFIG = "_config.json"


def refuse_pickled_objects(path: Path) -> None:
    """Raises BadWeights unless ``path`` is an archive of ``torch.export.save``, whole and without pickled Python
    objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
            broken = archive.testzip()  # torch does not look at the checksums
            read = {name: archive.read(str(name)) for name in names if name.suffix == ".pt" or _is_config(name)}
            pickled = [name for name in names if name.name.startswith(_OBJECTS) or _is_pickled(name, read.get(name))]
    except Exception as error:  # what zipfile, zlib and json raise for a damaged archive is of a dozen types
        raise BadWeights(f"{path} is not a program that torch.export can load: {error}") from error
    if len(set(names)) < len(names):
        raise BadWeights(f"{path} holds members of one name, of which torch might read another one; export it again")
    if broken is not None:
        raise BadWeights(f"{path} is damaged: {broken} in it is not what was written; export it again")
    if not any(name.name == "archive_format" for name in names):
        raise BadWeights(f"{path} is not an archive of torch.export.save of this version of torch; export it again")
    if pickled:
        raise BadWeights(
            f"{path} holds Python objects ({pickled[0]}), and loading them would run code; export a model whose "
            "weights, constants and example inputs are plain tensors"
        )


def _is_config(name: PurePosixPath) -> bool:
    return name.name.endswith(_CONFIG)


def _is_pickled(name: PurePosixPath, content: bytes | None) -> bool:
    """Whether torch would unpickle the member, or members that it lists, with anything but tensors in it; ``content``
    of those that may be."""
    import torch

    if content is None:
        return False
    if _is_config(name):
        entries = json.loads(content).get("config", {}).values()
        return any(entry.get("use_pickle", False) for entry in entries)
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # whatever it is, it is not tensors alone
        return True
    return False
