"""What the network says of sweeps: looked at once or more, the likeliest class of every voxel and how likely it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.slot import Prediction, as_byte
from occlabel.stages.completion.sweeps import Sweeps

if TYPE_CHECKING:
    from torch import Tensor

    from occlabel.stages.completion.lmscnet import LMSCNet


class Look(NamedTuple):
    """How the network looks at sweeps."""

    mirrored: bool = False
    """Left to right."""
    intensity: bool = True


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
