"""Units of work for tests of executors: each does what its name says."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass

from occlabel.schemas.receipt import JobReceipt, Timings
from occlabel.schemas.stage import Resources


@dataclass(frozen=True, slots=True)
class SmallUnit:
    what: str = "work"
    resources: Resources = Resources(memory=1 << 20)

    def perform(self) -> JobReceipt:
        """The receipt's node is the process."""
        match self.what:
            case "exit":
                os._exit(9)
            case "fault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(600)
            case "raise":
                raise ValueError("bad data")
            case "leave":
                sys.exit(0)
        return JobReceipt(
            job="small", fingerprint="f", unit=self.what, frames=1, digest="d", attempt=1, node=str(os.getpid()),
            timings=Timings(),
        )  # fmt: skip
