"""What the images of a whole log tell: where the camera was, K, and how sure that is; or why not, in a sentence."""

from __future__ import annotations

import tempfile
from pathlib import Path

from occlabel.schemas.stage import Clip, Inputs
from occlabel.stages.geometry.colmap.checks import fault_of
from occlabel.stages.geometry.colmap.database import lay_down, verify
from occlabel.stages.geometry.colmap.mapping import How, Model, mapped
from occlabel.stages.geometry.colmap.quiet import quiet
from occlabel.stages.geometry.from_images import refused
from occlabel.stages.geometry.from_images.course import Course
from occlabel.stages.geometry.from_images.metres import Metres
from occlabel.stages.geometry.from_images.seen import Seen
from occlabel.stages.geometry.from_images.whole_film import LogPoses, WholeFilm

BY = "structure from motion"
"""For sentences."""


class Film:
    """The images of ``camera`` in all frames of a log, which ``inputs`` holds. ``seed`` decides what is drawn."""

    def __init__(self, clip: Clip, inputs: Inputs, camera: str, seed: int) -> None:
        self._film, self._seed = WholeFilm(clip, inputs, camera, BY), seed

    def poses(self, height: float) -> LogPoses:
        """With a camera ``height`` metres above the road. Raises BadLog where poses cannot be told."""
        _, model, metres = self.alone(height)
        course = course_of(model)
        poses, mounted = self._film.poses(course, metres, height)
        return LogPoses(poses, mounted, model.intrinsics, self._film.deviation(course, metres, model.unsure))

    def alone(self, height: float) -> tuple[Seen, Model, Metres]:
        """What is seen, the model of it, and its metres. Raises BadLog where one of these cannot be told."""
        seen = self._film.seen()
        model = self._model(seen)
        return seen, model, self._film.metres(course_of(model), model.intrinsics, seen.shrunk, height)

    def _model(self, seen: Seen) -> Model:
        film = self._film
        known = film.known()
        with tempfile.TemporaryDirectory() as folder, quiet():
            path = Path(folder) / "database.db"
            images = lay_down(path, seen, known)
            pairs = verify(path, seen, images, self._seed)
            together = film.together(pairs, seen)
            where = film.where(together)
            film.check_moves(pairs, where)
            faults: list[str] = []
            # One image after the other a focal length is found that halves of the frames agree on, and that is wrong.
            ways: tuple[How, ...] = ("global",) if known is None else ("global", "incremental")
            for how in ways:
                try:
                    model = mapped(path, how, film.frames, known is not None, self._seed)
                    fault = fault_of(model, together, seen.size, seen.shrunk)
                except (RuntimeError, ValueError) as error:  # colmap's own checks
                    model, fault = None, f"colmap gave up ({str(error).splitlines()[0]})"
                if model is not None and fault is None:
                    return model
                faults.append(str(fault))
        raise refused.no_model(where, list(dict.fromkeys(faults)), film.by)


def course_of(model: Model) -> Course:
    """What metres are looked for of."""
    return Course(model.world_from_camera, model.points, model.near)
