"""The command line as a user types it."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from occlabel.pipeline.cli import app
from occlabel.pipeline.cli.front import carry_out

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def occlabel(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Carries out what was typed, in this process: libraries that are there are not loaded again. Holds its exit code
    against ``code``."""
    typed, out, err = ["occlabel", *map(str, arguments)], io.StringIO(), io.StringIO()
    ended: int | str | None = None
    with _as_before(typed), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            carry_out(app)
        except SystemExit as end:
            ended = end.code
    return _held(subprocess.CompletedProcess(typed, int(ended or 0), out.getvalue(), err.getvalue()), code)


def occlabel_alone(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    command: list[Any] = [Path(sys.executable).parent / "occlabel", *map(str, arguments)]
    return _held(subprocess.run(command, capture_output=True, text=True, check=False), code)


def _held(result: subprocess.CompletedProcess[str], code: int) -> subprocess.CompletedProcess[str]:
    assert result.returncode == code, result.stdout + result.stderr
    return result


@contextlib.contextmanager
def _as_before(typed: list[str]) -> Iterator[None]:
    """Signals and the environment are what they were when the command has ended."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    with mock.patch.dict(os.environ), mock.patch.object(sys, "argv", typed):
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
