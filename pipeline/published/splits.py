"""Which logs are for training and which for testing: by a hash of each log's id, so that a log stays where it is while
others are added, in every version and on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from numbers import Real

from occlabel.schemas.arguments import shown
from occlabel.schemas.errors import StoreError

_ROUNDING = 1e-6
"""By which shares may sum to more than all: they may be float32."""
SHARES: Mapping[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}
"""Split -> its share of all logs there ever are; of few logs it is another."""


def split_of(log: str, shares: Mapping[str, float] = SHARES) -> str | None:
    """The split that the log is in. None where the shares leave it out: they may sum to less than one."""
    place = int.from_bytes(hashlib.blake2b(log.encode(), digest_size=8).digest(), "big") / 2**64
    for name, share in shares.items():
        if place < share:
            return name
        place -= share
    return None


def logs_of(split: str, logs: Iterable[str], shares: Mapping[str, float] = SHARES) -> tuple[str, ...]:
    """Those of ``logs`` that are in the split. Raises StoreError for one that is not among the shares, and for shares
    that are none."""
    refuse_shares(shares)
    if split not in shares:
        raise StoreError(f"there is no split {split!r}; there are {', '.join(shares)}")
    return tuple(log for log in logs if split_of(log, shares) == split)


def refuse_shares(shares: Mapping[str, float]) -> None:
    """Raises StoreError for what does not say which share of all logs each split has."""
    pairs = shares.items() if isinstance(shares, Mapping) else [(None, None)]
    if not all(isinstance(name, str) and isinstance(share, Real) for name, share in pairs):
        raise StoreError(
            f"shares={shown(shares)}: give a share of the logs for each split, as in shares={dict(SHARES)}"
        )
    if min(shares.values(), default=0.0) < 0 or not 0 < sum(map(float, shares.values())) < 1 + _ROUNDING:
        raise StoreError(f"shares of splits must not be negative and sum to at most 1, not {dict(shares)}")
