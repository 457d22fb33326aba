"""Stages that packages bring: what is wrong with one is said of it, and hides nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from chain import GRID, MadeUpReader

from occlabel.pipeline.planning import kinds
from occlabel.pipeline.planning.kinds import stage_class
from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.arrays import SEMANTICS, ArraySpec
from occlabel.schemas.errors import BadRecipe, Ended
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Process, Resources, Stage
from occlabel.workers.store import Store


class Whole(Stage):
    slot: ClassVar[str] = "completion"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS,)
    kind: Literal["mine"] = "mine"

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        raise NotImplementedError


class NoSetup(Stage):
    slot: ClassVar[str] = "completion"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS,)
    kind: Literal["mine"] = "mine"


class NoSlot(Stage):
    kind: Literal["mine"] = "mine"

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        raise NotImplementedError


class NoVersion(NoSlot):
    slot: ClassVar[str] = "completion"


class NoWrites(NoVersion):
    version: ClassVar[int] = 1


class Silent(Whole):
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = ()


class NamesWhatItReads(Whole):
    reads: ClassVar[Any] = ("semantics",)


class Deaf(Whole):
    senses: ClassVar[Any] = ("point",)


class Refuses(Whole):
    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        raise KeyError("sensor")


class NoFile(Whole):
    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return ("a.pt",)  # type: ignore[return-value]


class Insatiable(Whole):
    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        sys.exit(0)


class Wide(Whole):
    @property
    def halo(self) -> int:
        return "two"  # type: ignore[return-value]


class Unread(Whole):
    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        raise KeyError("semantics")


class WritesNames(Whole):
    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        return ("semantics",)  # type: ignore[return-value]


class Stopped(Whole):
    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        raise Ended(143)


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def bring(*points: tuple[str, str]) -> None:
        found = {name: EntryPoint(name, value, kinds.GROUP) for name, value in points}
        monkeypatch.setattr(kinds, "_plugins", lambda: found)
        stage_class.cache_clear()

    yield bring
    stage_class.cache_clear()


def mine() -> Recipe:
    return Recipe.model_validate({"grid": GRID, "taxonomy": "semantickitti", "completion": {"kind": "mine"}})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (NoSetup, "it has no setup"),
        (NoSlot, "it has no slot: ClassVar"),
        (NoVersion, "it has no version: ClassVar"),
        (NoWrites, "it has no writes: ClassVar"),
        (Silent, "its writes are empty"),
        (NamesWhatItReads, "it has no reads: ClassVar"),
        (Deaf, r"its senses are \('point',\), and must be a tuple of points, images"),
    ],
)
def test_a_class_that_is_no_whole_stage_is_refused(kind: type, said: str, bring: Callable[..., None]) -> None:
    bring(("completion.mine", f"{__name__}:{kind.__name__}"))
    with pytest.raises(
        BadRecipe, match=rf"the entry point completion\.mine = .*:{kind.__name__} .* whole stage: {said}"
    ):
        stage_class("completion", "mine")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Refuses, "failed with KeyError: 'sensor' when it was asked what it needs"),
        (NoFile, "failed with AttributeError: 'str' object has no attribute 'is_file' when it was asked what it needs"),
        (Insatiable, "failed with SystemExit: 0 when it was asked what it needs"),
        (Wide, r"stage completion \(mine\): its halo is 'two', and must be a number of frames"),
        (Unread, "failed with KeyError: 'semantics' when it was asked what it reads and writes"),
        (WritesNames, r"stage completion \(mine\): it says that it reads or writes 'semantics', which is no ArraySpec"),
    ],
)
def test_a_stage_that_fails_when_it_is_asked_is_named(
    kind: type, said: str, bring: Callable[..., None], tmp_path: Path
) -> None:
    bring(("completion.mine", f"{__name__}:{kind.__name__}"))
    named = "" if kind in (Wide, WritesNames) else r"the entry point completion\.mine = \S+ \(group occlabel.stages\) "
    with pytest.raises(BadRecipe, match=f"^{named}{said}"):
        make_plan(mine(), MadeUpReader(tmp_path, {"a": 2}), Store(tmp_path / "s"))


def test_a_signal_is_no_fault_of_the_stage(bring: Callable[..., None], tmp_path: Path) -> None:
    bring(("completion.mine", f"{__name__}:Stopped"))
    with pytest.raises(Ended):
        make_plan(mine(), MadeUpReader(tmp_path, {"a": 2}), Store(tmp_path / "s"))


def test_a_broken_package_does_not_hide_what_is_wrong_elsewhere(bring: Callable[..., None], tmp_path: Path) -> None:
    bring(
        ("completion.gone", "nopkg.x:S"), ("completion.left", "leaves:S"), ("completion.mine", f"{__name__}:Whole"),
    )  # fmt: skip
    (tmp_path / "mine.yaml").write_text("{grid: occ3d, taxonomy: occ3d, voting: {kind: registration, evidence: false}}")
    said = r"voting \(registration\) reads 'semantics', which nothing before it writes; it is written by "
    with pytest.raises(BadRecipe, match=said + r"completion \(lmscnet, .*, mine\) and propagation"):
        load_recipe(str(tmp_path / "mine.yaml"))
    with pytest.raises(BadRecipe, match=r"the entry point completion\.gone = nopkg.x:S .* cannot be imported"):
        stage_class("completion", "gone")


def test_a_module_that_leaves_the_process_cannot_be_imported(
    bring: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    bring(("completion.left", "leaves:S"))
    with pytest.raises(BadRecipe, match="cannot be imported: SystemExit: 3"):
        stage_class("completion", "left")
