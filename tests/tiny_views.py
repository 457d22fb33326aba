"""A Depth Anything 3 of many views with random weights, named as the official one names its tensors, and one whose last
layers were fitted to what it is shown."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from occlabel.schemas.drive_log import DriveLog
from occlabel.stages.geometry.views_network.head import LAST
from occlabel.stages.geometry.views_network.network import AnyView, Layers
from occlabel.stages.learning.dinov2 import Sizes
from occlabel.stages.learning.dpt import HeadSizes
from occlabel.stages.learning.preprocessing import normalised, size_within

SIDE = 70
STARTS = {"alt_start": 2, "qknorm_start": 2, "rope_start": 2}
_DEEP = 10.0
_SHARED = f"conv2_aux.{LAST}.2", "conv2_aux.0.2"
"""All levels of rays have one norm, which the first names."""


def drawn(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Weights that depend on nothing but their name and shape."""
    spread = np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 4)
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    return torch.from_numpy((draw.standard_normal(shape) / spread).astype(np.float32))


def network(decodes: bool = True) -> AnyView:
    """6 blocks of 128 numbers, of which the last four are read and see all views; 16 features."""
    made = AnyView(Sizes(128, 6, 2), Layers((2, 3, 4, 5), 2), HeadSizes((8, 12, 16, 16), 16), decodes)
    made.load_state_dict({name: drawn(name.replace(*_SHARED), tuple(t.shape)) for name, t in made.state_dict().items()})
    return made.eval()


def written(made: AnyView, folder: Path, name: str = "da3-small") -> Path:
    """Its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name.replace(*_SHARED)}": tensor for name, tensor in made.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    facts = {"model_name": name, "config": {"net": {"out_layers": [2, 3, 4, 5], **STARTS}}}
    (folder / "config.json").write_text(json.dumps(facts))
    return folder


def cameras_of(log: DriveLog) -> NDArray[np.float64]:
    """world_from_camera [frame, 4, 4] of its first camera."""
    both = [(frame.world_from_ego, frame.cameras[0].ego_from_camera) for frame in log.frames]
    return np.array([pose @ mounted for pose, mounted in both if pose is not None and mounted is not None])


def fitted(images: Sequence[NDArray[np.uint8]], log: DriveLog, unit: float) -> tuple[AnyView, AnyView]:
    """One that decodes cameras and one that says rays: of these ``images`` [h, w, 3] of a ``log`` that goes straight
    on, and of no others, its poses and K come out of them, in lengths of ``unit`` metres, and a depth that is the same
    all over."""
    poses, intrinsics = cameras_of(log), log.frames[0].cameras[0].intrinsics
    assert intrinsics is not None
    high, wide = images[0].shape[:2]
    rows, columns = size_within(high, wide, SIDE, 14)
    shown = torch.from_numpy(np.stack([normalised(image, (rows, columns)) for image in images]))
    places = (np.linalg.inv(poses[0]) @ poses)[:, :3, 3] / unit
    made, without = network(), network(decodes=False)
    ends: Any = without.head.scratch["output_conv2_aux"]
    neck: Any = without.head.scratch["output_conv1_aux"]
    with torch.no_grad():  # where a cell lies is then most of what is known of it, and the picture little
        neck[LAST][4].weight.mul_(0.002)
        neck[LAST][4].bias.zero_()
    for one in (made, without):
        deep: Any = one.head.scratch["output_conv2"]
        _constant(deep[2], [np.log(_DEEP / unit), 2.0])
    decoder: Any = made.cam_dec
    seen: dict[str, NDArray[np.float64]] = {}
    decoder.backbone.register_forward_hook(lambda _, given, said: seen.update(hidden=said.double().numpy()))
    held = ends[LAST][4].register_forward_hook(lambda _, given, said: _kept(seen, said))
    with torch.inference_mode():
        made(shown), without(shown)
    held.remove()
    decoder.backbone._forward_hooks.clear()
    _linear(decoder.fc_t, seen["hidden"], places)
    _constant(decoder.fc_qvec, [0, 0, 0, 1])
    _constant(
        decoder.fc_fov[0], [2 * np.arctan(high / 2 / intrinsics[1, 1]), 2 * np.arctan(wide / 2 / intrinsics[0, 0])]
    )
    _rays(ends[LAST][5], seen["cells"], places, (high, wide), intrinsics)
    return made, without


def _kept(seen: dict[str, NDArray[np.float64]], said: torch.Tensor) -> None:
    """Cells come view by view."""
    own = said.double().numpy().transpose(0, 2, 3, 1)
    seen["cells"] = np.concatenate([seen["cells"], own]) if "cells" in seen else own


def _constant(layer: Any, values: Sequence[float] | NDArray[np.float64]) -> None:
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor(list(values)))


def _linear(layer: Any, given: NDArray[np.float64], wanted: NDArray[np.float64]) -> None:
    """The smallest weights that make ``wanted`` [n, b] of ``given`` [n, a]."""
    middle = given.mean(axis=0)
    weights = np.linalg.lstsq(given - middle, wanted - wanted.mean(axis=0), rcond=1e-9)[0].T
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights).reshape(layer.weight.shape))
        layer.bias.copy_(torch.from_numpy(wanted.mean(axis=0) - weights @ middle))


def _rays(
    layer: Any,
    cells: NDArray[np.float64],
    places: NDArray[np.float64],
    size: tuple[int, int],
    intrinsics: NDArray[np.float64],
) -> None:
    """Directions cell by cell, as well as 32 numbers tell them, and where rays begin, in the mean of each view."""
    views, rows, columns, _ = cells.shape
    v, u = np.mgrid[0:rows, 0:columns] + 0.5
    pixels = np.stack([u * size[1] / columns - 0.5, v * size[0] / rows - 0.5, np.ones_like(u)], axis=-1)
    directions = np.tile(pixels @ np.linalg.inv(intrinsics).T, (views, 1, 1, 1)).reshape(-1, 3)
    ahead, begin = torch.nn.Linear(32, 3), torch.nn.Linear(32, 3)
    _linear(ahead, cells.reshape(-1, 32), directions)
    _linear(begin, cells.mean(axis=(1, 2)), places)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:6, :, 0, 0] = torch.cat([ahead.weight, begin.weight])
        layer.bias.copy_(torch.cat([ahead.bias, begin.bias, torch.ones(1)]))


def configured(folder: Path, net: dict[str, Any]) -> Path:
    """With other facts of the backbone in its config.json."""
    (folder / "config.json").write_text(json.dumps({"model_name": "da3-small", "config": {"net": net}}))
    return folder


def changed(folder: Path, name: str, to: torch.Tensor | None) -> Path:
    """With another tensor in the file, or without it."""
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(name)
    save_file(tensors if to is None else {**tensors, name: to}, folder / "model.safetensors")
    return folder
