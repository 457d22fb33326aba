"""A short street of things and stuff as labelled scans, and versions of it with some labels and objects wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import made_up_town as town
import numpy as np
from made_up_versions import MadeUpFrame, MadeUpVersion

from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.geometry import inverse, transform_points
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ingest.nuscenes import NuScenesReader
from occlabel.stages.town.sensors.recording import Rig, TownBox, TownFrame, TownScan
from occlabel.stages.town.things.kinds import KIND_ID, KINDS
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.stages.town.writers.nuscenes import write_nuscenes
from occlabel.stages.town.writers.nuscenes_tables import write_json

THINGS = (
    ("car", 1, (9.0, 4.0, 0.8), (4.4, 1.8, 1.5), 80),
    ("car", 2, (9.0, -4.0, 0.8), (4.4, 1.8, 1.5), 60),
    ("car", 3, (16.0, 4.0, 0.8), (4.4, 1.8, 1.5), 12),
    ("person", 4, (6.0, 0.0, 0.9), (0.6, 0.6, 1.8), 40),
    ("truck", 5, (21.0, -5.0, 1.5), (8.0, 2.5, 3.0), 120),
    ("barrier", 6, (13.0, 0.0, 0.6), (2.0, 0.5, 1.0), 40),
)
"""Kind, object, centre in the ego frame of the first frame, size, points."""
STUFF = (("road", (18, 0, 0), (34, 12, 0.1), 500), ("building", (18, 11, 2), (34, 2, 4), 300))
STRAYS = (12.0, 4.0, 0.8)
"""Five points of a car lie here, in no box."""


def nuscenes_street(root: Path, images: bool = False) -> dict[str, list[TownFrame]]:
    """The scenes of the devkit's ``mini_val``, three frames each, with lidarseg and boxes but no panoptic files."""
    rig = town.rig("nuscenes", ("CAM_FRONT",))
    scenes = {name: _frames(rig, seed, images) for seed, name in enumerate(("scene-0103", "scene-0916"))}
    for seed, (name, frames) in enumerate(scenes.items()):
        write_nuscenes(name, frames, rig, root, seed=seed, split="val")
    return scenes


def kitti_street(root: Path) -> dict[str, list[TownFrame]]:
    """Sequence 00 of three frames."""
    rig = town.rig("kitti", ("image_2",))
    rig = replace(rig, lidar=replace(rig.lidar, ego_from_lidar=town.placed(0.9, 0.1, 1.8)))
    frames = _frames(rig, 0)
    write_kitti("00", frames, rig, root)
    return {"00": frames}


def _frames(rig: Rig, seed: int, images: bool = False) -> list[TownFrame]:
    """The ego drives on by a metre a frame past what stands still in the world."""
    rng = np.random.default_rng(seed)
    result = []
    for index, frame in enumerate(town.frames(rig, 3, images=images, truth=False)):
        pose = town.placed(100.0 + index, 50.0, 0.5)
        parts, boxes = [], []
        for kind, id_, centre, size, count in THINGS:
            place = np.array(centre) - [index, 0, 0]
            parts.append((kind, id_, place + rng.uniform(-0.49, 0.49, (count, 3)) * size))
            boxes.append(TownBox(id_, KIND_ID[kind], pose @ town.placed(*place), size, (0.0, 0.0), count))
        parts.append(("car", 1, np.array(STRAYS) - [index, 0, 0] + rng.uniform(-0.1, 0.1, (5, 3))))
        parts += [(k, 0, np.array(centre) + rng.uniform(-0.5, 0.5, (n, 3)) * size) for k, centre, size, n in STUFF]
        points = np.concatenate([points for _, _, points in parts])
        kinds = np.concatenate([np.full(len(points), KIND_ID[kind], np.uint8) for kind, _, points in parts])
        objects = np.concatenate([np.full(len(points), id_, np.uint16) for _, id_, points in parts])
        in_lidar = transform_points(inverse(rig.lidar.ego_from_lidar), points)
        cloud = np.column_stack([in_lidar, np.full(len(points), 0.5)]).astype(np.float32)
        none = np.zeros(len(points), bool)
        scan = TownScan(cloud, kinds, objects, none, none.astype(np.uint8))
        result.append(replace(frame, world_from_ego=pose, scan=scan, boxes=tuple(boxes)))
    return result


def write_panoptic(root: Path, scenes: dict[str, list[TownFrame]]) -> None:
    """Adds the panoptic files of nuScenes; the strays are noise there, as what lies in no box."""
    rows, folder = [], root / "panoptic/v1.0-mini"
    folder.mkdir(parents=True)
    for log in NuScenesReader(root).logs():
        for frame, made in zip(log.frames, scenes[log.id], strict=True):
            category = np.fromfile(frame.truth.points, np.uint8).astype(np.uint16)
            codes = category * 1000 + made.scan.objects
            codes[strays(made)] = 0
            path = folder / f"{frame.sweep.name}_panoptic.npz"
            np.savez_compressed(path, data=codes)
            name = str(path.relative_to(root))
            rows.append({"token": frame.sweep.name, "sample_data_token": frame.sweep.name, "filename": name})
    replace_table(root, "panoptic", rows)


def replace_table(root: Path, name: str, rows: list[dict[str, str]]) -> None:
    """Writes a table of nuScenes, so that a reader that has loaded the old one sees it."""
    write_json(root / f"v1.0-mini/{name}.json", rows)
    scene = root / "v1.0-mini/scene.json"
    os.utime(scene, ns=(1, scene.stat().st_mtime_ns + 1))


def strays(frame: TownFrame) -> np.ndarray:
    """Which points are the strays, bool [n]."""
    start = sum(count for *_, count in THINGS)
    return np.isin(np.arange(len(frame.scan.points)), np.arange(start, start + 5))


def scan_in_grid(reader: LogReader, frame: Frame, grid: Grid) -> np.ndarray:
    """Points [n, 3] of the frame's scan in the frame of ``grid``."""
    grid_from_lidar = inverse(frame.ego_from_grid(grid)) @ frame.sweep.ego_from_lidar
    return transform_points(grid_from_lidar, reader.points(frame.sweep))


def labelled(reader: LogReader, streets: dict[str, list[TownFrame]], format: str) -> MadeUpVersion:
    """Voxels take class and object of a point in them. One in ten is of another class or object, and half of car 2 is
    an object of its own; all else is unknown."""
    space = LabelSpace(GRIDS[format], TAXONOMIES[format])
    own = space.taxonomy.from_raw[[k.kitti for k in KINDS]].tolist() if format == "semantickitti" else None
    table = np.array([UNKNOWN, *(own or [k.occ3d for k in KINDS])], np.uint8)
    things = [entry.id for entry in space.taxonomy.classes if entry.thing]
    rng, kept = np.random.default_rng(5), []
    for log in reader.logs(list(streets)):
        for index, (frame, made) in enumerate(zip(log.frames, streets[log.id], strict=True)):
            classes, ids = table[made.scan.kinds], made.scan.objects * np.uint16(700)
            ids[(made.scan.objects == 2) & (np.arange(len(ids)) % 2 == 0)] = 9
            wrong = rng.random(len(ids)) < 0.1
            other = rng.integers(0, len(ids), wrong.sum())
            classes[wrong], ids[wrong] = classes[other], ids[other]
            cells, inside = space.grid.cells(scan_in_grid(reader, frame, space.grid))
            at = tuple(cells[inside].T)
            semantics = np.full(space.grid.shape, UNKNOWN, np.uint8)
            instance = np.zeros(space.grid.shape, np.uint16)
            semantics[at], instance[at] = classes[inside], ids[inside]
            instance[~np.isin(semantics, things)] = 0
            arrays: dict[str, np.ndarray]
            arrays = {"semantics": semantics, "instance": instance, "confidence": np.full_like(semantics, 255)}
            kept.append(MadeUpFrame(log.id, frame.name, arrays, index))
    return MadeUpVersion(kept, space)
