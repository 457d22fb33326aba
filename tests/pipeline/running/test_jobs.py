"""Jobs: work over units, done once, never lost and never half."""

from pathlib import Path
from typing import ClassVar

import pytest

from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.running.history import run_states
from occlabel.pipeline.running.jobs import Job, run_job
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import AlteredArtifact, OcclabelError, StoreError
from occlabel.schemas.receipt import JobReceipt
from occlabel.workers.store import Store

HERE = Workplace("local")


class Shout(Job):
    """The unit in capital letters; every call leaves a mark."""

    name: ClassVar[str] = "shout"
    version: ClassVar[int] = 1
    notes: Path
    mark: str = "!"
    bad: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    def fingerprint(self, unit: str) -> str:
        return digest_of([self.name, self.version, self.mark])

    def work(self, unit: str) -> bytes:
        with (self.notes / unit).open("a") as file:
            file.write("x")
        if unit in self.bad:
            raise OcclabelError(f"{unit} cannot be shouted")
        if unit in self.lost:
            raise AlteredArtifact(f"{unit} is not what was written")
        return (unit.upper() + self.mark).encode()

    def frames(self, unit: str) -> int:
        return len(unit)


def calls(folder: Path) -> dict[str, int]:
    return {path.name: len(path.read_text()) for path in folder.iterdir()}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_is_done_is_not_done_again(notes: Path, store: Store) -> None:
    first = run_job(Shout(notes=notes), ["b", "aa"], store, HERE, quiet=True)
    assert first.results == {"b": b"B!", "aa": b"AA!"}
    assert (first.state, first.failed) == ("complete", {})
    again = run_job(Shout(notes=notes), ["aa", "c", "b"], store, HERE, quiet=True)
    assert list(again.results.items()) == [("aa", b"AA!"), ("c", b"C!"), ("b", b"B!")]
    assert calls(notes) == {"aa": 1, "b": 1, "c": 1}
    assert run_job(Shout(notes=notes), ["b"], store, HERE).run is None
    other = run_job(Shout(notes=notes, mark="?"), ["b"], store, HERE, quiet=True)
    assert other.results == {"b": b"B?"}


def test_the_history_knows_jobs(notes: Path, store: Store) -> None:
    run_job(Shout(notes=notes), ["b", "aa"], store, HERE, quiet=True)
    (state,) = run_states(store)
    assert (state.what, state.state) == ("job shout", "complete")
    assert [(stage.stage, stage.done, stage.frames) for stage in state.stages] == [("shout", 2, 3)]


def test_a_unit_that_cannot_be_done_is_named_and_the_others_go_on(notes: Path, store: Store) -> None:
    report = run_job(Shout(notes=notes, bad=("b",)), ["a", "b", "c"], store, HERE, quiet=True)
    assert report.results == {"a": b"A!", "c": b"C!"}
    assert report.failed == {"b": "b cannot be shouted"}
    assert report.state == "quarantine"
    (entry,) = report.entries
    assert store.get(entry.path) is not None


def test_a_unit_that_reads_what_the_store_lost_is_named_too(notes: Path, store: Store) -> None:
    report = run_job(Shout(notes=notes, lost=("b",)), ["a", "b"], store, HERE, quiet=True)
    assert report.results == {"a": b"A!"} and report.computed == ("a",)
    assert report.failed == {"b": "b is not what was written"} and report.state == "quarantine"
    assert run_job(Shout(notes=notes), ["a", "b"], store, HERE, quiet=True).failed == {}, "made again it is done"


@pytest.mark.parametrize("spoil", ["lost", "altered"])
def test_a_receipt_without_its_result_counts_as_absent(notes: Path, store: Store, spoil: str) -> None:
    job = Shout(notes=notes)
    run_job(job, ["a", "b"], store, HERE, quiet=True)
    result = Path(store.location) / f"jobs/shout/{job.fingerprint('a')}/a.bin"
    if spoil == "lost":
        result.unlink()
    else:
        result.write_bytes(b"B!")
    for _ in range(2):
        assert run_job(job, ["a", "b"], store, HERE, quiet=True).results == {"a": b"A!", "b": b"B!"}
    assert calls(notes) == {"a": 2, "b": 1}
    receipt = JobReceipt.model_validate_json(result.with_suffix(".json").read_text())
    assert (receipt.job, receipt.unit, receipt.frames) == ("shout", "a", 1)


def test_a_unit_never_becomes_a_path_unchecked(notes: Path, store: Store) -> None:
    with pytest.raises(StoreError, match="cannot be a name"):
        run_job(Shout(notes=notes), ["../a"], store, HERE)
