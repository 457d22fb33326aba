"""The queue: places of a version that are most worth a look, the most probable errors first, and what became of them.

review/<version>/queue.json          the items, made once
review/<version>/items/<id>.json     what was said of one, with who and when, the newest last
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict

from occlabel.pipeline.published.opened import opened_anew
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.evaluate import FRAMES_WORTH_RAY
from occlabel.pipeline.review.blocks import LAYERS, SIDE, Blocks
from occlabel.pipeline.review.job import DoubtLog
from occlabel.pipeline.running.jobs import run_job
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS
from occlabel.schemas.corrections import Box, Wrong
from occlabel.schemas.errors import BadPredictions, OcclabelError, StoreError
from occlabel.schemas.geometry import inverse, transform_points
from occlabel.schemas.seal import sealed, unsealed

State = Literal["pending", "accepted", "fixed", "rejected"]
"""``accepted``: the labels are right; ``fixed``: they were corrected; ``rejected``: it cannot be said."""
_FAIR = 2.0
"""No log has more of the queue's beginning than so many times its share, so that one bad log does not hide the rest."""


class Item(BaseModel):
    """One place to look at."""

    model_config = ConfigDict(frozen=True)

    id: str
    log: str
    frame: str
    """In which most is probably wrong."""
    box: Box
    """In that frame's grid."""
    wrong: float
    """Voxels that are probably wrong there, over all frames."""
    labelled: int
    """Voxels labelled occupied there, over all frames."""
    frames: int
    """That have any there."""
    doubted: str
    """The class that most of them have."""


class Said(BaseModel):
    """What a reviewer said of an item."""

    model_config = ConfigDict(frozen=True)

    state: State
    by: str
    at: str
    wrong: Wrong | None = None
    """For ``fixed``: what was wrong."""
    note: str = ""


class Queue(BaseModel):
    """What is kept of a queue."""

    content_digest: str
    """Of the labels that it was made from."""
    items: tuple[Item, ...]
    damaged: tuple[str, ...] = ()
    """A sentence for each frame whose labels could not be read: it is not in the queue."""


class _Marks(BaseModel):
    content_digest: str
    """Of the labels that were looked at: another version may take the name."""
    said: tuple[Said, ...]


@dataclass(frozen=True)
class Review:
    """The queue of a version, and what was said of its items so far."""

    items: tuple[Item, ...]
    said: Mapping[str, tuple[Said, ...]]
    """By id, the newest last; an item of which nothing was said is not in it."""

    def item(self, name: str) -> Item:
        """Raises OcclabelError when the queue has no such item."""
        found = next((item for item in self.items if item.id == name), None)
        if found is None:
            raise OcclabelError(f"the queue has no item {name!r}; occlabel review next shows the first")
        return found

    def state(self, item: Item) -> State:
        said = self.said.get(item.id)
        return said[-1].state if said else "pending"

    def counts(self) -> dict[State, int]:
        """Items by state."""
        found = Counter(self.state(item) for item in self.items)
        return {state: found[state] for state in get_args(State)}

    def next(self, by: str) -> Item | None:
        """The first pending item; before it one that came back to ``by``, who had corrected it, and never one that
        came back to somebody else. None: nothing is pending."""
        first = None
        for item in self.items:
            if self.state(item) != "pending":
                continue
            corrected = {said.by for said in self.said.get(item.id, ()) if said.state == "fixed"}
            if by in corrected:
                return item
            if first is None and not corrected:
                first = item
        return first


def make_queue(
    version: PublishedVersion, workplace: Workplace = Workplace("local"), most: int = 500, quiet: bool = True
) -> Queue:
    """The ``most`` places of the version that are most worth a look, kept in its store: the same version again has the
    same queue. Raises OcclabelError where labels do not say how sure they are, or cannot be read."""
    for spec in (SEMANTICS, CONFIDENCE):
        if spec.name not in version.info.arrays:
            raise BadPredictions(f"{version.spec} publishes no {spec.name}, by which what to look at is ranked")
    job = DoubtLog(labels=opened_anew(version.spec).spec)
    if workplace == Workplace("ray") and version.info.frames < FRAMES_WORTH_RAY:
        workplace = Workplace("local")
    done = run_job(job, list(version.logs), version.store, workplace, quiet=quiet)
    if done.failed:
        raise StoreError("; ".join(f"log {log}: {why}" for log, why in done.failed.items()))
    rows, damaged = [], []
    for log, content in done.results.items():
        blocks = Blocks.from_bytes(content)
        damaged += blocks.damaged
        rows += [(log, blocks, n) for n in np.argsort(-blocks.wrong, kind="stable")[:most].tolist()]
    rows.sort(key=lambda row: -row[1].wrong[row[2]])
    items = tuple(_item(version, *row) for row in _spread(rows, most))
    made = Queue(content_digest=version.info.content_digest, items=items, damaged=tuple(damaged))
    version.store.put(_queue_path(version), sealed(made))
    return made


def open_review(version: PublishedVersion) -> Review:
    """Raises StoreError where no queue was made, or what lies there is damaged or of other labels."""
    content = version.store.get(_queue_path(version))
    found = None if content is None else unsealed(Queue, content)
    if found is None or found.content_digest != version.info.content_digest:
        why = "has no queue" if content is None else "has a queue that is damaged, or of other labels"
        raise StoreError(f"{version.spec} {why}; make it with occlabel review queue {version.spec}")
    names = {name.removesuffix(".json") for name in version.store.names(f"review/{version.name}/items")[1]}
    return Review(found.items, {item.id: _said_of(version, item.id) for item in found.items if item.id in names})


def _said_of(version: PublishedVersion, item: str) -> tuple[Said, ...]:
    """The newest last. Raises StoreError where it cannot be read."""
    path = _item_path(version, item)
    content = version.store.get(path)
    if content is None:
        return ()
    found = unsealed(_Marks, content)
    if found is None:
        raise StoreError(f"{version.store.location}/{path} is damaged: remove it, and say again what is in it")
    return found.said if found.content_digest == version.info.content_digest else ()


def mark(
    version: PublishedVersion, item: Item, state: State, by: str, wrong: Wrong | None = None, note: str = ""
) -> Said:
    """Keeps what ``by`` says of the item; what was said before stays."""
    check_reviewer(by)
    said = Said(state=state, by=by, at=now(), wrong=wrong, note=note)
    marks = _Marks(content_digest=version.info.content_digest, said=(*_said_of(version, item.id), said))
    version.store.put(_item_path(version, item.id), sealed(marks))
    return said


def check_reviewer(by: str) -> None:
    """Raises OcclabelError for who has no name."""
    if not by.strip():
        raise OcclabelError("say who says so: a reviewer has a name")


def now() -> str:
    """ISO 8601, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _spread(rows: Sequence[tuple[str, Blocks, int]], most: int) -> list[tuple[str, Blocks, int]]:
    """The first of ``rows``, the most probable errors first, no log with many times its share."""
    logs = len({log for log, *_ in rows})
    taken: Counter[str] = Counter()
    waiting, chosen = list(rows), list(rows[:0])
    while waiting and len(chosen) < most:
        bound = _FAIR * (len(chosen) + 1) / logs + 1
        at = next((n for n, (log, *_) in enumerate(waiting) if taken[log] < bound), 0)
        row = waiting.pop(at)
        taken[row[0]] += 1
        chosen.append(row)
    return chosen


def _item(version: PublishedVersion, log: str, blocks: Blocks, n: int) -> Item:
    x, y, layer, alone = blocks.keys[n].tolist()
    frame = version.frame(log, blocks.names[int(blocks.worst[n])])
    grid, pose = version.space.grid, frame.world_from_grid
    low, high = grid.origin[2], grid.upper[2]
    centre = np.array([(x + 0.5) * SIDE, (y + 0.5) * SIDE, 0.0])
    yaw = 0.0
    if not alone and pose is not None:
        centre[2] = pose[2, 3]
        centre = transform_points(inverse(pose), centre[None])[0]
        yaw = -float(np.arctan2(pose[1, 0], pose[0, 0]))
    height = (high - low) / LAYERS
    box = Box(
        centre=(float(centre[0]), float(centre[1]), low + (layer + 0.5) * height), size=(SIDE, SIDE, height), yaw=yaw
    )
    return Item(
        id=f"{log}-{x}-{y}-{layer}" + (f"-{alone}" if alone else ""),
        log=log, frame=frame.name, box=box, wrong=round(float(blocks.wrong[n]), 2), labelled=int(blocks.labelled[n]),
        frames=int(blocks.frames[n]), doubted=version.space.taxonomy.names[int(blocks.doubted[n])],
    )  # fmt: skip


def _queue_path(version: PublishedVersion) -> str:
    return f"review/{version.name}/queue.json"


def _item_path(version: PublishedVersion, item: str) -> str:
    return f"review/{version.name}/items/{item}.json"
