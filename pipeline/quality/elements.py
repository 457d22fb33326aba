"""What was to be scored, and what of it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Elements:
    """Points or boxes of the frames that are scored."""

    name: str
    whole: int
    """All of them."""
    left_out: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Name in JSON -> how many are not scored for that reason, and the reason as the end of a sentence."""

    @property
    def scored(self) -> int:
        return self.whole - sum(count for count, _ in self.left_out.values())

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        counts = {name: count for name, (count, _) in self.left_out.items()}
        return {"all": self.whole, "scored": self.scored, **counts}

    def notes(self) -> Iterator[str]:
        """A sentence about each reason that holds for any."""
        for count, reason in self.left_out.values():
            if count:
                share = 100 * count / self.whole
                yield f"{count:,} of {self.whole:,} {self.name} ({share:.1f}%) {reason} and are not scored"
