"""``occlabel export``: whole versions, checked before anything is written."""

import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from made_up_versions import MadeUpFrame, MadeUpVersion, as_version

from occlabel.pipeline.delivery.exporters import ExportOptions, exporter
from occlabel.pipeline.published.open_labels import open_labels
from occlabel.pipeline.quality.counting import Question
from occlabel.pipeline.quality.evaluate import score
from occlabel.schemas.arrays import PASSED
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, Sweep
from occlabel.schemas.errors import BadLog, BadPredictions, BadRecipe, Ended, OcclabelError
from occlabel.schemas.formats.semantickitti import read_volume
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, LabelClass, Taxonomy


def made(frames: list[tuple[str, str, np.ndarray]], preset: str = "occ3d") -> MadeUpVersion:
    kept = [MadeUpFrame(log, name, {"semantics": volume}) for log, name, volume in frames]
    return MadeUpVersion(kept, LabelSpace(GRIDS[preset], TAXONOMIES[preset]))


def export(version: MadeUpVersion, format: str, out: Path, **options: Any) -> str:
    return exporter(format)(as_version(version), out, ExportOptions(**options))


def semantics(seed: int, shape: tuple[int, int, int], classes: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, shape).astype(np.uint8)


def test_what_is_exported_evaluates_as_itself(tmp_path: Path) -> None:
    volumes = [semantics(n, (200, 200, 16), 18) for n in range(2)]
    volumes[0][:, :, 0] = UNKNOWN
    version = made([("scene-1", f"t{n}", volume) for n, volume in enumerate(volumes)])
    for frame in version.kept:
        frame.arrays["observed"] = np.full((200, 200, 16), PASSED, np.uint8)
    said = export(version, "occ3d", tmp_path / "out", logs=Seeing())
    assert said.startswith("wrote 2 frames") and "mask" not in said
    scores = score(open_labels(str(tmp_path / "out"), "occ3d"), Question(tmp_path / "out", "occ3d")).scores["full"]
    assert (scores.iou, scores.miou) == (1.0, 1.0)


class Seeing:
    """A car that sees a right angle ahead of it."""

    root = Path("nowhere")

    def log_ids(self) -> list[str]:
        return ["scene-1"]

    def logs(self, ids: list[str] | None = None) -> list[DriveLog]:
        ahead, wide = np.eye(4), np.array([[1000, 0, 999.5], [0, 1000, 999.5], [0, 0, 1.0]])
        ahead[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
        camera = Camera("front", Path(), wide, ahead, 0.0, (2000, 2000))
        return [DriveLog("scene-1", "stamp", "text", tuple(Frame(f"t{n}", n, None, (camera,)) for n in range(2)))]


def test_masks_of_occ3d_are_what_was_observed(tmp_path: Path) -> None:
    wall = np.full((200, 200, 16), 17, np.uint8)
    wall[150] = 5
    version = made([("scene-1", f"t{n}", wall) for n in range(2)])
    assert "both masks are 0 everywhere" in export(version, "occ3d", tmp_path / "blind")
    observed = np.random.default_rng(4).integers(0, 3, (200, 200, 16)).astype(np.uint8)
    for frame in version.kept:
        frame.arrays["observed"] = observed
    assert "mask_camera is 0 everywhere" in export(version, "occ3d", tmp_path / "lidar")
    export(version, "occ3d", tmp_path / "both", logs=Seeing())
    for out, reach in (("blind", 120), ("lidar", 120), ("both", 151)):
        with np.load(tmp_path / out / "scene-1/t1/labels.npz") as file:
            lidar, camera = file["mask_lidar"], file["mask_camera"]
        np.testing.assert_array_equal(lidar, (observed > 0) & (out != "blind"))
        np.testing.assert_array_equal(camera[120:reach, 100], lidar[120:reach, 100], "up to the wall")
        assert not camera[:100].any() and not camera[151:].any() and not (camera & ~lidar).any()


def test_cameras_that_the_version_calibrated_see_what_those_of_a_log_do(tmp_path: Path) -> None:
    """As of a film, of which a stage found K and place."""
    wall = np.full((200, 200, 16), 17, np.uint8)
    wall[150] = 5
    (camera,) = Seeing().logs()[0].frames[0].cameras
    version = made([("scene-1", f"t{n}", wall) for n in range(2)])
    for frame in version.kept:
        frame.arrays["observed"] = np.full(wall.shape, PASSED, np.uint8)
    export(version, "occ3d", tmp_path / "log", logs=Seeing())
    assert "mask_camera is 0 everywhere: no camera is calibrated" in export(
        version, "occ3d", tmp_path / "neither", logs=Filmed()
    )
    with pytest.raises(BadLog, match="no frame t0 of log scene-1; with --logs give those that were labelled"):
        export(version, "occ3d", tmp_path / "wrong", logs=LidarHigh())
    assert not (tmp_path / "wrong").exists()
    version.info.cameras["scene-1"] = ("front",)
    version.kept[0].arrays |= {"intrinsics": camera.intrinsics[None], "extrinsics": camera.ego_from_camera[None]}
    said = export(version, "occ3d", tmp_path / "version", logs=Filmed())
    assert "mask_camera is 0 in 1 of them: no camera is calibrated" in said
    masks = {}
    for out in ("log", "version"):
        with np.load(tmp_path / out / "scene-1/t0/labels.npz") as file:
            masks[out] = file["mask_camera"]
    assert masks["log"].any()
    np.testing.assert_array_equal(masks["version"], masks["log"])


class Filmed(Seeing):
    """The same car, of whose camera nothing is known but the size."""

    def logs(self, ids: list[str] | None = None) -> list[DriveLog]:
        (log,) = super().logs(ids)
        blind = Camera("front", Path(), None, None, 0.0, (2000, 2000))
        return [replace(log, frames=tuple(replace(frame, cameras=(blind,)) for frame in log.frames))]


def test_semantickitti_with_zip(tmp_path: Path) -> None:
    version = made([("08", "000005", semantics(0, (256, 256, 32), 20))], "semantickitti")
    export(version, "semantickitti", tmp_path / "out", zipped=True)
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")) == [
        "sequences/08/predictions/000005.label",
        "submission.zip",
    ]


def test_nothing_is_written_where_something_is_or_when_the_tools_would_stop(tmp_path: Path) -> None:
    good = ("scene-1", "t0", semantics(0, (200, 200, 16), 18))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/precious").touch()
    with pytest.raises(OcclabelError, match="not an empty folder"):
        export(made([good]), "occ3d", tmp_path / "full")
    with pytest.raises(BadRecipe, match=r"'semantickitti' has not: others, barrier, .*--map"):
        export(made([good]), "semantickitti", tmp_path / "out")
    with pytest.raises(BadPredictions, match="no frames"):
        export(made([]), "occ3d", tmp_path / "out")
    with pytest.raises(BadRecipe, match="no exporter 'kml'; there is semantickitti, occ3d"):
        export(made([good]), "kml", tmp_path / "out")
    volume = semantics(0, (256, 256, 32), 20)
    with pytest.raises(BadPredictions, match="'town-8' cannot be exported"):
        export(
            made([("08", "000000", volume), ("town-8", "000000", volume)], "semantickitti"),
            "semantickitti",
            tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def own() -> MadeUpVersion:
    """Three classes of one's own in another order, over half of the SemanticKITTI grid in voxels of twice the size."""
    classes = (("van", (1, 1, 1)), ("nothing", (255, 255, 255)), ("road", (2, 2, 2)))
    taxonomy = Taxonomy(
        name="mine",
        free_id=1,
        classes=tuple(LabelClass(id=i, name=name, colour=colour) for i, (name, colour) in enumerate(classes)),
        inverse_map={0: 700, 1: 0, 2: 40},
    )
    grid = Grid(origin=(0.0, -25.6, -2.0), voxel_size=0.4, shape=(64, 128, 16), frame="lidar")
    volume = np.full(grid.shape, 1, np.uint8)
    volume[:, :, 1], volume[10, 10, 3], volume[5, 5, 5] = 2, 0, UNKNOWN
    return MadeUpVersion([MadeUpFrame("08", "000005", {"semantics": volume})], LabelSpace(grid, taxonomy))


def test_own_classes_in_an_own_grid_become_those_of_the_benchmark_through_a_map(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="'semantickitti' has not: van;"):
        export(own(), "semantickitti", tmp_path / "out")
    export(own(), "semantickitti", tmp_path / "out", told=(("van", "car"),))
    raw = read_volume(tmp_path / "out/sequences/08/predictions/000005.label")
    assert (raw[:128, :, 2:4] == 40).all() and not raw[128:].any(), "outside of the own grid nothing is known"
    assert (raw[20:22, 20:22, 6:8] == 10).all() and (raw == 10).sum() == 8
    export(own(), "semantickitti", tmp_path / "without", told=(("van", None),))
    assert not (read_volume(tmp_path / "without/sequences/08/predictions/000005.label") == 10).any()


@pytest.mark.parametrize(("preset", "lower"), [("occ3d", 0), ("semantickitti", 1)])
def test_labels_over_a_grid_a_voxel_lower_stay_where_they_are(tmp_path: Path, preset: str, lower: int) -> None:
    """But for SemanticKITTI, of which some releases lie there."""
    own = GRIDS[preset]
    grid = own.model_copy(update={"origin": (*own.origin[:2], own.origin[2] - own.voxel_size)})
    volume = np.full(grid.shape, TAXONOMIES[preset].free_id, np.uint8)
    volume[:, :, 3] = 4
    version = MadeUpVersion([MadeUpFrame("08", "000005", {"semantics": volume})], LabelSpace(grid, TAXONOMIES[preset]))
    export(version, preset, tmp_path / "out")
    assert set(np.nonzero(exported(tmp_path / "out", preset) == 4)[2]) == {2 + lower}


def exported(out: Path, preset: str) -> np.ndarray:
    if preset == "semantickitti":
        return TAXONOMIES[preset].from_raw[read_volume(out / "sequences/08/predictions/000005.label")]
    with np.load(out / "08/000005/labels.npz") as file:
        return file["semantics"]


def test_own_classes_can_be_written_as_they_are(tmp_path: Path) -> None:
    export(own(), "semantickitti", tmp_path / "out", own_classes=True)
    raw = read_volume(tmp_path / "out/sequences/08/predictions/000005.label", (64, 128, 16))
    assert raw[10, 10, 3] == 700 and (raw[:, :, 1] == 40).all() and raw[5, 5, 5] == 0
    for given in ({"told": (("van", "car"),)}, {"zipped": True}):
        with pytest.raises(BadPredictions, match=r"for the benchmark's classes; leave it out"):
            export(own(), "semantickitti", tmp_path / "other", own_classes=True, **given)
    said = yaml.safe_load((tmp_path / "out/classes.yaml").read_text())
    assert said["labels"] == {700: "van", 0: "nothing", 40: "road"}
    assert said["grid"]["voxel_size"] == 0.4


class LidarHigh:
    """Logs of one frame whose LiDAR stands 2 m above the ego's origin and half a metre ahead of it."""

    root = Path("nowhere")

    def log_ids(self) -> list[str]:
        return ["08"]

    def logs(self, ids: list[str] | None = None) -> list[DriveLog]:
        ego_from_lidar = np.eye(4)
        ego_from_lidar[:3, 3] = 0.4, 0, 2
        frame = Frame("000005", 0.0, None, (), Sweep(Path(), ego_from_lidar, 0.0))
        return [DriveLog("08", "stamp", "text", (frame,))]


def test_grids_in_two_frames_meet_where_the_logs_say(tmp_path: Path) -> None:
    version, told = own(), (("van", "car"), ("road", "driveable_surface"), ("nothing", "free"))
    with pytest.raises(BadPredictions, match=r"a grid in the lidar frame, occ3d one in the ego frame; .*--logs"):
        export(version, "occ3d", tmp_path / "out", told=told)
    export(version, "occ3d", tmp_path / "out", told=told, logs=LidarHigh())
    with np.load(tmp_path / "out/08/000005/labels.npz") as file:
        semantics = file["semantics"]
    # The road lies from -1.6 to -1.2 m in the LiDAR frame, 0.4 to 0.8 m in the ego frame: layer 3 of those from -1 m.
    assert set(np.unique(semantics[:, :, 3])) == {11, 17} and not (semantics[:, :, [2, 4]] == 11).any()
    assert (semantics[101:165, 36:164, 3] == 11).all() and (semantics == 11).sum() == 64 * 128
    version.kept[0].name = "000006"
    with pytest.raises(BadLog, match="the logs have no frame 000006 of log 08"):
        export(version, "occ3d", tmp_path / "other", told=told, logs=LidarHigh())
    assert not (tmp_path / "other").exists()


def leaves(version: object, out: Path, options: ExportOptions) -> str:
    sys.exit(0)


def is_ended(version: object, out: Path, options: ExportOptions) -> str:
    raise Ended(143)


def test_an_exporter_that_leaves_the_process_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        metadata.EntryPoint(f.__name__, f"{__name__}:{f.__name__}", "occlabel.exporters") for f in (leaves, is_ended)
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group, name: [p for p in points if p.name == name])
    with pytest.raises(BadPredictions, match=r"the exporter leaves = .* failed: SystemExit: 0"):
        export(own(), "leaves", tmp_path / "out")
    with pytest.raises(Ended):
        export(own(), "is_ended", tmp_path / "out")
