"""Frames that see the same things."""

from __future__ import annotations

from collections.abc import Callable


def linked(numbers: range, gaps: tuple[int, ...], shares: Callable[[int, int], bool]) -> list[list[int]]:
    """Groups of frames ``numbers`` that see the same things: a cut in a film lies between two of them. ``shares`` says
    it of an earlier and a later frame, which lie one of ``gaps`` apart."""
    group = {number: number for number in numbers}

    def root(number: int) -> int:
        while group[number] != number:
            number = group[number]
        return number

    for later in numbers:
        for gap in gaps:
            if later - gap in group and shares(later - gap, later):
                one, other = root(later - gap), root(later)
                group[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for number in numbers:
        groups.setdefault(root(number), []).append(number)
    return list(groups.values())
