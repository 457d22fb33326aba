"""What stages of each kind need on disk, written when it is asked for: random weights, predictions, depth."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import own_models
import pytest
import written_poses
from contract import FRAMES, SPACES, ScriptedSensors
from PIL import Image

from occlabel.schemas.corrections import CorrectedVoxels, Correction, as_yaml, voxels_as_bytes
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.taxonomy import UNKNOWN

Files = Callable[[Path], dict[str, Any]]
"""Writes what a stage needs into a folder and returns the options that name it."""


def exported(folder: Path) -> dict[str, Any]:
    return {"path": own_models.export(folder / "model.pt2", SPACES["semantickitti"])}


def onnx(folder: Path) -> dict[str, Any]:
    pytest.importorskip("onnxruntime")
    path = folder / "model.onnx"
    path.write_bytes(own_models.onnx_that_marks_hits(SPACES["semantickitti"]))
    return {"path": path}


def installed(folder: Path) -> dict[str, Any]:
    own_models.install(folder)
    return {"model": "mine"}


def predicted(folder: Path) -> dict[str, Any]:
    """Of every frame but one."""
    space, place = SPACES["semantickitti"], folder / "sequences/log/predictions"
    place.mkdir(parents=True)
    for index in range(FRAMES - 1):
        volume = np.random.default_rng(index).integers(0, 20, space.grid.shape)
        semantickitti.write_volume(place / f"{index:06d}.label", space.taxonomy.to_raw[volume])
    return {"path": folder}


def points_named(folder: Path) -> dict[str, Any]:
    """Of the sweeps of every frame but one, 4000 points each."""
    place = folder / "lidarseg/test"
    place.mkdir(parents=True)
    for index in range(FRAMES - 1):
        classes = np.random.default_rng(index).integers(0, 17, 4000).astype(np.uint8)
        classes.tofile(place / f"sweep{index}_lidarseg.bin")
    return {"labels": folder}


def pixels_named(folder: Path) -> dict[str, Any]:
    """Of every image of one camera but one."""
    for index in range(FRAMES - 1):
        draw = np.random.default_rng(index)
        arrays = {"class": draw.integers(0, 17, (46, 80)), "instance": draw.integers(0, 9, (46, 80))}
        np.savez(folder / f"front_{index:06d}.npz", **arrays)
    return {"path": folder / "{camera}_{frame}.npz"}


def segmenter(name: str) -> Files:
    """A network for the labels of Cityscapes, with random weights."""

    def files(folder: Path) -> dict[str, Any]:
        pytest.importorskip("transformers")
        import tiny_segmenters

        return {"weights": str(tiny_segmenters.EVERY[name](folder)), "classes": "cityscapes"}

    return files


def depths(suffix: str) -> Files:
    """Of every image of one camera but one."""

    def write(folder: Path) -> dict[str, Any]:
        for index in range(FRAMES - 1):
            metres = np.random.default_rng(index).uniform(1, 80, (46, 80)).astype(np.float32)
            place = folder / f"front_{index:06d}.{suffix}"
            if suffix == "png":
                Image.fromarray((256 * metres).astype(np.uint16)).save(place)
            else:
                np.save(place, metres)
        return {"path": folder / f"{{camera}}_{{frame}}.{suffix}"}

    return write


def depth_anything(estimates: Literal["relative", "metric"]) -> Files:
    def write(folder: Path) -> dict[str, Any]:
        pytest.importorskip("transformers")
        from tiny_checkpoints import depth_anything

        return {"weights": str(depth_anything(folder / "weights", estimates))}

    return write


def detector_and_segmenter(folder: Path) -> dict[str, Any]:
    """With random weights."""
    pytest.importorskip("transformers")
    import tiny_detectors

    detector, segmenter = tiny_detectors.grounding_dino(folder / "dino"), tiny_detectors.sam2(folder / "sam")
    return {"detector": str(detector), "segmenter": str(segmenter)}


def prompted(folder: Path) -> dict[str, Any]:
    pytest.importorskip("transformers")
    from tiny_checkpoints import prompt_depth_anything

    return {"weights": str(prompt_depth_anything(folder / "weights"))}


def moge2(folder: Path) -> dict[str, Any]:
    pytest.importorskip("transformers")
    from tiny_checkpoints import moge2

    return {"weights": str(moge2(folder / "weights"))}


def depth_anything_3(folder: Path) -> dict[str, Any]:
    pytest.importorskip("transformers")
    from tiny_checkpoints import depth_anything_3

    return {"weights": str(depth_anything_3(folder / "weights"))}


def glance(folder: Path) -> dict[str, Any]:
    from tiny_glance import weights

    return {"weights": weights(folder / "glance.safetensors")}


def network_of_views(decodes: bool) -> Files:
    """Fitted to the street that is driven along."""

    def files(folder: Path) -> dict[str, Any]:
        from tiny_views import fitted, written

        log, sensors = filmed()
        made = fitted(list(sensors.images.values()), log, unit=20.0)
        return {"weights": str(written(made[0 if decodes else 1], folder / "views"))}

    return files


@cache
def filmed() -> tuple[DriveLog, ScriptedSensors]:
    """A street driven straight through, in small images."""
    from bent_street import ahead, bent, shown

    log, images = bent(FRAMES, ahead)
    return log, shown(log, images)


def trajectory(folder: Path) -> dict[str, Any]:
    """Of every frame, straight ahead."""
    poses = [np.eye(4) for _ in range(FRAMES)]
    for n, pose in enumerate(poses):
        pose[0, 3] = 0.9 * n
    written_poses.kitti(folder / "log.txt", poses)
    return {"path": folder / "{log}.txt"}


def model_of_images(folder: Path) -> dict[str, Any]:
    """Of the images of ``filmed``, but one."""
    log, _ = filmed()
    shots = {}
    for n, frame in enumerate(log.frames[1:], 1):
        shots[f"{frame.name}.png"] = np.eye(4)
        shots[f"{frame.name}.png"][2, 3] = 1.1 * n
    written_poses.colmap(folder / "log", shots, "SIMPLE_PINHOLE 200 100 150 100 50")
    return {"path": folder / "{log}"}


def painted(folder: Path) -> dict[str, Any]:
    """With random weights."""
    import torch

    from occlabel.stages.completion.lmscnet import LMSCNet
    from occlabel.stages.completion.training import write_weights

    space = SPACES["occ3d"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LMSCNet(space.grid, len(space.taxonomy.classes), space.taxonomy.free_id, painted=True)
        assert network.paint is not None
        torch.nn.init.normal_(network.paint.last.weight)
    write_weights(network, 1.0, folder / "painted.safetensors", space, {})
    return {"weights": folder / "painted.safetensors"}


def drocc(folder: Path) -> dict[str, Any]:
    """With random weights."""
    from tiny_drocc import weights

    return {"weights": weights(folder / "drocc.safetensors", SPACES["occ3d"])}


def residual(folder: Path) -> dict[str, Any]:
    """With random weights."""
    import torch

    from occlabel.stages.learning.weights import save_weights
    from occlabel.stages.priors.alignment.residual.network import Residual
    from occlabel.stages.priors.alignment.residual.weight_file import PURPOSE, Shares

    torch.manual_seed(0)
    network = Residual()
    torch.nn.init.normal_(network.last.weight, std=0.3)
    save_weights(folder / "residual.safetensors", dict(network.state_dict()), PURPOSE | Shares().fact())
    return {"weights": folder / "residual.safetensors"}


def occany(taxonomy: str, forced: bool = True) -> Files:
    """With random weights, half of whose views are believed."""

    def files(folder: Path) -> dict[str, Any]:
        import torch

        from occlabel.stages.completion.occany.network import OccAny
        from occlabel.stages.completion.occany.sizes import Meaning, Sizes
        from occlabel.stages.completion.occany.weight_file import facts_of
        from occlabel.stages.learning.weights import save_weights

        sizes, names = Sizes(rows=24, columns=80, width=8, features=64 if forced else 0), SPACES[taxonomy].taxonomy
        labels = (3, 5, 7, UNKNOWN) if forced else ()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = OccAny(len(names.names), len(labels), sizes)
            network.head.normal_()
        facts = facts_of(names, sizes, Meaning(labels, len(labels) - 1), {"0.7": 2.0})
        save_weights(folder / "occany.safetensors", dict(network.state_dict()), facts)
        return {"weights": folder / "occany.safetensors"}

    return files


def vipocc(folder: Path) -> dict[str, Any]:
    """With random weights."""
    import torch

    from occlabel.stages.completion.vipocc.field import ViPOcc
    from occlabel.stages.completion.vipocc.sizes import Sizes
    from occlabel.stages.completion.vipocc.weight_file import facts_of
    from occlabel.stages.learning.weights import save_weights

    sizes = Sizes(stem=8, rows=64, columns=96, channels=8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ViPOcc(sizes)
        torch.nn.init.normal_(network.second.weight, std=3)
    save_weights(folder / "vipocc.safetensors", dict(network.state_dict()), facts_of(sizes))
    return {"weights": folder / "vipocc.safetensors"}


def corrected(folder: Path) -> dict[str, Any]:
    """A box of one frame, and voxels of another."""
    (folder / "log").mkdir()
    box = {"centre": [0.0, 0.0, 0.0], "size": [4.0, 4.0, 2.0]}
    found = [Correction.model_validate({"frame": "000001", "box": box, "wrong": "missing", "class": "car"})]
    (folder / "log/boxes.yaml").write_text(as_yaml(found))
    voxels = CorrectedVoxels(np.array([5, 77]), ("car", "car"))
    (folder / "log/000002.npz").write_bytes(voxels_as_bytes(voxels))
    return {"path": folder}
