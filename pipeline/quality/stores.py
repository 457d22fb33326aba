"""Where counts of versions are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.evaluate import read_only
from occlabel.workers.store import Store


@contextmanager
def kept_in(*versions: PublishedVersion) -> Iterator[list[Store]]:
    """The store of each; a spare one, gone at the end, for those in which nothing may be written."""
    if not any(read_only(version.store) for version in versions):
        yield [version.store for version in versions]
        return
    with TemporaryDirectory() as folder:
        spare = Store(folder)
        yield [spare if read_only(version.store) else version.store for version in versions]
