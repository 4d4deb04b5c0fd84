"""Veins that run beside coronary arteries and are taken for them: great cardiac vein, coronary sinus, middle cardiac vein."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from ..geometry import FloatArray, arc_length_mm, resample_polyline, tangents, unit
from .coronary_heart import Heart
from .coronary_tree import Artery, settle

CLEARANCE_MM = 1.0
"""Between the walls of a vein and an artery."""
ROUNDS, LAST_ROUNDS, NEIGHBOURS = 24, 4, 24
OVER = 0.8
"""How much rather a vein passes outside of an artery than inside, between it and the muscle."""


@dataclass(frozen=True, eq=False)
class Vein:
    """A vein as a tube: (N, 3) points LPS mm and (N,) radii."""

    name: str
    points_lps_mm: FloatArray
    radius_mm: FloatArray


CORONARY_SINUS = ((16.0, 21.0, -76.0), (4.0, 15.0, -80.0), (-8.0, 8.0, -80.0), (-20.0, -2.0, -78.0))
"""From the end of the left atrioventricular groove into the right atrium, in the heart's template."""


def grow_veins(heart: Heart, arteries: list[Artery]) -> list[Vein]:
    """Lay the veins beside the arteries of a heart, touching none of them."""
    by_name = {artery.name: artery for artery in arteries}
    lad, lcx, pda = (by_name[name].points_lps_mm for name in ("LAD", "LCX", "PDA"))
    up_groove = _aside(lad[int(0.16 * len(lad)) : int(0.88 * len(lad)) : 8], heart, 4.6)[::-1]
    along_base = _aside(lcx[int(0.22 * len(lcx)) : int(0.86 * len(lcx)) : 8], heart, -4.8)
    sinus = heart.pose.place(np.array(CORONARY_SINUS))
    great = np.concatenate([up_groove, along_base, sinus])
    middle = np.concatenate([_aside(pda[int(0.2 * len(pda)) : int(0.85 * len(pda)) : 8], heart, 4.2)[::-1], sinus[-2:]])
    found = []
    for name, course, start_mm, end_mm in (("great_cardiac", great, 0.9, 4.2), ("middle_cardiac", middle, 0.8, 1.9)):
        radius = np.linspace(start_mm, end_mm, len(course))
        points = settle(course, heart, ("lv_wall",), 1.6, rounds=12)
        radius = np.interp(np.linspace(0.0, 1.0, len(points)), np.linspace(0.0, 1.0, len(course)), radius)
        found.append(Vein(name, *_kept_off(points, radius, arteries, heart)))
    return found


def _aside(points: FloatArray, heart: Heart, distance_mm: float) -> FloatArray:
    """Shift a course along the surface it lies on, to its left (seen from outside, in its direction) when positive."""
    outward = unit(heart.slope("sac", points, 3.0))
    return np.asarray(points + distance_mm * unit(np.cross(outward, tangents(points))))


def _kept_off(points: FloatArray, radius_mm: FloatArray, arteries: list[Artery], heart: Heart) -> tuple[FloatArray, FloatArray]:
    """Lead a vein past the arteries that it would run through: over them where it crosses one, aside where it runs along.

    A point moves across the vein's own direction only: moved away from the artery it could land on the artery's other side from
    its neighbour, with the vein through the artery between them.
    """
    middle = np.concatenate([artery.points_lps_mm[::2] for artery in arteries])
    outer = np.concatenate([artery.outer_mm[::2] for artery in arteries])
    tree = cKDTree(middle)
    for turn in range(ROUNDS):
        arc = arc_length_mm(points)
        points = resample_polyline(points, 0.5)
        radius_mm = np.interp(np.linspace(0.0, arc[-1], len(points)), arc, radius_mm)
        near = tree.query(points, k=NEIGHBOURS)[1]
        along = tangents(points)[:, None]
        outward = unit(heart.slope("sac", points, 3.0))[:, None]
        away = points[:, None] - middle[near]
        missing = radius_mm[:, None] + outer[near] + CLEARANCE_MM - np.linalg.norm(away, axis=2)
        direction = unit(away) + OVER * outward
        direction = unit(direction - (direction * along).sum(axis=2, keepdims=True) * along)
        worst = missing.argmax(axis=1)
        rows = np.arange(len(points))
        lack = np.maximum(missing[rows, worst], 0.0)
        push = lack[:, None] * direction[rows, worst]
        last = turn >= ROUNDS - LAST_ROUNDS
        points = points + gaussian_filter1d(push, 1.0 if last else 4.0, axis=0) * (1.0 if last else 1.5)
        if not last:
            points[1:-1] = gaussian_filter1d(points, 2.0, axis=0, mode="nearest")[1:-1]
    return points, radius_mm
