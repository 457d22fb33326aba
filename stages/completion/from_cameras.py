"""What kinds of completion that see by cameras have in common."""

from __future__ import annotations

from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.slot import Completion


class CameraCompletion(Completion):
    """A kind that labels what calibrated cameras see."""

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None:
            return self.unfit(space)
        if not rig.cameras:
            return "the log has no cameras, and labels are made of what they see"
        if len(rig.uncalibrated) == len(rig.cameras):
            return f"no camera is calibrated ({', '.join(rig.names)}), so nothing says where what it sees lies"
        return None

    def unfit(self, space: LabelSpace) -> str | None:
        """Why no log can be labelled, whatever its cameras are."""
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        lost = log.rig.uncalibrated
        return f"log {log.id}: {', '.join(lost)} without a calibration show nothing" if lost else None
