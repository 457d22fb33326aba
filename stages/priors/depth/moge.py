"""MoGe-2: metric depth from one image of any camera."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import INTRINSICS, ArraySpec
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import Checkpoint, Weights, inference, refuse_no_number
from occlabel.stages.priors.depth.learned import Estimate, Learned, View

if TYPE_CHECKING:
    from occlabel.stages.priors.depth.moge_network import MogeNetwork

_FINEST = 9
"""The highest resolution level."""


class Moge2(Learned):
    """MoGe-2 (Wang et al. 2025): metric depth, unknown where the model sees no surface, such as the sky.

    The field of view is that of the log's calibration where it is known, with the principal point in the middle of the
    image; the model guesses it for other cameras.
    """

    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS,)
    packages: ClassVar[tuple[str, ...]] = ()

    kind: Literal["moge2"] = "moge2"
    weights: Weights = "Ruicheng/moge-2-vits-normal"
    """A MoGe-2 on the hub that was fetched, or a folder with its ``model.pt``, or with ``config.json`` and
    ``model.safetensors``."""
    level: int = Field(default=_FINEST, ge=0, le=_FINEST)
    """How finely it looks: from the fewest (0) to the most (9) patches that the weights were trained with."""
    field_of_view: Literal["calibrated", "guessed"] = "calibrated"
    """``guessed``: also for calibrated cameras; so a log without any calibration is served."""

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return self.reads if self.field_of_view == "calibrated" else ()

    def without(self, array: str) -> Moge2 | None:
        guessing = self.model_copy(update={"field_of_view": "guessed"})
        return guessing if array == INTRINSICS.name else None

    def found(self) -> Checkpoint:
        from occlabel.stages.priors.depth.moge_weights import moge_checkpoint

        return moge_checkpoint(self.weights, self.revision)

    def suits(self, found: Checkpoint) -> None:
        from occlabel.stages.priors.depth.moge_weights import refuse_other_config

        refuse_other_config(found)

    def working_bytes(self, found: Checkpoint, rig: Rig) -> int:
        """Features at the finest level, 16 times a patch's sides, for 3600 patches of released weights, of three heads
        one after the other; and what they say over the image."""
        sizes = [camera.size for camera in rig.cameras if camera.size is not None]
        return 4 * 6 * 64 * 3600 * 16**2 + 4 * 16 * max((w * h for w, h in sizes), default=0)

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        guessed = [camera.name for camera in log.rig.cameras if not camera.intrinsics]
        said = [super().doubts(space, log)]
        if guessed and self.needed:
            said.append(f"log {log.id}: MoGe-2 guesses the field of view of {', '.join(guessed)}, whose K is not known")
        return "; ".join(one for one in said if one is not None) or None

    def loaded(self, hands: Hands) -> Estimate:
        from occlabel.stages.priors.depth.moge_weights import loaded_network

        found = self.found()
        return estimate_with(loaded_network(found, hands), self.level, hands, found.name)


def estimate_with(network: MogeNetwork, level: int, hands: Hands, name: str) -> Estimate:
    """Depth as ``network`` sees it with the patches of a resolution level."""
    import torch

    from occlabel.stages.priors.depth.moge_camera import reading

    least, most = network.tokens
    tokens = int(least + level / _FINEST * (most - least))

    def estimate(views: Sequence[View]) -> Sequence[NDArray[np.float32]]:
        images = np.stack([view.image for view in views]).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        with inference(hands):
            said = network(torch.from_numpy(images).to(hands.device), tokens)
        points, mask, scale = (part.float().cpu().numpy() for part in said[:3])
        refuse_no_number(mask, name)
        refuse_no_number(points[mask > 0.5], name)
        found = zip(views, points, mask, scale, strict=True)
        return [reading(p, m, float(s), _fov_x(view)).depth for view, p, m, s in found]

    return estimate


def _fov_x(view: View) -> float | None:
    """Radians."""
    if view.intrinsics is None:
        return None
    return 2 * math.atan(view.image.shape[1] / (2 * float(view.intrinsics[0, 0])))
