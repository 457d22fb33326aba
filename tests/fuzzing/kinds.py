"""The types of files that we read. Each is one entry: how a clean one is made, mutated and read."""

from __future__ import annotations

from typing import Any

from fuzzing import depth_files, image_files, later_logs, logs, models, pose_files, stores
from fuzzing.mutated_formats import JPEG, NPZ, PNG, WEIGHTS
from fuzzing.mutated_json import JSON, TABLE
from fuzzing.mutated_rows import rows_of
from fuzzing.mutated_text import TEXT, YAML
from fuzzing.mutations import ANY, LOST
from fuzzing.plausible import (
    ARRAYS,
    BY_HAND,
    CUT,
    LIST,
    MISFIT,
    MISSED,
    PLACED,
    RAW_IDS,
    RUN,
    SCAN,
    TRUTH,
    known,
    seen,
    values,
    whatever,
)
from fuzzing.reading import FileType

from occlabel.schemas.formats.nuscenes_categories import CATEGORIES

# What lies where

_SEQUENCE, _DRIVE, _TABLES = "sequences/00", f"2011_09_26/{logs.DRIVE}", "v1.0-mini"


def _tables(*names: str) -> tuple[str, ...]:
    return tuple(f"{_TABLES}/{name}.json" for name in names)


def _kitti_text(name: str) -> FileType:
    return FileType(
        name, logs.kitti_root, (f"{_SEQUENCE}/{name}",), (*ANY, LOST, *TEXT), logs.read_and_label, PLACED, edited=CUT
    )


def _raw_text(name: str, *files: str) -> FileType:
    return FileType(name, logs.raw_root, files, (*ANY, LOST, *TEXT), logs.read_and_label, PLACED, edited=CUT)


def _in_store(name: str, *files: str, **options: Any) -> FileType:
    kind = ANY if options.pop("binary", False) else (*ANY, *JSON)
    places = tuple(f"store/{file}" for file in files)
    return FileType(name, stores.store, places, (*kind, LOST), stores.read_store, **options)


FILE_TYPES: tuple[FileType, ...] = (
    FileType(
        "KITTI scan",
        logs.kitti_root,
        (f"{_SEQUENCE}/velodyne/*.bin",),
        (*ANY, LOST, *rows_of("<f4", 4)),
        logs.read_and_label,
        SCAN,
        seen(4, 1.0),
    ),
    FileType(
        "nuScenes scan",
        logs.nuscenes_root,
        ("samples/LIDAR_TOP/*.bin",),
        (*ANY, LOST, *rows_of("<f4", 5)),
        logs.read_and_label,
        SCAN,
        seen(5, 255.0),
        called=("LIDAR_TOP", "its scan has"),
    ),
    FileType(
        "PNG",
        logs.kitti_root,
        (f"{_SEQUENCE}/image_2/*.png",),
        (*ANY, LOST, *PNG),
        logs.read_logs,
        values("image"),
        called=("image_2",),
    ),
    FileType(
        "JPEG",
        logs.kitti_root,
        (f"{_SEQUENCE}/image_3/*.jpg",),
        (*ANY, LOST, *JPEG),
        logs.read_logs,
        values("image"),
        called=("image_3",),
    ),
    _kitti_text("calib.txt"),
    _kitti_text("poses.txt"),
    _kitti_text("times.txt"),
    _raw_text("timestamps.txt", f"{_DRIVE}/velodyne_points/timestamps.txt"),
    _raw_text("OXTS packet", f"{_DRIVE}/oxts/data/*.txt"),
    _raw_text("KITTI raw calibration", "2011_09_26/calib_*.txt"),
    FileType(
        "nuScenes tables of frames",
        logs.nuscenes_root,
        _tables("scene", "sample", "sample_data", "log"),
        (*ANY, LOST, *TABLE),
        logs.read_logs,
        PLACED,
        called=MISFIT,
    ),
    FileType(
        "nuScenes tables of places",
        logs.nuscenes_root,
        _tables("calibrated_sensor", "ego_pose", "sensor"),
        (*ANY, LOST, *TABLE),
        logs.read_logs,
        PLACED,
        called=MISFIT,
    ),
    FileType(
        "nuScenes tables of truth",
        logs.nuscenes_root,
        _tables("sample_annotation", "instance", "category", "attribute", "visibility", "lidarseg", "panoptic", "map"),
        (*ANY, LOST, *TABLE),
        logs.read_logs,
        TRUTH,
        edited=frozenset({"no rows"}),
        called=MISFIT,
    ),
    FileType(
        "point labels",
        logs.kitti_root,
        (f"{_SEQUENCE}/labels/*.label",),
        (*ANY, *rows_of("<u4", 1)),
        logs.read_logs,
        TRUTH,
        known("<u4", RAW_IDS),
    ),
    FileType(
        "lidarseg",
        logs.nuscenes_root,
        ("lidarseg/*/*.bin",),
        (*ANY, *rows_of("u1", 1)),
        logs.read_logs,
        TRUTH,
        known("u1", range(len(CATEGORIES))),
    ),
    FileType("panoptic", logs.nuscenes_root, ("panoptic/*/*.npz",), (*ANY, *NPZ), logs.read_logs),
    FileType(
        "voxel labels",
        logs.kitti_root,
        (f"{_SEQUENCE}/voxels/*.label",),
        (*ANY, *rows_of("<u2", 1)),
        logs.read_logs,
        TRUTH,
        known("<u2", RAW_IDS),
    ),
    FileType(
        "voxel .invalid",
        logs.kitti_root,
        (f"{_SEQUENCE}/voxels/*.invalid",),
        (*ANY, LOST, *rows_of("u1", 1)),
        logs.read_logs,
        TRUTH,
    ),
    FileType("Occ3D labels", logs.nuscenes_root, ("gts/*/*/labels.npz",), (*ANY, *NPZ), logs.read_logs),
    FileType(
        "boxes.txt",
        logs.kitti_root,
        (f"{_SEQUENCE}/boxes.txt",),
        (*ANY, *TEXT),
        logs.read_logs,
        values("boxes", whatever),
        edited=LIST,
    ),
    FileType(
        "KITTI-360 texts",
        later_logs.kitti360_root,
        ("calibration/*.txt", "data_poses/*/poses.txt", "data_3d_raw/*/velodyne_points/timestamps.txt"),
        (*ANY, LOST, *TEXT),
        logs.read_and_label,
        PLACED,
        edited=CUT,
    ),
    FileType(
        "Argoverse 2 tables",
        later_logs.argoverse_root,
        ("*/city_SE3_egovehicle.feather", "*/calibration/*.feather"),
        (*ANY, LOST),
        logs.read_and_label,
        PLACED | TRUTH,
    ),
    FileType("Argoverse 2 boxes", later_logs.argoverse_root, ("*/annotations.feather",), ANY, logs.read_logs, TRUTH),
    FileType(
        "Argoverse 2 sweep",
        later_logs.argoverse_root,
        ("*/sensors/lidar/*.feather",),
        (*ANY, LOST),
        logs.read_and_label,
        SCAN,
    ),
    FileType("MCAP recording", later_logs.mcap_root, ("*.mcap",), (*ANY, LOST), logs.read_and_label, SCAN | PLACED),
    FileType(
        "MCAP topics",
        later_logs.mcap_root,
        ("topics.yaml",),
        (*ANY, LOST, *TEXT, *YAML),
        logs.read_and_label,
        SCAN | PLACED,
        edited=BY_HAND,
    ),
    FileType("film", later_logs.film_root, ("*.mp4",), (*ANY, LOST), logs.read_logs, values("image") | PLACED),
    FileType(
        "calibration.yaml",
        later_logs.film_root,
        ("calibration.yaml",),
        (*ANY, LOST, *TEXT, *YAML),
        later_logs.read_film,
        PLACED,
        edited=BY_HAND,
    ),
    FileType(
        "predictions .label",
        models.kitti_predictions,
        ("predictions/sequences/00/predictions/*.label",),
        (*ANY, LOST, *rows_of("<u2", 1)),
        models.read_kitti_predictions,
        RUN,
        known("<u2", RAW_IDS - {1, 52, 99}),
    ),
    FileType(
        "submission .label",
        models.submission,
        ("predictions/sequences/00/predictions/*.label",),
        (*ANY, LOST, *rows_of("<u2", 1)),
        models.read_submission,
        values("scores", whatever),
        known("<u2", RAW_IDS - {1, 52, 99}),
        called=MISSED,
    ),
    FileType(
        "predictions .npz",
        models.occ3d_predictions,
        ("predictions/*/*/labels.npz",),
        (*ANY, LOST, *NPZ),
        models.read_occ3d_predictions,
        called=MISSED,
    ),
    FileType(
        "segments .png",
        image_files.classes_as_png,
        ("segments/*/*.png",),
        (*ANY, LOST, *PNG),
        image_files.read_png,
        values("image_2 image_3"),
    ),
    FileType(
        "segments .npz",
        image_files.segments_as_npz,
        ("segments/*/*.npz",),
        (*ANY, LOST, *NPZ),
        image_files.read_npz,
        values("image_2 image_3"),
        edited=frozenset({"lose an array"}),
    ),
    *(
        FileType(
            f"depth {suffix}",
            depth_files.stored_as(suffix),
            (f"segments/*/*{suffix}",),
            (*ANY, LOST, *mutations),
            depth_files.read_stored(suffix),
            values("image_2 image_3"),
        )
        for suffix, mutations in ((".png", PNG), (".npy", ()), (".npz", NPZ))
    ),
    FileType(
        "Depth Anything",
        depth_files.depth_anything,
        ("depth_anything/model.safetensors",),
        (*ANY, LOST, *WEIGHTS),
        depth_files.read_depth_anything,
        values("image_2 image_3"),
        called=("depth_anything",),
        costly=True,
    ),
    FileType(
        "config.json of the hub",
        depth_files.depth_anything,
        ("depth_anything/config.json",),
        (*ANY, LOST, *JSON),
        depth_files.read_depth_anything,
        values("image_2 image_3"),
        called=("depth_anything",),
        costly=True,
    ),
    FileType(
        "MoGe-2",
        depth_files.moge,
        ("moge/model.pt",),
        (*ANY, LOST),
        depth_files.read_moge,
        values("image_2 image_3"),
        called=("moge",),
        costly=True,
    ),
    *(
        FileType(
            name,
            make,
            files,
            (*ANY, LOST, *TEXT),
            pose_files.read(path),
            values("poses extrinsics intrinsics", pose_files.near),
            edited=edited,
        )
        for name, make, files, path, edited in (
            ("poses of TUM", pose_files.as_tum, ("log.txt",), "{log}.txt", LIST),
            ("poses of KITTI", pose_files.as_kitti, ("log.txt",), "{log}.txt", CUT),
            ("cameras.txt of COLMAP", pose_files.as_model, ("log/cameras.txt",), "{log}", CUT),
            ("images.txt of COLMAP", pose_files.as_model, ("log/images.txt",), "{log}", LIST),
        )
    ),
    FileType("weights", models.networks, ("*.safetensors",), (*ANY, LOST, *WEIGHTS), models.read_networks, RUN),
    FileType("ONNX model", models.onnx_model, ("model.onnx",), (*ANY, LOST), models.read_onnx_model, RUN, costly=True),
    FileType(
        "torch.export archive", models.torch_model, ("model.pt2",), (*ANY, LOST), models.read_torch_model, costly=True
    ),
    FileType(
        "recipe YAML",
        models.recipe_file,
        ("recipe.yaml",),
        (*ANY, LOST, *TEXT, *YAML),
        models.read_recipe,
        values("recipe", whatever),
        edited=BY_HAND,
    ),
    FileType(
        "class-map YAML",
        models.class_map,
        ("classes.yaml",),
        (*ANY, LOST, *TEXT, *YAML),
        models.read_class_map,
        values("classes"),
        edited=BY_HAND | {"lose a word"},
        called=("the map",),
    ),
    FileType(
        "voting calibration",
        models.calibration,
        ("calibration.json",),
        (*ANY, LOST, *JSON),
        models.read_calibration,
        values("chances"),
    ),
    _in_store("receipt", "receipts/*/*/*/*.json"),
    _in_store("manifest", "versions/*.parquet", binary=True),
    _in_store("versions/latest", "versions/latest", binary=True),
    _in_store("layout", "layout", binary=True, called=("layout",)),
    _in_store("zarr.json", "artifacts/**/zarr.json", called=ARRAYS),
    _in_store("shard", "artifacts/**/c/**/*", binary=True, called=ARRAYS),
    _in_store("catalogue", "catalogue/*/*.json"),
    _in_store("run state", "runs/*/state.json", called=("runs/",)),
    _in_store("quarantine entry", "quarantine/*/*.json"),
    _in_store("job receipt", "jobs/count/*/*.json"),
    _in_store("job result", "jobs/count/*/*.bin", binary=True),
    FileType("city-map index", stores.store, ("map/index.json",), (*ANY, LOST, *JSON), stores.read_map),
    FileType(
        "city-map zarr.json", stores.store, ("map/**/zarr.json",), (*ANY, LOST, *JSON), stores.read_map, called=ARRAYS
    ),
    FileType(
        "city-map arrays",
        stores.store,
        ("map/tiles/**/c/**/*",),
        (*ANY, LOST),
        stores.read_map,
        called=ARRAYS,
    ),
    FileType("map votes", stores.store, ("store/jobs/map-votes/**/*.*",), (*ANY, LOST), stores.read_map),
)
