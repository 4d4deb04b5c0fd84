"""A centreline with its frames as one continuous curve: where each place along it lies, and which place a point lies beside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from ..geometry import FloatArray, arc_length_mm, resample_polyline, smooth_polyline, unit
from .frames import rotation_minimising_frames


@dataclass(frozen=True, eq=False)
class TubeLine:
    """A curve that carries frames; between its samples both are interpolated, so that every place on it is defined.

    Parameters
    ----------
    points_lps_mm
        (N, 3), N >= 2, no two neighbours equal.
    frames
        (N, 3, 3) rows tangent, up, left (``left = up x tangent``).
    arc_mm
        (N,) place of each point along the curve, ascending. By rule its length; a reformat that stretches a curve has its own.
    """

    points_lps_mm: FloatArray
    frames: FloatArray
    arc_mm: FloatArray

    @classmethod
    def through(cls, points_lps_mm: ArrayLike, smooth_mm: float = 1.0, step_mm: float = 0.25) -> TubeLine:
        """Lay a smooth line with rotation-minimising frames through points (K, 3).

        Parameters
        ----------
        smooth_mm
            Standard deviation of the Gaussian that takes the corners off; 0 takes the polyline as it is.
        step_mm
            Between samples; chords of a bend of radius R lie ``step**2 / 8 R`` inside of it.

        Raises
        ------
        ValueError
            When there are fewer than two points, or all coincide.
        """
        points = np.asarray(points_lps_mm, dtype=np.float64)
        line = smooth_polyline(points, smooth_mm, step_mm) if smooth_mm > 0 else resample_polyline(points, step_mm)
        return cls(line, _frames(line), arc_length_mm(line))

    @property
    def length_mm(self) -> float:
        """Length of the curve."""
        return float(self.arc_mm[-1] - self.arc_mm[0])

    def at(self, arc_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return points (..., 3) and frames (..., 3, 3) at places (...); past the ends the curve runs on straight."""
        arc = np.asarray(arc_mm, dtype=np.float64)
        low = np.clip(np.searchsorted(self.arc_mm, arc, side="right") - 1, 0, len(self.arc_mm) - 2)
        part = (arc - self.arc_mm[low]) / (self.arc_mm[low + 1] - self.arc_mm[low])
        within = np.clip(part, 0.0, 1.0)[..., None]
        points = (1.0 - within) * self.points_lps_mm[low] + within * self.points_lps_mm[low + 1]
        mixed = (1.0 - within[..., None]) * self.frames[low, :2] + within[..., None] * self.frames[low + 1, :2]
        tangent = unit(mixed[..., 0, :])
        up = unit(mixed[..., 1, :] - (mixed[..., 1, :] * tangent).sum(axis=-1, keepdims=True) * tangent)
        beyond = arc - np.clip(arc, self.arc_mm[0], self.arc_mm[-1])
        return points + beyond[..., None] * tangent, np.stack([tangent, up, np.cross(up, tangent)], axis=-2)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points_lps_mm)

    def beside(self, points_lps_mm: ArrayLike, flat: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Return beside which place of the curve points lie, and where in the plane across it.

        At a bend several planes may hold a point; the one nearest to it is taken.

        Parameters
        ----------
        points_lps_mm
            (M, 3).
        flat
            (3,) a direction in which distance does not count: that of the rulings of a stretched reformat.

        Returns
        -------
        arc_mm, across_mm
            (M,) place along the curve, past its ends too; (M, 2) distance along "up" and "left" there.
        """
        points = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64))
        seen = points if flat is None else points - (points @ flat)[:, None] * flat
        nearest = self._tree.query(seen)[1]
        ahead = ((seen - self.points_lps_mm[nearest]) * self.frames[nearest, 0]).sum(axis=1) >= 0.0
        low = np.clip(np.where(ahead, nearest, nearest - 1), 0, len(self.arc_mm) - 2)
        arc = self.arc_mm[low] + self._share(seen, low) * (self.arc_mm[low + 1] - self.arc_mm[low])
        for end, sign in ((0, -1.0), (-1, 1.0)):
            beyond = sign * ((seen - self.points_lps_mm[end]) * self.frames[end, 0]).sum(axis=1)
            outside = (nearest == (0 if end == 0 else len(self.arc_mm) - 1)) & (beyond > 0.0)
            arc = np.where(outside, self.arc_mm[end] + sign * beyond, arc)
        centre, frames = self.at(arc)
        away = points - centre
        return arc, np.stack([(away * frames[:, 1]).sum(axis=1), (away * frames[:, 2]).sum(axis=1)], axis=1)

    def _share(self, points: FloatArray, low: FloatArray) -> FloatArray:
        """Return how far (M,) from sample ``low`` to the next the plane across the curve that holds each point stands, 0 to 1.

        Point and tangent are linear between samples, so that the share solves a quadratic equation.
        """
        step = self.points_lps_mm[low + 1] - self.points_lps_mm[low]
        turn = self.frames[low + 1, 0] - self.frames[low, 0]
        away = points - self.points_lps_mm[low]
        constant = (away * self.frames[low, 0]).sum(axis=1)
        linear = (away * turn).sum(axis=1) - (step * self.frames[low, 0]).sum(axis=1)
        square = -(step * turn).sum(axis=1)
        root = np.sqrt(np.maximum(linear**2 - 4.0 * square * constant, 0.0))
        return np.asarray(np.clip(2.0 * constant / np.maximum(root - linear, 1e-12), 0.0, 1.0))


def _frames(line: FloatArray) -> FloatArray:
    """Return frames (N, 3, 3); the end tangents follow the bend, as if the line went on beyond its ends."""
    if len(line) < 3:
        return rotation_minimising_frames(line)
    before, after = (3.0 * one - 3.0 * two + three for one, two, three in (line[:3], line[:-4:-1]))
    return rotation_minimising_frames(np.concatenate([[before], line, [after]]))[1:-1]
