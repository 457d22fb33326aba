"""The construction site: collects the ground, the standing meshes and the things of a town while it is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.geometry import Matrix
from occlabel.stages.town.streets.ground import Ground
from occlabel.stages.town.style import Style
from occlabel.stages.town.things.fleet import Fleet
from occlabel.stages.town.things.mesh import Mesh, placed
from occlabel.stages.town.things.model import Model


@dataclass(frozen=True, slots=True)
class Thing:
    """A placed thing that stands still."""

    object_id: int
    kind: str
    world_from_thing: Matrix
    """Of the model: its origin is on the ground."""
    size: tuple[float, float, float]


@dataclass
class Site:
    """What builders share. ``rng`` draws everything, in the order of building, so a seed is a town."""

    rng: np.random.Generator
    ground: Ground
    style: Style
    fleet: Fleet
    meshes: list[Mesh] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    objects: int = 0

    def next_id(self) -> int:
        """Raises OcclabelError when the ids of the formats are used up."""
        if self.objects == 65535:
            raise OcclabelError("the town holds more than 65535 things; simulate fewer frames a log")
        self.objects += 1
        return self.objects

    def add(self, mesh: Mesh, x: float, y: float, yaw: float = 0.0, z: float | None = None) -> None:
        """Stands ``mesh`` on the ground (or on ``z``)."""
        self.meshes.append(mesh.moved(placed(x, y, self.ground.at(x, y) if z is None else z, yaw)))

    def add_thing(self, model: Model, x: float, y: float, yaw: float) -> None:
        """Stands ``model`` on the ground, along its slope, with an object id of its own; what it draws likewise."""
        for part, ahead in model.coupled():
            place = (x + ahead * float(np.cos(yaw)), y + ahead * float(np.sin(yaw)))
            pose = self.on_slope(*place, yaw, part.size[0], part.size[1])
            thing = Thing(self.next_id(), part.kind, pose, part.size)
            self.things.append(thing)
            self.meshes.append(part.mesh.moved(pose).of_object(thing.object_id))

    def on_slope(self, x: float, y: float, yaw: float, length: float, width: float) -> Matrix:
        """[4, 4] pose of something of that size that stands on the ground at its four corners."""
        return on_slope(self.ground, x, y, yaw, length, width)

    def try_thing(self, model: Model, x: float, y: float, yaw: float, gap: float = 0.15) -> bool:
        """``add_thing`` where there is room for it, with ``gap`` metres around; whether there was."""
        length, width = model.length + gap, model.size[1] + gap
        if not self.ground.inside(x, y, 4.0) or not self.ground.is_free(x, y, yaw, length, width):
            return False
        self.ground.take(x, y, yaw, model.length, model.size[1])
        self.add_thing(model, x, y, yaw)
        return True

    def try_row(self, model: Model, places: Sequence[tuple[float, float, float]]) -> None:
        """``add_thing`` at each x, y and yaw of ``places`` where there is room: what stands there before, and not each
        other, for they may touch."""
        length, width = model.length, model.size[1]
        free = [
            (x, y, yaw)
            for x, y, yaw in places
            if self.ground.inside(x, y, 4.0) and self.ground.is_free(x, y, yaw, length, width)
        ]
        for x, y, yaw in free:
            self.ground.take(x, y, yaw, length, width)
            self.add_thing(model, x, y, yaw)

    def try_stand(self, mesh: Mesh, x: float, y: float, yaw: float, reach: float) -> bool:
        """``add`` where a square of ``reach`` metres is free."""
        if not self.ground.inside(x, y, 2.0) or not self.ground.is_free(x, y, yaw, reach, reach):
            return False
        self.ground.take(x, y, yaw, reach, reach)
        self.add(mesh, x, y, yaw)
        return True


def on_slope(ground: Ground, x: float, y: float, yaw: float, length: float, width: float) -> Matrix:
    """[4, 4] pose at (x, y) with x along ``yaw``, tilted as the ground under its length and width is."""
    c, s = np.cos(yaw), np.sin(yaw)
    a, b = length / 2, width / 2
    corners = np.array([(a, b), (a, -b), (-a, b), (-a, -b)])
    height = ground.height(corners @ np.array([[c, s], [-s, c]]) + np.array([x, y]))
    rise = (height[0] + height[1] - height[2] - height[3]) / (4 * a)
    bank = (height[0] + height[2] - height[1] - height[3]) / (4 * b)
    forward = np.array([c, s, rise])
    forward /= np.linalg.norm(forward)
    left = np.array([-s, c, bank])
    up = np.cross(forward, left)
    up /= np.linalg.norm(up)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = forward, np.cross(up, forward), up
    pose[:3, 3] = x, y, height.mean()
    return pose
