"""Weights of foundation models come from the Hugging Face hub onto this machine: here, and nowhere else."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occlabel.schemas.errors import BadWeights
from occlabel.stages.learning.foundation import files_of, hub_cache
from occlabel.stages.learning.licences import LICENCES

_BRANCH = "main"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub states it."""

    name: str
    size: int
    digest: str
    """Hexadecimal: SHA-256 of the content for a large file, git's SHA-1 of a blob for another."""

    def differs(self, path: Path) -> str | None:
        """What of the file at ``path`` is not as the hub states it."""
        size = path.stat().st_size
        if size != self.size:
            return f"has {size} bytes and should have {self.size}"
        large = len(self.digest) == 64
        state = hashlib.sha256() if large else hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                state.update(block)
        return None if state.hexdigest() == self.digest else f"is not the file that the hub has ({self.digest[:12]})"


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model as the hub has it at one commit."""

    name: str
    page: str
    """Its address."""
    revision: str
    """As it was asked for."""
    commit: str
    licence: str | None
    """By our table or as the page states it; None: it states none."""
    files: tuple[HubFile, ...]

    @property
    def nbytes(self) -> int:
        return sum(file.size for file in self.files)


def asked_of_hub(name: str, revision: str | None = None) -> HubModel:
    """What a download of ``name`` would bring; of its branch ``main`` where no revision is given.

    Raises BadWeights when the hub has no such model or revision, does not give it, or cannot be reached.
    """
    api = _hub().HfApi()
    with _in_sentences(name, revision):
        info = api.model_info(name, revision=revision or _BRANCH, files_metadata=True)
    there = {file.rfilename: file for file in info.siblings or ()}
    files = tuple(_file(there[one], name) for one in files_of(there))
    if not any(file.name.endswith((".safetensors", ".pt")) for file in files):
        raise BadWeights(f"{name} on the hub has no safetensors (nor MoGe-2's model.pt), so no stage could load it")
    if info.sha is None:
        raise BadWeights(f"the hub does not say which commit of {name} it has; try again")
    licence = LICENCES.get(name) or _stated(info.card_data)
    return HubModel(name, f"{api.endpoint}/{name}", revision or _BRANCH, info.sha, licence, files)


def fetch(model: HubModel, to: Path | None = None) -> Path:
    """Downloads what is not there yet, going on where a download was stopped, and holds every file against the hub's
    digest. Into the hub's cache, where runs find it by its name; or into the folder ``to``/NAME. Returns the folder.

    Raises BadWeights when the connection fails, or a file is not what the hub states; it is removed then.
    """
    folder = None if to is None else to / model.name
    place: dict[str, Any] = {"cache_dir": hub_cache()} if folder is None else {"local_dir": folder}
    hub, fetched = _hub(), []
    for file in model.files:
        with _in_sentences(model.name, model.revision):
            path = Path(hub.hf_hub_download(model.name, file.name, revision=model.commit, **place))
        if wrong := file.differs(path):
            path.resolve().unlink()  # in the cache a link to the content
            path.unlink(missing_ok=True)
            raise BadWeights(f"{path} {wrong}; it was removed, run the same command again to fetch it anew")
        fetched.append(path)
    if folder is None:
        _refer(model)
    return fetched[0].parent


def _refer(model: HubModel) -> None:
    """Says in the cache which commit the branch or tag is, as the hub's own client does."""
    if model.revision != model.commit and not (model.revision.startswith(("/", ".")) or ".." in model.revision):
        path = hub_cache() / f"models--{model.name.replace('/', '--')}" / "refs" / model.revision
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(model.commit, "ascii")


def _stated(card: Any) -> str | None:
    """The licence by the head of a model's page; one that the hub has no word for is ``other``, with a name."""
    if card is None:
        return None
    licence = card.get("license")
    named = card.get("license_name") if licence == "other" else None
    return named or licence


def _file(told: Any, name: str) -> HubFile:
    digest = told.blob_id if told.lfs is None else told.lfs.sha256
    size = told.size if told.lfs is None else told.lfs.size
    if digest is None or size is None:
        raise BadWeights(f"the hub does not state size and digest of {told.rfilename} of {name}; try again")
    return HubFile(told.rfilename, size, digest)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise BadWeights("fetching needs huggingface_hub; install it with pip install occlabel[vfm]") from error
    return huggingface_hub


@contextmanager
def _in_sentences(name: str, revision: str | None) -> Iterator[None]:
    """Whatever the hub's client raises within it becomes BadWeights."""
    from huggingface_hub import constants, errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise BadWeights(
            f"{name} is given only to those who accept its conditions: do so at {constants.ENDPOINT}/{name}, log in "
            "with hf auth login, and run the same command again"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise BadWeights(
            f"the hub {constants.ENDPOINT} has no model {name}, or not for you; check the name, or log in with hf auth "
            "login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise BadWeights(f"{name} on the hub has no revision {revision}; name a commit, tag or branch") from error
    except Exception as error:  # connections fail in types of several libraries
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise BadWeights(f"there is no room for {name}; name a folder on another disk with --to") from error
        said = (str(error) or type(error).__name__).strip().splitlines()[0]
        offline = "; HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else ""
        raise BadWeights(
            f"{name} cannot be fetched from {constants.ENDPOINT} ({said}){offline}: check the network and run the same "
            "command again, it goes on where it stopped"
        ) from error
