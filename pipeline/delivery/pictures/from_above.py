"""How a picture from above is read: where the car stands in it and heads, and how long so many metres are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from occlabel.pipeline.delivery.pictures.legend import INK
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.grid import Grid

READ = "the arrow is the car"
_CAR, _EDGE = (90, 200, 250), (255, 255, 255)
_NOWHERE = (255, 255, 255)
"""Beyond the grid: as the page, for what is dark is free."""
_LENGTHS = (100, 50, 20, 10, 5, 2, 1)
"""Of a bar [m]: the longest that is at most a third as long as its picture."""
_HALF_A_CAR = 2.5
"""Metres beside a grid at which the car still stands at its edge: many begin at the LiDAR, some ahead of the car's
origin."""


class Car(NamedTuple):
    """Where it is in a picture, and a unit vector to where it heads [px]."""

    column: float
    row: float
    right: float = 0.0
    down: float = -1.0


@dataclass(frozen=True)
class FromAbove:
    """A picture with x up and y to the left."""

    image: Image.Image
    title: str
    metres: float
    """Per pixel."""
    car: Car | None = None
    """None where it is not in the picture."""

    @staticmethod
    def of(grid: Grid, image: Image.Image, title: str, ego_from_grid: Matrix | None = None) -> FromAbove:
        """A picture of a whole ``grid``, which without a matrix lies in the ego frame."""
        metres = grid.shape[0] * grid.voxel_size / image.height
        x, y, u, v = (0.0, 0.0, 1.0, 0.0) if ego_from_grid is None else car_in_grid(ego_from_grid)
        car = Car((grid.upper[1] - y) / metres, (grid.upper[0] - x) / metres, -v, -u)
        return FromAbove(image, title, metres, _within(car, image, _HALF_A_CAR / metres))

    def scaled(self, width: int) -> FromAbove:
        """The same, so many pixels wide."""
        by = width / self.image.width
        image = self.image.resize((width, round(self.image.height * by)), Image.Resampling.NEAREST)
        car = self.car and self.car._replace(column=self.car.column * by, row=self.car.row * by)
        return FromAbove(image, self.title, self.metres / by, car)

    def cropped(self, window: tuple[int, int, int, int], title: str) -> FromAbove:
        """What lies in ``window`` (left, upper, right, lower), which may reach beyond the picture."""
        left, upper, right, lower = window
        image = Image.new("RGB", (right - left, lower - upper), _NOWHERE)
        image.paste(self.image, (-left, -upper))
        car = self.car and self.car._replace(column=self.car.column - left, row=self.car.row - upper)
        return FromAbove(image, title, self.metres, car and _within(car, image))


def car_in_grid(ego_from_grid: Matrix) -> tuple[float, float, float, float]:
    """x and y of the car [m] in the frame of a grid, and the unit vector to where it heads there."""
    grid_from_ego = inverse(ego_from_grid)
    ahead = grid_from_ego[:2, 0] / max(float(np.linalg.norm(grid_from_ego[:2, 0])), 1e-9)
    x, y, u, v = (float(part) for part in (*grid_from_ego[:2, 3], *ahead))
    return x, y, u, v


def _within(car: Car, image: Image.Image, near: float = 0.0) -> Car | None:
    """The car in the image, at its edge where it is up to ``near`` pixels beside it; None where it is further away."""
    column, row = min(max(car.column, 0.0), image.width), min(max(car.row, 0.0), image.height)
    beside = max(abs(car.column - column), abs(car.row - row)) > near
    return None if beside else car._replace(column=column, row=row)


def draw_above(canvas: Image.Image, picture: FromAbove, at: tuple[int, int]) -> None:
    """The picture with its upper left corner ``at``, the car in it, and below it a bar of so many metres."""
    canvas.paste(picture.image, at)
    draw = ImageDraw.Draw(canvas)
    if picture.car is not None:
        x, y, (right, down) = at[0] + picture.car.column, at[1] + picture.car.row, picture.car[2:]
        corners = [(x + 12 * right, y + 12 * down), (x + 6 * down, y - 6 * right), (x - 6 * down, y + 6 * right)]
        draw.polygon(corners, fill=_CAR, outline=_EDGE)
    most = picture.image.width * picture.metres / 3
    length = next((length for length in _LENGTHS if length <= most), _LENGTHS[-1])
    end, line = at[0] + round(length / picture.metres), at[1] + picture.image.height + 8
    draw.line((at[0], line, end, line), fill=INK, width=2)
    draw.text((end + 6, line - 6), f"{length} m{f'; {READ}' if picture.car is not None else ''}", fill=INK)
