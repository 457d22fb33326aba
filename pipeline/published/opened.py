"""The version that a job is about: a worker does one log after the other, and opens it once."""

from __future__ import annotations

from functools import lru_cache

from occlabel.pipeline.published.version import PublishedVersion, open_version


@lru_cache(maxsize=2)
def opened(spec: str) -> PublishedVersion:
    """The version STORE@VERSION, as it was when this process asked first."""
    return open_version(spec)


def opened_anew(spec: str) -> PublishedVersion:
    """As it is now: what lies there may be another than when this process asked before."""
    opened.cache_clear()
    return opened(spec)
