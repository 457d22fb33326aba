"""The harness itself: it does the same for the same seed, and calls a fault a fault."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import pool
from fuzzing.kinds import FILE_TYPES
from fuzzing.mutated_json import JSON, TABLE
from fuzzing.mutated_rows import rows_of
from fuzzing.mutated_text import TEXT, YAML
from fuzzing.mutations import ANY, Mutation
from fuzzing.pool import Case, run_cases
from fuzzing.reading import FileType, Reading

from occlabel.schemas.errors import DamagedFile

CLEAN = np.arange(24, dtype="<f4").tobytes()
FLIP = next(mutation for mutation in ANY if mutation.name == "flip a bit")
CUT = Mutation("cut", lambda content, draw: content[:-1])


def write(root: Path) -> None:
    (root / "data.bin").write_bytes(CLEAN)


def cases(read: Callable[[bytes], Reading], mutation: Mutation = CUT, each: int = 1, **options: Any) -> list[Case]:
    """What becomes of a file when ``read`` is the product. The clean one is always read as it is."""

    def product(root: Path) -> Reading:
        content = (root / "data.bin").read_bytes()
        return Reading({"log/numbers": np.frombuffer(CLEAN, np.uint8)}) if content == CLEAN else read(content)

    kind = FileType("numbers", write, ("data.bin",), (mutation,), product, **options)
    return list(run_cases([kind], each, seed=1, processes=1))


def outcome(read: Callable[[bytes], Reading], mutation: Mutation = CUT, **options: Any) -> tuple[str, str]:
    (case,) = cases(read, mutation, **options)
    return case.outcome, case.what


def test_mutations_are_pure_functions_of_content_and_seed() -> None:
    table = b'[{"token": "a", "next": "b", "size": [1, 2]}, {"token": "b", "next": "", "size": [3, 4]}]'
    for content, mutations in (
        (CLEAN, (*ANY, *rows_of("<f4", 4), *rows_of("u1", 1), *rows_of("<u4", 1))),
        (b"P2: 1 0 0.5\nTr: 3 4 -5\n", (*TEXT, *YAML)),
        (table, (*JSON, *TABLE)),
    ):
        for mutation in mutations:
            first, second = (mutation(content, np.random.default_rng(3)) for _ in range(2))
            assert first == second, mutation.name


def test_every_type_has_a_name_of_its_own_and_mutations_that_differ() -> None:
    assert len({kind.name for kind in FILE_TYPES}) == len(FILE_TYPES)
    assert all(len(kind.mutations) >= 10 for kind in FILE_TYPES)


def test_a_sentence_that_names_the_file_is_what_is_asked_for() -> None:
    def refuse(content: bytes) -> Reading:
        reading = Reading()
        reading.attempt(lambda: (_ for _ in ()).throw(DamagedFile("data.bin is truncated")))
        return reading

    assert outcome(refuse) == ("sentence", "data.bin is truncated")
    assert outcome(lambda content: Reading(words=["something is wrong"]))[0] == "fault"
    assert outcome(lambda content: Reading(words=["data.bin: KeyError: 'x'"]))[0] == "fault"


def test_other_values_without_a_word_are_a_fault_unless_nobody_can_tell() -> None:
    def read(content: bytes) -> Reading:
        return Reading({"log/numbers": np.frombuffer(content, np.uint8)})

    same = Reading({"log/numbers": np.frombuffer(CLEAN, np.uint8)})
    bare = {"numbers": lambda clean, found: clean.shape == found.shape}
    assert outcome(lambda content: same)[0] == "equal"
    assert outcome(read)[0] == "fault"
    assert outcome(read, bare=bare)[0] == "fault", "a file that was cut is never a file of its own"
    assert outcome(read, FLIP)[0] == "fault"
    assert outcome(read, FLIP, bare=bare)[0] == "another"
    assert outcome(read, FLIP, bare=bare, credible=lambda content: False)[0] == "fault"


def test_words_do_not_excuse_other_values_of_what_is_sealed() -> None:
    def read(content: bytes) -> Reading:
        return Reading({"log/numbers": np.zeros(3, np.uint8)}, ["data.bin is damaged"])

    assert outcome(read)[0] == "fault"
    assert outcome(read, bare={"numbers": lambda clean, found: True})[0] == "sentence"


def test_a_traceback_a_crash_and_hunger_are_faults_and_the_next_case_is_done() -> None:
    def stumble(content: bytes) -> Reading:
        raise ValueError("not enough values to unpack")

    def crash(content: bytes) -> Reading:
        os.kill(os.getpid(), signal.SIGKILL)
        return Reading()

    def eat(content: bytes) -> Reading:
        return Reading({"log/numbers": np.empty(pool.MEMORY + (1 << 30), np.uint8)})

    for read, what in ((stumble, "not enough values"), (crash, "SIGKILL"), (eat, "MemoryError")):
        done = cases(read, each=2)
        assert [case.outcome for case in done] == ["fault", "fault"]
        assert all(what in case.what for case in done), done


def test_clean_files_that_cannot_be_read_are_faults() -> None:
    def stumble(root: Path) -> Reading:
        raise ValueError("of the harness")

    kind = FileType("numbers", write, ("data.bin",), (CUT,), stumble)
    (case,) = run_cases([kind], each=1, seed=1)
    assert case.outcome == "fault"
    assert case.what.startswith("the clean files cannot be read: ValueError: of the harness")


def test_a_hang_is_a_fault_also_where_it_is_taken_for_bad_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(content: bytes) -> Reading:
        try:
            time.sleep(30)
        except Exception:
            return Reading(words=["data.bin is damaged"])
        raise AssertionError

    monkeypatch.setattr(pool, "SECONDS", 1)
    (case,) = cases(hang)
    assert (case.outcome, case.what) == ("fault", "hangs: no end after 1 s")
