"""Weight files: safetensors with what the weights are for in the header. Nothing in them is ever executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from occlabel.schemas.errors import BadWeights, OcclabelError
from occlabel.schemas.formats.appearing import appearing
from occlabel.stages.learning.weight_header import CONTENT, check_content, digest_of_parts, parts, readable


def save_weights(path: Path, tensors: dict[str, torch.Tensor], facts: dict[str, str]) -> None:
    """Writes the tensors and the ``facts`` about them, whole or not at all, with a digest of both.

    Raises OcclabelError for numbers that are not finite: a training that diverged.
    """
    wild = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if wild:
        raise OcclabelError(
            f"{path} is not written: {len(wild)} of {len(tensors)} tensors hold numbers that are not finite "
            f"({wild[0]}), as the training diverged; give a lower --rate, and begin anew"
        )
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, facts)
    header, data = parts(content)
    header["__metadata__"] = facts | {CONTENT: digest_of_parts(header, data)}
    with appearing(path) as partial:
        partial.write_bytes(_with_sorted_header(header, data))


def _with_sorted_header(header: dict[str, Any], data: bytes) -> bytes:
    """The file with its header sorted: safetensors writes facts in random order."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Loads the tensors into ``module``, in the module's own precision.

    Raises BadWeights when the file cannot be read or is not what was written, or when names, shapes or kinds of numbers
    are not those of the module.
    """
    _load(module, path, _tensors(path))


def load_part(module: torch.nn.Module, path: Path) -> None:
    """Loads into ``module`` the tensors of a larger network that are named as its own. Raises as ``load_weights``."""
    names = module.state_dict().keys()
    _load(module, path, {name: tensor for name, tensor in _tensors(path).items() if name in names})


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    check_content(path)
    with readable(path), safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)


def _load(module: torch.nn.Module, path: Path, tensors: dict[str, torch.Tensor]) -> None:
    own = module.state_dict()
    expected = {name: tensor.shape for name, tensor in own.items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise BadWeights(
            f"{path} holds the weights of another network: {len(wrong)} tensors differ in name or shape, "
            f"the first is {wrong[0]}; train it again with this version of occlabel"
        )
    for name, tensor in tensors.items():
        if _kind(tensor) != _kind(own[name]):
            raise BadWeights(f"{path}: tensor {name} is {tensor.dtype}, the network has {own[name].dtype} there")
        if not bool(torch.isfinite(tensor.to(own[name].dtype)).all()):
            raise BadWeights(
                f"{path}: tensor {name} holds NaN or infinity; the training diverged or the file is damaged"
            )
    module.load_state_dict(tensors)


def _kind(tensor: torch.Tensor) -> tuple[bool, bool]:
    return tensor.is_floating_point(), tensor.is_complex()
