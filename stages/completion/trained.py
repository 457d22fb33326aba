"""The built-in model: the network of ``lmscnet.py`` with the weights shipped for the recipe's grid, or your own."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from occlabel.schemas.arrays import (
    EXTRINSICS,
    INTRINSICS,
    POSES,
    SEGMENT_CLASS,
    SEGMENT_SCORE,
    ArraySpec,
    Extent,
    resolved,
)
from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.grid import Grid
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.log_places import of_each_log, place_of
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources
from occlabel.stages.completion.prediction import Look, predictor
from occlabel.stages.completion.slot import Completion, clip_bytes, from_frames, seen
from occlabel.stages.completion.sweeps import Sweeps, sweeps_around
from occlabel.stages.completion.thinning import thinned
from occlabel.stages.completion.weight_file import (
    DRIVE,
    beams_of,
    check,
    grid_fact,
    load_network,
    nearest,
    network_of,
    said,
    shipped_weights,
)
from occlabel.stages.learning.odds import Odds, multiply_odds, refusal
from occlabel.stages.sensing.painted_scan import seen_painted

_OTHER_BEAMS = 1.5
"""So many times more or fewer beams are another sensor; training itself takes away up to half of them."""
_POINTS = 250_000
"""Of a sweep, at most as memory is declared; LiDARs of 128 beams have about so many."""
_HELD, _READ = 20, 130
"""Bytes of a point of another sweep: as long as its frame waits for those of its batch, and while the input volume of
its frame is made."""


class Trained(Completion):
    """A LiDAR network trained on the simulated town alone: it has never seen real data."""

    version: ClassVar[int] = 4
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES, SEGMENT_CLASS, SEGMENT_SCORE, INTRINSICS, EXTRINSICS)
    exact: ClassVar[bool] = False
    kind: Literal["lmscnet"] = "lmscnet"
    weights: Path | None = None
    """A safetensors file of ``occlabel train completion``; the one shipped for grid and taxonomy by default. With
    ``{log}`` in its name each log has one of its own, such as ``adapted/{log}.safetensors``."""
    sweeps: int = Field(default=0, ge=0, le=50)
    """Sweeps before a frame, and as many after it, that are put together with its own: offboard may look both ways. 0
    is an onboard model, which has nothing but its own sweep."""
    stride: int = Field(default=1, ge=1, le=100)
    """Frames from one of those sweeps to the next."""
    mirror: bool = True
    """Whether a scan is also looked at mirrored left to right and the scores averaged: the street is as likely either
    way, the network does not know it. Takes twice the time of the network, unless intensity is doubted."""
    intensity: Literal["trusted", "doubted", "ignored"] = "doubted"
    """Of intensity every sensor and every street has its own. ``doubted``: the network looks once with it and once
    without, mirrored where ``mirror`` says so, and the scores are averaged."""
    beams: tuple[int, int] | None = None
    """``[64, 16]``: looks through 16 beams of a LiDAR that has 64, as a cheaper one would; to see what that costs."""
    paint: bool = False
    """Whether the network also reads what segments of the images say of each point of its sweeps: of road, sidewalk and
    grass images know more than shape does. Takes a stage of ``priors`` that writes segments and weights that were
    trained with them; a point that no image shows is seen as without."""
    odds: Odds = {}
    """Class -> by what its odds are multiplied: how much more common it is on these streets than where the weights were
    trained. Towns hold as much of trailers as of cars, so that they are learned."""
    batch: int = Field(default=1, ge=1)
    """Frames predicted at once; more than one pays off on a GPU."""

    @field_validator("beams")
    @classmethod
    def _fewer(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 1 <= value[1] <= value[0]:
            raise ValueError(
                "expected [beams of the sensor, beams to look through], the second at least 1 and not more"
            )
        return value

    @property
    def looks(self) -> tuple[Look, ...]:
        """How the network looks at a scan, one after the other."""
        first = Look(intensity=self.intensity != "ignored")
        if self.intensity == "doubted":
            return first, Look(self.mirror, intensity=False)
        return (first, first._replace(mirrored=True)) if self.mirror else (first,)

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        poses, *images = self.reads
        return (*((poses,) if self.sweeps else ()), *(images if self.paint else ()))

    def without(self, array: str) -> Trained | None:
        """Without paint; weights that read it are left out too."""
        segments = (SEGMENT_CLASS.name, SEGMENT_SCORE.name)
        return self.model_copy(update={"paint": False, "weights": None}) if array in segments else None

    @property
    def halo(self) -> int:
        return self.sweeps * self.stride

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        # Input volume, features of the body at its finest level and one row of scores, then the clip's own arrays; the
        # points of other sweeps; with paint a larger volume, and the segments.
        memory = (1 << 30) + self.batch * (1 << 28) + clip_bytes(space, clip_frames)
        memory += 2 * self.sweeps * _POINTS * (self.batch * _HELD + _READ)
        if self.paint:
            extent = Extent(clip_frames + 2 * self.halo, space.grid, rig)
            known = {camera.name for camera in rig.cameras if camera.size is not None}
            specs = (spec for spec in resolved(self.needed, rig) if spec.camera is None or spec.camera in known)
            memory += self.batch * (1 << 27) + sum(map(extent.nbytes, specs))
        return Resources(gpus=1.0, memory=memory)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        """None of those that each log has of its own: ``fingerprint_extra`` knows them."""
        if of_each_log(self.weights):
            return ()
        path = self.weights or (None if self.paint else shipped_weights(space))
        return () if path is None else (path,)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None
        if (refused := refusal(self.odds, space.taxonomy)) is not None or of_each_log(self.weights):
            return refused
        paths = self.files(space)
        if not paths and self.paint:
            return (
                "there are no built-in weights that read paint; train some with occlabel train completion RECIPE "
                "--start shipped and name them in completion.weights, or set paint: false"
            )
        if not paths:
            return (
                f"there are no built-in weights for {said(grid_fact(space.grid))} and the taxonomy "
                f"{space.taxonomy.name}; {nearest(space)}train some with occlabel train completion and name them in "
                "completion.weights"
            )
        try:
            check(paths[0], space, network_of(self.paint))
        except BadWeights as error:
            return str(error)
        return None

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """Digest of the content of the log's own weights."""
        return content_of(self._weights_of(space, log.id)) if of_each_log(self.weights) else ""

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        """Whether the log's LiDAR has clearly more or fewer beams than those the weights were trained for; and which
        cameras paint nothing; whether weights of its own are another's. Raises BadLog where it has none and should."""
        own = self._others(space, log) if of_each_log(self.weights) else None
        said = (own, self._other_beams(space, log), self._blind(log))
        return "; ".join(sentence for sentence in said if sentence is not None) or None

    def _blind(self, log: LogFacts) -> str | None:
        lost = log.rig.uncalibrated
        if not self.paint or not lost:
            return None
        return f"log {log.id}: images of {', '.join(lost)} without a calibration paint no points"

    def _other_beams(self, space: LabelSpace, log: LogFacts) -> str | None:
        path = self._weights_of(space, log.id)
        trained, found = beams_of(path), log.seen.beams
        if self.beams is not None or trained is None or found is None or log.seen.groundless:  # beams lie on their side
            return None
        if max(found, trained) < _OTHER_BEAMS * min(found, trained):
            return None
        return (
            f"log {log.id}: its LiDAR has about {found} beams, the weights {path.name} were trained for {trained}: "
            "labels will be worse than measured; train weights for this sensor with occlabel train completion"
        )

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        """Raises BadWeights when the file is damaged or made for another grid, taxonomy or network."""
        import torch

        torch.set_num_threads(hands.threads)

        @lru_cache(maxsize=1)
        def looking(path: Path, content: str | None = None) -> Process:
            network, temperature = load_network(path, space, self.paint)
            multiply_odds(network.classify, temperature, self.odds, space.taxonomy)
            network.to(torch.device(hands.device))
            predict = predictor(network, temperature, space, hands.device, self.looks)
            return from_frames(partial(self._look, space.grid), predict, space, self.batch)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            path = self._weights_of(space, clip.log)
            return looking(path, content_of(path))(clip, inputs)

        return process if of_each_log(self.weights) else looking(*self.files(space))

    def _weights_of(self, space: LabelSpace, log: str) -> Path:
        """Those that a log is looked at by. Raises BadLog for an id that cannot be in the name of a file."""
        if self.weights is not None and of_each_log(self.weights):
            return place_of(self.weights, log)
        (path,) = self.files(space)
        return path

    def _others(self, space: LabelSpace, log: LogFacts) -> str | None:
        """A sentence where the log's own weights were adapted to another. Raises BadLog where they cannot be used."""
        path = self._weights_of(space, log.id)
        try:
            drive = check(path, space, network_of(self.paint)).get(DRIVE, log.geometry)
        except BadWeights as error:
            raise BadLog(
                f"log {log.id}: {error}; leave the log out with --log, or adapt weights to it: occlabel train "
                "completion --truth none"
            ) from error
        if drive == log.geometry:
            return None
        return (
            f"log {log.id}: {path} was adapted to a log with other poses, times or calibration, perhaps another drive "
            "of this name: what it learned there may be wrong here; adapt weights to this one"
        )

    def _look(self, grid: Grid, inputs: Inputs, row: int) -> Sweeps | None:
        found = sweeps_around(inputs, row, grid, self.sweeps, self.stride, seen_painted if self.paint else seen)
        if found is None or self.beams is None:
            return found
        own, *others = (thinned(scan, *self.beams) for scan in (found.own, *found.others))
        return Sweeps(own, tuple(others))
