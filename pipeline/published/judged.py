"""What a published version was judged to be: kept beside its manifest, which never changes.

versions/<name>.gates    the results, and what was asked
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

from occlabel.pipeline.planning.gates import Gates
from occlabel.pipeline.published.latest import latest, point_to
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedVersion, manifest_of, open_version
from occlabel.schemas.errors import AlteredArtifact, StoreAway, StoreError
from occlabel.schemas.seal import sealed, unsealed
from occlabel.schemas.version import GateResult, VersionInfo
from occlabel.workers.store import Store, safe_name

Judge = Callable[[PublishedVersion, Gates], tuple[GateResult, ...]]
"""Asks all gates of a version."""


class Judged(BaseModel):
    """The gates of one version."""

    content_digest: str
    """Of the version that was judged."""
    asked: dict[str, Any]
    """The options of the gates."""
    results: tuple[GateResult, ...]

    @property
    def blocked(self) -> bool:
        return any(result.blocks for result in self.results)


def judged(store: Store, info: VersionInfo) -> Judged | None:
    """None for a version that was not judged. Raises AlteredArtifact where what was kept is not whole."""
    path = _path(info.name)
    content = store.get(path)
    if content is None:
        return None
    found = unsealed(Judged, content)
    if found is None:
        raise AlteredArtifact(f"{store.location}/{path} was altered: judge the version again with the same run")
    return found if found.content_digest == info.content_digest else None


def settle(store: Store, info: VersionInfo, gates: Gates, results: tuple[GateResult, ...]) -> Judged:
    """Keeps the results; unless one blocks, the version is the latest from now on, or stays behind one that was made
    after it."""
    found = Judged(content_digest=info.content_digest, asked=gates.model_dump(mode="json"), results=results)
    store.put(_path(info.name), sealed(found))
    if not found.blocked and not _is_behind(store, info):
        point_to(store, info.name)
    return found


def let_through(store: Store, info: VersionInfo, gates: Gates, judge: Judge | None) -> Judged | None:
    """What the version was judged to be: by ``judge`` where it has not passed yet, and once it has for good. None where
    no gate is asked, or nobody can judge it."""
    if not any(gates.judged()):
        return None
    known = judged(store, info)
    if judge is None or (known is not None and not known.blocked):
        return known
    version = open_version(spec_of(store, info.name))
    return settle(store, info, gates, judge(version, gates))


def forget(store: Store, name: str) -> None:
    """What a version that is removed was judged to be."""
    store.delete(_path(name))


def verdict(info: VersionInfo, known: Judged | None) -> str:
    """In a few words what gates say of a version: ``blocked by drift``, ``passes; sizes warns``. A version of which
    nothing was asked but whether enough was labelled was not judged, and nothing is said of it."""
    results = (*info.gates, *(() if known is None else known.results))
    said = [f"blocked by {', '.join(blocking)}"] if (blocking := [one.gate for one in results if one.blocks]) else []
    warning = [one.gate for one in results if not one.passed and not one.blocks]
    if known is not None and not blocking:
        said = ["passes"]
    return "; ".join([*said, *(f"{gate} warns" for gate in warning)])


def told(results: tuple[GateResult, ...]) -> Iterator[str]:
    """A line for each gate that does not pass, with the command that shows why; the others in one."""
    for result in results:
        if not result.passed:
            yield f"gate {'blocks' if result.blocks else 'warns'}: {result.sentence()}"
            if result.look:
                yield f"  look: {result.look}"
    passed = [result.gate for result in results if result.passed]
    if passed:
        yield f"gates passed: {', '.join(passed)}"


def _is_behind(store: Store, info: VersionInfo) -> bool:
    """Whether the latest version was made after this one. None, or one that cannot be read, is none to stay behind."""
    try:
        other = manifest_of(store, latest(store))
    except StoreAway:
        raise
    except StoreError:
        return False
    return other is not None and _made(other[0]) > _made(info)


def _made(info: VersionInfo) -> datetime.datetime:
    return datetime.datetime.fromisoformat(info.created)


def _path(name: str) -> str:
    return f"versions/{safe_name(name, 'version')}.gates"
