"""Weights of foundation models: where they lie, what of them decides the output, and under which licence they are.

An option names a model on the Hugging Face hub (``depth-anything/Depth-Anything-V2-Small-hf``), which is taken from the
hub's cache on this machine, or a folder in the same format. Nothing is ever downloaded here, and no pickle is opened.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.absence import no_folder
from occlabel.schemas.errors import BadPredictions, BadWeights
from occlabel.schemas.stage import HUB_OR_FOLDER, Hands
from occlabel.stages.learning.licences import LICENCES

if TYPE_CHECKING:
    import torch

Weights = Annotated[str, HUB_OR_FOLDER]
"""Type of an option that names a checkpoint."""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TEXTS = ("*.json", "*.txt")
"""What says beside the weights how they are to be used: sizes, preprocessing, vocabulary."""
CARD = "README.md"
"""What a model's page on the hub shows; its head states the licence."""
_LARGEST_TEXT = 64 << 20
_CARD = re.compile(r"\A---\n.*?^license:[ \t]*([\w.+-]+)", re.DOTALL | re.MULTILINE)
_RESTRICTED = re.compile(r"(^|[^a-z])nc([^a-z]|$)|non-?commercial")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One model on this machine."""

    name: str
    """As the recipe names it."""
    folder: Path
    files: tuple[Path, ...]
    """All that decides what the model says, for ``Stage.files``: sorted, weights and texts beside them."""

    @property
    def config(self) -> dict[str, Any]:
        """What ``config.json`` says."""
        return _json(self.folder / "config.json")

    def text(self, name: str) -> dict[str, Any]:
        """What another of the JSON files says; nothing where it is not there."""
        return _json(self.folder / name) if (self.folder / name).is_file() else {}

    @property
    def nbytes(self) -> int:
        """Of the weights in the files."""
        return sum(path.stat().st_size for path in self.files if path.suffix in (".safetensors", ".pt"))


def checkpoint(weights: str, revision: str | None = None) -> Checkpoint:
    """The checkpoint that ``weights`` names; of a hub name in a revision: commit, tag or branch; None: ``main``.

    Raises BadWeights, with what to do, when it is not there, not complete, cut off, or has no safetensors.
    """
    folder = located(weights, revision)
    if not (folder / "config.json").is_file():
        raise BadWeights(f"{folder} holds no config.json, so it is no checkpoint in the format of the hub; {_GET}")
    parts = _weight_files(folder)
    for part in parts:
        _refuse_cut(part)
    texts = (path for pattern in _TEXTS for path in folder.glob(pattern) if path.is_file())
    return Checkpoint(weights, folder, tuple(sorted({*texts, *parts})))


def on_hub(weights: str) -> bool:
    """Whether ``weights`` is a name on the hub: no folder is called so, and a folder could not be meant."""
    folder = Path(weights).expanduser()
    return not folder.is_dir() and _HUB_NAME.fullmatch(weights) is not None and not weights.startswith(".")


def files_of(names: Iterable[str]) -> list[str]:
    """Of the files ``names`` of a repository on the hub those that a checkpoint is made of: safetensors, whole or in
    parts, MoGe-2's ``model.pt``, the texts beside them, and the card, which states the licence. Sorted."""
    patterns = (*_TEXTS, "model.safetensors", "model-*.safetensors", "model.pt", CARD)
    return sorted(name for name in names if "/" not in name and any(fnmatchcase(name, p) for p in patterns))


def located(weights: str, revision: str | None = None) -> Path:
    """The folder in which the files of ``weights`` lie. Raises BadWeights where there is none."""
    folder = Path(weights).expanduser()
    if folder.is_dir():
        return folder
    if not on_hub(weights):
        raise BadWeights(
            f"the folder of weights {weights} {no_folder(folder)}; name one that does exist, or a model of the hub"
        )
    cached = hub_cache() / f"models--{weights.replace('/', '--')}"
    commit = _commit(cached, revision or "main")
    if commit is None or not (cached / "snapshots" / commit).is_dir():
        asked = weights if revision is None else f"{weights} in the revision {revision}"
        raise BadWeights(
            f"there is no folder {weights}, and the hub's cache {hub_cache()} does not hold {asked}; occlabel "
            f"downloads nothing while it runs: fetch it once with hf download {weights}"
            f"{'' if revision is None else f' --revision {revision}'}, or all that a recipe names with occlabel "
            "fetch-weights, or name a folder"
        )
    return cached / "snapshots" / commit


def hub_cache() -> Path:
    """Where the Hugging Face hub keeps what was fetched, by its own environment variables."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    place = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or home) / "hub"
    return Path(place).expanduser()


def refuse_other_model(found: Checkpoint, *model_types: str) -> None:
    """Raises BadWeights when the checkpoint is of none of these architectures (``model_type`` in its config)."""
    told = found.config.get("model_type")
    if told not in model_types:
        said = f"a {told!r} model" if isinstance(told, str) else "of no known architecture"
        raise BadWeights(f"{found.name} is {said}, and here a {' or '.join(map(repr, model_types))} model is needed")


def pretrained(load: Callable[..., Any], found: Checkpoint, hands: Hands) -> Any:
    """The model that ``load``, a ``from_pretrained`` of transformers, makes of the checkpoint: float32, for inference,
    on the hands' device. Raises BadWeights unless every tensor of the model is in the files, as it has to be, and
    finite.
    """
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(hands.threads)
    try:
        with _offline():
            model, report = load(
                found.folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are named below
                dtype=torch.float32,
            )
    except Exception as error:  # what transformers and safetensors raise for a damaged checkpoint is of many types
        raise BadWeights(f"{found.name} cannot be loaded: {_first_line(error)}") from error
    if wrong := sorted({*report["missing_keys"], *(entry[0] for entry in report["mismatched_keys"])}):
        raise BadWeights(
            f"{found.name} does not hold the weights that its config.json asks for: {len(wrong)} tensors are missing "
            f"or of another shape, the first is {wrong[0]}; {_GET}"
        )
    refuse_not_finite(model, found.name)
    return model.to(hands.device).eval().requires_grad_(False)


@contextmanager
def _offline() -> Iterator[None]:
    """Within it nothing is fetched, also not the backbone on the hub that a configuration may name."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def inference(hands: Hands) -> Iterator[None]:
    """Within it models are asked: without gradients, on a GPU in half precision where that is safe (autocast)."""
    import torch

    with torch.inference_mode(), torch.autocast("cuda", torch.float16, enabled=hands.device == "cuda"):
        yield


def refuse_not_finite(model: torch.nn.Module, name: str) -> None:
    """Raises BadWeights when a tensor of the model holds NaN or infinity."""
    for place, tensor in model.named_parameters():
        if not bool(tensor.isfinite().all()):
            raise BadWeights(f"{name}: the tensor {place} holds NaN or infinity; {_GET}")


def refuse_no_number(said: NDArray[Any], name: str) -> None:
    """Raises BadPredictions when what a model said is not finite throughout."""
    if not np.isfinite(said).all():
        raise BadPredictions(f"{name} says NaN or infinity of an image: the weights are damaged, or of another version")


def licence_of(weights: str, revision: str | None = None) -> str | None:
    """The licence of the weights: known by their hub name, or as the model card beside them says; None: not known."""
    if weights in LICENCES:
        return LICENCES[weights]
    try:
        card = (located(weights, revision) / CARD).read_text("utf-8", "replace")
    except (BadWeights, OSError):
        return None
    told = _CARD.match(card.replace("\r\n", "\n"))
    return None if told is None else told[1]


def non_commercial(licence: str) -> bool:
    """Whether a licence, by its name, does not allow commercial use."""
    return _RESTRICTED.search(licence.lower()) is not None


def restriction(weights: str, revision: str | None = None) -> str | None:
    """A sentence about weights whose licence does not allow commercial use, for ``Stage.doubts``; None otherwise."""
    licence = licence_of(weights, revision)
    if licence is None or not non_commercial(licence):
        return None
    return f"the weights {weights} are under {licence}: labels made with them are for non-commercial use"


_GET = "fetch it again with hf download, or name another folder"


def _commit(cached: Path, revision: str) -> str | None:
    if _COMMIT.fullmatch(revision):
        return revision
    if revision.startswith(("/", ".")) or ".." in revision:
        return None
    try:
        commit = (cached / "refs" / revision).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _weight_files(folder: Path) -> tuple[Path, ...]:
    """The files with the weights, one or in parts. Raises BadWeights."""
    index = folder / "model.safetensors.index.json"
    if (whole := folder / "model.safetensors").is_file():
        return (whole,)
    if not index.is_file():
        pickled = next(
            (path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in sorted(folder.glob(pattern))), ""
        )
        said = f", only {pickled}, which may hold pickled code and is not opened" if pickled else ""
        raise BadWeights(f"{folder} holds no model.safetensors{said}; {_GET}")
    placed = _json(index).get("weight_map")
    names = sorted(set(placed.values())) if isinstance(placed, dict) else []
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise BadWeights(f"{index} does not say in which files of its folder the weights are; {_GET}")
    if lacking := [name for name in names if not (folder / name).is_file()]:
        raise BadWeights(
            f"{folder} lacks {len(lacking)} of {len(names)} weight files, the first is {lacking[0]}; {_GET}"
        )
    return tuple(folder / name for name in names)


def _refuse_cut(path: Path) -> None:
    """Raises BadWeights unless the file is as long as its header says: 8 bytes of length, JSON, the tensors."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(size, _LARGEST_TEXT):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except OSError as error:
        raise BadWeights(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise BadWeights(f"{path} is no safetensors file ({_first_line(error)}); {_GET}") from error
    if size != expected:
        raise BadWeights(f"{path} has {size} bytes and should have {expected}: it was cut or overwritten; {_GET}")


def _json(path: Path) -> dict[str, Any]:
    """Raises BadWeights unless the file is a JSON object."""
    try:
        if path.stat().st_size > _LARGEST_TEXT:
            raise ValueError("it is too large")
        read = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadWeights(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadWeights(f"{path} is not JSON ({_first_line(error)}); {_GET}") from error
    if not isinstance(read, dict):
        raise BadWeights(f"{path} is not a JSON object; {_GET}")
    return read


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
