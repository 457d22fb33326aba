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


def is_blocked(store: Store, name: str) -> bool:
    """Whether a gate blocks the version. What cannot be read blocks nothing: who opens the version says so."""
    try:
        manifest = manifest_of(store, name)
        known = None if manifest is None else judged(store, manifest[0])
    except StoreAway:
        raise
    except StoreError:
        return False
    return known is not None and known.blocked


def let_through(store: Store, info: VersionInfo, gates: Gates, judge: Judge | None) -> Judged | None:
    """What the version was judged to be: by ``judge`` where gates are asked and it has not passed yet, and once it has
    for good. None where no gate was ever asked of it, or nobody can judge it.

    Unless a gate blocks it, or is asked and nobody judges, it is the latest from now on, or stays behind one that was
    made after it: also where it was published before, by a run that came no further.
    """
    asked = any(gates.judged())
    try:
        known = judged(store, info)
    except AlteredArtifact:
        if judge is None or not asked:
            raise
        known = None
    if judge is not None and asked and (known is None or known.blocked):
        results = judge(open_version(spec_of(store, info.name)), gates)
        known = Judged(content_digest=info.content_digest, asked=gates.model_dump(mode="json"), results=results)
        store.put(_path(info.name), sealed(known))
    blocked = asked if known is None else known.blocked
    if not blocked and not _is_led(store, info):
        point_to(store, info.name)
    return known


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


def _is_led(store: Store, info: VersionInfo) -> bool:
    """Whether the latest version is this one, or was made after it. None, or one that cannot be read, leads nothing."""
    try:
        other = manifest_of(store, latest(store))
    except StoreAway:
        raise
    except StoreError:
        return False
    return other is not None and (other[0].name == info.name or _made(other[0]) > _made(info))


def _made(info: VersionInfo) -> datetime.datetime:
    return datetime.datetime.fromisoformat(info.created)


def _path(name: str) -> str:
    return f"versions/{safe_name(name, 'version')}.gates"
