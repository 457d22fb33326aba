"""COLMAP by itself: it writes its progress to the process's standard error and does not let itself be told otherwise,
and takes the signals by which a process is ended for itself when it is imported."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing reaches standard error meanwhile: what is said there is said by colmap, line by line for each image."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(Path(os.devnull), os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def load() -> None:
    """Imports pycolmap, and leaves the signal that ends a process as it was: a worker that is ended would print the
    stack of its calls."""
    import pycolmap  # noqa: F401

    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is threading.main_thread() and before is not None:
        signal.signal(signal.SIGTERM, before)
