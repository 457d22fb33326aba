"""Labels by log and frame name, and those of a published version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.same_drive import labelled_bytes
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import CONFIDENCE, FLOW, INSTANCE, MEASURED, OBSERVED, SEMANTICS
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace

Format = Literal["semantickitti", "occ3d"]


class LabelSource(Protocol):
    """Label volumes. A frame is asked for only where ``has`` says that it is there."""

    @property
    def title(self) -> str:
        """What sentences call it."""

    @property
    def space(self) -> LabelSpace: ...

    @property
    def may_be_unknown(self) -> bool:
        """Whether UNKNOWN is a word of these labels; otherwise it is an id that is no class."""

    @property
    def place(self) -> dict[str, str]:
        """What they are and where they lie, by the name of the fact."""

    @property
    def says_how_sure(self) -> bool:
        """Whether they have a confidence."""

    @property
    def confidence_is(self) -> str | None:
        """What their confidence means and was made of; None where nobody says."""

    @property
    def tracked(self) -> bool:
        """Whether an object keeps its id through a log."""

    def logs(self) -> list[str]:
        """Logs that have any, where that is known without a frame's name; sorted."""

    def names(self, log: str) -> list[str]:
        """Labelled frames of ``log``, as far as that is known without a frame's name."""

    def has(self, log: str, name: str) -> bool: ...

    def where(self, log: str, name: str) -> str:
        """What a sentence about this frame calls it."""

    def semantics(self, log: str, name: str) -> NDArray[np.uint8]:
        """Class ids [x, y, z], those that are no class too. Raises DamagedFile for a file, StoreError for a frame of a
        version that cannot be read."""

    def confidence(self, log: str, name: str) -> NDArray[np.uint8] | None:
        """How sure each label is, 0..255 [x, y, z]; None where nobody says."""

    def instance(self, log: str, name: str) -> NDArray[np.uint16] | None:
        """Ids of objects [x, y, z], 0 for none; None where there are none."""

    def has_instance(self, log: str, name: str) -> bool: ...

    def flow(self, log: str, name: str) -> NDArray[np.float16] | None:
        """``FLOW`` [x, y, z, 3]; None where there is none."""

    def observed(self, log: str, name: str) -> NDArray[np.uint8] | None:
        """What was seen of each voxel [x, y, z], as ``OBSERVED``; None where nobody says."""

    def world_from_grid(self, log: str, name: str) -> Matrix | None:
        """[4, 4], by the pose that the labels were made with; None where nobody says."""

    def scan_bytes(self, log: str) -> Mapping[str, int]:
        """Frame -> size of the file of the scan that was labelled, where that is known."""

    def stamp(self, log: str) -> str:
        """Changes when any label of the log does."""


@dataclass(frozen=True)
class VersionLabels:
    """The labels of a version."""

    version: PublishedVersion
    _frames: dict[tuple[str, str], PublishedFrame] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_frames", {(frame.log, frame.name): frame for frame in self.version.frames()})

    @property
    def title(self) -> str:
        return f"version {self.version.name} of {self.version.store.location}"

    @property
    def place(self) -> dict[str, str]:
        return {"store": str(self.version.store.location), "version": self.version.name}

    @property
    def says_how_sure(self) -> bool:
        return CONFIDENCE.name in self.version.info.arrays

    @property
    def tracked(self) -> bool:
        return self.version.tracked

    @property
    def confidence_is(self) -> str | None:
        found = self.version.info.arrays.get(CONFIDENCE.name)
        return None if found is None else found.spec.meaning

    @property
    def space(self) -> LabelSpace:
        return self.version.space

    @property
    def may_be_unknown(self) -> bool:
        return True

    def logs(self) -> list[str]:
        return sorted(self.version.logs)

    def has(self, log: str, name: str) -> bool:
        return (log, name) in self._frames

    def where(self, log: str, name: str) -> str:
        return f"version {self.version.name}, log {log}, frame {name}"

    def semantics(self, log: str, name: str) -> NDArray[np.uint8]:
        return self._frames[log, name][SEMANTICS]

    def confidence(self, log: str, name: str) -> NDArray[np.uint8] | None:
        frame = self._frames[log, name]
        return frame[CONFIDENCE] if frame.holds(CONFIDENCE) else None

    def instance(self, log: str, name: str) -> NDArray[np.uint16] | None:
        return self._frames[log, name][INSTANCE] if self.has_instance(log, name) else None

    def has_instance(self, log: str, name: str) -> bool:
        return self._frames[log, name].holds(INSTANCE)

    def flow(self, log: str, name: str) -> NDArray[np.float16] | None:
        return self._frames[log, name][FLOW] if self._frames[log, name].holds(FLOW) else None

    def observed(self, log: str, name: str) -> NDArray[np.uint8] | None:
        frame = self._frames[log, name]
        return frame[OBSERVED] if frame.holds(OBSERVED) else None

    def world_from_grid(self, log: str, name: str) -> Matrix | None:
        return self._frames[log, name].world_from_grid

    def scan_bytes(self, log: str) -> Mapping[str, int]:
        return labelled_bytes(frame.row for (where, _), frame in self._frames.items() if where == log)

    def stamp(self, log: str) -> str:
        """Also what lies in the store: a frame that was lost or altered since is found when it is read again."""
        arrays = {spec.name for spec in (SEMANTICS, CONFIDENCE, OBSERVED, MEASURED, INSTANCE, FLOW)}
        frames = (frame for (where, _), frame in self._frames.items() if where == log)
        paths = {place.path for frame in frames for name, place in frame.row.arrays.items() if name in arrays}
        tags = [sorted(self.version.store.tags(path).items()) for path in sorted(paths)]
        return f"{self.version.info.content_digest} {tags}"

    def names(self, log: str) -> list[str]:
        return [name for where, name in self._frames if where == log]
