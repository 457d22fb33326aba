"""Triangle meshes: every triangle knows what it is made of. Models stand on z = 0 and look along x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.stages.town.things.kinds import KIND_ID

Colour = tuple[float, float, float]
"""RGB, 0..1."""
Point = Sequence[float] | NDArray[np.float64]
"""x, y, z [m]."""


class Material(IntEnum):
    """What a surface does to a laser and a camera; the properties are in ``MATERIALS``."""

    MATT = 0
    GLASS = 1
    PAINTWORK = 2
    RUBBER = 3
    FOLIAGE = 4
    GRASS = 5
    ASPHALT = 6
    PAVING = 7
    BRICK = 8
    RETROREFLECTOR = 9
    METAL = 10
    CLOTH = 11
    GRAVEL = 12
    SOIL = 13
    CONCRETE = 14
    WET_ASPHALT = 15
    BARK = 16
    HEDGE = 17
    ROAD_MARK = 18


MATERIALS = np.array(
    [  # reflectance at 905 nm from .. to, lost, scatter [m], angle, gloss, tint, blotch, grain
        (0.28, 0.70, 0.01, 0.00, 0.90, 0.02, 0.35, 0.06, 0.04),  # matt
        (0.04, 0.12, 0.55, 0.00, 1.50, 2.50, 0.00, 0.00, 0.00),  # glass
        (0.05, 0.30, 0.10, 0.00, 1.60, 1.00, 0.60, 0.00, 0.00),  # paintwork
        (0.04, 0.08, 0.12, 0.00, 0.90, 0.00, 0.00, 0.00, 0.00),  # rubber
        (0.20, 0.62, 0.04, 0.015, 0.30, 0.00, 0.15, 0.08, 0.25),  # foliage
        (0.38, 0.62, 0.02, 0.012, 0.30, 0.00, 0.10, 0.10, 0.22),  # grass
        (0.09, 0.28, 0.01, 0.00, 0.50, 0.00, 0.00, 0.06, 0.12),  # asphalt
        (0.20, 0.36, 0.01, 0.00, 0.50, 0.01, 0.00, 0.06, 0.08),  # paving
        (0.28, 0.46, 0.01, 0.003, 0.80, 0.00, 0.20, 0.05, 0.06),  # brick
        (1.50, 8.00, 0.00, 0.00, 0.50, 0.00, 0.00, 0.00, 0.00),  # retroreflector
        (0.15, 0.50, 0.06, 0.00, 1.20, 0.80, 0.30, 0.00, 0.00),  # metal
        (0.20, 0.60, 0.03, 0.01, 0.70, 0.00, 0.40, 0.00, 0.00),  # cloth
        (0.18, 0.32, 0.01, 0.008, 0.40, 0.00, 0.00, 0.08, 0.15),  # gravel
        (0.18, 0.36, 0.01, 0.01, 0.40, 0.00, 0.00, 0.12, 0.12),  # soil
        (0.24, 0.42, 0.01, 0.00, 0.50, 0.01, 0.00, 0.06, 0.06),  # concrete
        (0.02, 0.08, 0.25, 0.00, 1.10, 1.50, 0.00, 0.15, 0.10),  # wet asphalt
        (0.28, 0.46, 0.02, 0.008, 0.60, 0.00, 0.20, 0.05, 0.20),  # bark
        (0.24, 0.60, 0.03, 0.015, 0.30, 0.00, 0.15, 0.06, 0.22),  # hedge
        (0.45, 1.20, 0.01, 0.00, 0.40, 0.00, 0.00, 0.10, 0.15),  # road mark
    ],
    np.float32,
)
"""[materials, 9]. A town draws the reflectance of each surface between the first two (1 is a white wall, a
retro-reflector sends back more); ``lost`` is the share of rays without a return, ``scatter`` the range noise of the
surface itself, ``angle`` the exponent of the cosine of incidence (1 is matt; rough ground and leaves face any beam),
``gloss`` the strength of the mirror lobe. The rest is how reflectance varies: with the brightness of the paint, from
metre to metre, and from point to point."""


@dataclass(frozen=True, slots=True)
class Paint:
    """What the triangles of one part are: town kind, colour, material."""

    kind: str
    colour: Colour
    material: Material = Material.MATT


@dataclass(frozen=True, slots=True)
class Mesh:
    """``m`` triangles over ``n`` vertices."""

    vertices: NDArray[np.float64]
    """[n, 3] metres."""
    faces: NDArray[np.int32]
    """[m, 3] vertex indices."""
    kinds: NDArray[np.uint8]
    """[m] town kind ids."""
    colours: NDArray[np.float32]
    """[m, 3] RGB 0..1."""
    materials: NDArray[np.uint8]
    """[m]."""
    objects: NDArray[np.uint16]
    """[m] object ids, 0 for stuff."""

    def moved(self, target_from_mesh: Matrix) -> Mesh:
        return replace(self, vertices=transform_points(target_from_mesh, self.vertices))

    def shifted(self, x: float, y: float, z: float) -> Mesh:
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def only(self, kept: NDArray[np.bool_]) -> Mesh:
        """The triangles that are ``kept`` [m]."""
        return Mesh(
            self.vertices, self.faces[kept], self.kinds[kept], self.colours[kept], self.materials[kept],
            self.objects[kept],
        )  # fmt: skip

    def of_object(self, object_id: int) -> Mesh:
        return replace(self, objects=np.full(len(self.faces), object_id, np.uint16))


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of all triangles of ``meshes`` (at least one), in their order."""
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.faces + np.int32(start) for m, start in zip(meshes, starts, strict=True)]),
        np.concatenate([m.kinds for m in meshes]),
        np.concatenate([m.colours for m in meshes]),
        np.concatenate([m.materials for m in meshes]),
        np.concatenate([m.objects for m in meshes]),
    )


def solid(vertices: NDArray[np.float64], faces: NDArray[np.int32] | NDArray[np.int64], paint: Paint) -> Mesh:
    """A mesh of one paint."""
    count = len(faces)
    return Mesh(
        np.asarray(vertices, np.float64),
        np.asarray(faces, np.int32),
        np.full(count, KIND_ID[paint.kind], np.uint8),
        np.full((count, 3), paint.colour, np.float32),
        np.full(count, paint.material, np.uint8),
        np.zeros(count, np.uint16),
    )


def recoloured(mesh: Mesh, colours: NDArray[np.float64]) -> Mesh:
    """The same mesh with one colour a triangle, [m, 3]."""
    return replace(mesh, colours=colours.astype(np.float32))


def of_kind(mesh: Mesh, kind: str) -> Mesh:
    """The same mesh, all of one kind."""
    return replace(mesh, kinds=np.full(len(mesh.faces), KIND_ID[kind], np.uint8))


def triangles(corners: NDArray[np.float64], paint: Paint) -> Mesh:
    """Separate triangles, ``corners`` [n, 3, 3]."""
    return solid(corners.reshape(-1, 3), np.arange(len(corners) * 3).reshape(-1, 3), paint)


def quads(corners: NDArray[np.float64], paint: Paint) -> Mesh:
    """Separate quadrilaterals, ``corners`` [n, 4, 3] in order around each."""
    first = np.arange(len(corners))[:, None] * 4
    faces = (first[:, :, None] + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    return solid(corners.reshape(-1, 3), faces, paint)


_BOX_CORNERS = np.array([(x, y, z) for z in (0, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], np.float64)
_BOX_QUADS = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7), (0, 3, 2, 1))
_BOX_FACES = np.array([t for a, b, c, d in _BOX_QUADS for t in ((a, b, c), (a, c, d))], np.int32)


def box(size: Point, base: Point, paint: Paint, taper: float = 1.0) -> Mesh:
    """A box of ``size`` (x, y, z) that stands on ``base``; its top is ``taper`` times as wide as its bottom."""
    corners = _BOX_CORNERS * (size[0] / 2, size[1] / 2, size[2])
    corners[4:, :2] *= taper
    return solid(corners + np.asarray(base), _BOX_FACES, paint)


def tube(start: Point, end: Point, radii: tuple[float, float], paint: Paint, sides: int = 6) -> Mesh:
    """A round bar from ``start`` to ``end`` with a radius at each, closed at the end."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    axis = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    x, y, z = axis.tolist()
    across = np.array([y, -x, 0.0]) if abs(z) < 0.9 else np.array([0.0, z, -y])
    across /= np.linalg.norm(across)
    u, v, w = across.tolist()
    upward = np.array([y * w - z * v, z * u - x * w, x * v - y * u])
    cosines, sines, faces = _round(sides)
    ring = cosines * across + sines * upward
    return solid(np.concatenate([a + ring * radii[0], b + ring * radii[1], b[None]]), faces, paint)


@cache
def _round(sides: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """Cosine and sine [sides, 1] around a tube, and its faces: those of a town are thousands, and all alike."""
    angle, i = np.arange(sides) * (2 * np.pi / sides), np.arange(sides)
    j = (i + 1) % sides
    wall = np.stack([i, j, j + sides, i, j + sides, i + sides], axis=1).reshape(-1, 3)
    cap = np.stack([np.full(sides, 2 * sides), i + sides, j + sides], axis=1)
    faces = np.vstack([wall, cap]).astype(np.int32)
    faces.setflags(write=False)
    return np.cos(angle)[:, None], np.sin(angle)[:, None], faces


def ball(centre: Point, radii: Point, paint: Paint) -> Mesh:
    """A coarse ellipsoid of 48 triangles."""
    rows, sides = 4, 8
    polar = np.linspace(0, np.pi, rows + 1)
    angle = np.arange(sides) * (2 * np.pi / sides)
    unit = np.stack(
        [
            np.outer(np.sin(polar), np.cos(angle)),
            np.outer(np.sin(polar), np.sin(angle)),
            np.outer(np.cos(polar), np.ones(sides)),
        ],
        axis=-1,
    )
    i, j = np.meshgrid(np.arange(rows), np.arange(sides), indexing="ij")
    corner = (i * sides + j, (i + 1) * sides + j, (i + 1) * sides + (j + 1) % sides, i * sides + (j + 1) % sides)
    faces = np.concatenate([np.stack(corner[:3], -1), np.stack((corner[0], *corner[2:]), -1)]).reshape(-1, 3)
    return solid(unit.reshape(-1, 3) * np.asarray(radii) + np.asarray(centre), faces, paint)


def loft(sections: NDArray[np.float64], paint: Paint) -> Mesh:
    """A skin over cross-sections, ``sections`` [k, p, 3]: k rings of p points each, both ends closed."""
    k, p, _ = sections.shape
    i, j = np.meshgrid(np.arange(k - 1), np.arange(p), indexing="ij")
    corner = (i * p + j, (i + 1) * p + j, (i + 1) * p + (j + 1) % p, i * p + (j + 1) % p)
    skin = np.concatenate([np.stack(corner[:3], -1), np.stack((corner[0], *corner[2:]), -1)]).reshape(-1, 3)
    fan = np.stack([np.zeros(p - 2, np.int64), np.arange(1, p - 1), np.arange(2, p)], axis=1)
    return solid(sections.reshape(-1, 3), np.concatenate([skin, fan, fan + (k - 1) * p]), paint)


def placed(x: float, y: float, z: float, yaw: float) -> Matrix:
    """[4, 4] pose of a model that stands at (x, y, z) and looks along ``yaw``."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0.0, x], [s, c, 0.0, y], [0.0, 0.0, 1.0, z], [0.0, 0.0, 0.0, 1.0]])
