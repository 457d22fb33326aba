"""What a ``torch.export`` file may hold: tensors and a graph. Loading one with pickled objects would run their code."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path, PurePosixPath

from occlabel.schemas.errors import BadWeights

_OBJECTS = ("custom_obj", "opaque_obj")
"""Names of constants that are no tensors begin so; torch unpickles them."""


def refuse_pickled_objects(path: Path) -> None:
    """Raises BadWeights unless ``path`` is an archive of ``torch.export.save`` that holds no pickled Python objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {PurePosixPath(name): archive.read(name) for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile) as error:
        raise BadWeights(f"{path} is not a program that torch.export can load: {error}") from error
    if not any(name.name == "archive_format" for name in members):
        raise BadWeights(f"{path} is not an archive of torch.export.save of this version of torch; export it again")
    for name, content in members.items():
        if name.name.startswith(_OBJECTS) or _is_pickled(name, content):
            raise BadWeights(
                f"{path} holds Python objects ({name}), and loading them would run code; export a model whose weights, "
                "constants and example inputs are plain tensors"
            )


def _is_pickled(name: PurePosixPath, content: bytes) -> bool:
    """Whether torch would unpickle the member, or members that it lists, with anything but tensors in it."""
    import torch

    if name.name.endswith("_config.json"):
        entries = json.loads(content).get("config", {}).values()
        return any(entry.get("use_pickle", False) for entry in entries)
    if name.suffix != ".pt":
        return False
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # whatever it is, it is not tensors alone
        return True
    return False
