"""A folder of simulated logs: which town each log is, and which logs are there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from occlabel.schemas.errors import OcclabelError
from occlabel.stages.town.sensors.recording import TownFrame
from occlabel.stages.town.sensors.rigs import kitti_rig, nuscenes_rig
from occlabel.stages.town.sensors.variety import rig_of_log
from occlabel.stages.town.sensors.weather import Conditions
from occlabel.stages.town.town import SPLIT_NUMBER, Split, drive
from occlabel.stages.town.writers.kitti import frame_name, write_kitti
from occlabel.stages.town.writers.nuscenes import sample_token, write_scene
from occlabel.stages.town.writers.nuscenes_tables import committed_logs, publish_tables, write_json
from occlabel.stages.town.writers.prior_files import Prior, PriorFiles

Layout = Literal["kitti", "nuscenes"]

GENERATOR = 8
"""Raised when the same seed gives another town, so that logs of two kinds never share a root."""

CAMERAS = 2
"""Raised when the same drive gives other images; it names logs that have some."""

RECORD = "town.json"


@dataclass(frozen=True, slots=True)
class TownDrive:
    """What one simulated log is: everything that decides its bytes."""

    seed: int
    split: Split
    frames: int
    rate: float
    """Frames per second."""
    image_scale: float | None
    """Of the data set's own resolution; None: no cameras."""
    priors: tuple[Prior, ...] = ()
    """Which depth and segments of its images are written beside it, sorted."""
    conditions: Conditions | None = None
    """Light and weather before its cameras; None: drawn."""

    def record(self) -> dict[str, Any]:
        """As ``town.json`` has it. What was not asked for is left out: then older roots can be extended."""
        record = asdict(self)
        asked = {"priors": list(record.pop("priors")), "conditions": record.pop("conditions")}
        cameras = {"cameras": CAMERAS} if self.image_scale is not None else {}
        return record | {name: value for name, value in asked.items() if value} | cameras


@dataclass(frozen=True, slots=True)
class TownRoot:
    """A KITTI or nuScenes root that holds nothing but simulated logs. ``town.json`` says which town each log is."""

    root: Path
    layout: Layout

    def assign(self, drives: Iterable[TownDrive]) -> dict[str, TownDrive]:
        """The drives that are not in the root yet, under the log ids they shall have; ``town.json`` knows them from now
        on, so that a run that was killed gives them the same ids when it is started again.

        Raises OcclabelError when the folder is no town root of this layout, or holds a drive's town in another form.
        """
        taken, missing = self._taken(), self.lacking(drives)
        self.root.mkdir(parents=True, exist_ok=True)
        logs = {**taken, **{log_id: wanted.record() for log_id, wanted in missing.items()}}
        content = {"generator": GENERATOR, "layout": self.layout, "logs": dict(sorted(logs.items()))}
        write_json(self.root / RECORD, content)
        return missing

    def lacking(self, drives: Iterable[TownDrive]) -> dict[str, TownDrive]:
        """As ``assign`` gives and raises; nothing is written."""
        taken = self._taken()
        by_town = {(record["seed"], record["split"]): log_id for log_id, record in taken.items()}
        missing: dict[str, TownDrive] = {}
        for wanted in drives:
            log_id = by_town.get((wanted.seed, wanted.split))
            if log_id is None:
                log_id = next(name for name in self._names() if name not in taken and name not in missing)
                missing[log_id] = wanted
            elif taken[log_id] != wanted.record():
                raise OcclabelError(
                    f"{self.root} already holds town {wanted.split} {wanted.seed} as log {log_id}, with other frames, "
                    "rate, images, priors or conditions; give another --out or another --seed"
                )
        return missing

    def log_ids(self) -> set[str]:
        """The logs that are there whole."""
        if self.layout == "nuscenes":
            return committed_logs(self.root)
        return {path.name for path in (self.root / "sequences").glob("[!.]*")}

    def record(self, log_id: str, wanted: TownDrive, frame_done: Callable[[], None]) -> None:
        """Drives through the town and writes the log; calls ``frame_done`` after each frame. May run in any process.

        Raises OcclabelError where there is no room for it, or no right: then nothing of it is left.
        """
        plain = (kitti_rig if self.layout == "kitti" else nuscenes_rig)(wanted.image_scale or 1.0, wanted.rate)
        rng = np.random.default_rng([SPLIT_NUMBER[wanted.split], wanted.seed, 3])
        rig = rig_of_log(plain, rng, others=wanted.split == "train")
        images = wanted.image_scale is not None
        driven = drive(
            wanted.seed, wanted.split, rig, wanted.frames, images=images, truth=True, conditions=wanted.conditions
        )
        key = (SPLIT_NUMBER[wanted.split], wanted.seed, 5)
        files = PriorFiles(self.root, self.layout, log_id, wanted.priors, key)

        def frames() -> Iterable[TownFrame]:
            for frame in files.passing(driven, rig, self._frame_names(wanted)):
                yield frame
                frame_done()

        try:
            if self.layout == "kitti":
                write_kitti(log_id, frames(), rig, self.root)
            else:
                write_scene(log_id, frames(), rig, self.root, seed=wanted.seed, split=wanted.split)
        except OSError as error:
            files.clear()
            self.clear_partial(log_id)
            raise OcclabelError(
                f"log {log_id} cannot be written to {error.filename or self.root}: {error.strerror or error}; "
                "logs that are whole are kept, repeat the command once it can be"
            ) from error

    def _frame_names(self, wanted: TownDrive) -> list[str]:
        """As the layout's reader calls the frames."""
        if self.layout == "kitti":
            return [frame_name(index) for index in range(wanted.frames)]
        return [sample_token(wanted.seed, wanted.split, index) for index in range(wanted.frames)]

    def publish(self) -> None:
        """Makes the logs that are there readable, and clears what a killed run left; one process at a time."""
        if self.layout == "nuscenes" and self.log_ids():
            publish_tables(self.root)

    def clear_partial(self, log_id: str = "*") -> None:
        """Removes logs that a killed run left unfinished, or one."""
        folder = self.root / ("sequences" if self.layout == "kitti" else ".town")
        for path in [*folder.glob(f".{log_id}.partial"), *folder.glob(f"{log_id}.partial")]:
            shutil.rmtree(path, ignore_errors=True)

    def _names(self) -> Iterable[str]:
        for number in range(10_000):
            yield f"{number:02d}" if self.layout == "kitti" else f"scene-{number + 1:04d}"

    def _taken(self) -> dict[str, dict[str, Any]]:
        """What ``town.json`` says of the logs that are there."""
        present = self.log_ids()
        return {log_id: record for log_id, record in self._records().items() if log_id in present}

    def _records(self) -> dict[str, dict[str, Any]]:
        if not self.root.exists() or not any(self.root.iterdir()):
            return {}
        if not (self.root / RECORD).is_file():
            raise OcclabelError(f"{self.root} is not empty and was not made by simulate; give another --out")
        content = json.loads((self.root / RECORD).read_text())
        if content["layout"] != self.layout or content["generator"] != GENERATOR:
            raise OcclabelError(
                f"{self.root} holds {content['layout']} logs of generator {content['generator']}, and these would be "
                f"{self.layout} logs of generator {GENERATOR}; give another --out"
            )
        logs: dict[str, dict[str, Any]] = content["logs"]
        if any(log["image_scale"] is not None and log.get("cameras") != CAMERAS for log in logs.values()):
            raise OcclabelError(f"{self.root} holds images of older cameras than number {CAMERAS}; give another --out")
        return logs
