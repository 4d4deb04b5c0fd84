"""Where LAD, LCx and RCA run in a usual heart, and how a heart lies in which given courses run so.

Strategy: the main arteries of all hearts keep to the same grooves, so that their courses, laid over those of a usual heart,
tell how this heart lies (a rigid fit with one scale, held by the usual lie where there is little to fit), and how far they are
from them tells whether they are these arteries at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray

from .heart_frame import HeartFrame, frame_of
from .label_paths import Way

STEP_MM = 10.0
MODEL: dict[str, FloatArray] = {
    "LAD": np.array([(-22, 6, -31), (-15, 13, -29), (-6, 15, -29), (4, 16, -28), (14, 17, -27), (23, 19, -24), (32, 20, -20),
                     (40, 21, -13), (46, 21, -5), (48, 20, 4)], dtype=np.float64),
    "LCx": np.array([(-22, 6, -31), (-15, -4, -30), (-8, -13, -29), (-10, -22, -26), (-7, -29, -20), (-7, -33, -11),
                     (-16, -37, -5)], dtype=np.float64),
    "RCA": np.array([(-33, 38, -26), (-31, 42, -18), (-31, 43, -8), (-30, 46, 1), (-29, 45, 11), (-28, 42, 21), (-27, 37, 29),
                     (-27, 29, 35), (-28, 20, 37), (-32, 11, 34)], dtype=np.float64),
}  # fmt: skip
"""(N, 3) mm along the axis, towards the right ventricle and inferior, from the middle of the left ventricle, every 10 mm of
course: LAD and LCx from the end of the left main, RCA from its ostium. Means of 60 digital hearts, whose courses are drawn from
normal anatomy; no atlas of real coronary courses with free terms was at hand."""
APEX = np.array([52.0, 4.0, 0.0])
"""Tip of the left ventricle in the same axes, likewise."""
NEAR_MM = 8.0
"""Courses of real hearts lie about this far from the usual one. Chosen."""
FARTHEST, UNSEEN = 4.0, 2.2
"""Cost of a point that lies anywhere, and of one that the course does not reach: between a point in its place (0 to 1) and one
that is not. Chosen; a course is held for an artery when most of its points lie within about 10 mm."""
FARTHEST_ON = 45
"""The course passes a point of the model at most so many mm beyond where it passed the one before, 10 to 15 mm away. Chosen."""
CENTRE_SD_MM = 5.0
USUAL_SD_DEG, CHAMBER_SD_DEG = 16.0, 3.0
"""How far hearts are turned about each axis against the usual one, and how exact axes from chambers are. Chosen."""
SCALES = (0.85, 1.2)
_SCALE_WEIGHT = 30.0
_POINTS_AS_ONE = 3.0
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Course:
    """A way that may be a main artery: ``places_lps_mm`` (M, 3) are its points every millimetre from where the model begins."""

    way: Way
    start_mm: float
    places_lps_mm: FloatArray

    def beside(self, model_lps_mm: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return the point of the course (N, 3) beside each point of the model, in order, and which of them it reaches (N,)."""
        found, seen, at, last = [], [], 0, len(self.places_lps_mm) - 1
        for number, point in enumerate(model_lps_mm):
            ahead = self.places_lps_mm[at : at + (FARTHEST_ON if number else 1)]
            at += int(((ahead - point) ** 2).sum(axis=1).argmin())
            found.append(self.places_lps_mm[at])
            seen.append(at < last or float(np.linalg.norm(found[-1] - point)) < NEAR_MM)
        return np.array(found), np.array(seen)


@dataclass(frozen=True, eq=False)
class Fit:
    """How a heart lies, and what the courses cost in it."""

    frame: HeartFrame
    cost: float


def course_of(way: Way, start_mm: float) -> Course:
    """Return a way as a course that the model can be laid on."""
    wanted = np.arange(start_mm, way.length_mm, 1.0)
    places = np.stack([np.interp(wanted, way.arc_mm, way.points_lps_mm[:, axis]) for axis in range(3)], axis=1)
    return Course(way, start_mm, places)


def fit_courses(courses: Sequence[tuple[str, Course]], lie: HeartFrame) -> Fit:
    """Lay the usual heart over courses.

    Parameters
    ----------
    courses
        Which artery each shall be.
    lie
        How the heart lies by its chambers, or usually; its centre counts only where chambers gave it.
    """
    rotation = np.stack([lie.axis, lie.towards_rv, lie.inferior], axis=1)
    held = 0.5 / np.radians(CHAMBER_SD_DEG if lie.from_chambers else USUAL_SD_DEG) ** 2
    turned, scale, shift = rotation, 1.0, _first_shift(courses, rotation)
    weight = None
    for _ in range(_ROUNDS):
        pairs = [(MODEL[name], *course.beside(shift + scale * MODEL[name] @ turned.T)) for name, course in courses]
        model = np.concatenate([points[seen] for points, _, seen in pairs])
        found = np.concatenate([places[seen] for _, places, seen in pairs])
        share = np.full(len(model), 1.0 / (_POINTS_AS_ONE * NEAR_MM**2))
        if weight is not None and len(weight) == len(share):
            share = share * weight
        turned, scale, shift = _laid(model, found, share, rotation, held, lie)
        miss = np.linalg.norm(found - (scale * model @ turned.T + shift), axis=1)
        weight = 1.0 / (1.0 + (miss / NEAR_MM) ** 2)
    frame = replace(
        frame_of(turned[:, 0], turned[:, 1], shift),
        apex_lps_mm=shift + scale * turned @ APEX,
        size=scale,
    )
    lying = _POINTS_AS_ONE * held * float(((turned - rotation) ** 2).sum())
    return Fit(frame, total_cost(courses, frame) + lying)


def _first_shift(courses: Sequence[tuple[str, Course]], rotation: FloatArray) -> FloatArray:
    """Return where the heart's middle would be if each course began where the model does."""
    return np.asarray(np.mean([course.places_lps_mm[0] - rotation @ MODEL[name][0] for name, course in courses], axis=0))


def _laid(
    model: FloatArray, found: FloatArray, share: FloatArray, rotation: FloatArray, held: float, lie: HeartFrame
) -> tuple[FloatArray, float, FloatArray]:
    """Return rotation, scale and shift of the weighted fit (Kabsch 1976, Umeyama 1991), the rotation held to a given one."""
    if lie.from_chambers:  # the middle of the left ventricle is one point more, and a sure one
        model, found = np.concatenate([model, np.zeros((1, 3))]), np.concatenate([found, lie.centre_lps_mm[None]])
        share = np.append(share, 1.0 / CENTRE_SD_MM**2)
    total = share.sum()
    middle, place = share @ model / total, share @ found / total
    product = (share[:, None] * (found - place)).T @ (model - middle)
    left, _, right = np.linalg.svd(product + 2.0 * held * rotation)
    turned = left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right
    spread = float((share * ((model - middle) ** 2).sum(axis=1)).sum())
    scale = float(np.clip((np.trace(turned.T @ product) + _SCALE_WEIGHT) / (spread + _SCALE_WEIGHT), *SCALES))
    return turned, scale, place - scale * turned @ middle


def total_cost(courses: Sequence[tuple[str, Course]], frame: HeartFrame) -> float:
    """Return what courses cost in a heart: nothing for a point in its place, something for a place that none reaches."""
    given = dict(courses)
    return sum(cost_of(name, given[name], frame) if name in given else UNSEEN * len(MODEL[name]) for name in MODEL)


def cost_of(name: str, course: Course, frame: HeartFrame) -> float:
    """Return what one course costs as an artery."""
    model = frame.placed(MODEL[name])
    found, seen = course.beside(model)
    miss = ((found - model) ** 2).sum(axis=1) / NEAR_MM**2
    return float(np.minimum(miss, FARTHEST)[seen].sum() + UNSEEN * np.count_nonzero(~seen))
