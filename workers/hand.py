"""A process of its own for units of work, so that how it ended tells whose fault it was.

Whoever started a process is told how it ended: by itself (``os._exit``, a segmentation fault, an assertion in a native
library), which may well be the unit's doing, or by a signal from outside (the kernel that needs its memory, a machine
that shuts down, an operator), which is not. Nobody else can tell the two apart.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from occlabel.workers.unit import Failure, Outcome, attempt

_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_READY = b"ready"
_UP_WITHIN = 120.0
"""Seconds in which a process must be there."""
_DEATH_OF_PARENT = 1
"""PR_SET_PDEATHSIG of Linux."""


class Hand:
    """One worker process, started when it is first needed and again after it died. Units travel pickled."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def work(self, unit: bytes, seconds: float) -> bytes:
        """Performs the pickled unit and returns the pickled Outcome; never raises for what the unit does."""
        try:
            process, pipe = self._started()
        except (EOFError, OSError) as error:  # no file handle, no memory for one more: the machine's trouble
            self.close()
            return pickle.dumps(Failure("node", f"no worker process could be started: {error}"))
        try:
            pipe.send_bytes(unit)
            if pipe.poll(seconds):
                return pipe.recv_bytes()
            outcome = Failure("timeout", f"took longer than {seconds:g} s and was killed")
        except (EOFError, OSError):
            outcome = _died(process.wait())
        self.close()
        return pickle.dumps(outcome)

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.wait()
            self._pipe.close()
        self._process = self._pipe = None

    def _started(self) -> tuple[subprocess.Popen[bytes], Connection]:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it died between two units: nobody's fault
        if self._process is None or self._pipe is None:
            self._pipe, theirs = Pipe()
            # What this process can import, the other one can: units of a user's own package among it.
            environment = os.environ | {
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "NUMBA_THREADING_LAYER": "omp",
                "OMP_NUM_THREADS": str(self._threads),
            }
            command = [sys.executable, "-m", "occlabel.workers.hand", str(theirs.fileno()), str(os.getpid())]
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, start_new_session=True
            )
            theirs.close()
            # The clock of the first unit starts when the process is there.
            if not self._pipe.poll(_UP_WITHIN) or self._pipe.recv_bytes() != _READY:
                raise OSError(f"it was not there within {_UP_WITHIN:g} s")
        return self._process, self._pipe


def _died(status: int) -> Failure:
    """What the end of a process says; ``status`` is its exit code, or minus the number of a signal."""
    if -status in _FROM_OUTSIDE:
        name = signal.Signals(-status).name
        return Failure("node", f"the worker process was ended from outside ({name}): short of memory, or shut down")
    how = f"exit code {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
    return Failure("crash", f"the worker process died: {how}")


def _serve(pipe: Connection) -> None:
    """Performs one unit after the other until the other side is gone."""
    units: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def receive() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                units.put(pipe.recv_bytes())
        os._exit(0)  # also in the middle of a unit: nobody waits for it any more

    threading.Thread(target=receive, daemon=True).start()
    pipe.send_bytes(_READY)
    while True:
        pipe.send_bytes(pickle.dumps(_perform(units.get())))


def _perform(pickled: bytes) -> Outcome:
    try:
        unit = pickle.loads(pickled)
    except (Exception, SystemExit) as error:  # whatever the import of a unit's module raises
        return Failure("data", f"the unit cannot be read by a worker: {type(error).__name__}: {error}")
    return attempt(unit)


def main(descriptor: int, parent: int) -> None:
    """The worker process. ``descriptor`` is its end of the pipe, ``parent`` the process that started it."""
    if sys.platform == "linux":  # a stage that never lets go of the interpreter would not notice a closed pipe
        ctypes.CDLL(None).prctl(_DEATH_OF_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            return
    _serve(Connection(descriptor))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
