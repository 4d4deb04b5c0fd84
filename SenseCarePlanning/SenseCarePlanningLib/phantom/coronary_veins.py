"""Veins that run beside coronary arteries and are taken for them: great cardiac vein, coronary sinus, middle cardiac vein."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from ..geometry import FloatArray, arc_length_mm, resample_polyline, tangents, unit
from .coronary_heart import Heart
from .coronary_tree import Artery, settle

CLEARANCE_MM, CLOSE_CLEARANCE_MM = 1.0, 0.2
"""Between the blood of a vein and the outer wall of an artery; close: the thin wall of a vein that touches the artery, less than
the blur of a scan."""
ASIDE_MM = (4.6, 4.8, 4.2)
"""How far the middles of veins and arteries are apart, where they run side by side: great cardiac vein beside the LAD and the
circumflex, middle cardiac vein beside the PDA. Chosen."""
CLOSE_ASIDE_MM = ((3.0, 3.6, 2.6), (3.0, 4.2, 2.9), (3.4, 4.8, 3.2))
"""The same, close: the walls touch over tens of millimetres. The first that fits is taken."""
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


def grow_veins(heart: Heart, arteries: list[Artery], close: bool = False) -> list[Vein]:
    """Lay the veins beside the arteries of a heart, running into none of them.

    Parameters
    ----------
    close
        Let their walls touch where they run side by side and where they cross, as veins do that are hard to tell from arteries.
    """
    found = []
    for name, along in (("great_cardiac", _great), ("middle_cardiac", _middle)):
        if not close:
            found.append(_laid(name, along(heart, arteries, ASIDE_MM), heart, arteries, CLEARANCE_MM))
            continue
        for aside_mm in CLOSE_ASIDE_MM:  # a vein pinched in the angle of a division runs into it: lay it farther off
            vein = _laid(name, along(heart, arteries, aside_mm), heart, arteries, CLOSE_CLEARANCE_MM)
            if _least_gap_mm(vein, arteries) > 0.0:
                break
        else:
            vein = _laid(name, along(heart, arteries, ASIDE_MM), heart, arteries, CLEARANCE_MM)
        found.append(vein)
    return found


def _great(heart: Heart, arteries: list[Artery], aside_mm: tuple[float, float, float]) -> tuple[FloatArray, float, float]:
    """Return the rough course of the great cardiac vein down to the coronary sinus, and its first and last radius."""
    by_name = {artery.name: artery.points_lps_mm for artery in arteries}
    lad, lcx = by_name["LAD"], by_name["LCX"]
    up_groove = _aside(lad[int(0.16 * len(lad)) : int(0.88 * len(lad)) : 8], heart, aside_mm[0])[::-1]
    along_base = _aside(lcx[int(0.22 * len(lcx)) : int(0.86 * len(lcx)) : 8], heart, -aside_mm[1])
    return np.concatenate([up_groove, along_base, heart.pose.place(np.array(CORONARY_SINUS))]), 0.9, 4.2


def _middle(heart: Heart, arteries: list[Artery], aside_mm: tuple[float, float, float]) -> tuple[FloatArray, float, float]:
    """Return the rough course of the middle cardiac vein down to the coronary sinus, and its first and last radius."""
    pda = next(artery.points_lps_mm for artery in arteries if artery.name == "PDA")
    beside = _aside(pda[int(0.2 * len(pda)) : int(0.85 * len(pda)) : 8], heart, aside_mm[2])[::-1]
    return np.concatenate([beside, heart.pose.place(np.array(CORONARY_SINUS))[-2:]]), 0.8, 1.9


def _laid(name: str, rough: tuple[FloatArray, float, float], heart: Heart, arteries: list[Artery], clearance_mm: float) -> Vein:
    """Let a rough course settle on the ventricle, clear of the arteries."""
    course, start_mm, end_mm = rough
    points = settle(course, heart, ("lv_wall",), 1.6, rounds=12)
    radius = np.interp(
        np.linspace(0.0, 1.0, len(points)), np.linspace(0.0, 1.0, len(course)), np.linspace(start_mm, end_mm, len(course))
    )
    return Vein(name, *_kept_off(points, radius, arteries, heart, clearance_mm))


def _least_gap_mm(vein: Vein, arteries: list[Artery]) -> float:
    """Return the least distance between a vein's blood and an artery's outer wall; negative where one runs into the other."""
    points = resample_polyline(vein.points_lps_mm, 0.25)
    radius = np.interp(np.linspace(0.0, 1.0, len(points)), np.linspace(0.0, 1.0, len(vein.radius_mm)), vein.radius_mm)
    gaps = []
    for artery in arteries:
        distance, nearest = cKDTree(artery.points_lps_mm).query(points)
        gaps.append(float((distance - radius - artery.outer_mm[nearest]).min()))
    return min(gaps)


def _aside(points: FloatArray, heart: Heart, distance_mm: float) -> FloatArray:
    """Shift a course along the surface it lies on, to its left (seen from outside, in its direction) when positive."""
    outward = unit(heart.slope("sac", points, 3.0))
    return np.asarray(points + distance_mm * unit(np.cross(outward, tangents(points))))


def _kept_off(
    points: FloatArray, radius_mm: FloatArray, arteries: list[Artery], heart: Heart, clearance_mm: float
) -> tuple[FloatArray, FloatArray]:
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
        missing = radius_mm[:, None] + outer[near] + clearance_mm - np.linalg.norm(away, axis=2)
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
