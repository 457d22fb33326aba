"""What goes wrong in the reader of a package is a sentence that names its entry point."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from command import occlabel

from occlabel.pipeline.planning.catalogue import Catalogue
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, Sweep
from occlabel.schemas.errors import BadLog, DamagedFile, Ended, OcclabelError
from occlabel.stages.ingest.brought import BroughtReader
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store

POINTS = np.zeros((5, 4), np.float32)


class Tapes:
    """One log of two frames."""

    LAYOUT_GLOB: ClassVar[str] = "*.tape"
    LAYOUT_WORDS: ClassVar[str] = "NAME.tape"
    frames: ClassVar[tuple[Frame, ...]] = tuple(Frame(f"f{n}", float(n), np.eye(4)) for n in range(2))
    given: ClassVar[Any] = POINTS

    def __init__(self, root: Path) -> None:
        self.root = root

    def log_ids(self) -> list[str]:
        return ["monday"]

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        yield DriveLog("monday", "stamp", "text", self.frames)

    def stamp(self) -> str | None:
        return None

    def points(self, sweep: Sweep) -> Any:
        return self.given

    def image(self, camera: Camera) -> Any:
        raise FileNotFoundError(camera.path)


class Rootless(Tapes):
    def __init__(self) -> None:
        super().__init__(Path())


class Half:
    LAYOUT_GLOB, LAYOUT_WORDS = "*.tape", "NAME.tape"

    def __init__(self, root: Path) -> None:
        self.root = root

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        yield from ()


class NoList(Tapes):
    def log_ids(self) -> list[str]:
        raise KeyError("days")


class NoStamp(Tapes):
    def stamp(self) -> str | None:
        sys.exit(0)


class NoLogs(Tapes):
    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        raise ValueError("no tape in it")


class NoneAtAll(Tapes):
    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        yield from ()


class NoFrames(Tapes):
    frames = ()


class Flat(Tapes):
    frames = (Frame("f0", 0.0, np.eye(4)[:3]),)


class Stopped(Tapes):
    def log_ids(self) -> list[str]:
        raise Ended(143)


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[type], Path]:
    def bring(kind: type) -> Path:
        points = [metadata.EntryPoint("tapes", f"{__name__}:{kind.__qualname__}", "occlabel.readers")]
        monkeypatch.setattr(metadata, "entry_points", lambda group: points if group == "occlabel.readers" else [])
        (tmp_path / "a.tape").touch()
        return tmp_path

    return bring


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Rootless, r"failed with TypeError: .*positional argument.* when it was asked to open "),
        (Half, "is no whole reader: it has no log_ids, stamp"),
        (NoList, "failed with KeyError: 'days' when it was asked which logs there are"),
    ],
)
def test_a_reader_that_cannot_be_asked_is_named(kind: type, said: str, bring: Callable[[type], Path]) -> None:
    named = rf"the reader 'tapes' \(entry point \S+:{kind.__name__}, group occlabel.readers\) "
    with pytest.raises(BadLog, match=named + said):
        open_logs(bring(kind)).log_ids()
    told = occlabel("logs", "list", bring(kind), code=1).stderr
    assert "the reader 'tapes' (entry point" in told and "bug" not in told


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (NoLogs, "failed with ValueError: no tape in it when it was asked for log monday"),
        (NoneAtAll, "gives 0 of 1 logs when it is asked for log monday"),
        (NoFrames, "log monday has no frames: the reader 'tapes'"),
        (Flat, r"log monday: world_from_ego of frame f0 is ndarray \[3, 4\], expected an array \[4, 4\]: the reader"),
    ],
)
def test_a_log_that_is_none_is_listed_with_what_its_reader_did(
    kind: type, said: str, bring: Callable[[type], Path]
) -> None:
    with pytest.raises(BadLog, match=said):
        next(iter(open_logs(bring(kind)).logs(["monday"])))
    listed = occlabel("logs", "list", bring(kind), "--json", code=1)
    assert "the reader 'tapes' (entry point" in json.loads(listed.stdout)[0]["error"] and not listed.stderr


def test_who_leaves_the_process_failed_and_a_signal_ends_it(bring: Callable[[type], Path]) -> None:
    with pytest.raises(BadLog, match="failed with SystemExit: 0 when it was asked for its stamp"):
        open_logs(bring(NoStamp)).stamp()
    with pytest.raises(Ended):
        open_logs(bring(Stopped)).log_ids()


@pytest.mark.parametrize(
    ("given", "found"),
    [(POINTS.astype(float), r"float64\[5, 4\]"), (POINTS[:, :3], r"float32\[5, 3\]"), (None, "NoneType")],
)
def test_points_are_what_the_contract_says(given: Any, found: str, bring: Callable[[type], Path]) -> None:
    reader, sweep = open_logs(bring(Tapes)), Sweep(Path("a.tape"), np.eye(4), 0.0)
    assert reader.points(sweep) is POINTS
    Tapes.given = given
    try:
        with pytest.raises(DamagedFile, match=rf"a\.tape: its reader gives {found} and breaks its contract"):
            reader.points(sweep)
    finally:
        Tapes.given = POINTS


def test_a_file_that_the_machine_does_not_give_is_tried_again(bring: Callable[[type], Path]) -> None:
    reader = open_logs(bring(Tapes))
    with pytest.raises(FileNotFoundError):
        reader.image(Camera("front", Path("a.png"), None, None, 0.0, None))
    with pytest.raises(OcclabelError, match=r"failed with AttributeError: .*voxel_truth.* for the truth of frame f0"):
        reader.voxel_truth(Tapes.frames[0])


def test_it_travels_and_two_readers_of_one_root_are_not_taken_for_each_other(bring: Callable[[type], Path]) -> None:
    reader = open_logs(bring(Tapes))
    assert isinstance(reader, BroughtReader)
    assert pickle.loads(pickle.dumps(reader)).log_ids() == ["monday"]
    store = Store(reader.root / "store")
    folders = {Catalogue(open_logs(bring(kind)), store)._folder for kind in (Tapes, NoFrames)}
    assert len(folders) == 2
