"""What the page asks for and says, without any network: the next place with its labels, and a reviewer's word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from occlabel.pipeline.delivery.report.volumes import packed
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.review.correcting import Fix, fix
from occlabel.pipeline.review.queue import Item, mark, open_review
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.corrections import Wrong
from occlabel.schemas.geometry import inverse
from occlabel.schemas.words import counted


class Word(BaseModel):
    """What a reviewer says of an item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    state: Literal["accepted", "rejected", "fixed"]
    wrong: Wrong | None = None
    became: str | None = None
    was: tuple[str, ...] = ()
    holds: Literal["frame", "log"] = "frame"
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> Word:
        if (self.state == "fixed") != (self.wrong is not None):
            raise ValueError("what is wrong is said of what is fixed, and only then")
        return self


@dataclass(frozen=True)
class Desk:
    """A version and who reviews it."""

    version: PublishedVersion
    by: str
    into: Path
    """The folder of corrections."""

    def next(self) -> dict[str, Any]:
        """For the page: the place to look at with the labels of its frame, or that there is none; and how many are in
        which state. Raises OcclabelError where the labels cannot be read."""
        review = open_review(self.version)
        item = review.next(self.by)
        return {"counts": review.counts(), "item": None if item is None else self._shown(item)}

    def hear(self, word: Word) -> dict[str, Any]:
        """Keeps the word, and gives the next place. Raises OcclabelError for what cannot be."""
        item = open_review(self.version).item(word.item)
        if word.state == "fixed":
            assert word.wrong is not None  # or it would be no Word
            fix(self.version, item, Fix(word.wrong, word.became, word.was, holds=word.holds), self.by, self.into)
        else:
            mark(self.version, item, word.state, self.by, note=word.note)
        return self.next()

    def _shown(self, item: Item) -> dict[str, Any]:
        frame = self.version.frame(item.log, item.frame)
        grid_from_ego = inverse(frame.row.ego_from_grid_matrix)
        return {
            **item.model_dump(mode="json"),
            "name": item.frame,
            "why": f"{item.wrong:.0f} of {item.labelled} voxels probably wrong in {counted(item.frames, 'frame')}",
            "volumes": {"now": packed(frame[SEMANTICS])},
            "car": [*grid_from_ego[:2, 3].tolist(), *grid_from_ego[:2, 0].tolist()],
        }
