"""Mutates every type of file that we read, many times, and says what the product made of them.

    python scripts/fuzz.py --cases 2500 --seed 1

A mutated file may be refused or left out in a sentence that names it, read as if nothing had happened, or, where a file
is bare numbers, be taken for a file of other content. All else is a fault: a traceback, a hang, a process that dies or
takes too much memory, other values without a word. With any fault the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fuzzing.kinds import FILE_TYPES
from fuzzing.loaded import load
from fuzzing.pool import Case, run_cases
from fuzzing.reading import OUTCOMES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2500, help="mutations in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", metavar="TYPE", action="append", help="only types whose name holds this")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--words", action="store_true", help="print what was said of each case, not only of the faults")
    options = parser.parse_args()
    types = [kind for kind in FILE_TYPES if not options.only or any(part in kind.name for part in options.only)]
    if not types:
        parser.error(f"no such type; there are {', '.join(kind.name for kind in FILE_TYPES)}")
    start = time.monotonic()
    load()
    cases = list(run_cases(types, -(-options.cases // len(types)), options.seed, options.processes))
    print_table([kind.name for kind in types], cases)
    print(f"{len(cases)} mutations in {time.monotonic() - start:.0f} s, seed {options.seed}")
    for case in sorted(cases, key=lambda case: (case.type, case.number)):
        if case.outcome == "fault" or options.words:
            print(f"{case.outcome}: {case.type} {case.number}, {case.file}, {case.mutation}: {case.what}")
    raise SystemExit(any(case.outcome == "fault" for case in cases))


def print_table(types: list[str], cases: list[Case]) -> None:
    counts = Counter((case.type, case.outcome) for case in cases)
    width = max(map(len, types))
    print(" | ".join([f"{'file type':{width}}", "mutations", *OUTCOMES]))
    for kind in types:
        row = [counts[kind, outcome] for outcome in OUTCOMES]
        cells = [f"{sum(row):9}", *(f"{n:{len(name)}}" for n, name in zip(row, OUTCOMES, strict=True))]
        print(" | ".join([f"{kind:{width}}", *cells]))


if __name__ == "__main__":
    main()
