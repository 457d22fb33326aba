from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chain import MadeUpReader, small_recipe

from occlabel.pipeline.planning.plan import make_plan
from occlabel.schemas.drive_log import DriveLog
from occlabel.workers.store import Store

READ: list[str] = []


@dataclass(frozen=True)
class SlowReader(MadeUpReader):
    """Says when its logs may have changed, and notes each reading."""

    state: str = "monday"

    def stamp(self) -> str | None:
        return self.state

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        READ.extend(ids or [])
        yield from super().logs(ids)


def test_a_log_is_read_once_while_nothing_changes(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    READ.clear()
    plans = [
        make_plan(small_recipe(), SlowReader(tmp_path, {"a": 4, "b": 4}, state=state), store)
        for state in ("monday", "monday", "tuesday")
    ]
    assert READ == ["a", "b", "a", "b"]
    assert plans[0] == plans[1] == plans[2]


def test_a_log_that_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    for _ in range(2):
        plan = make_plan(small_recipe(), SlowReader(tmp_path, {"a": 4, "b": 4}, blind=("b",)), store)
        assert [log.id for log in plan.logs] == ["a"]
        assert "no LiDAR" in plan.refused["b"]
