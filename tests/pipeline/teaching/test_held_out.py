"""Logs that are held out must not be looked at with the files of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chain import MadeUpReader

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.apart import refuse_shared
from occlabel.pipeline.teaching.held_out import Roots, learned_and_held_out, refuse_one, sources_of
from occlabel.schemas.drive_log import DriveLog, Frame, Sweep
from occlabel.schemas.errors import BadLog, BadRecipe, OcclabelError

SPACE = {"grid": "semantickitti", "taxonomy": "semantickitti"}
STORED = Recipe.model_validate({**SPACE, "priors": {"depth": {"kind": "stored_depth", "path": "d/{log}/{frame}.png"}}})
MEASURED = Recipe.model_validate({**SPACE, "priors": {"depth": {"kind": "lidar"}}})


class Elsewhere(MadeUpReader):
    """Its logs are others of the same names."""

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        return (
            replace(log, stamp=f"{log.stamp}, elsewhere", text=f"{log.text}, elsewhere") for log in super().logs(ids)
        )


def test_files_of_a_log_are_not_taken_for_those_of_another_of_its_name(tmp_path: Path) -> None:
    one, other = MadeUpReader(tmp_path / "one", {"a": 2, "b": 2}), Elsewhere(tmp_path / "other", {"b": 2, "c": 2})
    said = r"one and .*other both have a log b with .* \(priors\.depth\.path=d/{log}/{frame}\.png\); rename the log"
    with pytest.raises(BadRecipe, match=said):
        sources_of(STORED, Roots(one, other))
    assert sources_of(MEASURED, Roots(one, other)) == [one, other], "nothing is read by a name"
    apart = Elsewhere(tmp_path / "other", {"c": 2})
    assert sources_of(STORED, Roots(one, apart)) == [one, apart]
    assert sources_of(STORED, Roots(one)) == [one]


def test_what_is_judged_by_is_not_learned_from(tmp_path: Path) -> None:
    one, copied = MadeUpReader(tmp_path / "one", {"a": 2, "b": 2}), MadeUpReader(tmp_path / "copied", {"b": 2, "c": 2})
    for held_out, log in ((one, "a"), (copied, "b")):
        with pytest.raises(OcclabelError, match=f"log {log} of --held-out is log {log} of --logs: what is judged by"):
            sources_of(MEASURED, Roots(one, held_out))
        assert sources_of(MEASURED, Roots(one, held_out), own=True) == [one, held_out], "as somebody wants it"


def test_logs_of_one_text_are_told_apart_by_their_files(tmp_path: Path) -> None:
    logs = []
    for name, size in (("one", 9), ("other", 12)):
        path = tmp_path / name
        path.write_bytes(bytes(size))
        logs.append(
            DriveLog("00", name, "no poses, no times", (Frame("0", 0.0, None, (), Sweep(path, np.eye(4), 0.0)),))
        )
    refuse_shared({"logs": logs[:1], "held_out": logs[1:]})
    (tmp_path / "other").write_bytes(bytes(9))
    with pytest.raises(OcclabelError, match="log 00 of --held-out is log 00 of --logs"):
        refuse_shared({"logs": logs[:1], "held_out": logs[1:]})


def test_one_log_is_refused_by_what_it_has() -> None:
    refuse_one(Path("there"), ["a", "b"])
    with pytest.raises(BadLog, match="there holds one log with boxes: give two or more, as one is held"):
        refuse_one(Path("there"), ["a"], having=" with boxes")


def test_without_another_root_some_logs_are_held_out() -> None:
    logs = [[n] for n in range(7)]
    assert learned_and_held_out([logs], 3) == ([[0], [1], [3], [4], [6]], [[2], [5]])
    assert learned_and_held_out([logs[:2]], 3) == ([[0]], [[1]])
    assert learned_and_held_out([logs[:1]], 3) == ([[0]], [])
    assert learned_and_held_out([logs, [[8]]], 3) == (logs, [[8]])
