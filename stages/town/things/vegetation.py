"""Trees, bushes, hedges and tall grass: many small facets that a laser partly passes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.things.mesh import Colour, Material, Mesh, Paint, box, join, recoloured, triangles, tube

Rng = np.random.Generator


def leaf_colour(rng: Rng) -> Colour:
    r, g, b = ((0.20, 0.36, 0.12), (0.28, 0.40, 0.14), (0.15, 0.28, 0.12), (0.38, 0.40, 0.15))[int(rng.integers(4))]
    shade = rng.uniform(0.75, 1.2)
    return (r * shade, g * shade, b * shade)


def leaves(rng: Rng, centres: NDArray[np.float64], size: float, colour: Colour) -> Mesh:
    """One randomly turned triangle at every centre [n, 3], with edges of about ``size`` metres."""
    count = len(centres)
    offsets = rng.normal(0.0, 0.45 * size, (count, 3, 3))
    offsets -= offsets.mean(axis=1, keepdims=True)
    mesh = triangles(centres[:, None] + offsets, Paint("vegetation", colour, Material.FOLIAGE))
    return recoloured(mesh, np.clip(np.array(colour) * rng.uniform(0.6, 1.3, (count, 1)), 0, 1))


def _blob(rng: Rng, count: int, radii: tuple[float, float, float], hollow: float = 0.6) -> NDArray[np.float64]:
    """Points in an ellipsoid, denser towards its skin."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * rng.uniform(hollow**3, 1.0, (count, 1)) ** (1 / 3) * np.array(radii)


_CROWNS = ("round", "cone", "column", "clumps", "bare", "low")
_CROWN_SHARES = (0.31, 0.12, 0.10, 0.25, 0.05, 0.17)


def tree(rng: Rng, height: float, spread: float) -> Mesh:
    """A tree with a trunk, or several, some boughs and a crown ``spread`` metres wide.

    Trunks are 5 to 80 cm thick; some lean, some stand in a skirt of undergrowth."""
    colour = leaf_colour(rng)
    bark = Paint("trunk", tuple(np.array((0.33, 0.26, 0.20)) * rng.uniform(0.7, 1.3)), Material.BARK)
    shape = str(rng.choice(_CROWNS, p=_CROWN_SHARES))
    share = {"cone": 0.1, "column": 0.1, "low": 0.06}.get(shape, float(rng.uniform(0.15, 0.36)))
    clear = min(share * height, float(rng.uniform(1.2, 3.2)))
    radius = float(np.clip(0.011 * height * rng.uniform(0.5, 1.7), 0.025, 0.4))
    lean = rng.normal(0, 0.13 if rng.random() < 0.2 else 0.025, 2) * height
    stems = int(rng.integers(2, 5)) if rng.random() < 0.14 else 1
    boughs = []
    for stem in range(stems):
        foot = np.zeros(2) if stem == 0 else rng.normal(0, 0.3, 2)
        own = lean if stem == 0 else lean + rng.normal(0, 0.1, 2) * height
        boughs += [
            part.shifted(foot[0], foot[1], 0.0)
            for part in _wood(rng, bark, radius / np.sqrt(stems), clear, height, spread, own, bare=shape == "bare")
        ]
    area = np.pi / 4 * spread * (height - clear)
    count = int(np.clip(area * rng.uniform(20, 44), 80, 1900))
    leaf = float(rng.uniform(0.24, 0.48))
    spots = _crown(rng, shape, count, clear, height, spread)
    parts = [*boughs, leaves(rng, spots + np.array([*lean, 0.0]), leaf, colour)]
    if rng.random() < 0.22:
        tall = float(rng.uniform(0.3, 1.4))
        parts.append(leaves(rng, shrubbery(rng, 1.6, 1.6, tall), 0.22, leaf_colour(rng)))
    return join(parts)


def _wood(
    rng: Rng, bark: Paint, radius: float, clear: float, height: float, spread: float, lean: NDArray[np.float64],
    bare: bool,
) -> list[Mesh]:  # fmt: skip
    """The trunk up to the crown, and what of it and of its boughs is in the crown."""
    top = np.array([*lean, clear + 0.55 * (height - clear)])
    fork = np.array([*lean, 0.0]) * (clear + 0.4) / top[2] + (0, 0, clear + 0.4)
    wood = Paint("vegetation", bark.colour)  # within the crown annotators do not tell wood from leaves
    parts = [tube((0, 0, -0.3), fork, (radius * 1.15, radius * 0.8), bark, 6)]
    parts.append(tube(fork, top, (radius * 0.8, radius * 0.4), wood, 5))
    for _ in range(int(rng.integers(2, 6)) + (9 if bare else 0)):
        angle, low = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.2) * clear
        reach = rng.uniform(0.25, 0.45) * spread
        share = min(low / top[2], 0.95)
        start = (lean[0] * share, lean[1] * share, low)
        end = (np.cos(angle) * reach, np.sin(angle) * reach, low + rng.uniform(0.3, 0.6) * (height - clear))
        parts.append(tube(start, end, (radius * 0.45, radius * 0.15), wood, 4))
    return parts


def _crown(rng: Rng, shape: str, count: int, clear: float, height: float, spread: float) -> NDArray[np.float64]:
    """Leaf centres [n, 3] between the heights ``clear`` and ``height``; a bare tree has few."""
    tall = height - clear
    if shape in ("cone", "low"):
        level = rng.uniform(0, 1, count) if shape == "low" else 1 - np.sqrt(rng.uniform(0, 1, count))
        profile = (1 - level) if shape == "cone" else np.sqrt(np.clip(1 - level**2, 0, 1))
        angle, out = rng.uniform(0, 2 * np.pi, count), profile * rng.uniform(0.4, 1.0, count) * spread / 2
        return np.stack([np.cos(angle) * out, np.sin(angle) * out, clear + level * tall], axis=1)
    if shape == "clumps":
        clumps = _blob(rng, int(rng.integers(5, 11)), (0.33 * spread, 0.33 * spread, 0.33 * tall))
        chosen = clumps[rng.integers(0, len(clumps), count)]
        spots = chosen + _blob(rng, count, (0.24 * spread, 0.24 * spread, 0.2 * tall))
    else:
        spots = _blob(rng, count // 8 if shape == "bare" else count, (spread / 2, spread / 2, tall / 2))
    return spots + np.array([0.0, 0.0, (height + clear) / 2])


def bush(rng: Rng, width: float, height: float) -> Mesh:
    """A bush of one to four lumps that stands on the ground."""
    colour, spots = leaf_colour(rng), []
    for _ in range(int(rng.integers(1, 5))):
        radii = (width / 2 * rng.uniform(0.5, 1), width / 2 * rng.uniform(0.5, 1), height / 2 * rng.uniform(0.7, 1))
        count = int(np.clip(radii[0] * radii[2] * rng.uniform(60, 130), 25, 500))
        lump = _blob(rng, count, radii, 0.5) + np.array([*rng.normal(0, width / 5, 2), radii[2] * 0.95])
        spots.append(lump)
    return leaves(rng, np.concatenate(spots), float(rng.uniform(0.18, 0.32)), colour)


def hedge(rng: Rng, length: float, thickness: float, height: float, colour: Colour) -> Mesh:
    """A clipped hedge along x, centred: an opaque core in a skin of leaves."""
    core = Paint("vegetation", tuple(np.array(colour) * 0.6), Material.HEDGE)
    count = int(length * (2 * height + thickness) * 22) + 10
    face = rng.uniform(0, 2 * height + thickness, count)
    along = rng.uniform(-length / 2, length / 2, count)
    across = np.where(face < height, -thickness / 2, np.where(face > height + thickness, thickness / 2, 0))
    on_top = across == 0
    across = np.where(on_top, face - height - thickness / 2, across) + rng.normal(0, 0.05, count)
    up = np.where(on_top, height, np.where(face < height, face, face - height - thickness)) + rng.normal(0, 0.05, count)
    skin = leaves(rng, np.stack([along, across, np.maximum(up, 0.03)], axis=1), 0.2, colour)
    return join([box((length, thickness * 0.8, height * 0.93), (0, 0, -0.1), core), skin])


def shrubbery(rng: Rng, length: float, width: float, height: float) -> NDArray[np.float64]:
    """Leaf centres [n, 3] of undergrowth along x: lumps that rise and fall, as at the edge of a wood."""
    count = int(length * max(width, 1.0) * height * rng.uniform(9, 18)) + 20
    along, across = rng.uniform(-length / 2, length / 2, count), rng.uniform(-width / 2, width / 2, count)
    wave = 0.55 + 0.3 * np.sin(along * rng.uniform(0.5, 2.0) + rng.uniform(0, 6)) + 0.15 * np.sin(along * 3.1)
    bulge = np.sqrt(np.clip(1 - (2 * across / max(width, 1.0)) ** 2, 0.15, 1))
    return np.stack([along, across, rng.uniform(0.1, 1.0, count) * height * wave * bulge], axis=1)
