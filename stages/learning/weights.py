"""Weight files: safetensors with what the weights are for in the header. Nothing in them is ever executed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from occlabel.schemas.errors import BadWeights


def save_weights(path: Path, tensors: dict[str, torch.Tensor], facts: dict[str, str]) -> None:
    """Writes the tensors and the ``facts`` about them, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, facts)
    partial.write_bytes(_with_sorted_header(content))
    partial.replace(path)


def _with_sorted_header(content: bytes) -> bytes:
    """The same file with its header (8 bytes of length, then JSON) sorted: safetensors writes facts in random order."""
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def named_with_digest(path: Path) -> str:
    """The name of a weight file that a training starts from, and a digest of its content, for the facts."""
    return f"{path.name}, digest {hashlib.blake2b(path.read_bytes(), digest_size=12).hexdigest()}"


def read_facts(path: Path) -> dict[str, str]:
    """The facts in the header of a weight file. Raises BadWeights when it is missing, truncated or something else."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise BadWeights(_unreadable(path, error)) from error


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Loads the tensors into ``module``, in the module's own precision.

    Raises BadWeights when the file cannot be read, or when names or shapes are not those of the module.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise BadWeights(_unreadable(path, error)) from error
    expected = {name: tensor.shape for name, tensor in module.state_dict().items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise BadWeights(
            f"{path} holds the weights of another network: {len(wrong)} tensors differ in name or shape, "
            f"the first is {wrong[0]}; train it again with this version of occlabel"
        )
    if bad := sorted(name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor.float()).all())):
        raise BadWeights(f"{path}: tensor {bad[0]} holds NaN or infinity; the training diverged or the file is damaged")
    module.load_state_dict(tensors)


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path} is not a readable weight file ({error}); fetch it again or train it with occlabel train"
