"""What a scanner makes of a tube wall: the blurred ring, and from what is seen of it back to the lumen edge.

The half-maximum edge of a wall that is thin against the blur lies too far inside, and that of a narrow lumen too far
outside. Both shifts follow from the physics of the blurred ring alone (a disc in a ring in a background, seen through
a Gaussian), so they are tabulated once here and looked up for every ray. All lengths are in units of the blur's sigma.

References
----------
Reinhardt, D'Souza, Hoffman 1997, doi:10.1109/42.650879: model-based correction of airway wall measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import griddata
from scipy.ndimage import map_coordinates
from scipy.special import chndtr

from ..geometry import FloatArray

_LUMEN = np.geomspace(0.6, 12.0, 26)
_WALL = np.geomspace(0.25, 8.0, 26)
_BEYOND = np.array([0.0, 0.1, 0.2, 0.35, 0.55, 0.8, 0.95])
_SEEN = np.linspace(0.5, 12.0, 93)
_HEIGHT = np.linspace(0.1, 1.0, 46)
_STEP = 0.08
_FAR = 5.0


@dataclass(frozen=True, eq=False)
class RingTable:
    """Edge shift and wall thickness by what is beyond the wall, the seen edge and the seen height."""

    shift: FloatArray
    wall: FloatArray


def blurred_disc(radius: float, at: FloatArray) -> FloatArray:
    """Return a unit disc seen through a unit Gaussian, at distances ``at`` from its centre (all in sigma)."""
    places = np.asarray(at, dtype=np.float64)
    seen = np.where(places < radius, 1.0, 0.0)
    near = np.abs(places - radius) < _FAR
    # the probability that a Gaussian about the place falls into the disc
    seen[near] = chndtr(radius**2, 2.0, places[near] ** 2)
    return seen


def ring_profile(lumen: float, wall: float, beyond: float, at: FloatArray) -> FloatArray:
    """Return the profile of a ring: 0 in the lumen, 1 in the wall, ``beyond`` outside, seen through a unit Gaussian."""
    outer = blurred_disc(lumen + wall, at)
    return np.asarray(outer - blurred_disc(lumen, at) + beyond * (1.0 - outer))


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
    """Tabulate the blurred ring once: about 0.3 s."""
    at = np.arange(0.0, _LUMEN[-1] + _WALL[-1] + 4.0, _STEP)
    inner = {radius: blurred_disc(radius, at) for radius in _LUMEN}
    outer = {(radius, wall): blurred_disc(radius + wall, at) for radius in _LUMEN for wall in _WALL}
    shift, walls = [], []
    for beyond in _BEYOND:
        seen, height, moved, thick = [], [], [], []
        for (radius, wall), disc in outer.items():
            profile = disc - inner[radius] + beyond * (1.0 - disc)
            found = half_maximum(profile, radius + wall + 0.5)
            if found is None:
                continue
            seen.append(found[0])
            height.append(found[1])
            moved.append(radius - found[0])
            thick.append(wall)
        shift.append(_gridded(seen, height, moved))
        walls.append(_gridded(seen, height, thick))
    return RingTable(np.array(shift), np.array(walls))


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


def _gridded(seen: list[float], height: list[float], values: list[float]) -> FloatArray:
    places = np.stack([np.array(seen), np.array(height) * 4.0], axis=1)
    wanted = np.stack(np.meshgrid(_SEEN, _HEIGHT * 4.0, indexing="ij"), axis=-1)
    inside = griddata(places, np.array(values), wanted, method="linear")
    nearest = griddata(places, np.array(values), wanted, method="nearest")
    return np.where(np.isnan(inside), nearest, inside)
