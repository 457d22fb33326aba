"""The types of files that we read. Each is one entry: how a clean one is made, mutated and read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fuzzing import depth_files, image_files, later_logs, logs, models, stores
from fuzzing.mutated_formats import JPEG, NPZ, PNG, WEIGHTS
from fuzzing.mutated_json import JSON, TABLE
from fuzzing.mutated_rows import rows_of
from fuzzing.mutated_text import TEXT, YAML
from fuzzing.mutations import ANY, LOST
from fuzzing.reading import FileType, Plausible, same_form
from numpy.typing import NDArray

from occlabel.schemas.formats.nuscenes_categories import CATEGORIES
from occlabel.schemas.taxonomy import TAXONOMIES

# What numbers may be taken for


def _seen(columns: int, brightest: float) -> Callable[[bytes], bool]:
    """Whether the content is rows of points as a LiDAR sees them."""

    def credible(content: bytes) -> bool:
        if not content or len(content) % (4 * columns):
            return False
        rows = np.frombuffer(content, "<f4").reshape(-1, columns).astype(np.float64)
        near = bool(np.isfinite(rows).all()) and bool((np.abs(rows[:, :3]) < 300).all())
        return near and bool(((rows[:, 3] >= 0) & (rows[:, 3] <= brightest)).all())

    return credible


def _known(dtype: str, ids: Any, mask: int = 0xFFFF) -> Callable[[bytes], bool]:
    """Whether all ids in the content are some that there are."""
    known = np.array(list(ids))
    size = np.dtype(dtype).itemsize
    return lambda content: not len(content) % size and bool(np.isin(np.frombuffer(content, dtype) & mask, known).all())


_RAW_IDS = {*TAXONOMIES["semantickitti"].learning_map, 1, 52, 99}
"""Those that SemanticKITTI has, ignored ones too."""


def _near(clean: NDArray[np.float64], found: NDArray[np.float64]) -> bool:
    """A pose near to what it was."""
    return bool(np.isfinite(found).all()) and bool(np.abs(found - clean).max() < 100)


def _finite(clean: NDArray[np.float64], found: NDArray[np.float64]) -> bool:
    return same_form(clean, found) and bool(np.isfinite(found).all()) and bool(np.abs(found).max() < 1e12)


def _whatever(clean: NDArray[Any], found: NDArray[Any]) -> bool:
    return True


def _boxes(clean: NDArray[Any], found: NDArray[Any]) -> bool:
    """As many as before, or none, as in data that nobody labelled."""
    return len(found) in (0, len(clean))


def _values(names: str, plausible: Plausible = same_form) -> dict[str, Plausible]:
    return dict.fromkeys(names.split(), plausible)


_RUN = _values("semantics confidence support instance")
"""What a run makes of what it reads."""
_SCAN = _values("points classes segments", _whatever) | _RUN
_PLACED = _values("pose", _near) | _values("time shot extrinsics intrinsics", _finite) | _RUN
_TRUTH = _values("classes segments voxels scored") | _values("boxes", _boxes)
_CUT = frozenset({"truncate", "lose the last bytes"})
"""Of lines of numbers: a last number that is cut short is a number. Lines that are lost with it are missed."""
_LIST = _CUT | {"empty", "only the head", "lose the first bytes", "delete a line", "append itself", "duplicate a line"}
"""Of a list of any length."""
_BY_HAND = _CUT | {"only the head", "delete a line", "null alone"}
"""Of options, all of which may be left out."""

_ARRAYS = ("blocks", "semantics", "confidence", "support", "instance", "tracks")
"""What sentences call the files of an array: by its path, or where it lies."""

_MISFIT = ("which another table names", "its calibration does not hold")
"""Of two tables that do not fit together, or a table and an image, either may be the wrong one."""
_MISSED = ("have no prediction",)
"""Evaluations count the predictions that are not there."""

# What lies where

_SEQUENCE, _DRIVE, _TABLES = "sequences/00", f"2011_09_26/{logs.DRIVE}", "v1.0-mini"


def _tables(*names: str) -> tuple[str, ...]:
    return tuple(f"{_TABLES}/{name}.json" for name in names)


def _kitti_text(name: str) -> FileType:
    return FileType(
        name, logs.kitti_root, (f"{_SEQUENCE}/{name}",), (*ANY, LOST, *TEXT), logs.read_and_label, _PLACED, edited=_CUT
    )


def _raw_text(name: str, *files: str) -> FileType:
    return FileType(name, logs.raw_root, files, (*ANY, LOST, *TEXT), logs.read_and_label, _PLACED, edited=_CUT)


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
        _SCAN,
        _seen(4, 1.0),
    ),
    FileType(
        "nuScenes scan",
        logs.nuscenes_root,
        ("samples/LIDAR_TOP/*.bin",),
        (*ANY, LOST, *rows_of("<f4", 5)),
        logs.read_and_label,
        _SCAN,
        _seen(5, 255.0),
        called=("LIDAR_TOP", "its scan has"),
    ),
    FileType(
        "PNG",
        logs.kitti_root,
        (f"{_SEQUENCE}/image_2/*.png",),
        (*ANY, LOST, *PNG),
        logs.read_logs,
        _values("image"),
        called=("image_2",),
    ),
    FileType(
        "JPEG",
        logs.kitti_root,
        (f"{_SEQUENCE}/image_3/*.jpg",),
        (*ANY, LOST, *JPEG),
        logs.read_logs,
        _values("image"),
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
        _PLACED,
        called=_MISFIT,
    ),
    FileType(
        "nuScenes tables of places",
        logs.nuscenes_root,
        _tables("calibrated_sensor", "ego_pose", "sensor"),
        (*ANY, LOST, *TABLE),
        logs.read_logs,
        _PLACED,
        called=_MISFIT,
    ),
    FileType(
        "nuScenes tables of truth",
        logs.nuscenes_root,
        _tables("sample_annotation", "instance", "category", "attribute", "visibility", "lidarseg", "panoptic", "map"),
        (*ANY, LOST, *TABLE),
        logs.read_logs,
        _TRUTH,
        edited=frozenset({"no rows"}),
        called=_MISFIT,
    ),
    FileType(
        "point labels",
        logs.kitti_root,
        (f"{_SEQUENCE}/labels/*.label",),
        (*ANY, *rows_of("<u4", 1)),
        logs.read_logs,
        _TRUTH,
        _known("<u4", _RAW_IDS),
    ),
    FileType(
        "lidarseg",
        logs.nuscenes_root,
        ("lidarseg/*/*.bin",),
        (*ANY, *rows_of("u1", 1)),
        logs.read_logs,
        _TRUTH,
        _known("u1", range(len(CATEGORIES))),
    ),
    FileType("panoptic", logs.nuscenes_root, ("panoptic/*/*.npz",), (*ANY, *NPZ), logs.read_logs),
    FileType(
        "voxel labels",
        logs.kitti_root,
        (f"{_SEQUENCE}/voxels/*.label",),
        (*ANY, *rows_of("<u2", 1)),
        logs.read_logs,
        _TRUTH,
        _known("<u2", _RAW_IDS),
    ),
    FileType(
        "voxel .invalid",
        logs.kitti_root,
        (f"{_SEQUENCE}/voxels/*.invalid",),
        (*ANY, LOST, *rows_of("u1", 1)),
        logs.read_logs,
        _TRUTH,
    ),
    FileType("Occ3D labels", logs.nuscenes_root, ("gts/*/*/labels.npz",), (*ANY, *NPZ), logs.read_logs),
    FileType(
        "boxes.txt",
        logs.kitti_root,
        (f"{_SEQUENCE}/boxes.txt",),
        (*ANY, *TEXT),
        logs.read_logs,
        _values("boxes", _whatever),
        edited=_LIST,
    ),
    FileType(
        "KITTI-360 texts",
        later_logs.kitti360_root,
        ("calibration/*.txt", "data_poses/*/poses.txt", "data_3d_raw/*/velodyne_points/timestamps.txt"),
        (*ANY, LOST, *TEXT),
        logs.read_and_label,
        _PLACED,
        edited=_CUT,
    ),
    FileType(
        "Argoverse 2 tables",
        later_logs.argoverse_root,
        ("*/city_SE3_egovehicle.feather", "*/calibration/*.feather"),
        (*ANY, LOST),
        logs.read_and_label,
        _PLACED | _TRUTH,
    ),
    FileType("Argoverse 2 boxes", later_logs.argoverse_root, ("*/annotations.feather",), ANY, logs.read_logs, _TRUTH),
    FileType(
        "Argoverse 2 sweep",
        later_logs.argoverse_root,
        ("*/sensors/lidar/*.feather",),
        (*ANY, LOST),
        logs.read_and_label,
        _SCAN,
    ),
    FileType("MCAP recording", later_logs.mcap_root, ("*.mcap",), (*ANY, LOST), logs.read_and_label, _SCAN | _PLACED),
    FileType(
        "MCAP topics",
        later_logs.mcap_root,
        ("topics.yaml",),
        (*ANY, LOST, *TEXT, *YAML),
        logs.read_and_label,
        _SCAN | _PLACED,
        edited=_BY_HAND,
    ),
    FileType("film", later_logs.film_root, ("*.mp4",), (*ANY, LOST), logs.read_logs, _values("image") | _PLACED),
    FileType(
        "calibration.yaml",
        later_logs.film_root,
        ("calibration.yaml",),
        (*ANY, LOST, *TEXT, *YAML),
        later_logs.read_film,
        _PLACED,
        edited=_BY_HAND,
    ),
    FileType(
        "predictions .label",
        models.kitti_predictions,
        ("predictions/sequences/00/predictions/*.label",),
        (*ANY, LOST, *rows_of("<u2", 1)),
        models.read_kitti_predictions,
        _RUN,
        _known("<u2", _RAW_IDS - {1, 52, 99}),
    ),
    FileType(
        "submission .label",
        models.submission,
        ("predictions/sequences/00/predictions/*.label",),
        (*ANY, LOST, *rows_of("<u2", 1)),
        models.read_submission,
        _values("scores", _whatever),
        _known("<u2", _RAW_IDS - {1, 52, 99}),
        called=_MISSED,
    ),
    FileType(
        "predictions .npz",
        models.occ3d_predictions,
        ("predictions/*/*/labels.npz",),
        (*ANY, LOST, *NPZ),
        models.read_occ3d_predictions,
        called=_MISSED,
    ),
    FileType(
        "segments .png",
        image_files.classes_as_png,
        ("segments/*/*.png",),
        (*ANY, LOST, *PNG),
        image_files.read_png,
        _values("image_2 image_3"),
    ),
    FileType(
        "segments .npz",
        image_files.segments_as_npz,
        ("segments/*/*.npz",),
        (*ANY, LOST, *NPZ),
        image_files.read_npz,
        _values("image_2 image_3"),
        edited=frozenset({"lose an array"}),
    ),
    *(
        FileType(
            f"depth {suffix}",
            depth_files.stored_as(suffix),
            (f"segments/*/*{suffix}",),
            (*ANY, LOST, *mutations),
            depth_files.read_stored(suffix),
            _values("image_2 image_3"),
        )
        for suffix, mutations in ((".png", PNG), (".npy", ()), (".npz", NPZ))
    ),
    FileType(
        "Depth Anything",
        depth_files.depth_anything,
        ("depth_anything/model.safetensors",),
        (*ANY, LOST, *WEIGHTS),
        depth_files.read_depth_anything,
        _values("image_2 image_3"),
        called=("depth_anything",),
        costly=True,
    ),
    FileType(
        "config.json of the hub",
        depth_files.depth_anything,
        ("depth_anything/config.json",),
        (*ANY, LOST, *JSON),
        depth_files.read_depth_anything,
        _values("image_2 image_3"),
        called=("depth_anything",),
        costly=True,
    ),
    FileType(
        "MoGe-2",
        depth_files.moge,
        ("moge/model.pt",),
        (*ANY, LOST),
        depth_files.read_moge,
        _values("image_2 image_3"),
        called=("moge",),
        costly=True,
    ),
    FileType("weights", models.networks, ("*.safetensors",), (*ANY, LOST, *WEIGHTS), models.read_networks, _RUN),
    FileType("ONNX model", models.onnx_model, ("model.onnx",), (*ANY, LOST), models.read_onnx_model, _RUN, costly=True),
    FileType(
        "torch.export archive", models.torch_model, ("model.pt2",), (*ANY, LOST), models.read_torch_model, costly=True
    ),
    FileType(
        "recipe YAML",
        models.recipe_file,
        ("recipe.yaml",),
        (*ANY, LOST, *TEXT, *YAML),
        models.read_recipe,
        _values("recipe", _whatever),
        edited=_BY_HAND,
    ),
    FileType(
        "class-map YAML",
        models.class_map,
        ("classes.yaml",),
        (*ANY, LOST, *TEXT, *YAML),
        models.read_class_map,
        _values("classes"),
        edited=_BY_HAND | {"lose a word"},
        called=("the map",),
    ),
    FileType(
        "voting calibration",
        models.calibration,
        ("calibration.json",),
        (*ANY, LOST, *JSON),
        models.read_calibration,
        _values("chances"),
    ),
    _in_store("receipt", "receipts/*/*/*/*.json"),
    _in_store("manifest", "versions/*.parquet", binary=True),
    _in_store("versions/latest", "versions/latest", binary=True),
    _in_store("layout", "layout", binary=True, called=("layout",)),
    _in_store("zarr.json", "artifacts/**/zarr.json", called=_ARRAYS),
    _in_store("shard", "artifacts/**/c/**/*", binary=True, called=_ARRAYS),
    _in_store("catalogue", "catalogue/*/*.json"),
    _in_store("run state", "runs/*/state.json", called=("runs/",)),
    _in_store("quarantine entry", "quarantine/*/*.json"),
    _in_store("job receipt", "jobs/count/*/*.json"),
    _in_store("job result", "jobs/count/*/*.bin", binary=True),
    FileType("city-map index", stores.store, ("map/index.json",), (*ANY, LOST, *JSON), stores.read_map),
    FileType(
        "city-map zarr.json", stores.store, ("map/**/zarr.json",), (*ANY, LOST, *JSON), stores.read_map, called=_ARRAYS
    ),
    FileType(
        "city-map arrays",
        stores.store,
        ("map/tiles/**/c/**/*",),
        (*ANY, LOST),
        stores.read_map,
        called=_ARRAYS,
    ),
    FileType("map votes", stores.store, ("store/jobs/map-votes/**/*.*",), (*ANY, LOST), stores.read_map),
)
