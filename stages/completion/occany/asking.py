"""What the network is asked, and what of its answers is believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.occany.clouds import Cloud
from occlabel.stages.completion.occany.imagined import Imagined
from occlabel.stages.completion.occany.network import Said, views_of
from occlabel.stages.completion.occany.rendering import Rendered, rendered
from occlabel.stages.completion.occany.sizes import FAR, Meaning
from occlabel.stages.completion.occany.views import Novel
from occlabel.stages.sensing.resized import scales, squeezed

if TYPE_CHECKING:
    from occlabel.stages.completion.occany.network import OccAny

_SHOWN = 0.02
"""Share of a view into which points must fall for the network to be asked."""


class Asked:
    """A network with what its labels mean, which is believed where its confidence is at least ``sure``."""

    def __init__(self, network: OccAny, meaning: Meaning, sure: float) -> None:
        self._network, self._sure, self._sky = network, sure, meaning.sky
        self._classes = np.array(meaning.classes, np.uint8)

    def imagine(
        self, cloud: Cloud, views: Sequence[Novel], intrinsics: Matrix, size: tuple[int, int]
    ) -> list[Imagined]:
        """What ``views`` would show of a place of which ``cloud`` is known, both in one ego frame, through the lens of
        a camera with K in pixels of an image of ``size`` (h, w). Views into which hardly a point falls are left out.

        Raises BadPredictions for depth that is no number."""
        own = self._network.sizes.rows, self._network.sizes.columns
        k = squeezed(intrinsics, scales(size, own))
        shown = [(view, rendered(cloud, view.ego_from_camera, k, own)) for view in views]
        shown = [(view, one) for view, one in shown if one.seen.mean() >= _SHOWN]
        if not shown:
            return []
        said = self._say([one for _, one in shown])
        if not bool(torch.isfinite(said.depth).all()):
            raise BadPredictions("the depth that the network of occany gives is no number; train it again")
        return [self._believed(view, one, said, n, k) for n, (view, one) in enumerate(shown)]

    def _say(self, shown: Sequence[Rendered]) -> Said:
        parts = {name: torch.from_numpy(np.stack([one.parts[name] for one in shown])) for name in shown[0].parts}
        device = self._network.head.device
        with torch.inference_mode():
            said: Said = self._network(
                views_of({n: part.to(device) for n, part in parts.items()}, self._network.classes)
            )
        return said

    def _believed(self, view: Novel, shown: Rendered, said: Said, n: int, k: Matrix) -> Imagined:
        depth, confidence = said.depth[n].cpu().numpy(), said.confidence[n].cpu().numpy()
        classes, sky = self._named(shown, said, n)
        believed = (confidence >= self._sure) & (depth < FAR) & ~sky
        if view.turned:
            classes = np.full_like(classes, UNKNOWN)
        metres = np.where(believed, depth, np.float32(np.nan))
        return Imagined(metres, classes, (confidence - 1).astype(np.float32), k, view.ego_from_camera)

    def _named(self, shown: Rendered, said: Said, n: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Classes [h, w] and where the sky is: by the segmenter's own last layer, or as what falls there is named."""
        if said.features is None:
            return shown.classes, np.zeros(shown.classes.shape, np.bool_)
        label = self._network.labels(said.features[n : n + 1])[0].argmax(dim=0).cpu().numpy()
        return self._classes[label], label == self._sky
