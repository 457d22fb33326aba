import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chain import MadeUpReader, Number, Smooth, Voxelise, small_recipe

from occlabel.pipeline.planning.fingerprint import onboard_name, stage_digest
from occlabel.pipeline.planning.needs import check_log
from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog, OcclabelError
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.pose_facts import PoseFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.scan_facts import ScanFacts
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Resources
from occlabel.stages.completion.trained import Trained
from occlabel.workers.store import Store


def test_voting_waits_for_the_clips_its_halo_touches_and_no_others(tmp_path: Path) -> None:
    plan = make_plan(small_recipe(clip_frames=4), MadeUpReader(tmp_path, {"a": 14}), Store(tmp_path / "s"))
    assert len(plan.todo) == 8
    assert sorted(plan.todo[1, Clip("a", 8, 12)]) == [(0, Clip("a", s, min(s + 4, 14))) for s in (4, 8, 12)]
    assert plan.todo[0, Clip("a", 8, 12)] == ()


def test_a_stage_that_remembers_waits_for_its_own_clips_before(tmp_path: Path) -> None:
    recipe = small_recipe(clip_frames=4, third=Number(remembered=5))
    plan = make_plan(recipe, MadeUpReader(tmp_path, {"a": 14}), Store(tmp_path / "s"))
    assert plan.todo[2, Clip("a", 0, 4)] == ((1, Clip("a", 0, 4)),)
    own = [(2, Clip("a", 4, 8)), (2, Clip("a", 8, 12))]
    assert list(plan.todo[2, Clip("a", 12, 14)]) == [(1, Clip("a", 12, 14)), *own]


def test_every_unit_comes_after_what_it_waits_for(tmp_path: Path) -> None:
    recipe = small_recipe(third=Number())
    plan = make_plan(recipe, MadeUpReader(tmp_path, {"a": 14, "b": 3}), Store(tmp_path / "s"))
    assert len(plan.todo) == 15
    seen: set = set()
    for key, needs in plan.todo.items():
        assert set(needs) <= seen
        seen.add(key)


def test_fingerprints_change_with_what_decides_the_voxels_and_with_nothing_else(tmp_path: Path) -> None:
    def prints(**changes: Any) -> tuple[str, ...]:
        recipe = small_recipe(**changes)
        return make_plan(recipe, MadeUpReader(tmp_path, {"a": 4}), Store(tmp_path / "s")).logs[0].fingerprints

    first, second = prints()
    assert prints(gates={"min_labelled": 0.1}) == (first, second)
    assert prints(second=Smooth(radius=2)) == (first, prints(second=Smooth(radius=2))[1]) != (first, second)
    changed = prints(first=Voxelise(label=8))
    assert changed[0] != first
    assert changed[1] != second


def test_where_a_file_lies_does_not_count_and_what_it_holds_does(tmp_path: Path) -> None:
    digests = []
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        stage = Trained(weights=tmp_path / name)
        digests.append((stage_digest(stage, small_recipe().space, 4, "cpu"), onboard_name(stage, small_recipe().space)))
    assert digests[0][0] == digests[1][0] != digests[2][0]
    assert digests[0][1].split()[-1] == digests[1][1].split()[-1] != digests[2][1].split()[-1]


def test_what_cannot_work_is_refused_with_a_sentence_and_the_rest_goes_on(tmp_path: Path) -> None:
    reader = MadeUpReader(tmp_path, {"a": 4, "b": 4, "c": 4, "d/../e": 4}, blind=("b",), poseless=("c",))
    plan = make_plan(small_recipe(), reader, Store(tmp_path / "s"))
    assert [log.id for log in plan.logs] == ["a"]
    assert "no LiDAR scans" in plan.refused["b"]
    assert "no poses" in plan.refused["c"] and "kinds: registration" in plan.refused["c"]
    assert "cannot be a name" in plan.refused["d/../e"]


def test_frames_that_are_not_in_the_order_of_time_are_refused(tmp_path: Path) -> None:
    class Stuck(MadeUpReader):
        """Its clock stops at frame 2 of log b."""

        def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
            for log in super().logs(ids):
                late = replace(log.frames[2], time=log.frames[1].time)
                yield replace(log, frames=(*log.frames[:2], late, *log.frames[3:])) if log.id == "b" else log

    plan = make_plan(small_recipe(), Stuck(tmp_path, {"a": 4, "b": 4}), Store(tmp_path / "s"))
    assert [log.id for log in plan.logs] == ["a"]
    assert plan.refused["b"].startswith("log b: frame 000002 (0.1 s) is not later than frame 000001 before it (0.1 s)")


def test_frames_of_one_name_are_refused(tmp_path: Path) -> None:
    class Repeats(MadeUpReader):
        """Frame 3 of log b has the name of frame 1."""

        def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
            for log in super().logs(ids):
                again = replace(log.frames[3], name=log.frames[1].name)
                yield replace(log, frames=(*log.frames[:3], again)) if log.id == "b" else log

    plan = make_plan(small_recipe(), Repeats(tmp_path, {"a": 4, "b": 4}), Store(tmp_path / "s"))
    assert [log.id for log in plan.logs] == ["a"]
    assert plan.refused["b"].startswith("log b: frames 1 and 3, counted from 0, are both called 000001, and labels lie")


def test_a_log_without_poses_is_not_refused_where_a_stage_makes_them() -> None:
    lost = LogFacts(
        id="c", stamp="s", digest="d", geometry="g", names=("0",), times=(0.0,), rig=Rig(lidar=True), scans=1,
        images={}, poses=0, seen=ScanFacts(poses=PoseFacts(known=False)),
    )  # fmt: skip
    check_log(lost, load_recipe("nuscenes_lidar"))
    kinds = "registration, odometry, colmap, depth_anything_3, occany, stored"
    said = rf"log c has no poses, .* \(kinds: {kinds}\), or label without those stages"
    with pytest.raises(BadLog, match=said):
        check_log(lost, load_recipe("nuscenes_lidar", skip=["geometry"]))
    why = lost.model_copy(update={"warnings": ("poses.txt has 7 numbers a line", "there is no times.txt")})
    with pytest.raises(BadLog, match=r"^log c has no poses \(poses\.txt has 7 numbers a line\), which "):
        check_log(why, load_recipe("nuscenes_lidar", skip=["geometry"]))


def test_too_little_memory_is_found_before_any_compute(tmp_path: Path) -> None:
    with pytest.raises(OcclabelError, match=r"needs 1000000\.0 GiB"):
        make_plan(small_recipe(second=Smooth(gigabytes=1e6)), MadeUpReader(tmp_path, {"a": 4}), Store(tmp_path / "s"))


class _Reads(Voxelise):
    """What it says of a log lies in files, of which those of log b cannot be read."""

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        if log.id == "b":
            raise PermissionError(13, "Permission denied", "predictions/b/000000.label")
        return ""


class _Large(Voxelise):
    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return Resources(memory=2**50 if rig.lidar else 1)


def test_a_stage_that_fails_when_it_is_asked_about_a_log_costs_that_log(tmp_path: Path) -> None:
    plan = make_plan(small_recipe(first=_Reads()), MadeUpReader(tmp_path, {"a": 4, "b": 4}), Store(tmp_path / "s"))
    assert [log.id for log in plan.logs] == ["a"]
    assert re.fullmatch("log b cannot be labelled: .* PermissionError: .*b/000000.label'", plan.refused["b"])


def test_a_stage_that_needs_too_much_for_a_log_says_so_itself(tmp_path: Path) -> None:
    reader = MadeUpReader(tmp_path, {"a": 4, "b": 4}, blind=("b",))
    plan = make_plan(small_recipe(first=_Large()), reader, Store(tmp_path / "s"))
    assert plan.refused["a"].startswith("log a: stage completion (voxelise) needs 1048576.0 GiB for a clip")


def test_an_unknown_log_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadLog, match="no log z; it has a"):
        make_plan(small_recipe(), MadeUpReader(tmp_path, {"a": 4}), Store(tmp_path / "s"), ["z"])
