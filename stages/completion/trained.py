"""The built-in model: the network of ``lmscnet.py`` with the weights shipped for the recipe's grid, or your own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
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
from occlabel.schemas.errors import BadPredictions, BadWeights
from occlabel.schemas.grid import Grid
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Inputs, Process, Resources
from occlabel.schemas.words import meant
from occlabel.stages.completion.slot import Completion, Prediction, as_byte, clip_bytes, from_frames, seen
from occlabel.stages.completion.sweeps import Sweeps, sweeps_around
from occlabel.stages.completion.thinning import thinned
from occlabel.stages.sensing.painted_scan import seen_painted

if TYPE_CHECKING:
    from torch import Tensor

    from occlabel.stages.completion.lmscnet import LMSCNet

NETWORK = "lmscnet-4"
"""Raised when the layers or the input volume change, so that older weights are refused instead of misread."""
PAINTED = f"{NETWORK}-painted"
"""The same with what ``paint_network.py`` adds."""
_SHIPPED = Path(__file__).parent / "weights"
_SHIPPED_BEAMS = {"occ3d_lidar.safetensors": 32, "semantickitti_lidar.safetensors": 64}
"""Of the simulated LiDAR that shipped weights were trained with; later weights say it in their header."""
_OTHER_BEAMS = 1.5
"""So many times more or fewer beams are another sensor; training itself takes away up to half of them."""
_BOTTOM_SLACK = 0.3
"""How much lower or higher than in training a grid may lie [m]: sensor heights vary as much between the samples."""

_POINTS = 250_000
"""Of a sweep, at most as memory is declared; LiDARs of 128 beams have about so many."""
_HELD, _READ = 20, 130
"""Bytes of a point of another sweep: as long as its frame waits for those of its batch, and while the input volume of
its frame is made."""


class Look(NamedTuple):
    """How the network looks at sweeps."""

    mirrored: bool = False
    """Left to right."""
    intensity: bool = True


class Trained(Completion):
    """A LiDAR network trained on the simulated town alone: it has never seen real data."""

    version: ClassVar[int] = 4
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES, SEGMENT_CLASS, SEGMENT_SCORE, INTRINSICS, EXTRINSICS)
    exact: ClassVar[bool] = False
    kind: Literal["lmscnet"] = "lmscnet"
    weights: Path | None = None
    """A safetensors file of ``occlabel train completion``; the one shipped for grid and taxonomy by default."""
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
    odds: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}
    """Class -> by what its odds are multiplied: how much more common it is on these streets than where the weights were
    trained (Saerens et al. 2002, equation 4). Towns hold as much of trailers as of cars, so that they are learned."""
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
        path = self.weights or (None if self.paint else shipped_weights(space))
        return () if path is None else (path,)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None
        for name in self.odds:
            known = space.taxonomy.names
            if name not in known:
                return (
                    f"odds: {space.taxonomy.name} has no class {name!r}{meant(name, known)}; known: {', '.join(known)}"
                )
        paths = self.files(space)
        if not paths and self.paint:
            return (
                "there are no built-in weights that read paint; train some with occlabel train completion RECIPE "
                "--start shipped and name them in completion.weights, or set paint: false"
            )
        if not paths:
            return (
                f"there are no built-in weights for {_said(grid_fact(space.grid))} and the taxonomy "
                f"{space.taxonomy.name}; {_nearest(space)}train some with occlabel train completion and name them in "
                "completion.weights"
            )
        try:
            check(paths[0], space, network_of(self.paint))
        except BadWeights as error:
            return str(error)
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        """Whether the log's LiDAR has clearly more or fewer beams than those the weights were trained for; and which
        cameras paint nothing."""
        said = (self._other_beams(space, log), self._blind(log))
        return "; ".join(sentence for sentence in said if sentence is not None) or None

    def _blind(self, log: LogFacts) -> str | None:
        lost = log.rig.uncalibrated
        if not self.paint or not lost:
            return None
        return f"log {log.id}: images of {', '.join(lost)} without a calibration paint no points"

    def _other_beams(self, space: LabelSpace, log: LogFacts) -> str | None:
        (path,) = self.files(space)
        trained, found = _beams(path), log.seen.beams
        if self.beams is not None or trained is None or found is None:
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
        (path,) = self.files(space)
        network, temperature = load_network(path, space, self.paint)
        multiply_odds(network, temperature, self.odds, space)
        network.to(torch.device(hands.device))
        predict = predictor(network, temperature, space, hands.device, self.looks)
        return from_frames(partial(self._look, space.grid), predict, space, self.batch)

    def _look(self, grid: Grid, inputs: Inputs, row: int) -> Sweeps | None:
        found = sweeps_around(inputs, row, grid, self.sweeps, self.stride, seen_painted if self.paint else seen)
        if found is None or self.beams is None:
            return found
        own, *others = (thinned(scan, *self.beams) for scan in (found.own, *found.others))
        return Sweeps(own, tuple(others))


def _beams(path: Path) -> int | None:
    """Of the LiDAR whose scans weights were trained on; None where nobody says."""
    from occlabel.stages.learning.weight_header import read_facts

    if path.parent == _SHIPPED:
        return _SHIPPED_BEAMS.get(path.name)
    told = read_facts(path).get("beams", "")
    return int(told) if told.isascii() and told.isdigit() and int(told) > 0 else None


def grid_fact(grid: Grid) -> str:
    """What of a grid its weights depend on, as JSON: not how far it reaches to the sides."""
    facts = {"voxel_size": grid.voxel_size, "heights": grid.shape[2], "bottom": grid.origin[2], "frame": grid.frame}
    return json.dumps(facts, sort_keys=True)


def _fits(made_for: str, needed: str) -> bool:
    """Whether weights made for one ``grid_fact`` serve another: the same, but for a bottom within ``_BOTTOM_SLACK``."""
    try:
        a, b = json.loads(made_for), json.loads(needed)
        return abs(a.pop("bottom") - b.pop("bottom")) <= _BOTTOM_SLACK and a == b
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _said(fact: str) -> str:
    """A ``grid_fact`` in words."""
    facts = json.loads(fact)
    return (
        f"voxels of {facts['voxel_size']:g} m in the {facts['frame']} frame, {facts['heights']} of them on each other "
        f"from z = {facts['bottom']:g} m up"
    )


def _nearest(space: LabelSpace) -> str:
    """What there are weights for among grids of the same classes, as the beginning of a sentence."""
    from occlabel.schemas.grid import GRIDS
    from occlabel.schemas.taxonomy import TAXONOMIES

    there = [
        f"{_said(grid_fact(grid))} (grid {name})"
        for name, grid in GRIDS.items()
        if TAXONOMIES[name].names == space.taxonomy.names and (_SHIPPED / f"{name}_lidar.safetensors").is_file()
    ]
    return f"there are some for {' and '.join(there)}, as far to the sides as you like; " if there else ""


def shipped_weights(space: LabelSpace) -> Path | None:
    """The weight file that comes with occlabel for the grid and taxonomy, or None; none reads paint."""
    from occlabel.schemas.grid import GRIDS
    from occlabel.schemas.taxonomy import TAXONOMIES

    for name, grid in GRIDS.items():
        fits = _fits(grid_fact(grid), grid_fact(space.grid)) and TAXONOMIES[name].names == space.taxonomy.names
        path = _SHIPPED / f"{name}_lidar.safetensors"
        if fits and path.is_file():
            return path
    return None


def weight_facts(space: LabelSpace, network: str = NETWORK) -> dict[str, str]:
    """What the header of a weight file must say to serve ``space``: network, grid and classes."""
    return {"network": network, "grid": grid_fact(space.grid), "classes": json.dumps(space.taxonomy.names)}


def check(path: Path, space: LabelSpace, network: str = NETWORK) -> dict[str, str]:
    """The facts of a weight file of ``network``. Raises BadWeights when it is damaged or made for something else."""
    from occlabel.stages.learning.purpose import temperature_of
    from occlabel.stages.learning.weight_header import check_content, read_facts

    facts = read_facts(path)
    check_content(path)
    for name, value in weight_facts(space, network).items():
        found = facts.get(name, "")
        if not (_fits(found, value) if name == "grid" else found == value):
            raise BadWeights(f"{path} was made for the {name} {found or 'unknown'}, the recipe needs {value}")
    temperature_of(path, facts)
    return facts


def network_of(painted: bool) -> str:
    """What the header of a weight file calls the network."""
    return PAINTED if painted else NETWORK


def load_network(path: Path, space: LabelSpace, painted: bool = False) -> tuple[LMSCNet, float]:
    """The network in evaluation mode, and the temperature of its confidence. Raises BadWeights."""
    from occlabel.stages.completion.lmscnet import LMSCNet
    from occlabel.stages.learning.purpose import temperature_of
    from occlabel.stages.learning.weights import load_weights

    facts = check(path, space, network_of(painted))
    network = LMSCNet(space.grid, len(space.taxonomy.classes), space.taxonomy.free_id, painted)
    load_weights(network, path)
    return network.eval(), temperature_of(path, facts)


def multiply_odds(network: LMSCNet, temperature: float, odds: Mapping[str, float], space: LabelSpace) -> None:
    """Makes the classes of ``odds`` so many times likelier, in the network's last layer."""
    import torch

    with torch.no_grad():
        for name, times in odds.items():
            network.classify.bias[space.taxonomy.names.index(name)] += temperature * math.log(times)


def predictor(
    network: LMSCNet, temperature: float, space: LabelSpace, device: str, looks: Sequence[Look] = (Look(),)
) -> Callable[[Sequence[Sweeps]], list[Prediction]]:
    """Frames to predictions: the likeliest class and its probability, the softmax of scores / temperature.

    The scores are the mean of those of all ``looks``.
    """
    import torch

    from occlabel.stages.completion.lidar_features import lidar_volume, without_intensity

    def predict(frames: Sequence[Sweeps]) -> list[Prediction]:
        classes = network.painted_classes
        volumes = np.stack([lidar_volume(frame.own, frame.others, space.grid, classes) for frame in frames])
        with torch.inference_mode():
            volume = network.whole(torch.from_numpy(volumes).to(device, memory_format=torch.channels_last))
            without = volume if all(look.intensity for look in looks) else without_intensity(volume, space.grid)
            views = [_View(network, volume if look.intensity else without, look.mirrored) for look in looks]
            names = (frame.own.frame for frame in frames)
            for name, finite in zip(names, views[0].finite, strict=True):
                if not finite:
                    raise BadPredictions(f"frame {name}: what the network makes of the scan is NaN or infinite")
            x, y, _ = space.grid.shape
            decided = (_decide(views, frame, temperature) for frame in range(len(frames)))
            return [(semantics[:x, :y], confidence[:x, :y]) for semantics, confidence in decided]

    return predict


class _View:
    """The network's word on a batch of input volumes, row by row; looked at ``mirrored``, it is put right again."""

    def __init__(self, network: LMSCNet, volume: Tensor, mirrored: bool) -> None:
        self.network = network
        self.mirrored = mirrored
        volume = volume.flip(3) if mirrored else volume
        self._columns = network.columns(volume).permute(0, 2, 3, 1)
        self._voxels = network.voxels(volume)

    @property
    def rows(self) -> int:
        return self._columns.shape[1]

    @property
    def finite(self) -> list[bool]:
        """Whether there is a word on each frame of the batch."""
        import torch

        return [bool(torch.isfinite(columns).all()) for columns in self._columns]

    def scores(self, frame: int, row: int) -> Tensor:
        """Class scores [Y / fold, fold, fold, Z, classes] of one row of the body's cells."""
        import torch

        columns, fold = self._columns[frame, row], self.network.fold
        cells = torch.arange(row * len(columns), (row + 1) * len(columns), device=columns.device)
        around = self.network.surroundings(self._voxels[frame : frame + 1], cells)
        scores = self.network.scores(columns, around).unflatten(1, (fold, fold, -1))
        return scores.flip((0, 2)) if self.mirrored else scores


def _decide(views: Sequence[_View], frame: int, temperature: float) -> Prediction:
    """Semantics and confidence [X, Y, Z] of one frame of the batch, in whole cells, by the mean scores of the views.

    Scored row by row, so that the scores stay in the cache of one core: those of a whole grid fill 170 MB.
    """
    semantics, confidence = [], []
    for row in range(views[0].rows):
        parts = [view.scores(frame, row) for view in views]
        scores = parts[0] if len(parts) == 1 else sum(parts[1:], parts[0]) / len(parts)
        shape = scores.shape[:-1]
        # Classes first: the maximum over 20 classes is then taken along contiguous memory.
        scores = scores.flatten(0, 3).T.contiguous()
        best, class_id = scores.max(dim=0)
        probability = 1 / ((scores - best) / temperature).exp().sum(dim=0)
        semantics.append(class_id.byte().reshape(shape).cpu().numpy())
        confidence.append(as_byte(probability.reshape(shape).cpu().numpy()))

    def volume(parts: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        cells = np.stack(parts)
        x, y, fold, _, heights = cells.shape
        return cells.swapaxes(1, 2).reshape(x * fold, y * fold, heights)

    return volume(semantics), volume(confidence)
