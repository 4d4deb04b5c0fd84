"""Names beside the openings of a still picture: each at its own ring, on a leader line where it has to stand apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.camera_pose import CameraPose, project
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import Shapes, draw_text, text_size

from .openings import OTHER, WANTED, Opening

ROOM = 0.93
"""Share of the picture's radius that names keep to."""
SMALLER = (1.0, 0.85, 0.7)
"""A name that finds no free place at one size is tried at the next."""
STEP_SHARE = 1.0 / 60.0
"""Places for a name are tried so far apart, in widths of the picture."""
Box = tuple[FloatArray, FloatArray]
"""Middle and half size of an upright rectangle, (2,) pixels each."""


@dataclass(frozen=True, eq=False)
class _Ring:
    opening: Opening
    pixels: FloatArray
    centre: FloatArray
    reach: float


def name_openings(
    image: RgbImage,
    pose: CameraPose,
    openings: Sequence[Opening],
    field_of_view_deg: float,
    letters: int,
    keep_free: Sequence[Box] = (),
) -> None:
    """Write the names of ringed openings into a round picture, in place.

    Parameters
    ----------
    openings
        As ringed by ``mark_openings``; those that the picture does not show get no name.
    letters
        Height of the names in pixels.
    keep_free
        Rectangles that no name may cover.
    """
    size = image.shape[0]
    rings = [ring for opening in openings if (ring := _visible_ring(pose, opening, size, field_of_view_deg)) is not None]
    taken = list(keep_free)
    lines, texts = Shapes(), []
    for ring in sorted(rings, key=lambda ring: not ring.opening.wanted):
        if not ring.opening.name:
            continue
        (place, half), height = _best_place(ring, rings, taken, letters, size)
        taken.append((place, half))
        colour = WANTED if ring.opening.wanted else (*OTHER[:3], 230)
        ends = _leader(ring, (place, half))
        if _needs_leader(ring, rings, (place, half), height):
            lines.line(ends, (0, 0, 0, 150), size / 90.0)
            lines.line(ends, colour, size / 200.0)
        texts.append((ring.opening, place, height, colour[:3]))
    lines.draw(image)
    for opening, place, height, ink in texts:
        draw_text(image, opening.name, place[0], place[1], height, colour=ink, bold=opening.wanted, anchor="mm")


def _visible_ring(pose: CameraPose, opening: Opening, size: int, field_of_view_deg: float) -> _Ring | None:
    """Return the part of a ring inside the round window, under the conditions of ``mark_openings``."""
    pixels, depth = project(pose, opening.ring(), size, field_of_view_deg)
    if depth.min() < 0.3:
        return None
    centre, reach = pixels.mean(axis=0), float(np.ptp(pixels, axis=0).max()) / 2.0
    if np.linalg.norm(centre - size / 2.0) - reach > 0.46 * size:
        return None
    inside = pixels[np.linalg.norm(pixels - size / 2.0, axis=1) <= 0.5 * size - 2.0]
    return _Ring(opening, inside, centre, reach) if len(inside) else None


def _best_place(ring: _Ring, rings: Sequence[_Ring], taken: Sequence[Box], letters: int, size: int) -> tuple[Box, int]:
    """Return the rectangle of a name and its height: nothing covered, near its ring, no other ring nearer."""
    best: tuple[float, Box, int] | None = None
    for share in SMALLER:
        height = max(round(share * letters), 8)
        half = np.array([text_size(ring.opening.name, height, ring.opening.wanted)[0] / 2.0 + 0.08 * height, 0.56 * height])
        places = _places(half, size)
        if not len(places):
            continue
        cost = _cost(places, half, ring, rings, taken, height)
        at = int(np.argmin(cost))
        if best is None or cost[at] < best[0]:
            best = (float(cost[at]), (places[at], half), height)
        if best[0] < COVERING:
            break
    if best is None:  # a name wider than the picture: in the middle of it, cut at both ends
        height = max(round(SMALLER[-1] * letters), 8)
        half = np.array([text_size(ring.opening.name, height, ring.opening.wanted)[0] / 2.0, 0.56 * height])
        return (np.full(2, size / 2.0), half), height
    return best[1], best[2]


def _places(half: FloatArray, size: int) -> FloatArray:
    """Return the middles (N, 2) at which a name's rectangle lies in the round picture."""
    line = np.arange(0.0, size, size * STEP_SHARE)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return np.asarray(grid[np.linalg.norm(np.abs(grid - size / 2.0) + half, axis=1) <= ROOM * size / 2.0])


COVERING = 1e4
"""Cost from which on a name covers something."""


def _cost(
    places: FloatArray, half: FloatArray, ring: _Ring, rings: Sequence[_Ring], taken: Sequence[Box], height: int
) -> FloatArray:
    """Return the cost (N,) of each place, in pixels of the way from ring to name."""
    own = _gap(ring.pixels, places, half)
    cost = own.copy()
    for other in rings:
        # A ring's middle is dark lumen that must stay in sight: the whole disc counts, not its line alone.
        corner = np.clip(other.centre, places - half, places + half)
        deep = other.reach + 3.0 - np.linalg.norm(corner - other.centre, axis=1)
        deep = np.where(_gap(other.pixels, places, half) < 3.0, np.maximum(deep, 1.0), deep)
        cost += np.where(deep > 0.0, COVERING + 30.0 * deep, 0.0)
        if other is not ring:
            cost += 2.0 * np.clip(own + height - _gap(other.pixels, places, half), 0.0, None)
            cost += np.where(_crosses(ring, other, places, half), 0.5 * COVERING, 0.0)
    for middle, size in taken:
        deep = (half + size + 2.0 - np.abs(places - middle)).min(axis=1)
        cost += np.where(deep > 0.0, COVERING + 60.0 * deep, 0.0)
    return np.asarray(cost)


def _gap(pixels: FloatArray, places: FloatArray, half: FloatArray) -> FloatArray:
    """Return the distance (N,) from rectangles around places (N, 2) to the nearest of some points (M, 2)."""
    away = np.clip(np.abs(places[:, None] - pixels[None]) - half, 0.0, None)
    return np.asarray(np.linalg.norm(away, axis=2).min(axis=1))


def _crosses(ring: _Ring, other: _Ring, places: FloatArray, half: FloatArray) -> FloatArray:
    """Tell (N,) whether the way from a name to its ring runs through another ring."""
    start = np.clip(ring.centre, places - half, places + half)
    along = np.linspace(0.0, 1.0, 12)[None, :, None]
    way = start[:, None] * (1.0 - along) + ring.centre * along
    outside_own = np.linalg.norm(way - ring.centre, axis=2) > ring.reach
    through = np.linalg.norm(way - other.centre, axis=2) < other.reach
    return np.asarray((outside_own & through).any(axis=1))


def _needs_leader(ring: _Ring, rings: Sequence[_Ring], box: Box, height: int) -> bool:
    """Tell whether a name stands apart from its ring, or so near to another that it might be that one's."""
    place, half = box[0][None], box[1]
    own = float(_gap(ring.pixels, place, half)[0])
    others = [float(_gap(other.pixels, place, half)[0]) for other in rings if other is not ring]
    return own > 0.35 * height or min(others, default=np.inf) < own + 0.6 * height


def _leader(ring: _Ring, box: Box) -> FloatArray:
    """Return both ends (2, 2) of the line from a name to the nearest point of its ring."""
    start = np.clip(ring.pixels, box[0] - box[1], box[0] + box[1])
    nearest = int(np.argmin(np.linalg.norm(start - ring.pixels, axis=1)))
    return np.stack([start[nearest], ring.pixels[nearest]])
