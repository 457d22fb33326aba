"""Weight files: safetensors with what the weights are for in the header. Nothing in them is ever executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from occlabel.schemas.errors import BadWeights

_CONTENT = "content"
"""The fact that holds the digest of everything else in the file."""
_SUMS = "SHA256SUMS"
"""Beside weights that were written before they held their digest: what ``sha256sum`` says of them."""


def save_weights(path: Path, tensors: dict[str, torch.Tensor], facts: dict[str, str]) -> None:
    """Writes the tensors and the ``facts`` about them, whole or not at all, with a digest of both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, facts)
    header, data = _parts(content)
    header["__metadata__"] = facts | {_CONTENT: _digest(header, data)}
    partial.write_bytes(_with_sorted_header(header, data))
    partial.replace(path)


def _parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a file: 8 bytes of length, the header as JSON, the data."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def _with_sorted_header(header: dict[str, Any], data: bytes) -> bytes:
    """The file with its header sorted: safetensors writes facts in random order."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def _digest(header: dict[str, Any], data: bytes) -> str:
    """Of what is in a file, but for the digest itself."""
    facts = {name: fact for name, fact in header.get("__metadata__", {}).items() if name != _CONTENT}
    text = json.dumps(header | {"__metadata__": facts}, sort_keys=True)
    return hashlib.blake2b(text.encode() + data, digest_size=16).hexdigest()


def named_with_digest(path: Path) -> str:
    """The name of a weight file that a training starts from, and a digest of its content, for the facts."""
    return f"{path.name}, digest {hashlib.blake2b(path.read_bytes(), digest_size=12).hexdigest()}"


def read_facts(path: Path) -> dict[str, str]:
    """The facts in the header of a weight file. Raises BadWeights when it is missing, truncated or something else."""
    with _readable(path), safe_open(path, framework="pt") as file:
        facts = dict(file.metadata() or {})
    facts.pop(_CONTENT, None)
    return facts


def check_content(path: Path) -> None:
    """Raises BadWeights unless the file is what was written: by the digest in it, or by that beside it. Nobody can tell
    of a file that has neither."""
    with _readable(path):
        stat = path.stat()
        intact = _is_intact(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    if not intact:
        raise BadWeights(
            f"{path} is damaged: it is not what was written, by the digest of its content; fetch it again or train it "
            "with occlabel train"
        )


@lru_cache(maxsize=64)
def _is_intact(path: Path, size: int, mtime_ns: int, ctime_ns: int) -> bool:
    content = path.read_bytes()
    header, data = _parts(content)
    if (told := header.get("__metadata__", {}).get(_CONTENT)) is not None:
        return bool(told == _digest(header, data))
    sums = path.with_name(_SUMS)
    lines = sums.read_text().splitlines() if sums.is_file() else []
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return known.get(path.name) in (None, hashlib.sha256(content).hexdigest())


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Loads the tensors into ``module``, in the module's own precision.

    Raises BadWeights when the file cannot be read or is not what was written, or when names, shapes or kinds of numbers
    are not those of the module.
    """
    check_content(path)
    with _readable(path), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
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


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # what safetensors, torch and json raise for a damaged file is of many types
        raise BadWeights(
            f"{path} is not a readable weight file ({error}); fetch it again or train it with occlabel train"
        ) from error
