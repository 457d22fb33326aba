"""What a network of many views says of a whole log: where the camera was, K, and how sure that is; or why not, in a
sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.from_images import refused
from occlabel.stages.geometry.from_images.course import Course
from occlabel.stages.geometry.from_images.metres import Metres
from occlabel.stages.geometry.from_images.whole_film import LogPoses, WholeFilm, farthest_of
from occlabel.stages.geometry.views_network.chain import Chain
from occlabel.stages.geometry.views_network.checks import Lens, differ, disobeyed, lens_of, unsure
from occlabel.stages.geometry.views_network.links import Link, angle_off, linked_in
from occlabel.stages.geometry.views_network.metric import METRIC_DEVIATION, height_by, metres_by
from occlabel.stages.geometry.views_network.window import Estimate, windows


@dataclass(frozen=True, slots=True)
class Looks:
    """How a network looks at a film: so many ``views`` at once, ``overlap`` of them seen in the window before, too.
    ``unit`` are the metres of its lengths; None where these are of no unit."""

    estimate: Estimate
    views: int
    overlap: int
    unit: float | None


class Film:
    """``film`` as it is looked at."""

    def __init__(self, film: WholeFilm, looks: Looks) -> None:
        self._film, self._looks = film, looks

    def poses(self, height: float | None) -> LogPoses:
        """With a camera ``height`` metres above the road; None: the network says metres. Raises BadLog where poses
        cannot be told."""
        film = self._film
        known = film.known()
        seen = film.seen()
        links, pairs = linked_in(seen)
        together = film.together(pairs, seen)
        where = film.where(together)
        film.check_moves(pairs, where)
        chain = self._chain(together, seen.size, where)
        lens = self._lens(chain, known, where)
        self._check_obeys(chain, {both: links[both] for both in farthest_of(pairs)}, lens, where)
        points = np.array([len(seen.features[number].pixels) for number in range(film.frames)])
        poses = np.full((film.frames, 4, 4), np.nan)
        for number, pose in chain.world_from_camera.items():
            poses[number] = pose
        course = Course(poses, points, float(np.median(chain.nears)))
        metres, above = self._metres(course, chain, lens, (seen.shrunk, height))
        world, mounted = film.poses(course, metres, above)
        return LogPoses(world, mounted, lens.intrinsics, film.deviation(course, metres, lens.unsure))

    def _chain(self, together: list[int], size: tuple[int, int], where: str) -> Chain:
        chain, film = Chain(size), self._film
        for numbers in windows(together, self._looks.views, self._looks.overlap):
            lost = chain.add(numbers, self._looks.estimate(self._images(numbers)))
            if lost is not None:
                raise self._refused(where, f"nothing that is shown twice joins windows at frame {film.name(lost)}")
            if chain.seams and (fault := differ(chain.seams[-1])) is not None:
                raise self._refused(where, f"{fault}, at frame {film.name(chain.seams[-1].frame)}")
        if len(chain.world_from_camera) < 2 or not chain.nears:
            raise self._refused(where, "of no two images a pose")
        if (fault := unsure(list(chain.sure.values()))) is not None:
            raise self._refused(where, fault)
        return chain

    def _images(self, numbers: Sequence[int]) -> list[NDArray[np.uint8]]:
        images = [self._film.image(number) for number in numbers]
        return [image for image in images if image is not None]  # of frames that share points every image was read

    def _lens(self, chain: Chain, known: Matrix | None, where: str) -> Lens:
        every = [k for told in chain.intrinsics.values() for k in told]
        lens = lens_of(every, chain.size, known)
        if isinstance(lens, str):
            raise self._refused(where, lens)
        return lens

    def _check_obeys(self, chain: Chain, links: dict[tuple[int, int], Link], lens: Lens, where: str) -> None:
        """Raises BadLog for poses that images contradict."""
        poses = chain.world_from_camera
        angles = [
            angle_off(link, poses, both, lens.intrinsics)
            for both, link in links.items()
            if both[0] in poses and both[1] in poses
        ]
        if (fault := disobeyed(angles)) is not None:
            raise self._refused(where, fault)

    def _metres(
        self, course: Course, chain: Chain, lens: Lens, road: tuple[float, float | None]
    ) -> tuple[Metres, float]:
        """And the height [m] of the camera; ``road``: how much images were shrunk, and that height where it is
        known."""
        shrunk, height = road
        metres = self._film.metres(course, lens.intrinsics, shrunk, 1.0 if height is None else height)
        if self._looks.unit is None:
            assert height is not None  # it was asked for
            return metres, height
        said = metres_by(chain.scales, self._looks.unit)
        placed = sorted(chain.world_from_camera)
        if height is not None:
            if not abs(np.log(said.scale / metres.scale)) - said.spread < refused.UNSURE:
                raise self._refused(
                    self._film.where(placed),
                    f"a metre by the network is {metres.scale / said.scale:.2f} by the road, with a camera {height} m "
                    "above it",
                )
            return metres, height
        found = height_by(said.scale, metres.scale)
        if found is None:
            raise self._refused(
                self._film.where(placed),
                f"a road {said.scale / metres.scale:.2f} m below the camera, where no car has one",
            )
        spread = float(np.hypot(said.spread, METRIC_DEVIATION))
        return replace(metres, scale=said.scale, spread=max(spread, metres.spread)), found

    def _refused(self, where: str, fault: str) -> BadLog:
        return refused.no_model(where, [fault], self._film.by)
