"""What a scanner makes of a tube wall: the blurred ring, and from what is seen of it back to the lumen edge.

The half-maximum edge of a wall that is thin against the blur lies too far inside, and that of a narrow lumen too far
outside. Both shifts follow from the physics of the blurred ring alone (a disc in a ring in a background, seen through
a Gaussian), so they are tabulated once here and looked up for every ray. All lengths are in units of the blur's sigma.

References
----------
Reinhardt, D'Souza, Hoffman 1997, Accurate measurement of intrathoracic airways, IEEE Trans. Med. Imaging 16: the
same idea, a model of the blurred wall in place of the half maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.special import i0e

from ..geometry import FloatArray

_LUMEN = np.geomspace(0.6, 13.5, 27)
_WALL = np.geomspace(0.25, 8.0, 26)
_BEYOND = np.array([0.0, 0.1, 0.2, 0.35, 0.55, 0.8, 0.95])
_SEEN = np.linspace(0.5, 12.0, 93)
_HEIGHT = np.linspace(0.1, 1.0, 46)
_STEP = 0.08
_RING = 0.02


@dataclass(frozen=True, eq=False)
class RingTable:
    """Edge shift and wall thickness by what is beyond the wall, the seen edge and the seen height."""

    shift: FloatArray
    wall: FloatArray


def blurred_discs(radii: FloatArray, at: FloatArray) -> FloatArray:
    """Return unit discs seen through a unit Gaussian: (D, N) for radii (D,) at distances (N,) from the centre.

    The share of a Gaussian about a place that falls into the disc, integrated over rings: each ring of radius r
    holds r exp(-(r^2 + at^2) / 2) I0(r at).
    """
    places = np.asarray(at, dtype=np.float64)
    rings = np.arange(0.0, float(np.max(radii)) + 2.0 * _RING, _RING)
    held = rings * np.exp(-0.5 * (rings - places[:, None]) ** 2) * i0e(rings * places[:, None])
    within = np.zeros_like(held)
    np.cumsum(0.5 * _RING * (held[:, 1:] + held[:, :-1]), axis=1, out=within[:, 1:])
    return np.stack([_at_radius(within, radius) for radius in np.asarray(radii, dtype=np.float64)])


def _at_radius(within: FloatArray, radius: float) -> FloatArray:
    under = int(radius / _RING)
    part = radius / _RING - under
    return np.asarray((1.0 - part) * within[:, under] + part * within[:, under + 1])


def ring_profile(lumen: float, wall: float, beyond: float, at: FloatArray) -> FloatArray:
    """Return the profile of a ring: 0 in the lumen, 1 in the wall, ``beyond`` outside, seen through a unit Gaussian."""
    inner, outer = blurred_discs(np.array([lumen, lumen + wall]), at)
    return np.asarray(outer - inner + beyond * (1.0 - outer))


def corrected_edge(seen: FloatArray, height: FloatArray, beyond: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what to add to half-maximum edges, and the wall thickness, both in sigma.

    Parameters
    ----------
    seen
        Half-maximum radius, in sigma.
    height
        Seen wall maximum as a share of the true contrast between wall and lumen (0 to 1).
    beyond
        Level outside the wall as a share of the same contrast.
    """
    table = ring_table()
    shape = np.broadcast_shapes(np.shape(seen), np.shape(height), np.shape(beyond))
    index = np.stack(
        [
            np.interp(np.broadcast_to(beyond, shape).ravel(), _BEYOND, np.arange(len(_BEYOND))),
            np.interp(np.broadcast_to(seen, shape).ravel(), _SEEN, np.arange(len(_SEEN))),
            np.interp(np.broadcast_to(height, shape).ravel(), _HEIGHT, np.arange(len(_HEIGHT))),
        ]
    )
    shift = map_coordinates(table.shift, index, order=1, mode="nearest")
    wall = map_coordinates(table.wall, index, order=1, mode="nearest")
    return shift.reshape(shape), wall.reshape(shape)


@lru_cache(maxsize=1)
def ring_table() -> RingTable:
    """Tabulate the blurred ring once."""
    at = np.arange(0.0, _LUMEN[-1] + _WALL[-1] + 4.0, _STEP)
    inner = blurred_discs(_LUMEN, at)
    outer = [blurred_discs(radius + _WALL, at) for radius in _LUMEN]
    tables = [_inverted(inner, outer, float(beyond)) for beyond in _BEYOND]
    return RingTable(np.array([shift for shift, _ in tables]), np.array([wall for _, wall in tables]))


def _inverted(inner: FloatArray, outer: list[FloatArray], beyond: float) -> tuple[FloatArray, FloatArray]:
    """Turn (lumen, wall) -> (seen edge, height) round: shift and wall on the grid of seen edges and heights.

    At a given lumen the height grows with the wall; at a given height the seen edge grows with the lumen.
    """
    seen, wall, lumen = [], [], []
    for row, radius in enumerate(_LUMEN):
        found = []
        for column, thickness in enumerate(_WALL):
            disc = outer[row][column]
            edge = half_maximum(disc - inner[row] + beyond * (1.0 - disc), radius + thickness + 0.5)
            if edge is not None:
                found.append((*edge, thickness))
        if len(found) < 2:
            continue
        edges, heights, walls = np.array(found).T
        heights = np.maximum.accumulate(heights) + 1e-9 * np.arange(len(heights))
        seen.append(np.interp(_HEIGHT, heights, edges))
        wall.append(np.interp(_HEIGHT, heights, walls))
        lumen.append(radius)
    true = np.empty((len(_SEEN), len(_HEIGHT)))
    thick = np.empty_like(true)
    for column in range(len(_HEIGHT)):
        edges = np.maximum.accumulate(np.array(seen)[:, column]) + 1e-9 * np.arange(len(seen))
        true[:, column] = np.interp(_SEEN, edges, lumen)
        thick[:, column] = np.interp(_SEEN, edges, np.array(wall)[:, column])
    return true - _SEEN[:, None], thick


def half_maximum(profile: FloatArray, within: float) -> tuple[float, float] | None:
    """Return the half-maximum edge and the height of the wall of a tabulated profile; None where no wall stands out."""
    last = min(int(within / _STEP) + 1, len(profile))
    peak = int(profile[:last].argmax())
    level = 0.5 * (profile[0] + profile[peak])
    if peak == 0 or profile[peak] - profile[0] < 0.05:
        return None
    under = int(np.flatnonzero(profile[: peak + 1] < level)[-1])
    part = (level - profile[under]) / (profile[under + 1] - profile[under])
    return (under + float(part)) * _STEP, float(profile[peak])
