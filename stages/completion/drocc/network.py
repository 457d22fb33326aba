"""Dr.Occ (Zhu et al. 2026): images of all cameras, their depth and their geometry to the classes of voxels.

Image encoder; forward projection of the frames; D2-VFormer; R-EFormer or R2-EFormer; decoder (figure 2). The baseline
is BEVDet4D's way: one past frame, brought into the current grid by the poses, through which no gradient runs; without
its stereo volume. What a pixel shows is told the focal length, since only with it can metres be made of an image.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.drocc.attention import Look, Sight, sights
from occlabel.stages.completion.drocc.cells import Cells
from occlabel.stages.completion.drocc.decoder import Decoder, Residual, convolution
from occlabel.stages.completion.drocc.eformer import R2EFormer, REFormer
from occlabel.stages.completion.drocc.image_encoder import image_encoder, layer
from occlabel.stages.completion.drocc.parts import Parts, Sizes
from occlabel.stages.completion.drocc.projection import at_features, certain, frustum, lifted, moved
from occlabel.stages.completion.drocc.vformer import D2VFormer, DepthEncoder

_FAR = 40.0
"""[m] that are 1 where a cell's place is told."""
_FOCAL = 300.0
"""[pixels] whose logarithm is told as 0."""


class Views(NamedTuple):
    """What the cameras show around one moment: T frames, the frame itself first, of N cameras each."""

    images: Tensor
    """uint8 [T, N, rows, columns, 3] RGB."""
    there: Tensor
    """bool [T, N]: whether there is such an image, of a camera that is calibrated."""
    intrinsics: Tensor
    """[T, N, 3, 3]: K in pixels of these images."""
    grid_from_camera: Tensor
    """[T, N, 4, 4]: into the grid of the frame itself."""
    depth: Tensor
    """[T, N, rows / 4, columns / 4] metres of the priors, NaN unknown."""
    mask: Tensor
    """bool [cells]: where depth says that something is, in the frame itself."""


class Told(NamedTuple):
    """What the network says of one moment."""

    decoded: tuple[Tensor, Tensor]
    """For ``Decoder.scores``."""
    depth: Tensor
    """[n, bins, h / 16, w / 16]: scores of the depths of the images that there are, of the frame itself."""


class DrOcc(nn.Module):
    """For voxels of ``space``."""

    def __init__(self, space: LabelSpace, parts: Parts, sizes: Sizes) -> None:
        super().__init__()
        self.parts, self.sizes, self.cells = parts, sizes, Cells(space.grid, sizes.fold)
        self.encoder = image_encoder(sizes.encoder, sizes.stem)
        channels, width = self.encoder.channels, sizes.width
        self.focal = nn.Linear(1, channels)
        self.lift = nn.Sequential(
            layer(channels, channels, 3), nn.ReLU(inplace=True), nn.Conv2d(channels, sizes.bins + width, 1)
        )
        self.fuse = nn.Sequential(convolution(sizes.frames * width, width), nn.ReLU(inplace=True), Residual(width))
        self.place = nn.Sequential(nn.Linear(3, width), nn.ReLU(inplace=True), nn.Linear(width, width))
        self.depths = DepthEncoder(channels) if parts.refined else None
        self.vformer = D2VFormer(sizes, channels) if parts.refined else None
        self.eformer = _experts(parts, sizes, channels, self.cells)
        self.decoder = Decoder(width, len(space.taxonomy.classes), self.cells)
        self.register_buffer("references", self.cells.references(sizes.points), persistent=False)

    def forward(self, views: Views) -> Told:
        """Raises nothing for images that are not there: what they would show stays empty."""
        volumes, images, scores = [], None, None
        for t in range(self.sizes.frames):
            # As in BEVDet4D nothing is learned through the past, so that it costs a third.
            with torch.set_grad_enabled(torch.is_grad_enabled() and t == 0):
                features, bins, volume = self._projected(views, t)
            volumes.append(volume)
            if images is None:
                images, scores = features, bins
        assert images is not None and scores is not None  # there is one frame at least
        cells = self.cells.rows(self.fuse(self.cells.volume(torch.cat(volumes, dim=1))).float())
        if self.vformer is not None or self.eformer is not None:
            cells = self._attended(cells, images, views)
        return Told(self.decoder(cells), scores)

    def _projected(self, views: Views, t: int) -> tuple[Tensor, Tensor, Tensor]:
        """Of frame ``t`` the features of its images, the scores of their depths, and the cells [cells, width]."""
        there = views.there[t]
        intrinsics = views.intrinsics[t][there]
        features = self.encoder(views.images[t][there], intrinsics)
        focal = (intrinsics[:, :1, 0] / _FOCAL).log()
        said = self.lift(features + self.focal(focal)[:, :, None, None]).float()
        scores, context = said.split([self.sizes.bins, self.sizes.width], dim=1)
        depth = at_features(views.depth[t][there])
        chances = certain(depth, self.sizes) if self.parts.direct else scores.softmax(dim=1)
        points = moved(frustum(intrinsics, self.sizes), views.grid_from_camera[t][there])
        return features, scores, lifted(context, chances, points, self.cells)

    def _attended(self, cells: Tensor, features: Tensor, views: Views) -> Tensor:
        """``cells`` [cells, width] refined by the images of the frame itself."""
        there, found = views.there[0], self._sights(views)
        places = self.place(self.get_buffer("references")[:, 0] / _FAR).float()
        images = Look(features, found, places)
        if self.vformer is not None and self.depths is not None:
            depths = Look(self.depths(views.depth[0][there]), found, places)
            cells = self.vformer(cells, images, depths, views.mask)
        return cells if self.eformer is None else self.eformer(cells, images)

    def in_view(self, views: Views) -> Tensor:
        """The cells whose middle lies in the view of any camera of the frame itself, bool [cells]."""
        result = torch.zeros(self.cells.number, dtype=torch.bool, device=views.mask.device)
        for one in self._sights(views):
            result[one.cells] = True
        return result

    def _sights(self, views: Views) -> list[Sight]:
        there, size = views.there[0], (self.sizes.rows, self.sizes.columns)
        camera_from_grid = torch.linalg.inv(views.grid_from_camera[0][there].double()).float()
        return sights(camera_from_grid, views.intrinsics[0][there], size, self.get_buffer("references"))


def _experts(parts: Parts, sizes: Sizes, channels: int, cells: Cells) -> nn.Module | None:
    match parts.experts:
        case "none":
            return None
        case "regions":
            return REFormer(sizes, channels, cells)
        case "recursive":
            return R2EFormer(sizes, channels)
