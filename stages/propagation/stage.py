"""Local propagation as a stage: windows of frames, refined in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from occlabel.schemas.arrays import CONFIDENCE, OBSERVED, POSES, SEMANTICS, ArraySpec
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.learning.odds import Odds, multiply_odds, refusal
from occlabel.stages.propagation.windows import Reach, windows

_SHIPPED = Path(__file__).parent / "weights"
_REACH = Reach()


class LocalPropagation(Stage):
    """Multi-to-multi local propagation with DualFlow4D (OccFiner, section III-B).

    Labels change where the network is surer of another one; confidence is its probability of the label. A frame without
    a pose is refined by itself; a frame without labels stays without, and voting fills it.
    """

    slot: ClassVar[str] = "propagation"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, CONFIDENCE, OBSERVED, POSES)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, CONFIDENCE)
    exact: ClassVar[bool] = False

    kind: Literal["dualflow4d"] = "dualflow4d"
    weights: Path | None = None
    """A safetensors file of ``occlabel train propagation``; the one shipped for sensor, grid and classes by default."""
    sensor: Literal["lidar", "camera"] = "lidar"
    """What made the labels that are corrected: of the shipped weights it takes those that know its errors. Labels of
    cameras leave open what no camera saw."""
    local: int = Field(default=_REACH.local, ge=1)
    """Frames refined in one pass."""
    references: int = Field(default=_REACH.references, ge=0)
    """Distant frames shown besides."""
    distance: float = Field(default=_REACH.distance, gt=0)
    """Way [m] that the car has driven between the refined frames and the nearest reference."""
    radius: int = Field(default=_REACH.radius, ge=0)
    """Frames before and after in which references are looked for."""
    gate: float = Field(default=0.8, ge=0)
    """A label is changed where the network is at least so many times as sure of its own as the onboard model was; 0
    always asks the network. Between 0.4 and 0.8 towns and real logs are within half a point of each other; above,
    little of what the network is worth is left."""
    odds: Odds = {}
    """Class -> by what its odds are multiplied, as in ``completion.odds``: the network was shown the truth of towns."""
    evidence: bool = True
    """Whether a voxel that the frame's own sweep hit (slot ``evidence``) keeps its label where the network calls it
    free."""

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return self.reads if self.evidence else (SEMANTICS, CONFIDENCE, POSES)

    def without(self, array: str) -> LocalPropagation | None:
        return self.model_copy(update={"evidence": False}) if array == OBSERVED.name and self.evidence else None

    @property
    def reach(self) -> Reach:
        return Reach(self.local, self.references, self.distance, self.radius)

    @property
    def halo(self) -> int:
        return self.reach.halo

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; two bytes a voxel of the clip and its surroundings (three with evidence), and four of the
        refined frames and of the shards that are made of them to be written; the encoder's features of the columns."""
        x, y, _ = space.grid.shape
        voxels = ((3 if self.evidence else 2) * (2 * self.halo + clip_frames) + 4 * clip_frames) * space.grid.voxels
        features = 100 * x * y * (self.halo + clip_frames)
        return Resources(gpus=1, memory=(1200 << 20) + voxels + features)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self._weights(space),)

    def _weights(self, space: LabelSpace) -> Path:
        if self.weights is not None:
            return self.weights
        from occlabel.stages.learning.purpose import shipped
        from occlabel.stages.propagation.weight_file import purpose

        return shipped(_SHIPPED, purpose(space), space, self.slot, sensor=self.sensor)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None
        from occlabel.stages.propagation.weight_file import check

        if (refused := refusal(self.odds, space.taxonomy)) is not None:
            return refused
        try:
            check(self._weights(space), space)
        except BadWeights as error:
            return str(error)
        return None

    def trained_with(self, space: LabelSpace) -> tuple[str, Reach]:
        """The completion on whose labels the weights were trained, in the words of who trained them, and its windows.

        Raises BadWeights when the file cannot be read or says neither.
        """
        from occlabel.stages.propagation.weight_file import training_of

        return training_of(self._weights(space))

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import torch

        from occlabel.stages.propagation.refine import Onboard, Refiner, Verdict, keep_hits, refine_rows
        from occlabel.stages.propagation.weight_file import load_network

        torch.set_num_threads(hands.threads)
        network, temperature = load_network(self._weights(space), space)
        multiply_odds(network.head.classify, temperature, self.odds, space.taxonomy)
        refiner = Refiner(network, hands.device, Verdict(temperature, self.gate))
        classes = len(space.taxonomy.classes)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            labels, confidence = inputs[SEMANTICS], inputs[CONFIDENCE]
            poses = [
                inputs.world_from_grid(row, space.grid) if (volume != UNKNOWN).any() else None
                for row, volume in enumerate(labels)  # what is not there shows nobody anything
            ]
            own = inputs.target(clip)
            chosen = windows(inputs.first, own, poses, space.grid, self.reach)
            times = [frame.time for frame in inputs.frames]
            found = refine_rows(refiner, chosen, own, Onboard(labels, confidence, poses, times), space.grid, classes)
            if self.evidence:
                before: Arrays = {SEMANTICS.name: labels[own], CONFIDENCE.name: confidence[own]}
                keep_hits(found, before, inputs[OBSERVED][own], space.taxonomy.free_id)
            return found

        return process
