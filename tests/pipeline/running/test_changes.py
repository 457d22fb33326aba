"""What changes while it is looked at is no label, and the next run labels it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from chain import MadeUpReader, Voxelise, label, small_recipe

from occlabel.pipeline.planning.orders import OrderDesk
from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.published.version import open_version
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import PLACE, Arrays, Clip, Hands, Inputs, Process
from occlabel.workers.store import Store


class _Fed(Voxelise):
    """Its label stands in a file, which somebody writes again as the last clip of log a is read."""

    file: Annotated[Path, PLACE]
    again: int

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        return content_of(self.file)

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            semantics = np.full((clip.frames, *space.grid.shape), int(self.file.read_text()), np.uint8)
            if (clip.log, clip.start) == ("a", 8):
                self.file.write_text(str(self.again))
            return {"semantics": semantics, "confidence": np.full_like(semantics, 200)}

        return process


def test_what_was_read_from_files_that_changed_meanwhile_is_no_label(tmp_path: Path) -> None:
    file, again = tmp_path / "label", 3
    file.write_text("2")
    recipe = small_recipe(first=_Fed(file=file, again=again), second=None)
    report = label(tmp_path, recipe, MadeUpReader(tmp_path, {"a": 10}))
    assert report.state == "quarantine"
    (entry,) = report.entries
    assert (entry.cause, entry.start) == ("data", 8)
    assert "what completion reads beside log a was changed while the run was on" in entry.error
    assert {int(f.load("semantics").max()) for f in open_version(f"{tmp_path}/store@v1").frames()} == {2}
    after = label(tmp_path, recipe, MadeUpReader(tmp_path, {"a": 10}), version="v2")
    assert after.state == "complete"
    assert after.info.frames == 10
    assert {int(f.load("semantics").max()) for f in open_version(f"{tmp_path}/store@v2").frames()} == {again}


def test_what_changed_between_plan_and_work_is_not_labelled_by_the_plan(tmp_path: Path) -> None:
    file = tmp_path / "label"
    file.write_text("2")
    reader, store = MadeUpReader(tmp_path, {"a": 10}), Store(tmp_path / "store")
    plan = make_plan(small_recipe(first=_Fed(file=file, again=3), second=None), reader, store)
    desk = OrderDesk(plan.recipe, reader, store, plan.logs)
    file.write_text("4")
    with pytest.raises(BadLog, match="beside log a was changed after the plan was made: run again"):
        desk.order((0, Clip("a", 0, 4)))
    file.write_text("2")
    order = desk.order((0, Clip("a", 4, 8)))
    assert order.beside is not None
    assert order.beside.log.names == tuple(f"{n:06d}" for n in range(4, 8))
    file.write_text("4")
    with pytest.raises(BadLog, match="while the run was on"):
        order.perform()


class _Filed(MadeUpReader):
    """Its scans are files, which its stamp tells apart by their sizes."""

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log in super().logs(ids):
            frames = tuple(replace(f, sweep=replace(f.sweep, path=self.file(f.name))) for f in log.frames)
            sizes = [self.file(frame.name).stat().st_size for frame in frames]
            yield replace(log, frames=frames, stamp=str(sizes))

    def file(self, name: str) -> Path:
        return self.root / name


class _Rewritten(Voxelise):
    """As it looks at the last clip of a log, somebody writes a scan anew, once."""

    file: Annotated[Path, PLACE]

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        looks = super().setup(space, rig, hands)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            if clip.start == 8 and self.file.read_text() == "scan":
                self.file.write_text("much longer")
            return looks(clip, inputs)

        return process


def filed(root: Path) -> _Filed:
    root.mkdir()
    for n in range(10):
        (root / f"{n:06d}").write_text("scan")
    return _Filed(root, {"a": 10})


def test_scans_that_change_while_they_are_read_are_labelled_by_the_next_run(tmp_path: Path) -> None:
    reader = filed(tmp_path / "logs")
    recipe = small_recipe(first=_Rewritten(file=reader.file("000009")), second=None)
    report = label(tmp_path, recipe, reader)
    (entry,) = report.entries
    assert (entry.cause, entry.start) == ("data", 8)
    assert "scans or images of log a were changed while completion read them, and nothing of clip" in entry.error
    assert report.info.frames == 8
    assert label(tmp_path, recipe, reader, version="v2").info.frames == 10


def test_scans_that_change_between_plan_and_work_are_not_labelled_by_the_plan(tmp_path: Path) -> None:
    reader, store = filed(tmp_path / "logs"), Store(tmp_path / "store")
    plan = make_plan(small_recipe(), reader, store)
    before, after = (OrderDesk(plan.recipe, reader, store, plan.logs) for _ in range(2))
    order = before.order((0, Clip("a", 0, 4)))
    reader.file("000002").write_text("another scan")
    with pytest.raises(BadLog, match="files of log a were changed after the plan was made: run again"):
        after.order((1, Clip("a", 0, 4)))
    with pytest.raises(BadLog, match="scans or images of log a were changed while completion read them"):
        order.perform()
