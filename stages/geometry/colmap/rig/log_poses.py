"""What the images of several cameras tell that sit on one car: where it was, how they sit, and K; or why not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.stage import Clip, Inputs
from occlabel.stages.geometry.colmap.log_poses import BY, Film
from occlabel.stages.geometry.colmap.quiet import quiet
from occlabel.stages.geometry.colmap.rig import sitting
from occlabel.stages.geometry.colmap.rig.checks import fault_of, surer
from occlabel.stages.geometry.colmap.rig.model import RigModel, adjusted
from occlabel.stages.geometry.colmap.rig.views import Views, lay_down, views_of
from occlabel.stages.geometry.from_images import refused
from occlabel.stages.geometry.from_images.course import Course
from occlabel.stages.geometry.from_images.metres import Metres
from occlabel.stages.geometry.from_images.seen import Seen, seen_in
from occlabel.stages.geometry.from_images.whole_film import Beside, LogPoses, WholeFilm


class RigFilm:
    """The images of ``cameras`` in all frames of a log, which ``inputs`` holds. The first looks at the road, and the
    model that is made of its images alone is where that of all begins: it has passed all that can be checked."""

    def __init__(self, clip: Clip, inputs: Inputs, cameras: list[str], seed: int) -> None:
        self._first, self._inputs, self._names, self._seed = cameras[0], inputs, cameras, seed
        self._film = Film(clip, inputs, cameras[0], seed)
        self._films = {name: WholeFilm(clip, inputs, name, BY) for name in cameras}

    def poses(self, height: float) -> LogPoses:
        """With the first camera ``height`` metres above the road. Raises BadLog where poses cannot be told."""
        first = self._films[self._first]
        others = {name: self._seen(name) for name in self._names[1:]}
        seen, alone, metres = self._film.alone(height)
        way = alone.world_from_camera.copy()
        way[:, :3, 3] *= metres.scale
        known = {name: film.known() for name, film in self._films.items()}
        views = views_of({self._first: seen, **others}, first.frames)
        model, fixed = self._model(views, way, known, float(alone.intrinsics[0, 0]))
        course = Course(model.world_from_camera, model.points, model.near)
        k = model.intrinsics[self._first]
        metres = self._metres(model, fixed, first.metres(course, k, seen.shrunk, height))
        poses, mounted = first.poses(course, metres, height)
        beside = self._beside(model, mounted, metres.scale)
        deviation = first.deviation(course, metres, model.unsure.get(self._first, 0.0))
        return LogPoses(poses, mounted, k, deviation, beside)

    def _seen(self, name: str) -> Seen:
        seen = seen_in(self._films[name].image, self._films[name].frames)
        if seen is None:
            raise self._no_rig(f"{name} has no image that can be read")
        return seen

    def _model(
        self, views: Views, way: NDArray[np.float64], known: dict[str, Matrix | None], focal: float
    ) -> tuple[RigModel, bool]:
        """And whether its cameras sit as the log says."""
        found = {name for name, k in known.items() if k is None}
        sits = sitting.known(self._inputs, self._names)
        fixed = sits is not None
        shrunk = min(each.shrunk for each in views.seen.values())
        with tempfile.TemporaryDirectory() as folder, quiet():
            path = Path(folder) / "database.db"
            try:
                shared = lay_down(path, views, known, focal, self._seed)
                sits = sits or sitting.found(path, views, way, found, self._seed)
                for name, each in sits.items():
                    if each.fault is not None:
                        raise self._no_rig(f"{name} {each.fault}")
                sitting.apply(path, views, sits)
                model = adjusted(path, views, way, (found, fixed, self._seed), shared)
            except (RuntimeError, ValueError) as error:  # colmap's own checks
                raise self._no_rig(f"colmap gave up ({str(error).splitlines()[0]})") from error
        fault = fault_of(model, {name: each.size[0] for name, each in views.seen.items()}, shrunk, fixed)
        if fault is not None:
            raise self._no_rig(fault)
        return model, fixed

    def _metres(self, model: RigModel, fixed: bool, road: Metres) -> Metres:
        metres = surer(model, road) if fixed else road
        if isinstance(metres, str):
            raise self._no_rig(metres)
        return metres

    def _beside(self, model: RigModel, mounted: NDArray[np.float64], scale: float) -> dict[str, Beside]:
        """How the others sit in the ego frame: as the log says, or as was found."""
        result = {}
        for name in self._names[1:]:
            place = model.first_from_camera[name].copy()
            place[:3, 3] *= scale
            sits = mounted @ place
            for number in range(len(sits)):
                told = self._inputs.extrinsics(number, name)
                if told is not None:
                    sits[number] = told
            result[name] = Beside(sits, model.intrinsics[name])
        return result

    def _no_rig(self, fault: str) -> BadLog:
        film = self._films[self._first]
        return refused.no_rig(film.where(range(film.frames)), fault)
