"""Logs that are held out must not be looked at with the files of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chain import MadeUpReader

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.held_out import Roots, learned_and_held_out, sources_of
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadRecipe

SPACE = {"grid": "semantickitti", "taxonomy": "semantickitti"}
STORED = Recipe.model_validate({**SPACE, "priors": {"depth": {"kind": "stored_depth", "path": "d/{log}/{frame}.png"}}})
MEASURED = Recipe.model_validate({**SPACE, "priors": {"depth": {"kind": "lidar"}}})


class Elsewhere(MadeUpReader):
    """Its logs are others of the same names."""

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        return (replace(log, stamp=f"{log.stamp}, elsewhere") for log in super().logs(ids))


def test_files_of_a_log_are_not_taken_for_those_of_another_of_its_name(tmp_path: Path) -> None:
    one, other = MadeUpReader(tmp_path / "one", {"a": 2, "b": 2}), Elsewhere(tmp_path / "other", {"b": 2, "c": 2})
    said = r"one and .*other both have a log b with .* \(priors\.depth\.path=d/{log}/{frame}\.png\); rename the log"
    with pytest.raises(BadRecipe, match=said):
        sources_of(STORED, Roots(one, other))
    assert sources_of(MEASURED, Roots(one, other)) == [one, other], "nothing is read by a name"
    apart = Elsewhere(tmp_path / "other", {"c": 2})
    assert sources_of(STORED, Roots(one, apart)) == [one, apart]
    assert sources_of(STORED, Roots(one, one)) == [one, one], "judged by what it learned from, as somebody wants it"
    assert sources_of(STORED, Roots(one)) == [one]


def test_without_another_root_some_logs_are_held_out() -> None:
    logs = [[n] for n in range(7)]
    assert learned_and_held_out([logs], 3) == ([[0], [1], [3], [4], [6]], [[2], [5]])
    assert learned_and_held_out([logs[:2]], 3) == ([[0]], [[1]])
    assert learned_and_held_out([logs[:1]], 3) == ([[0]], [])
    assert learned_and_held_out([logs, [[8]]], 3) == (logs, [[8]])
