"""Numbers and names of frames in sentences: ``000003, 000007-000009``."""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 8
"""A sentence names so many and counts the rest."""


def spans(names: Iterable[str]) -> str:
    """Decimal ``names``, in the order of their numbers; those in a row as one."""
    runs: list[list[str]] = []
    for name in names:
        if runs and int(name) == int(runs[-1][-1]) + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    return listed([run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs])


def listed(texts: Iterable[str]) -> str:
    """``texts``, at most eight of them."""
    known = list(texts)
    return ", ".join(known[:_MOST]) + (f" and {len(known) - _MOST} more" if len(known) > _MOST else "")
