"""Runs cases in forked processes: a crash, a hang or a memory that grows without end is a fault, and not the end."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
import time
import traceback
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from unittest.mock import patch

import numpy as np
from fuzzing.mutations import Mutation, Place
from fuzzing.reading import FileType, Outcome, Reading, judge
from kept_hands import HandHere

SECONDS = 60
"""How long reading one file may take."""
MEMORY = 4 << 30
"""How much more memory it may take than the libraries do [bytes]."""
_GRACE = 15
"""Seconds after which a case is killed that did not heed its alarm."""


@dataclass(frozen=True)
class Case:
    """One mutation of one file: a pure function of ``seed``, type and ``number``."""

    type: str
    number: int
    seed: int
    mutation: str = ""
    file: str = ""
    outcome: Outcome = "fault"
    what: str = ""

    @property
    def generator(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(self.type.encode()), self.number])


def run_cases(types: Sequence[FileType], each: int, seed: int, processes: int = 2) -> Iterator[Case]:
    """``each`` cases of each type, with their outcomes, in the order in which they are done."""
    fork = multiprocessing.get_context("fork")
    todo = _shares(types, each, seed)
    hands: dict[Connection, _Hand] = {}
    with tempfile.TemporaryDirectory(prefix="occlabel-fuzz-") as folder:
        while todo or hands:
            while todo and len(hands) < processes:
                share = todo.pop(0)
                ours, theirs = fork.Pipe(duplex=False)
                process = fork.Process(target=_work, args=(share, Path(folder), theirs), daemon=True)
                process.start()
                theirs.close()
                hands[ours] = _Hand(process, share)
            for connection in wait(list(hands), timeout=1.0):
                assert isinstance(connection, Connection)
                try:
                    yield hands[connection].takes(connection.recv())
                except EOFError:
                    hands[connection].silent = True
            for connection, hand in list(hands.items()):
                if (why := hand.ended()) is not None:
                    del hands[connection]
                    connection.close()
                    if hand.left:
                        yield hand.fault(why)
                        todo.insert(0, hand.left)
            todo = [share for share in todo if share]


_SHARE = 60
"""Cases that one process does: making a clean folder for them takes as long as some cases do."""
Share = list[tuple[FileType, Case]]


def _shares(types: Sequence[FileType], each: int, seed: int) -> list[Share]:
    """The cases, those that are made and read alike together, the longest shares first."""
    alike: dict[tuple[object, object], Share] = {}
    for type_ in types:
        cases = alike.setdefault((type_.make, type_.read), [])
        count = -(-each // 10) if type_.costly else each
        cases += [(type_, Case(type_.name, number, seed, plan(type_, seed, number).name)) for number in range(count)]
    shares = [cases[at : at + _SHARE] for cases in alike.values() for at in range(0, len(cases), _SHARE)]
    return sorted(shares, key=len, reverse=True)


@dataclass
class _Hand:
    """A process, and the cases that it has yet to do."""

    process: multiprocessing.process.BaseProcess
    left: Share
    heard: float = field(default_factory=time.monotonic)
    silent: bool = False
    """Whether it has closed its end."""

    def takes(self, case: Case) -> Case:
        self.left.pop(0)
        self.heard = time.monotonic()
        return case

    def ended(self) -> str | None:
        """Why it will do no more, None while it may."""
        if self.silent:
            self.process.join()
            return f"the process died: {_death(self.process.exitcode)}"
        if time.monotonic() - self.heard < SECONDS + _GRACE:
            return None
        self.process.kill()
        self.process.join()
        return "hangs, and does not heed an alarm"

    def fault(self, why: str) -> Case:
        """The case that it was about."""
        _, case = self.left.pop(0)
        return replace(case, what=why)


def _death(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit {code}"


def plan(type_: FileType, seed: int, number: int) -> Mutation:
    """The mutations take turns, in an order of each seed."""
    turn = np.random.default_rng([seed, zlib.crc32(type_.name.encode())]).permutation(len(type_.mutations))
    return type_.mutations[turn[number % len(turn)]]


def _work(share: Share, folder: Path, results: Connection) -> None:
    """Of a process of its own."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    scratch = Path(tempfile.mkdtemp(dir=folder))
    clean_root, first = scratch / "clean" / "root", share[0][0]
    clean_root.mkdir(parents=True)
    try:
        first.make(clean_root)
        with patch("occlabel.workers.rehearsal.Hand", HandHere):  # a model as it should be takes no process along
            clean = _read(first, clean_root, scratch / "0")
    except Exception as error:
        for _, case in share:
            results.send(replace(case, what=f"the clean files cannot be read: {_told(error)}"))
        return
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
    for number, (type_, case) in enumerate(share, 1):
        results.send(_done(type_, case, clean_root, clean, scratch / str(number)))
        shutil.rmtree(scratch / str(number), ignore_errors=True)
    shutil.rmtree(scratch, ignore_errors=True)
    results.close()
    os._exit(0)  # threads of libraries have nothing to tidy up


def _read(
    type_: FileType, clean_root: Path, scratch: Path, file: Path | None = None, content: object = None
) -> Reading:
    """What is read of a copy of the clean folder in which ``file`` holds ``content``."""
    root = scratch / "root"
    shutil.copytree(clean_root, root, copy_function=os.link)
    if file is not None:
        target = root / file.relative_to(clean_root)
        target.unlink()
        match content:
            case Place.FOLDER:
                target.mkdir()
            case Place.LINK:
                target.symlink_to(root / "nowhere")
            case bytes():
                target.write_bytes(content)
    reading = type_.read(root)
    reading.words = [word.replace(str(scratch), "") for word in reading.words]
    return reading


def _done(type_: FileType, case: Case, clean_root: Path, clean: Reading, scratch: Path) -> Case:
    draw, mutation = case.generator, plan(type_, case.seed, case.number)
    files = type_.paths(clean_root)
    file = files[int(draw.integers(0, len(files)))]
    case = replace(case, file=file.relative_to(clean_root).as_posix())
    before = file.read_bytes()
    content = mutation(before, draw)
    if content == before:
        return replace(case, outcome="equal", what="the mutation changes nothing")
    try:
        with _alarm():
            found = _read(type_, clean_root, scratch, file, content)
    except Exception as error:  # what a user would see as a traceback
        return replace(case, what=_told(error))
    except _Hangs:
        return replace(case, what=f"hangs: no end after {SECONDS} s")
    judgement = judge(type_, mutation, file, content, clean, found)
    return replace(case, outcome=judgement.outcome, what=judgement.what)


class _Hangs(BaseException):
    """No Exception, so that nobody takes it for bad data."""


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise _Hangs

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def _told(error: Exception) -> str:
    """The error, and where it came from: the last lines of ours, and the last one."""
    steps = traceback.extract_tb(error.__traceback__)
    ours = [step for step in steps if "/occlabel/" in step.filename] or steps
    places = " < ".join(
        f"{Path(s.filename).parent.name}/{Path(s.filename).name}:{s.lineno}" for s in reversed(ours[-3:])
    )
    return f"{type(error).__name__}: {str(error)[:200]} at {places}"
