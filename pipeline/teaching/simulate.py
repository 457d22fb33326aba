"""Simulated logs on disk: many drives, one or several at a time."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occlabel.schemas.errors import OcclabelError
from occlabel.stages.town.sensors.weather import Conditions
from occlabel.stages.town.town import Split
from occlabel.stages.town.writers.prior_files import Prior
from occlabel.stages.town.writers.root import Layout, TownDrive, TownRoot

RATES: dict[Layout, float] = {"kitti": 10.0, "nuscenes": 2.0}
"""Frames per second of the data sets themselves."""


@dataclass(frozen=True)
class Drives:
    """Which towns are driven through, and how."""

    logs: int
    """One in each of the towns ``seed``, ``seed + 1`` and so on of ``split``."""
    frames: int
    seed: int
    split: Split = "test"
    rate: float | None = None
    """Frames per second; None: as in the data set of the layout."""
    image_scale: float | None = 0.25
    """Of the cameras' resolution; None: no cameras."""
    priors: tuple[Prior, ...] = ()
    """Which depth and segments of the images are written beside them, under ``priors/``."""
    conditions: Conditions | None = None
    """Light and weather before the cameras; None: drawn for each log."""

    def drives(self, layout: Layout) -> list[TownDrive]:
        """One a log. Raises OcclabelError for priors of logs without cameras."""
        if self.priors and self.image_scale is None:
            raise OcclabelError("priors are of images, and these logs have no cameras; leave one of the two wishes out")
        rate, priors = self.rate or RATES[layout], tuple(sorted(set(self.priors)))
        seeds = range(self.seed, self.seed + self.logs)
        return [
            TownDrive(seed, self.split, self.frames, rate, self.image_scale, priors, self.conditions) for seed in seeds
        ]


def simulate_logs(
    layout: Layout,
    out: Path,
    towns: Drives,
    *,
    jobs: int = 1,
    frame_done: Callable[[], None] = lambda: None,
    log_done: Callable[[str, TownDrive], None] = lambda log_id, drive: None,
) -> dict[str, TownDrive]:
    """Writes drives through ``towns`` under ``out``, ``jobs`` at a time, and returns the logs it wrote.

    Logs that ``out`` already holds are kept; each log appears whole or not at all. Raises OcclabelError when ``out``
    holds anything else, or has no room.
    """
    root = TownRoot(out, layout)
    missing = root.assign(towns.drives(layout))
    root.clear_partial()
    try:
        for log_id in _record_all(root, missing, jobs, frame_done):
            root.publish()
            log_done(log_id, missing[log_id])
    except OcclabelError:
        root.clear_partial()  # also of other processes, which were ended with it
        raise
    if not missing:
        root.publish()
    return missing


def _record_all(
    root: TownRoot, drives: dict[str, TownDrive], jobs: int, frame_done: Callable[[], None]
) -> Iterator[str]:
    """Records the drives, ``jobs`` at a time, and yields each log's id when it is on disk."""
    if min(jobs, len(drives)) <= 1:
        for log_id, drive in drives.items():
            root.record(log_id, drive, frame_done)
            yield log_id
        return
    context = multiprocessing.get_context("spawn")  # Open3D's threads do not survive a fork
    ticks = context.Queue()
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(min(jobs, len(drives)), context, _start_worker, (ticks,)) as pool:
        pending: dict[Future[None], str] = {
            pool.submit(_record_one, root, log_id, drive): log_id for log_id, drive in drives.items()
        }
        try:
            while pending:
                done, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                _drain(ticks, frame_done)
                for future in done:
                    log_id = pending.pop(future)
                    future.result()
                    yield log_id
        except BrokenProcessPool as error:
            raise OcclabelError(
                "a simulating process was killed (out of memory?); the finished logs are kept, run the same command "
                "again to make the others, with fewer --jobs"
            ) from error
        except BaseException:  # Ctrl-C above all: a log that is half simulated is not waited for
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        _drain(ticks, frame_done)


def _drain(ticks: Any, frame_done: Callable[[], None]) -> None:
    while True:
        try:
            ticks.get_nowait()
        except queue.Empty:
            return
        frame_done()


_ticks: Any = None
"""In a worker process: the queue that takes one entry a frame."""


def _start_worker(ticks: Any) -> None:
    global _ticks
    _ticks = ticks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent cannot stop its workers; they would go on simulating logs that nobody publishes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _record_one(root: TownRoot, log_id: str, drive: TownDrive) -> None:
    root.record(log_id, drive, lambda: _ticks.put(1))
