"""What works and is probably not meant is said by the plan, log by log; what comes to nothing is refused."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from chain import MadeUpReader, small_recipe
from numpy.typing import NDArray
from simulated import TWO_SHORT, Simulated

from occlabel.pipeline.planning.catalogue import facts_of, seen_of
from occlabel.pipeline.planning.cautions import cautions, doubts
from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe, shipped_recipes
from occlabel.schemas.drive_log import Sweep
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.stored import Stored
from occlabel.stages.completion.weight_file import weight_facts
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.learning.weights import save_weights
from occlabel.stages.review.stage import Corrections
from occlabel.workers.store import Store

EGO = GRIDS["occ3d"]


def test_a_log_without_predictions_is_refused_and_frames_without_are_said(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    for log, frames in (("a", 4), ("b", 3)):
        (folder / f"sequences/{log}/predictions").mkdir(parents=True)
        for frame in range(frames):
            path = folder / f"sequences/{log}/predictions/{frame:06d}.label"
            semantickitti.write_volume(path, np.zeros(EGO.shape, np.uint16))
    recipe = Recipe.model_validate({"grid": EGO, "taxonomy": "semantickitti", "completion": Stored(path=folder)})
    plan = make_plan(recipe, MadeUpReader(tmp_path, {"a": 4, "b": 4, "c": 4}), Store(tmp_path / "s"))
    assert [log.id for log in plan.logs] == ["a", "b"]
    assert plan.cautions == (f"log b: 1 of 4 frames have no prediction in {folder} and stay unknown: 000003",)
    assert plan.refused["c"].startswith(f"log c: 4 of 4 frames have no prediction in {folder}; ")


def test_odds_of_shipped_weights_are_told_beside_others(tmp_path: Path) -> None:
    own = f"completion.weights={tmp_path / 'own.safetensors'}"
    (said,) = [c for c in cautions(load_recipe("nuscenes_lidar", [own], ["propagation"])) if "odds" in c]
    assert said.startswith("completion.odds are those of a shipped recipe")
    assert said.endswith("then set completion.odds={}")
    for odds in ("completion.odds={}", "completion.odds={trailer: 0.5}"):
        assert not cautions(load_recipe("nuscenes_lidar", [own, odds], ["propagation"]))
    assert not cautions(load_recipe("nuscenes_lidar", skip=["propagation"]))


def test_weights_that_each_log_has_of_its_own_were_adapted_from_those_that_all_else_was_made_for(
    tmp_path: Path,
) -> None:
    assert not cautions(load_recipe("nuscenes_lidar", [f"completion.weights={tmp_path}/{{log}}.safetensors"]))


def test_what_a_model_is_told_otherwise_than_what_propagation_learned_from_is_named() -> None:
    (said,) = cautions(load_recipe("semantickitti_lidar", ["completion.beams=[64,16]"]))
    assert ", told beams=[64, 16]: they correct the errors of another model" in said
    odds = ["completion.odds={trailer: 0.7}"]
    assert any(", told odds={'trailer': 0.7}: " in said for said in cautions(load_recipe("nuscenes_lidar", odds)))


@pytest.mark.parametrize("name", shipped_recipes())
def test_of_what_is_shipped_there_is_nothing_to_say(name: str) -> None:
    assert not list(cautions(load_recipe(name)))


def test_a_correction_by_what_is_not_heard_is_told_where_it_is_asked_for() -> None:
    deaf = "voting.evidence=false"
    (said,) = cautions(load_recipe("semantickitti_lidar", [deaf, "voting.log_shift=true"]))
    assert said.startswith("voting.log_shift is set to true") and said.endswith("voting.evidence=true")
    for asked in ([deaf], [deaf, "voting.log_shift=false"], ["voting.log_shift=true"]):
        assert not cautions(load_recipe("semantickitti_lidar", asked))


def test_a_version_without_labels_of_voxels_is_told() -> None:
    (said,) = cautions(load_recipe("semantickitti_lidar", skip=["completion"]))
    assert said.startswith("no stage of the recipe writes semantics: what is published has no labels of voxels, but ")


def test_corrections_of_logs_that_there_are_not_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "corrections"
    for log in ("a", "scene-1", "scene-2", ".git"):
        (folder / log).mkdir(parents=True)
    recipe = small_recipe().model_copy(update={"review": Corrections(path=folder)})
    reader, store = MadeUpReader(tmp_path, {"a": 4, "scene-01": 4}), Store(tmp_path / "s")
    (told,) = make_plan(recipe, reader, store).cautions
    assert told.startswith(f"the folder of corrections {folder} holds none, so no label is corrected"), "empty folders"
    for log in ("a", "scene-1"):
        (folder / log / "boxes.yaml").write_text("corrections: []")
    said = f"{folder} corrects 1 log that {tmp_path} does not have, and nothing comes of it here: scene-1 (did you mean"
    for asked in (None, ["scene-01"]):
        (told,) = make_plan(recipe, reader, store, asked).cautions
        assert told.startswith(f"{said} 'scene-01'?)"), "a log that was not asked for is none of these"
    (folder / "scene-2/000000.npz").touch()
    (told,) = make_plan(recipe, reader, store).cautions
    assert "corrects 2 logs that" in told and ": scene-1, scene-2; a folder" in told


def test_scans_that_are_far_smaller_than_others_are_told(simulated: Simulated, tmp_path: Path) -> None:
    root = Path(shutil.copytree(simulated("kitti", TWO_SHORT), tmp_path / "logs"))
    recipe, store = load_recipe("semantickitti_lidar"), Store(tmp_path / "s")
    assert not any("broke off" in said for said in make_plan(recipe, open_logs(root), store).cautions)
    scan = sorted((root / "sequences/01/velodyne").glob("*.bin"))[1]
    scan.write_bytes(scan.read_bytes()[: 16 * 100])
    (said,) = (said for said in make_plan(recipe, open_logs(root), store).cautions if "broke off" in said)
    assert said.startswith("log 01: 1 of its ") and f"({scan.stem}) with less than a quarter of the bytes" in said


class Hasty(Stored):
    """Of a package, with a mistake in it."""

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        if log.id == "b":
            raise KeyError(log.id)
        return None


def test_a_stage_that_fails_when_it_is_asked_about_a_log_is_named_and_other_logs_go_on(tmp_path: Path) -> None:
    (tmp_path / "sequences/a/predictions").mkdir(parents=True)
    semantickitti.write_volume(tmp_path / "sequences/a/predictions/000000.label", np.zeros(EGO.shape, np.uint16))
    recipe = Recipe.model_validate({"grid": EGO, "taxonomy": "semantickitti", "completion": Hasty(path=tmp_path)})
    plan = make_plan(recipe, MadeUpReader(tmp_path, {"a": 4, "b": 4}), Store(tmp_path / "s"))
    said = "stage completion (stored) failed with KeyError: 'b' when it was asked about the log"
    assert ([log.id for log in plan.logs], plan.refused) == (["a"], {"b": f"log b: {said}"})


def log_that(**seen: object) -> LogFacts:
    return LogFacts.model_validate(
        {"id": "a", "stamp": "s", "digest": "d", "geometry": "g", "names": ("0",), "times": (0.0,), "rig": {}}
        | {"scans": 1, "images": {}, "poses": 1}
        | {"seen": seen}
    )


def said_of(recipe: str, **seen: object) -> tuple[str, ...]:
    return doubts(log_that(**seen), load_recipe(recipe))


FITS = {
    "semantickitti_lidar": {"ground_in_lidar": -1.73, "beams": 65, "ahead_in_lidar": (1.0, 0.02)},
    "nuscenes_lidar": {"ground_in_ego": 0.05, "beams": 29, "ahead_in_ego": (1.0, 0.0), "ahead_in_lidar": (0.0, 1.0)},
}


@pytest.mark.parametrize("recipe", FITS)
def test_nothing_is_said_of_what_fits_or_is_not_known(recipe: str) -> None:
    assert said_of(recipe, **FITS[recipe]) == ()
    assert said_of(recipe) == ()


def test_scans_without_any_ground_are_said(shared: Path, tmp_path: Path) -> None:
    (said,) = said_of("nuscenes_lidar", groundless=3)
    assert "3 scans of it were looked at, and none shows a ground below its sensor" in said
    for scan in sorted((shared / "data/kitti/sequences/04/velodyne").glob("*.bin")):
        x, y, z, shade = np.fromfile(scan, np.float32).reshape(-1, 4).T
        for name, axes in (("00", (x, y, z, shade)), ("01", (-y, -z, x, shade))):  # and as a camera has its axes
            (tmp_path / f"sequences/{name}/velodyne").mkdir(parents=True, exist_ok=True)
            np.stack(axes, axis=1).tofile(tmp_path / f"sequences/{name}/velodyne" / scan.name)
    reader = open_logs(tmp_path)
    upright, aside = (seen_of(log, reader) for log in reader.logs())
    assert (upright.groundless, aside.groundless) == (0, 3)


def test_ground_outside_of_the_grid_is_refused() -> None:
    with pytest.raises(BadLog) as error:
        said_of("nuscenes_lidar", ground_in_ego=-1.77)
    assert str(error.value) == (
        "log a: its scans show the ground at z -1.77 m in the ego frame, the recipe's grid begins 0.77 m above it; "
        "use a recipe for this sensor, or set grid.origin"
    )
    with pytest.raises(BadLog, match=r"the recipe's grid ends 0\.60 m below it"):
        said_of("nuscenes_lidar", ground_in_ego=6.0)


def test_ground_at_the_border_of_the_grid_is_said() -> None:
    (low,) = said_of("semantickitti_lidar", ground_in_lidar=-1.95)
    assert "the recipe's grid begins at -2 m: the road will lie partly below it" in low
    (high,) = said_of("nuscenes_lidar", ground_in_ego=3.0)
    assert "reaches from -1 to 5.4 m: most of it lies below the road" in high


@pytest.mark.parametrize(
    ("ahead", "side"), [((0.0, 1.0), "to the right"), ((0.0, -1.0), "to the left"), ((-1.0, 0.1), "behind")]
)
def test_a_grid_beside_the_way_is_said(ahead: tuple[float, float], side: str) -> None:
    (said,) = said_of("semantickitti_lidar", ahead_in_lidar=ahead)
    assert f"the recipe's grid lies {side}" in said
    assert said_of("nuscenes_lidar", ahead_in_ego=ahead) == (), "a grid around the car has no side"


def test_poses_that_run_backwards_say_nothing_of_where_the_car_drives() -> None:
    (said,) = said_of("semantickitti_lidar", ahead_in_lidar=(-1.0, 0.0), poses={"backwards": True})
    assert "they run backwards" in said


def test_a_grid_far_from_the_car_is_said_or_refused() -> None:
    far = load_recipe("semantickitti_lidar", ["grid.origin=[60,-25.6,-2]"])
    assert any("begins 60 m from the lidar frame's origin: little" in said for said in doubts(log_that(), far))
    with pytest.raises(BadLog, match=r"begins 900 m from .* where no sensor sees anything; set grid.origin"):
        doubts(log_that(), load_recipe("semantickitti_lidar", ["grid.origin=[900,0,-2]"]))


def test_a_car_that_drives_to_the_sky_is_said() -> None:
    assert said_of("semantickitti_lidar", climb=0.05) == ()
    assert "it drives along z of the LiDAR frame" in said_of("semantickitti_lidar", climb=0.97)[0]


@dataclass(frozen=True)
class DamagedReader(MadeUpReader):
    """Whose scans from a frame on are damaged."""

    first: int = 0

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        if int(sweep.path.name) >= self.first:
            raise DamagedFile(f"{sweep.path} holds no points")
        return super().points(sweep)


@pytest.mark.parametrize(("damaged", "said"), [(0, True), (1, False)])
def test_a_log_whose_scans_are_all_damaged_is_said(damaged: int, said: bool, tmp_path: Path) -> None:
    reader = DamagedReader(tmp_path, {"a": 9}, first=damaged)
    cautions = make_plan(small_recipe(), reader, Store(tmp_path / "s")).cautions
    assert [c for c in cautions if "can be read" in c] == [
        "log a: of its 9 scans none of those that were looked at can be read, probably none at all: a/000000 holds no "
        "points; frames whose scan cannot be read stay without labels"
    ] * said
    assert not said_of("nuscenes_lidar") and said_of("nuscenes_lidar", unread="why")


LEVEL = {"poses": {"step": 0.42, "apart": 15.2, "level": 0.0}}
FAULT = "z is 0.00 m in every frame, and the ground that two frames 15 m apart see does not meet: it is 0.42 m off"


TOGETHER = ("geometry", "propagation", "voting", "ground", "tracking")
"""Slots that put frames together by their poses."""


def test_poses_that_cannot_be_right_are_said_with_what_happens_to_them() -> None:
    assert said_of("nuscenes_lidar", **LEVEL) == (
        f"log a: its poses cannot be right: {FAULT}; the geometry stage takes them from its scans",
    )
    recipe = load_recipe("nuscenes_lidar", skip=["geometry"])
    (said,) = doubts(log_that(**LEVEL), recipe)
    assert said.startswith(f"log a: its poses cannot be right: {FAULT}; stage completion (lmscnet), ")
    assert said.endswith("will put together what does not fit: add geometry: {kind: registration} to the recipe")
    alone = load_recipe("nuscenes_lidar", ["completion.sweeps=0"], skip=[*TOGETHER])
    assert doubts(log_that(**LEVEL), alone) == (), "nothing is put together"


@pytest.mark.parametrize(
    ("poses", "said"),
    [
        ({"step": 0.13, "apart": 15.0}, None),
        ({"step": 0.13, "apart": 15.0, "level": 3.0}, "z is 3.00 m in every frame, and the ground that two frames"),
        ({"step": 0.04, "apart": 15.0, "level": 0.0}, None),
        ({"step": 0.3, "apart": 15.0}, "the ground that two frames 15 m apart see does not meet: it is 0.30 m off"),
        ({"leap": 7.25, "leaps_at": "000017"}, "they leap by 7.2 m at frame 000017"),
        ({"leap": 0.0, "leaps_at": "000017"}, "they turn faster than a car can at frame 000017"),
        ({"backwards": True}, "they run backwards: the scans fit them from the last frame to the first"),
        ({"known": False}, "log a has no poses: they are made from its scans"),
    ],
)
def test_what_shows_that_poses_cannot_be_right(poses: dict[str, object], said: str | None) -> None:
    found = said_of("semantickitti_lidar", poses=poses)
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_other_beams_than_those_of_the_weights_are_said(tmp_path: Path) -> None:
    (said,) = said_of("nuscenes_lidar", beams=64)
    assert "its LiDAR has about 64 beams, the weights occ3d_lidar.safetensors were trained for 32" in said
    assert said_of("nuscenes_lidar", beams=40) == ()
    space, weights = load_recipe("nuscenes_lidar").space, tmp_path / "mine.safetensors"
    for told, count in (({"beams": "16"}, 1), ({}, 0), ({"beams": "many"}, 0)):
        save_weights(weights, {"a": torch.zeros(1)}, weight_facts(space) | told)
        recipe = load_recipe("nuscenes_lidar", [f"completion.weights={weights}"])
        assert len(doubts(log_that(beams=32), recipe)) == count
    thinned = load_recipe("nuscenes_lidar", ["completion.beams=[64, 32]"])
    assert doubts(log_that(beams=64), thinned) == ()


def test_real_logs_fit_their_own_recipe_and_no_other(shared: Path) -> None:
    for folder, own, other in (
        ("kitti", "semantickitti_lidar", "nuscenes_lidar"),
        ("nuscenes", "nuscenes_lidar", "semantickitti_lidar"),
        ("nuscenes_hill", "nuscenes_lidar", "semantickitti_lidar"),
    ):
        if not (root := shared / "data" / folder).is_dir():
            pytest.skip(f"no {root}")
        reader = open_logs(root)
        for log in reader.logs():
            facts = facts_of(log, "content", seen_of(log, reader))
            said = doubts(facts, load_recipe(own))
            assert ("z is 0.00 m in every frame" in "".join(said)) == (folder != "kitti"), (log.id, facts.seen)
            assert len(said) == (folder != "kitti"), said
            if other == "nuscenes_lidar":
                with pytest.raises(BadLog, match="the recipe's grid begins"):
                    doubts(facts, load_recipe(other))
            else:
                side, beams = doubts(facts, load_recipe(other, skip=[*TOGETHER]))
                assert "to the right of the car" in side and "beams" in beams
