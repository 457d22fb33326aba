"""What decides labels besides the logs: predictions on disk, weights, models of users, recipes, maps of classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzzing.logs import AROUND, kitti_root, nuscenes_root
from fuzzing.reading import Reading
from own_models import export, onnx_that_marks_hits

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe, parse_recipe
from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.evaluate import evaluate
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.schemas.taxonomy_map import map_between, read_map
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.weight_file import weight_facts
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.instances import weight_file as instance_weights
from occlabel.stages.instances.lattice import Lattice
from occlabel.stages.instances.offsetocc import OffsetOcc
from occlabel.stages.learning.weights import save_weights
from occlabel.stages.propagation import weight_file as propagation_weights
from occlabel.stages.propagation.dualflow4d import DualFlow4D
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.windows import Reach

KITTI = TAXONOMIES["semantickitti"]
NETWORKS = LabelSpace(Grid(origin=(-12.8, -12.8, -3.2), voxel_size=0.8, shape=(32, 32, 8), frame="lidar"), KITTI)
EXPORTED = LabelSpace(AROUND, KITTI)


def labels(recipe: Recipe, root: Path) -> Reading:
    """What a run of ``recipe`` over ``root/logs`` publishes and says."""
    reading, store = Reading(), root.with_name("store")
    reader = open_logs(root / "logs")
    report = reading.attempt(label_logs, recipe, reader, store, "v1", workplace=Workplace("local"), quiet=True)
    if report is None:
        return reading
    # Not its cautions: that the completion of a recipe is not the one that its propagation learned from names the file
    # whatever lies in it.
    reading.words += [*report.plan.refused.values(), *(entry.error for entry in report.entries)]
    reading.words += [report.message] if report.message else []
    if report.info is not None:
        for frame in open_version(f"{store}@v1").frames():
            for array in frame.row.arrays:
                reading.put(f"{frame.log}/{frame.name}/{array}", frame.load(array))
    return reading


def _recipe(space: LabelSpace, **blocks: Any) -> Recipe:
    fields = {"grid": space.grid.model_dump(), "taxonomy": space.taxonomy.name, "clip_frames": 4, **blocks}
    return parse_recipe(fields, "of a test")


# Predictions


def kitti_predictions(root: Path) -> None:
    kitti_root(root / "logs")
    _write_predictions(root / "logs/sequences/00/velodyne", root, AROUND)


def _write_predictions(scans: Path, root: Path, grid: Grid) -> None:
    folder, draw = root / "predictions/sequences/00/predictions", np.random.default_rng(0)
    folder.mkdir(parents=True)
    for scan in sorted(scans.iterdir()):
        classes = draw.integers(0, 20, grid.shape) * (draw.random(grid.shape) < 0.1)
        semantickitti.write_volume(folder / f"{scan.stem}.label", KITTI.to_raw[classes.astype(np.uint8)])


def read_kitti_predictions(root: Path) -> Reading:
    return labels(_recipe(EXPORTED, completion={"kind": "stored", "path": str(root / "predictions")}), root)


def submission(root: Path) -> None:
    """Predictions as they are handed in: over the grid of the benchmark. Of two frames."""
    kitti_root(root / "logs")
    for file in (root / "logs/sequences/00").glob("*/00000[23].*"):
        file.unlink()
    _write_predictions(root / "logs/sequences/00/velodyne", root, GRIDS["semantickitti"])


def occ3d_predictions(root: Path) -> None:
    """Of one scene."""
    nuscenes_root(root / "logs")
    log, draw = next(open_logs(root / "logs").logs(["scene-0000"])), np.random.default_rng(0)
    for frame in log.frames:
        path = root / f"predictions/{log.id}/{frame.name}/labels.npz"
        path.parent.mkdir(parents=True)
        occ3d.write_labels(path, draw.integers(0, 18, occ3d.SHAPE).astype(np.uint8))


def read_submission(root: Path, format: Format = "semantickitti") -> Reading:
    """The scores that an evaluation gives them."""
    reading = Reading()
    found = reading.attempt(evaluate, str(root / "predictions"), root / "logs", format)
    if found is not None:
        reading.words += [*found.notes(), *found.unreadable, *found.damaged, *found.failed.values()]
        reading.put(f"{found.frames} frames/scores", json.dumps(found.facts()["scores"]))
    return reading


def read_occ3d_predictions(root: Path) -> Reading:
    return read_submission(root, "occ3d")


# Weights and models


def networks(root: Path) -> None:
    """Weights that were trained on nothing: what they say is arbitrary, and all of it is a function of the file."""
    kitti_root(root / "logs")
    torch.manual_seed(0)
    heights, classes = NETWORKS.grid.shape[2], len(KITTI.classes)
    first = LMSCNet(NETWORKS.grid, classes, KITTI.free_id)
    save_weights(root / "completion.safetensors", first.state_dict(), weight_facts(NETWORKS) | {"temperature": "0.5"})
    second = DualFlow4D(heights, classes, KITTI.free_id)
    facts = propagation_weights.facts_of(NETWORKS, Parts(), Reach()) | {"temperature": "1.5"}
    save_weights(root / "propagation.safetensors", second.state_dict(), facts)
    lattice = Lattice(NETWORKS.grid.voxel_size, 6.0, 2.0)
    third = OffsetOcc(heights, classes, 8, lattice)
    facts = instance_weights.facts_of(NETWORKS, lattice, [1] * 8)
    save_weights(root / "instances.safetensors", third.state_dict(), facts)


def read_networks(root: Path) -> Reading:
    recipe = {
        "completion": {"kind": "lmscnet", "weights": str(root / "completion.safetensors"), "mirror": False},
        "propagation": {"weights": str(root / "propagation.safetensors"), "evidence": False},
        "instances": {"kind": "offsetocc", "weights": str(root / "instances.safetensors")},
    }
    return labels(_recipe(NETWORKS, **recipe), root)


def onnx_model(root: Path) -> None:
    kitti_root(root / "logs")
    (root / "model.onnx").write_bytes(onnx_that_marks_hits(EXPORTED))


def read_onnx_model(root: Path) -> Reading:
    return labels(_recipe(EXPORTED, completion={"kind": "onnx", "path": str(root / "model.onnx")}), root)


def torch_model(root: Path) -> None:
    kitti_root(root / "logs")
    export(root / "model.pt2", EXPORTED)


def read_torch_model(root: Path) -> Reading:
    return labels(_recipe(EXPORTED, completion={"kind": "torch_export", "path": str(root / "model.pt2")}), root)


# Text by hand

RECIPE = """\
# A recipe as somebody wrote it
grid:
  preset: semantickitti
  origin: [0.0, -25.6, -2.0]
taxonomy: semantickitti
clip_frames: 16
completion:
  kind: lmscnet
  mirror: true
voting:
  radius: 10
instances:
  kind: components
gates:
  min_labelled: 0.75
limits:
  attempts: 3
"""


def recipe_file(root: Path) -> None:
    (root / "recipe.yaml").write_text(RECIPE)


def read_recipe(root: Path) -> Reading:
    reading = Reading()
    recipe = reading.attempt(load_recipe, str(root / "recipe.yaml"))
    if recipe is not None:
        reading.put("recipe", recipe.to_yaml())
    return reading


def class_map(root: Path) -> None:
    (root / "classes.yaml").write_text(
        "car: car\nbicycle: bicycle\ntruck: truck\nperson: pedestrian\nroad: driveable_surface\nbuilding: null\n"
        + "".join(f"{name}: unknown\n" for name in KITTI.names if name not in _MAPPED and name != "unlabeled")
    )


_MAPPED = {"car", "bicycle", "truck", "person", "road", "building", KITTI.names[KITTI.free_id]}


def read_class_map(root: Path) -> Reading:
    reading = Reading()
    told = reading.attempt(read_map, root / "classes.yaml")
    found = reading.attempt(map_between, KITTI, TAXONOMIES["occ3d"], told) if told is not None else None
    if found is not None:
        reading.put("classes", found.table)
    return reading


def calibration(root: Path) -> None:
    from occlabel.stages.voting.calibration import Calibration

    rates = np.sort(np.random.default_rng(0).random((4, len(KITTI.classes), 18)), axis=2)
    Calibration(KITTI.names, 0, rates, rates[:, 0], rates[0, 0], "nothing").save(root / "calibration.json")


def read_calibration(root: Path) -> Reading:
    from occlabel.stages.voting.calibration import load

    reading = Reading()
    found = reading.attempt(load, str(root / "calibration.json"), EXPORTED)
    if found is not None:
        reading.put("chances", found.chances)
    return reading
