"""Removing and tagging versions: ``latest`` never names what is not there, wherever it ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.planning.gates import Gates
from occlabel.pipeline.published.judged import let_through
from occlabel.pipeline.published.latest import newest
from occlabel.pipeline.published.removal import remove_version
from occlabel.pipeline.published.version import open_version, version_names
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.schemas.version import GateResult
from occlabel.workers.store import Store

SPACE = LabelSpace(Grid(origin=(0, 0, 0), voxel_size=1, shape=(4, 4, 2), frame="lidar"), TAXONOMIES["semantickitti"])


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1, v2 and v3, which is the latest."""
    root = tmp_path_factory.mktemp("three") / "store"
    volume = {"semantics": np.full(SPACE.grid.shape, 9, np.uint8)}
    for name in ("v1", "v2", "v3"):
        publish(MadeUpVersion([MadeUpFrame("08", "000005", volume)], SPACE, name), root)
    return root


@pytest.fixture
def store(three: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(three, tmp_path / "store"))


def versions(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["versions", *map(str, arguments)])
    return result.exit_code, result.output + str(result.exception or "")


def test_any_but_the_latest_is_removed(store: Path) -> None:
    objects = {path for path in store.rglob("*") if path.is_file()}
    (store / "versions/v2.gates").touch()
    assert versions("rm", f"{store}@v2")[0] == 0
    assert {path for path in store.rglob("*") if path.is_file()} == objects - {store / "versions/v2.parquet"}
    assert open_version(str(store)).name == "v3"


def test_the_latest_is_removed_when_another_one_is_named(store: Path) -> None:
    code, said = versions("rm", f"{store}@v3")
    assert code == 1 and "version v3 is the latest" in said and "--latest with one of v1, v2" in said
    for wrong in ("v3", "v4"):
        assert "cannot be the latest then" in versions("rm", f"{store}@v3", "--latest", wrong)[1]
    assert open_version(str(store)).name == "v3"
    assert versions("rm", f"{store}@v3", "--latest", "v1")[0] == 0
    assert open_version(str(store)).name == "v1" and version_names(Store(store)) == ["v1", "v2"]


def test_what_a_gate_blocks_does_not_become_the_latest(store: Path) -> None:
    def block(name: str) -> None:
        info = open_version(f"{store}@{name}").info
        result = GateResult(gate="static", required=0.9, found=0.1)
        let_through(Store(store), info, Gates(static={"least": 0.9}), lambda *_: (result,))

    block("v1")
    code, said = versions("rm", f"{store}@v3", "--latest", "v1")
    assert code == 1 and "v1 cannot be the latest: a gate blocks it" in said and said.rstrip().endswith("there is v2")
    assert "--latest with one of v2" in versions("rm", f"{store}@v3")[1]
    block("v2")
    assert "there is no other that none blocks" in versions("rm", f"{store}@v3", "--latest", "v2")[1]
    assert versions("rm", f"{store}@v3")[0] == 0
    assert newest(Store(store)) is None and version_names(Store(store)) == ["v1", "v2"]
    assert "name a version, STORE@VERSION" in versions("show", store)[1]


def test_the_last_one_takes_the_pointer_with_it(store: Path) -> None:
    for name in ("v1", "v2", "v3"):
        assert versions("rm", f"{store}@{name}")[0] == 0
    assert "no version is published yet" in versions("show", store)[1]


@pytest.mark.parametrize("latest", ["v1", None])
def test_killed_at_any_step_latest_names_a_version_or_nothing(
    store: Path, latest: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if latest is None:
        for name in ("v1", "v2"):
            remove_version(Store(store), name)
    alive = steps = 0

    def mortal(call: Callable[..., None]) -> Callable[..., None]:
        def step(*arguments: object) -> None:
            nonlocal steps
            steps += 1
            if steps > alive:
                raise KeyboardInterrupt
            call(*arguments)

        return step

    for name in ("put", "delete"):
        monkeypatch.setattr(Store, name, mortal(getattr(Store, name)))
    for allowed in range(4):
        alive, steps = allowed, 0
        try:
            remove_version(Store(store), "v3", latest)
        except KeyboardInterrupt:
            assert newest(Store(store)) in {None, *version_names(Store(store))}
        if "v3" not in version_names(Store(store)):
            break
    assert version_names(Store(store)) == (["v1", "v2"] if latest else [])
    assert newest(Store(store)) == latest


def test_a_tag_is_a_name_that_moves_and_protects(store: Path) -> None:
    assert versions("tag", f"{store}@v1", "production") == (0, "production is version v1\n")
    assert open_version(f"{store}@production").name == "v1"
    assert "version v1 is tagged production" in versions("rm", f"{store}@v1")[1]
    assert versions("tag", f"{store}@v2", "production")[1] == "production is version v2; it was version v1\n"
    assert "production" in versions("list", store)[1] and "latest" in versions("list", store)[1]
    assert versions("rm", f"{store}@v1")[0] == 0
    assert versions("untag", f"{store}@production")[1] == "version v2 is not called production any more\n"
    assert versions("rm", f"{store}@v2")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rm", "STORE@v9"), "has no version 'v9'"),
        (("rm", "STORE"), "does not name the version: say STORE@VERSION"),
        (("rm", "STORE@latest"), "does not name the version"),
        (("rm", "STORE@good"), "'good'; it is a tag of version v1"),
        (("rm", "nowhere@v1"), "there is no store"),
        (("tag", "STORE@v1", "v2"), "v2 is a version"),
        (("tag", "STORE@v1", "latest"), "cannot be named 'latest'"),
        (("tag", "STORE@v1", "../up"), "cannot be a name"),
        (("tag", "STORE@v1", "bad name"), "tag 'bad name' cannot be a name in a store; use letters"),
        (("tag", "STORE@v1", "x" * 101), "the tag's name has 101 characters"),
        (("tag", "STORE@v9", "good"), "has no version 'v9'"),
        (("untag", "STORE@goood"), "has no tag 'goood' (did you mean 'good'?); it has good"),
        (("show", "STORE@nothing"), "has no version 'nothing'; it has v1, v2, v3"),
        (("show", "STORE@no thing"), "has no version 'no thing'"),
    ],
)
def test_wrong_input_gets_a_sentence(store: Path, arguments: tuple[str, ...], sentence: str) -> None:
    versions("tag", f"{store}@v1", "good")
    code, said = versions(*(argument.replace("STORE", str(store)) for argument in arguments))
    assert code == 1
    assert sentence in said.replace(str(store), "STORE")


def test_an_altered_tag_is_never_believed(store: Path) -> None:
    versions("tag", f"{store}@v1", "production")
    (store / "versions/tags/production").write_text('{"version": "v2"}')
    assert "versions/tags/production was altered" in versions("show", f"{store}@production")[1]
    code, said = versions("list", store)
    assert code == 1 and "was altered" in said and "v3" in said
    assert versions("tag", f"{store}@v1", "production")[0] == 1  # what it was is not known
