"""What a version says has changed since the one before it."""

from __future__ import annotations

from occlabel.pipeline.published.diff.diff import diff_versions
from occlabel.pipeline.published.latest import newest
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.schemas.errors import StoreAway, StoreError
from occlabel.schemas.version import Changelog, VersionFrame, VersionInfo
from occlabel.workers.store import Store


def changelog(
    store: Store, info: VersionInfo, rows: list[VersionFrame], base: PublishedVersion | None = None
) -> Changelog | None:
    """What differs in the version of ``info`` and ``rows``, which is about to be published, from ``base``, or from the
    latest one where it has none. None for the first version of a store; history is not the work, so a version before
    that cannot be read is named and ends nothing."""
    try:
        before = base or _latest(store)
        if before is None:
            return None
        found = diff_versions(before, PublishedVersion(store, info, rows))
    except StoreAway:
        raise
    except StoreError as error:
        return Changelog(since="", content_digest="", sentences=(f"not known: {error}",))
    return Changelog(since=before.name, content_digest=before.info.content_digest, sentences=tuple(found.sentences()))


def _latest(store: Store) -> PublishedVersion | None:
    name = newest(store)
    return None if name is None else open_version(spec_of(store, name))
