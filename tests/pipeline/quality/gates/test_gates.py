"""Versions of which every voxel is known, before their gates: what is planted is named first, and noise is let pass."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

from occlabel.pipeline.planning.gates import TRUTHLESS, Gates
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.gates.judge import judge_version
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.schemas.version import GateResult

GRID = Grid(origin=(0.0, -16.0, -1.0), voxel_size=0.5, shape=(64, 64, 8), frame="lidar")
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
CAR, PERSON, ROAD, BUILDING = 1, 6, 9, 13
LOGS = ("00", "01", "02")
FRAMES = 3
Arrays = dict[str, np.ndarray]


def street(log: str, frame: int) -> Arrays:
    """A road, a house and a car that drives ahead of an own car which goes a metre a frame."""
    semantics = np.zeros(GRID.shape, np.uint8)
    semantics[:, :, 1] = ROAD
    house = 40 - 2 * frame
    semantics[house : house + 10, 4:24, 2:8] = BUILDING
    semantics[10:19, 30:34, 2:5] = CAR
    instance = np.where(semantics == CAR, 7, 0).astype(np.uint16)
    confidence = np.where(semantics == ROAD, 250, 200).astype(np.uint8)
    measured = ((semantics != 0) & (np.arange(64)[:, None, None] % 2 == 0)).astype(np.uint8)
    return {"semantics": semantics, "instance": instance, "confidence": confidence, "measured": measured}


def published(
    root: Path,
    name: str,
    change: Callable[[str, int, Arrays], None] = lambda *_: None,
    logs: tuple[str, ...] = LOGS,
    count: int = FRAMES,
) -> PublishedVersion:
    frames = []
    for log in logs:
        for frame in range(count):
            arrays, pose = street(log, frame), np.eye(4)
            change(log, frame, arrays)
            pose[0, 3] = frame
            frames.append(MadeUpFrame(log, f"{frame:06d}", arrays, frame, pose))
    return publish(MadeUpVersion(frames, SPACE, name), root / name)


def asked(version: PublishedVersion, **gates: object) -> dict[str, GateResult]:
    return {result.gate: result for result in judge_version(version, Gates.model_validate(gates))}


ALL: dict[str, object] = {name: {} for name in TRUTHLESS}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> PublishedVersion:
    return published(tmp_path_factory.mktemp("whole"), "v1")


def test_a_street_as_it_is_passes_every_gate(whole: PublishedVersion) -> None:
    found = asked(whole, **ALL)
    assert {name: one.passed for name, one in found.items()} == dict.fromkeys(ALL, True)
    assert found["static"].found == found["shapes"].found == 1.0
    assert [found[name].found for name in ("hits_free", "low_confidence", "sizes", "quarantine")] == [0, 0, 0, 0]


def test_hits_that_are_free_are_counted_and_placed(tmp_path: Path) -> None:
    def hole(log: str, frame: int, arrays: Arrays) -> None:
        if (log, frame) == ("01", 2):
            arrays["semantics"][:, :16, 1] = 0

    gate = asked(published(tmp_path, "v2", hole), hits_free={"most": 0.01})["hits_free"]
    hit = 9 * np.count_nonzero(street("00", 0)["measured"])
    assert gate.blocks and gate.found == pytest.approx(32 * 16 / hit)
    assert "log 01 " in gate.said and "frame 000002" in gate.said and "--log 01 --frame 000002" in gate.look


def test_low_confidence_names_log_and_class(tmp_path: Path) -> None:
    def doubt(log: str, frame: int, arrays: Arrays) -> None:
        if log == "02":
            arrays["confidence"][arrays["semantics"] == BUILDING] = 100

    version = published(tmp_path, "v2", doubt)
    gate = asked(version, low_confidence={"below": 0.5, "most": 0.05})["low_confidence"]
    of_frame = street("02", 0)["semantics"]
    share = np.count_nonzero(of_frame == BUILDING) / np.count_nonzero(of_frame) / 3
    assert gate.blocks and gate.found == pytest.approx(share, rel=1e-6)
    assert "most in log 02" in gate.said and "of building (33.33%)" in gate.said
    assert asked(version, low_confidence={"below": 0.3, "most": 0.05})["low_confidence"].found == 0
    warned = asked(version, low_confidence={"most": 0.05, "action": "warn"})["low_confidence"]
    assert not warned.passed and not warned.blocks


def test_drift_names_the_class_and_the_log(whole: PublishedVersion, tmp_path: Path) -> None:
    def lost(log: str, frame: int, arrays: Arrays) -> None:
        if log == "01":
            arrays["semantics"][arrays["semantics"] == BUILDING] = UNKNOWN

    version = published(tmp_path, "v2", lost)
    gate = asked(version, drift={}, against=whole.spec)["drift"]
    assert gate.blocks and gate.found == pytest.approx(1.0)
    assert gate.said.startswith("the share of building -100.0% in log 01"), gate.said
    assert f"occlabel compare {whole.spec} {version.spec} --log 01" in gate.look
    assert asked(whole, drift={}, against=whole.spec)["drift"].passed


def test_drift_between_other_streets_needs_logs_enough(whole: PublishedVersion, tmp_path: Path) -> None:
    other = published(tmp_path, "v2", logs=("10", "11"), count=1)
    gate = asked(other, drift={}, against=whole.spec)["drift"]
    assert gate.found is None and gate.blocks and "takes 6 of each" in gate.said
    noise = np.random.default_rng(0)

    def varied(log: str, frame: int, arrays: Arrays) -> None:
        arrays["semantics"][: noise.integers(8, 40), 50:, 2] = BUILDING

    def lost(log: str, frame: int, arrays: Arrays) -> None:
        varied(log, frame, arrays)
        arrays["semantics"][:30, :, 1] = 0

    def streets(name: str, change: Callable[[str, int, Arrays], None], first: int) -> PublishedVersion:
        return published(tmp_path, name, change, tuple(f"{n:02d}" for n in range(first, first + 6)), 1)

    before, again, fewer = streets("v3", varied, 20), streets("v4", varied, 40), streets("v5", lost, 60)
    assert asked(again, drift={}, against=before.spec)["drift"].passed
    gate = asked(fewer, drift={}, against=before.spec)["drift"]
    assert gate.blocks and "no frame in common" in gate.said and "road -4" in gate.said


def test_what_stands_must_stay(tmp_path: Path) -> None:
    def flicker(log: str, frame: int, arrays: Arrays) -> None:
        if (log, frame) == ("02", 1):
            arrays["semantics"][arrays["semantics"] == BUILDING] = 15

    gate = asked(published(tmp_path, "v2", flicker), static={})["static"]
    house, ground = 10 * 20 * 6, 62 * 64
    assert gate.found == pytest.approx(1 - 2 * house / (6 * (house + ground)), abs=2e-3)
    assert "least in log 02" in gate.said and "vegetation" in gate.said


def test_an_object_keeps_its_shape(tmp_path: Path) -> None:
    def swap(log: str, frame: int, arrays: Arrays) -> None:
        if (log, frame) == ("00", 2):
            arrays["instance"][...] = 0
            arrays["semantics"][arrays["semantics"] == CAR] = 0
            arrays["semantics"][10:12, 10:30, 2:8], arrays["instance"][10:12, 10:30, 2:8] = CAR, 7

    gate = asked(published(tmp_path, "v2", swap), shapes={"least": 0.95})["shapes"]
    assert gate.blocks and "least in log 00" in gate.said and "the car 7" in gate.said and "frame 000002" in gate.said


def test_a_car_of_forty_metres_is_none(tmp_path: Path) -> None:
    def grown(log: str, frame: int, arrays: Arrays) -> None:
        if (log, frame) in (("01", 0), ("01", 2), ("02", 1)):
            arrays["semantics"][10:50, 30:34, 2:5], arrays["instance"][10:50, 30:34, 2:5] = CAR, 7

    gate = asked(published(tmp_path, "v2", grown), sizes={"action": "block"})["sizes"]
    assert gate.blocks and gate.found == pytest.approx(1 / 3)
    assert "the car 7 of log 01, frame 000000: 20.0 x 2.0 x 1.5 m" in gate.said


def test_other_thresholds_read_what_was_counted(whole: PublishedVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(whole, static={})
    monkeypatch.setattr("occlabel.pipeline.quality.gates.job.measure_log", None)
    assert asked(whole, static={"least": 1.0})["static"].passed


def test_what_cannot_be_judged_does_not_pass(tmp_path: Path) -> None:
    frames = [MadeUpFrame("00", "000000", {"semantics": street("00", 0)["semantics"]})]
    bare = publish(MadeUpVersion(frames, SPACE, "bare"), tmp_path / "bare")
    found = asked(bare, **ALL, drift={}, against="latest")
    assert {name for name, one in found.items() if not one.passed} == set(ALL) - {"quarantine"}
    assert found["hits_free"].said.endswith("publishes no measured") and "have poses" in found["static"].said
    assert found["drift"].passed and "no other version yet" in found["drift"].said


def test_labels_that_cannot_be_read_do_not_pass(tmp_path: Path) -> None:
    version = published(tmp_path, "v2")
    shards = (path for path in (tmp_path / "v2/artifacts").rglob("semantics/c/**/*") if path.is_file())
    shard = next(path for path in shards if "01" in path.parts)
    shard.write_bytes(shard.read_bytes()[:20])
    gate = asked(version, static={}, quarantine={})["static"]
    assert gate.blocks and "labels cannot be read: log 01, frame 000000" in gate.said


def test_what_is_lost_after_it_was_counted_is_found(tmp_path: Path) -> None:
    version = published(tmp_path, "v2", logs=LOGS[:1])
    assert asked(version, hits_free={})["hits_free"].passed
    for shard in (path for path in (tmp_path / "v2/artifacts").rglob("measured/c/**/*") if path.is_file()):
        shard.unlink()
    gate = asked(version, hits_free={})["hits_free"]
    assert gate.blocks and "labels cannot be read: log 00, frame 000000" in gate.said
