"""Your own model in the completion slot, in three ways.

``torch_export`` (a file written by ``torch.export.save``) and ``onnx``: the model is
given one float32 tensor [1, X, Y, Z] over the recipe's grid, 1 where a voxel holds a LiDAR point and 0 elsewhere, and
returns float32 scores [1, classes, X, Y, Z] before softmax, classes in the order of the taxonomy (free included).

``entry_point``: a function ``load(space, device)`` in the group ``occlabel.completion`` of your package's entry points.
It is called once per worker and returns a function that is given the points of one frame, float32 [n, 4]: x, y, z in
metres in the frame of ``space.grid`` (voxel i covers origin + i * voxel_size up to the next) and intensity 0..1, and
returns float32 scores [classes, X, Y, Z] as above. In your pyproject.toml, for ``model: mine`` in the recipe:
``[project.entry-points."occlabel.completion"]``, then ``mine = "my_package.occupancy:load"``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.grid import Grid
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Process, Resources
from occlabel.stages.completion.program_archive import refuse_pickled_objects
from occlabel.stages.completion.slot import Completion, Prediction, Scan, as_byte, clip_bytes, from_scans

GROUP = "occlabel.completion"


class TorchExport(Completion):
    """A program saved with ``torch.export.save``."""

    exact: ClassVar[bool] = False
    kind: Literal["torch_export"] = "torch_export"
    path: Path
    """The file."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return _resources(space, clip_frames)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.path,)

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import torch

        torch.set_num_threads(hands.threads)
        refuse_pickled_objects(self.path)
        try:
            model = torch.export.load(self.path).module()
        except Exception as error:  # what torch raises for a damaged archive is of many types
            raise BadWeights(f"{self.path} is not a program that torch.export can load: {error}") from error
        model.to(hands.device)

        def scores(scan: Scan) -> NDArray[np.float32]:
            volume = torch.from_numpy(occupancy(scan, space.grid)).to(hands.device)
            with torch.inference_mode():
                result: NDArray[np.float32] = model(volume)[0].float().cpu().numpy()
            return result

        return from_scans(_decider(scores, space, str(self.path)), space)


class Onnx(Completion):
    """An ONNX file, run by onnxruntime (``pip install occlabel[onnx]``)."""

    exact: ClassVar[bool] = False
    kind: Literal["onnx"] = "onnx"
    path: Path
    """The file."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return _resources(space, clip_frames)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.path,)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if util.find_spec("onnxruntime") is None:
            return "it needs onnxruntime; install it with pip install occlabel[onnx]"
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = hands.threads
        on_gpu = hands.device == "cuda"
        try:
            providers = [p for p in onnxruntime.get_available_providers() if on_gpu or p.startswith("CPU")]
            session = onnxruntime.InferenceSession(str(self.path), options, providers=providers)
        except Exception as error:  # onnxruntime's errors have no common base
            raise BadWeights(f"{self.path} is not an ONNX model that onnxruntime can load: {error}") from error
        name = session.get_inputs()[0].name

        def scores(scan: Scan) -> NDArray[np.float32]:
            result: NDArray[np.float32] = session.run(None, {name: occupancy(scan, space.grid)})[0][0]
            return result

        return from_scans(_decider(scores, space, str(self.path)), space)


class EntryPoint(Completion):
    """A Python function found in the entry points of an installed package."""

    exact: ClassVar[bool] = False
    kind: Literal["entry_point"] = "entry_point"
    model: str
    """Name of the entry point in the group ``occlabel.completion``."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return _resources(space, clip_frames)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        try:
            _entry_point(self.model)
        except BadRecipe as error:
            return str(error)
        return None

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """The package that provides the model, with its version: raise it when the model changes."""
        found = _entry_point(self.model)
        return f"{found.value} {found.dist.name} {found.dist.version}" if found.dist else found.value

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        predict = _entry_point(self.model).load()(space, hands.device)
        return from_scans(_decider(lambda scan: predict(scan.points), space, f"entry point {self.model}"), space)


def occupancy(scan: Scan, grid: Grid) -> NDArray[np.float32]:
    """What exported models are given: [1, X, Y, Z], 1 where a voxel holds a point."""
    volume = np.zeros((1, *grid.shape), np.float32)
    cells, inside = grid.cells(scan.points[np.isfinite(scan.points[:, :3]).all(axis=1)])
    volume[0][tuple(cells[inside].T)] = 1
    return volume


def _entry_point(name: str) -> metadata.EntryPoint:
    known = metadata.entry_points(group=GROUP)
    if name not in known.names:
        raise BadRecipe(
            f"no installed package has an entry point {name!r} in the group {GROUP}; "
            f"known: {', '.join(sorted(known.names)) or 'none'}"
        )
    return known[name]


def _resources(space: LabelSpace, clip_frames: int) -> Resources:
    scores = 4 * len(space.taxonomy.classes) * space.grid.voxels
    return Resources(gpus=1.0, memory=(2 << 30) + 3 * scores + clip_bytes(space, clip_frames))


def _decider(
    scores: Callable[[Scan], NDArray[np.float32]], space: LabelSpace, name: str
) -> Callable[[Sequence[Scan]], list[Prediction]]:
    """Predictions from class scores; refuses scores of another shape in a sentence."""
    expected = (len(space.taxonomy.classes), *space.grid.shape)

    def predict(scans: Sequence[Scan]) -> list[Prediction]:
        return [_likeliest(np.asarray(scores(scan)), expected, name) for scan in scans]

    return predict


def _likeliest(scores: NDArray[np.float32], expected: tuple[int, ...], name: str) -> Prediction:
    if scores.shape != expected:
        raise BadWeights(f"{name} returned scores {list(scores.shape)}, expected {list(expected)} (classes, x, y, z)")
    best = scores.max(axis=0)
    return scores.argmax(axis=0).astype(np.uint8), as_byte(1 / np.exp(scores - best).sum(axis=0))
