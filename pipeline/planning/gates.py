"""What a version must hold before it is published, and before it is the latest: the options of the gates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

Action = Literal["block", "warn"]
TRUTHLESS = ("low_confidence", "quarantine", "hits_free", "static", "shapes", "sizes")
"""Gates that need neither truth nor another version."""


class GateOptions(BaseModel):
    """What every gate can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    action: Action = "block"
    """What a version that does not hold it is: published and not the latest, or the latest all the same, with a
    warning."""

    @property
    def bound(self) -> tuple[Literal["least", "most"], float]:
        """What is asked first, for who cannot judge it."""
        names: tuple[Literal["least", "most"], ...] = ("least", "most")
        name = next(name for name in names if name in type(self).model_fields)
        return name, getattr(self, name)


class TruthGate(GateOptions):
    """Least scores against the truth that ``gates.truth`` names, over the largest range of its benchmark."""

    min_miou: float | None = Field(default=None, ge=0, le=1)
    """Least mIoU."""
    min_iou: float | None = Field(default=None, ge=0, le=1)
    """Least IoU of occupied against free."""
    min_pq: float | None = Field(default=None, ge=0, le=1)
    """Least panoptic quality of things at voxels; the logs must have boxes around the truth."""

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if (self.min_miou, self.min_iou, self.min_pq) == (None, None, None):
            raise ValueError("it asks for nothing: set min_miou, min_iou or min_pq")
        return self

    @property
    def bound(self) -> tuple[Literal["least", "most"], float]:
        return "least", next(least for least in (self.min_miou, self.min_iou, self.min_pq) if least is not None)


class RegressionGate(GateOptions):
    """No class is worse than in the version that ``gates.against`` names, both scored against ``gates.truth`` in the
    frames that both have. Noise is no regression."""

    most: float = Field(default=0.01, ge=0, le=1)
    """How much IoU a class may lose over all logs. More blocks only where the logs show it: 19 of 20 draws of the logs
    and the swaps of ``occlabel compare``, which takes six logs."""
    most_of_log: float = Field(default=0.05, ge=0, le=1)
    """How much IoU a class may lose in one log. More blocks only where the other logs' changes of that class are far
    smaller."""


class DriftGate(GateOptions):
    """Each class has the share of all voxels that it has in the version that ``gates.against`` names; no truth is
    needed. Shares are of the frames that both have. Versions that have none in common are held against each other over
    all logs, of which it takes six each; then a class has moved where the draws of the logs show it."""

    most: float = Field(default=0.1, ge=0)
    """How far the share of a class may move over all logs, as a part of the larger of the two; unknown and free are
    such classes too."""
    most_of_log: float = Field(default=0.3, ge=0)
    """The same for one log."""


class LowConfidenceGate(GateOptions):
    """Most occupied voxels are labelled with some confidence. It needs labels that have one."""

    below: float = Field(default=0.5, gt=0, le=1)
    """What confidence is low."""
    most: float = Field(default=0.5, ge=0, le=1)
    """Largest share of the occupied voxels whose confidence is lower."""


class QuarantineGate(GateOptions):
    """Most of what was planned is labelled from whole input."""

    most: float = Field(default=0.02, ge=0, le=1)
    """Largest share of the planned frames that have no labels or lack a sensor file; a log that was refused counts as
    many frames as the mean of the others."""


class HitsFreeGate(GateOptions):
    """Where a frame's own sweep measured a point, something is. It needs an evidence block, which says where."""

    most: float = Field(default=0.01, ge=0, le=1)
    """Largest share of the voxels that were hit and are labelled free."""


class StaticGate(GateOptions):
    """What does not move has the same class a frame later, where both frames know it. It needs poses."""

    least: float = Field(default=0.9, ge=0, le=1)
    """Least share of the static occupied voxels that the frame before has too, within one voxel."""


class ShapesGate(GateOptions):
    """An object that is tracked keeps its shape from frame to frame. It needs poses and instances."""

    least: float = Field(default=0.8, ge=0, le=1)
    """Least share of an object's voxels that it has in the frame before too, its centroids laid onto each other, within
    one voxel; the mean over objects and pairs of frames."""


class SizesGate(GateOptions):
    """Objects are not larger than their class can be. It needs instances. What can be is generous: what is larger holds
    voxels of something else."""

    action: Action = "warn"
    """As above; a warning alone unless it is told to block."""
    most: float = Field(default=0.3, ge=0, le=1)
    """Largest share of the objects that are longer, wider or higher than anything of their class by more than two
    voxels, in the median of their frames; each is counted once a log."""


class Gates(BaseModel):
    """What a version must hold: before it is published, and, where a block is there, before it is the latest.

    A gate whose block is left out is not asked; an empty block (``drift: {}``) asks with the values below, which are
    those for a nightly run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    min_labelled: float = Field(default=0.5, ge=0, le=1)
    """Least share of the planned frames that have labels; with fewer nothing is published. A log that was refused has
    none; where it cannot be read, it counts as many frames as the mean of the others."""
    min_known: float = Field(default=0.0, ge=0, le=1)
    """Least mean share of voxels, over the labelled frames, that are not unknown; with less nothing is published."""
    against: str | None = None
    """The version that this one is held against, ``STORE@VERSION``; ``latest``: what is the latest of its own store."""
    truth: Path | None = None
    """Root of voxel truth, as ``occlabel evaluate`` takes it."""
    format: Literal["semantickitti", "occ3d"] | None = None
    """Whose rules and layout the truth has; by the classes when not given."""
    score: TruthGate | None = None
    """Least scores against truth."""
    regression: RegressionGate | None = None
    """No class is worse against truth than in the other version."""
    drift: DriftGate | None = None
    """Classes have the shares that they have in the other version."""
    low_confidence: LowConfidenceGate | None = None
    """Not too many voxels have a low confidence."""
    quarantine: QuarantineGate | None = None
    """Not too many frames are missing or damaged."""
    hits_free: HitsFreeGate | None = None
    """What was hit is not free."""
    static: StaticGate | None = None
    """What does not move stays."""
    shapes: ShapesGate | None = None
    """Tracked objects keep their shape."""
    sizes: SizesGate | None = None
    """Objects have a size that their class can have."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name, _ in self.judged():
            if name in ("score", "regression") and self.truth is None:
                raise ValueError(f"{name} needs truth: set gates.truth to a root of voxel truth")
            if name in ("regression", "drift") and self.against is None:
                raise ValueError(f"{name} needs another version: set gates.against to STORE@VERSION or latest")
        return self

    @model_serializer(mode="wrap")
    def _asked_alone(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not asked: a recipe that asks for nothing reads as it did before there were such gates."""
        return {name: value for name, value in plain(self).items() if value is not None}

    @classmethod
    def blocks(cls) -> dict[str, type[GateOptions]]:
        """The options of each gate of a published version, by its name."""
        kinds = {name: get_args(field.annotation) for name, field in cls.model_fields.items()}
        return {name: parts[0] for name, parts in kinds.items() if parts and parts[0] in GateOptions.__subclasses__()}

    def judged(self) -> Iterator[tuple[str, GateOptions]]:
        """The gates that a published version is judged by, by name."""
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), GateOptions):
                yield name, value
