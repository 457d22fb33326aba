"""How a picture from above is read: where the car stands in it and heads, and how long ten metres are."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw

from occlabel.pipeline.delivery.pictures.legend import INK
from occlabel.schemas.grid import Grid

READ = "the arrow is the car"
_CAR, _EDGE = (90, 200, 250), (255, 255, 255)
_LENGTHS = (100, 50, 20, 10, 5, 2, 1)
"""Of a bar [m]: the longest that is at most a third as long as its picture."""


@dataclass(frozen=True)
class FromAbove:
    """A picture with x up and y to the left."""

    image: Image.Image
    title: str
    metres: float
    """Per pixel."""
    car: tuple[float, float] | None = None
    """Column and row of the car, which heads up; None where it is not in the picture."""

    @staticmethod
    def of(grid: Grid, image: Image.Image, title: str) -> FromAbove:
        """A picture of a whole ``grid``."""
        metres = grid.shape[0] * grid.voxel_size / image.height
        return FromAbove(image, title, metres, (grid.upper[1] / metres, grid.upper[0] / metres))

    def scaled(self, width: int) -> FromAbove:
        """The same, so many pixels wide."""
        by = width / self.image.width
        image = self.image.resize((width, round(self.image.height * by)), Image.Resampling.NEAREST)
        car = None if self.car is None else (self.car[0] * by, self.car[1] * by)
        return FromAbove(image, self.title, self.metres / by, car)


def draw_above(canvas: Image.Image, picture: FromAbove, at: tuple[int, int]) -> None:
    """The picture with its upper left corner ``at``, the car in it, and below it a bar of so many metres."""
    canvas.paste(picture.image, at)
    draw = ImageDraw.Draw(canvas)
    if picture.car is not None:
        x, y = at[0] + picture.car[0], at[1] + picture.car[1]
        draw.polygon([(x, y - 12), (x - 6, y), (x + 6, y)], fill=_CAR, outline=_EDGE)
    most = picture.image.width * picture.metres / 3
    length = next((length for length in _LENGTHS if length <= most), _LENGTHS[-1])
    end, line = at[0] + round(length / picture.metres), at[1] + picture.image.height + 8
    draw.line((at[0], line, end, line), fill=INK, width=2)
    draw.text((end + 6, line - 6), f"{length} m{f'; {READ}' if picture.car is not None else ''}", fill=INK)
