"""Veins that run beside coronary arteries and are taken for them: great cardiac vein, coronary sinus, middle cardiac vein."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import FloatArray, tangents, unit
from .coronary_heart import Heart
from .coronary_tree import Artery, settle

CLEARANCE_MM = 1.0
"""Between the walls of a vein and an artery."""


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
        found.append(Vein(name, _kept_off(points, radius, arteries), radius))
    return found


def _aside(points: FloatArray, heart: Heart, distance_mm: float) -> FloatArray:
    """Shift a course along the surface it lies on, to its left (seen from outside, in its direction) when positive."""
    outward = unit(heart.slope("sac", points, 3.0))
    return np.asarray(points + distance_mm * unit(np.cross(outward, tangents(points))))


def _kept_off(points: FloatArray, radius_mm: FloatArray, arteries: list[Artery]) -> FloatArray:
    for _ in range(6):
        for artery in arteries:
            away = points[:, None] - artery.points_lps_mm[None, ::4]
            distance = np.linalg.norm(away, axis=2)
            nearest = distance.argmin(axis=1)
            rows = np.arange(len(points))
            lack = radius_mm + artery.outer_mm[::4][nearest] + CLEARANCE_MM - distance[rows, nearest]
            points = points + np.maximum(lack, 0.0)[:, None] * unit(away[rows, nearest])
    return np.asarray(points)
