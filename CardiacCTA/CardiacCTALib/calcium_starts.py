"""Where to begin when calcium may be in the picture: the bright blob of every section shared out between lumen and calcium.

A fit without calcium takes the whole blob for lumen. From there the way to a narrow lumen beside a plate of calcium is uphill,
so that several shares are tried: the lumen in the middle of the blob and calcium round it, the lumen where it would run on a
straight line from one healthy end to the other, and the lumen at each side of the blob.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .calcium_fit import Part, Pins, Solution, solve
from .calcium_knowledge import GAP_MM, LEVEL_HU
from .section_model import (
    GAP,
    GAP_ANGLES,
    LUMEN,
    LUMEN_RADIUS,
    OUTER,
    OUTER_RADIUS,
    PARAMETERS,
    PLATE,
    PLATE_ANGLES,
    RING,
    WITH_CALCIUM,
)

BoolArray = NDArray[np.bool_]

_CENTRED, _STRAIGHT, _ASIDE = (1.0, 0.65, 0.35), (0.1, 0.5), (0.75, 0.4)
"""Lumen radius as a share of the blob's, for each kind of start."""
_SIDES = 4
_LEAST_START_MM = 0.12
_EDGE_SECTIONS = 5
_SCREEN_ROUNDS, _SCREEN_SD_MM = 3, 0.15
_KEPT, _ROUNDS = (6, 3), (5, 10)
_RAY_STEP_MM, _RAY_MM = 0.05, 3.5
_LEAST_PLATE_MM, _MOST_PLATE_MM = 0.1, 1.5


def search(part: Part, inside: BoolArray) -> list[Solution]:
    """Return the solutions that the starts lead to, likeliest first; ``inside`` (N,) tells where calcium may hide lumen."""
    coarse = part.thinned()
    screened = []
    for start in _starts(part, inside):
        pins = Pins(np.where(inside, start[:, LUMEN_RADIUS], np.nan), _SCREEN_SD_MM)
        # free, the level would fall until the whole blob can be calcium
        held = solve(coarse, start, LEVEL_HU, _SCREEN_ROUNDS, pins, hold_level=True)
        screened.append(solve(coarse, held.values, LEVEL_HU, _SCREEN_ROUNDS, hold_level=True))
    found = sorted(screened, key=lambda one: one.cost)[: _KEPT[0]]
    done: list[Solution] = []
    for kept, rounds in zip(_KEPT, _ROUNDS, strict=True):
        done = [solve(part, one.values, one.level_hu, rounds) for one in found[:kept]] + done[kept:]
        done.sort(key=lambda one: one.cost)
        found = done
    return done


def _starts(part: Part, inside: BoolArray) -> Iterator[FloatArray]:
    blob = _blob_of(part)
    centre, radius = part.tie[:, LUMEN][:, :2], part.tie[:, LUMEN_RADIUS]
    share = ndimage.uniform_filter1d(inside.astype(np.float64), _EDGE_SECTIONS, mode="nearest")
    places = np.flatnonzero(inside)
    first, last = max(int(places[0]) - 1, 0), min(int(places[-1]) + 1, len(inside) - 1)
    way = np.clip((np.arange(len(inside)) - first) / max(last - first, 1), 0.0, 1.0)[:, None]
    straight = (1.0 - way) * centre[first] + way * centre[last]
    healthy = 0.5 * (radius[first] + radius[last])
    for size in _CENTRED:
        yield _start(part, blob, share, centre, radius * size)
    for size in _STRAIGHT:
        yield _start(part, blob, share, straight, np.minimum(radius, healthy) * size)
    for turn in 2.0 * np.pi * np.arange(_SIDES) / _SIDES:
        side = np.array([np.cos(turn), np.sin(turn)])
        for size in _ASIDE:
            yield _start(part, blob, share, centre + side * (radius * (1.0 - 0.7 * size))[:, None], radius * size)


def _start(part: Part, blob: _Blob, share: FloatArray, centre: FloatArray, radius: FloatArray) -> FloatArray:
    """Put a round lumen into the blob and fill the rest of it with calcium, as far as the stretch goes."""
    values = np.concatenate([part.tie, np.zeros((len(part.tie), WITH_CALCIUM - PARAMETERS))], axis=1)
    part_in = share[:, None]
    values[:, :2] = (1.0 - part_in) * part.tie[:, :2] + part_in * centre
    own = (1.0 - share) * part.tie[:, LUMEN_RADIUS] + share * radius
    values[:, LUMEN_RADIUS] = np.maximum(own, _LEAST_START_MM)
    values[:, LUMEN_RADIUS + 1 : LUMEN.stop] *= 1.0 - part_in
    enters, leaves = _blob_on_rays(blob, values[:, :2], values[:, LUMEN_RADIUS] + 0.1)
    thick = np.nan_to_num(leaves - enters) * part_in
    thick[thick < _LEAST_PLATE_MM] = 0.0
    values[:, PLATE] = np.minimum(thick, _MOST_PLATE_MM)
    gap = np.where(thick > 0.0, enters - values[:, LUMEN_RADIUS, None], np.nan)
    values[:, GAP] = np.clip(_on_knots(gap), 0.0, 1.0)
    return values


def _blob_on_rays(blob: _Blob, centre: FloatArray, radius: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where rays (N, 32) from the lumen's edge enter and leave the blob; NaN where they miss it."""
    turn = 2.0 * np.pi * np.arange(PLATE_ANGLES) / PLATE_ANGLES
    steps = np.arange(0.0, _RAY_MM, _RAY_STEP_MM)
    rays = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    inside = blob.holds(centre[:, None, None] + steps[None, None, :, None] * rays[None, :, None])
    inside &= steps > radius[:, None, None]
    hit = inside.any(axis=2)
    enters = np.where(hit, steps[inside.argmax(axis=2)], np.nan)
    leaves = np.where(hit, steps[len(steps) - 1 - inside[..., ::-1].argmax(axis=2)], np.nan)
    return enters, leaves


@dataclass(frozen=True, eq=False)
class _Blob:
    """Bright places (N, S, S) on a square lattice, from its first place on."""

    bright: BoolArray
    first_mm: FloatArray
    place_mm: float

    def holds(self, at_mm: FloatArray) -> BoolArray:
        """Tell which points (N, ..., 2) are bright."""
        cell = np.rint((at_mm - self.first_mm) / self.place_mm).astype(int)
        size = self.bright.shape[1]
        known = ((cell >= 0) & (cell < size)).all(axis=-1)
        cell = np.clip(cell, 0, size - 1)
        section = np.arange(len(at_mm)).reshape(-1, *[1] * (at_mm.ndim - 2))
        return np.asarray(self.bright[section, cell[..., 0], cell[..., 1]] & known)


def _blob_of(part: Part) -> _Blob:
    """Return what is brighter than half way from plaque to contrast within the wall, on a lattice twice as fine as the places."""
    at, place = part.places.at_mm, float(np.sqrt(part.place_mm2))
    first = at.min(axis=0)
    cell = np.rint((at - first) / place).astype(int)
    size = int(cell.max()) + 1
    cube = np.full((len(part.values), size, size), -100.0, dtype=np.float32)
    cube[:, cell[:, 0], cell[:, 1]] = part.values
    smooth = ndimage.gaussian_filter(cube, (0.7, 0.5, 0.5))
    fine = ndimage.zoom(smooth, (1, 2, 2), order=1, grid_mode=False)
    scale = (size - 1) * place / (fine.shape[1] - 1)
    half = 0.5 * (part.lumen_hu + part.tie[:, RING.start])
    line = first[0] + np.arange(fine.shape[1]) * scale, first[1] + np.arange(fine.shape[1]) * scale
    away = np.hypot(
        line[0][None, :, None] - part.tie[:, OUTER.start, None, None],
        line[1][None, None, :] - part.tie[:, OUTER.start + 1, None, None],
    )
    within = away < part.tie[:, OUTER_RADIUS, None, None] + 0.2
    return _Blob((fine > half[:, None, None]) & within, first, scale)


def _on_knots(gap: FloatArray) -> FloatArray:
    """Return gaps at every fourth angle (N, 8): the mean of those known there and beside; the usual one where none is."""
    beside = np.stack([np.roll(gap, turn, axis=1) for turn in (-1, 0, 1)])
    known = np.isfinite(beside)
    mean = np.nan_to_num(beside).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.where(known.any(axis=0), mean, GAP_MM)[:, :: PLATE_ANGLES // GAP_ANGLES])
