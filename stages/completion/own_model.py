"""Your own model in the completion slot, in three ways.

``torch_export`` (a file written by ``torch.export.save``) and ``onnx``: the model is
given one float32 tensor [1, X, Y, Z] over the recipe's grid, 1 where a voxel holds a LiDAR point and 0 elsewhere, and
returns scores [1, classes, X, Y, Z] before softmax, finite floating point numbers, classes in the order of the taxonomy
(free included).

``entry_point``: a function ``load(space, device)`` in the group ``occlabel.completion`` of your package's entry points.
It is called once per worker and returns a function that is given the points of one frame, float32 [n, 4]: x, y, z in
metres in the frame of ``space.grid`` (voxel i covers origin + i * voxel_size up to the next) and intensity 0..1, and
returns scores [classes, X, Y, Z] as above. In your pyproject.toml, for ``model: mine`` in the recipe:
``[project.entry-points."occlabel.completion"]``, then ``mine = "my_package.occupancy:load"``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadRecipe, BadWeights, Ended
from occlabel.schemas.grid import Grid
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Process, Resources
from occlabel.stages.completion import onnx_files, package_code
from occlabel.stages.completion.program_archive import refuse_pickled_objects
from occlabel.stages.completion.scores import OwnModel, hit_cells, made_up_scan
from occlabel.stages.completion.slot import Completion, clip_bytes
from occlabel.stages.sensing.scan import Scan

GROUP = "occlabel.completion"


class _Own(Completion):
    """What the three ways have in common."""

    exact: ClassVar[bool] = False

    @abstractmethod
    def loaded(self, space: LabelSpace, hands: Hands) -> OwnModel:
        """The model. Raises BadWeights when it cannot be loaded or takes another grid."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        scores = 4 * len(space.taxonomy.classes) * space.grid.voxels
        return Resources(gpus=1.0, memory=(2 << 30) + 3 * scores + clip_bytes(space, clip_frames))

    def try_out(self, space: LabelSpace, hands: Hands) -> None:
        self.loaded(space, hands).scores(made_up_scan(space.grid))

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        return self.loaded(space, hands).process


class TorchExport(_Own):
    """A program saved with ``torch.export.save``."""

    kind: Literal["torch_export"] = "torch_export"
    path: Path
    """The file."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.path,)

    def loaded(self, space: LabelSpace, hands: Hands) -> OwnModel:
        import torch

        torch.set_num_threads(hands.threads)
        refuse_pickled_objects(self.path)
        try:
            program = torch.export.load(self.path)
            model = program.module()
        except Exception as error:  # what torch raises for a damaged archive is of many types
            raise BadWeights(f"{self.path} is not a program that torch.export can load: {error}") from error
        taken = next((node.meta.get("val") for node in program.graph.nodes if node.name in _inputs(program)), None)
        _refuse_other_grid(self.path, getattr(taken, "shape", None), space)
        model.to(hands.device)

        def say(scan: Scan) -> object:
            volume = torch.from_numpy(occupancy(scan, space.grid)).to(hands.device)
            with torch.inference_mode():
                said = model(volume)
            if not isinstance(said, torch.Tensor):
                return said
            return (said.float() if said.is_floating_point() else said).cpu().numpy()

        return OwnModel(str(self.path), space, (1,), say)


class Onnx(_Own):
    """An ONNX file, run by onnxruntime (``pip install occlabel[onnx]``)."""

    kind: Literal["onnx"] = "onnx"
    path: Path
    """The file; weights that it names may lie beside it."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return onnx_files.files_of(self.path) if self.path.is_file() else (self.path,)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None
        if util.find_spec("onnxruntime") is None:
            return "it needs onnxruntime; install it with pip install occlabel[onnx]"
        try:
            self.files(space)
        except BadWeights as error:
            return str(error)
        return None

    def loaded(self, space: LabelSpace, hands: Hands) -> OwnModel:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = hands.threads
        on_gpu = hands.device == "cuda"
        try:
            providers = [p for p in onnxruntime.get_available_providers() if on_gpu or p.startswith("CPU")]
            session = onnxruntime.InferenceSession(str(self.path), options, providers=providers)
            (taken,) = session.get_inputs()
        except Exception as error:  # onnxruntime's errors have no common base
            raise BadWeights(
                f"{self.path} is not an ONNX model of one input that onnxruntime can load: {error}"
            ) from error
        _refuse_other_grid(self.path, taken.shape, space)

        def say(scan: Scan) -> object:
            return session.run(None, {taken.name: occupancy(scan, space.grid)})[0]

        return OwnModel(str(self.path), space, (1,), say)


class EntryPoint(_Own):
    """A Python function found in the entry points of an installed package."""

    kind: Literal["entry_point"] = "entry_point"
    model: str
    """Name of the entry point in the group ``occlabel.completion``."""
    weights: tuple[Path, ...] = ()
    """Files outside of its package that decide what the model says, such as its weights."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        """The package of the entry point, and what it reads besides."""
        return (*package_code.files_of(_entry_point(self.model)).values(), *self.weights)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None
        try:
            self.files(space)
        except BadRecipe as error:
            return str(error)
        return None

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """The package that provides the model, with its version and the names of its files; their content is that of
        ``files``."""
        found = _entry_point(self.model)
        version = f"{found.dist.name} {found.dist.version}" if found.dist else ""
        return " ".join([found.value, version, *package_code.files_of(found)])

    def loaded(self, space: LabelSpace, hands: Hands) -> OwnModel:
        name = f"entry point {self.model}"
        try:
            predict = package_code.load(_entry_point(self.model))(space, hands.device)
        except (BadRecipe, MemoryError, OSError, Ended):
            raise
        except (Exception, SystemExit) as error:  # whatever a user's package raises
            raise BadWeights(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error
        return OwnModel(name, space, (), lambda scan: predict(scan.points))


def occupancy(scan: Scan, grid: Grid) -> NDArray[np.float32]:
    """What exported models are given: [1, X, Y, Z], 1 where a voxel holds a point."""
    volume = np.zeros((1, *grid.shape), np.float32)
    volume[0][tuple(hit_cells(scan, grid).T)] = 1
    return volume


def _inputs(program: Any) -> Sequence[str]:
    names: Sequence[str] = program.graph_signature.user_inputs
    return names


def _refuse_other_grid(path: Path, taken: Sequence[object] | None, space: LabelSpace) -> None:
    """Raises BadWeights when the input of an exported model has another shape; sizes that are no numbers may vary."""
    given = [1, *space.grid.shape]
    if taken is None or (
        len(taken) == len(given)
        and all(not isinstance(size, int) or size == own for size, own in zip(taken, given, strict=True))
    ):
        return
    raise BadWeights(f"{path} takes volumes {list(taken)}, the recipe's grid gives {given} (batch, x, y, z)")


def _entry_point(name: str) -> metadata.EntryPoint:
    known = metadata.entry_points(group=GROUP)
    if name not in known.names:
        raise BadRecipe(
            f"no installed package has an entry point {name!r} in the group {GROUP}; "
            f"known: {', '.join(sorted(known.names)) or 'none'}"
        )
    return known[name]
