"""What a stage or a reader of somebody else breaks is told and kept out of the version, and the rest goes on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from chain import MadeUpReader, Voxelise, label, small_recipe
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.quarantine import ClipEntry
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.drive_log import Sweep
from occlabel.schemas.errors import Ended
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process
from occlabel.workers.order import Order
from occlabel.workers.unit import attempt


class Odd(Voxelise):
    """Does ``what`` to log b."""

    what: Literal["no class", "leave", "be ended"] = "no class"

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        made = super().setup(space, rig, hands)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = made(clip, inputs)
            if clip.log == "b":
                if self.what == "leave":
                    sys.exit(0)
                if self.what == "be ended":
                    raise Ended(143)
                result[SEMANTICS.name][1, 2, 3, 1] = 77
            return result

        return process


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            "no class",
            "array 'semantics' holds 77 at [1, 2, 3, 1], classes are 0..19 and 255 is unknown; the stage that",
        ),
        ("leave", "SystemExit: 0"),
    ],
)
def test_a_clip_of_an_odd_stage_goes_to_quarantine(what: Any, said: str, tmp_path: Path) -> None:
    report = label(tmp_path, small_recipe(first=Odd(what=what)), MadeUpReader(tmp_path, {"a": 4, "b": 4}))
    assert report.state == "quarantine"
    (entry,) = report.entries
    assert (entry.cause, entry.log, entry.attempts) == ("data", "b", 1)
    assert entry.error.startswith(said)
    assert {frame.log for frame in open_version(f"{tmp_path}/store@v1").frames()} == {"a"}


def test_a_signal_ends_the_work(tmp_path: Path) -> None:
    with pytest.raises(Ended):
        label(tmp_path, small_recipe(first=Odd(what="be ended")), MadeUpReader(tmp_path, {"b": 4}))


class Careless(MadeUpReader):
    """Doubles in one frame, where single precision is asked for."""

    def points(self, sweep: Sweep) -> Any:
        points = super().points(sweep)
        return points.astype(np.float64) if sweep.path.name == "000001" else points


def test_scans_that_are_none_are_damaged(tmp_path: Path) -> None:
    report = label(tmp_path, small_recipe(), Careless(tmp_path, {"a": 2}))
    assert report.state == "quarantine"
    said = "lidar: a/000001: its reader gives float64[50, 4] and breaks its contract"
    assert report.damaged["a frame 000001"][0].startswith(said)


def test_a_clip_whose_stage_leaves_the_process_does_not_work_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = label(tmp_path, small_recipe(first=Odd(what="leave")), MadeUpReader(tmp_path, {"a": 4, "b": 4}))
    (entry,) = report.entries
    assert isinstance(entry, ClipEntry)
    order = _order_of(entry, tmp_path, monkeypatch)
    monkeypatch.setattr("occlabel.pipeline.running.replay.rehearsal", lambda _: (order, entry))
    replayed = CliRunner().invoke(app, ["replay", "entry.json"])
    assert replayed.exit_code == 1 and replayed.output.endswith("SystemExit: 0\n\nthe clip still fails\n")


def _order_of(entry: ClipEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    """The order that failed, as a worker had it."""
    orders: list[Order] = []

    def noted(unit: Any) -> Any:
        orders.append(unit)
        return attempt(unit)

    monkeypatch.setattr("occlabel.workers.local.attempt", noted)
    label(tmp_path, small_recipe(first=Odd(what="leave")), MadeUpReader(tmp_path, {"b": 4}), store="again", version="w")
    return orders[0]
