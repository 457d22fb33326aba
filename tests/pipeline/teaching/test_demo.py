"""A demo in a folder that is a store already: it goes on, or is refused before anything is simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chain import GRID, MadeUpReader, small_recipe
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from reported import SPACE, volume

from occlabel.pipeline.teaching import demo
from occlabel.pipeline.teaching.simulate import Drives
from occlabel.schemas.errors import OcclabelError
from occlabel.stages.town.writers.root import TownRoot


class Simulated(Exception):
    """The demo went on to simulate."""


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the version v1 of one drive of two frames, and that drive."""

    def simulated(*_: Any, **__: Any) -> None:
        raise Simulated

    monkeypatch.setattr(demo, "simulate_logs", simulated)
    place = tmp_path / "demo"
    publish(MadeUpVersion([MadeUpFrame("00", f"{n:06d}", {"semantics": volume(1)}) for n in (0, 1)], SPACE), place)
    TownRoot(place / "logs", "kitti").assign(Drives(logs=1, frames=2, seed=demo.SEED).drives("kitti"))
    (place / "logs/sequences/00").mkdir(parents=True)
    return place


@pytest.mark.parametrize(("logs", "frames"), [(2, 2), (1, 3), (1, 1)])
def test_a_version_of_other_drives_is_refused_before_anything_is_simulated(out: Path, logs: int, frames: int) -> None:
    before = (out / "logs/town.json").read_bytes()
    with pytest.raises(
        OcclabelError, match=r"holds a version v1 of other drives .* give another --out, or the --logs and"
    ):
        demo.run_demo(out, logs, frames)
    assert (out / "logs/town.json").read_bytes() == before, "the demo that made it can be repeated"


def test_the_same_drives_are_taken_up_again_also_where_they_are_gone(out: Path) -> None:
    with pytest.raises(Simulated):
        demo.run_demo(out, 1, 2)
    (out / "logs/sequences/00").rmdir()
    with pytest.raises(Simulated):
        demo.run_demo(out, 1, 2)


def test_labels_that_another_occlabel_made_are_refused_with_what_a_demo_can_do(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "simulate_logs", lambda *_, **__: None)
    monkeypatch.setattr(demo, "load_recipe", lambda *_, **__: small_recipe(grid=GRID))
    monkeypatch.setattr(demo, "open_logs", lambda root: MadeUpReader(root, {"00": 2}))
    with pytest.raises(
        OcclabelError, match=r"holds a version v1 with other labels of these drives.*: give another --out$"
    ):
        demo.run_demo(out, 1, 2)
