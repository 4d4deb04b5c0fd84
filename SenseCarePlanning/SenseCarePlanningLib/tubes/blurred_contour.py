"""A plane figure bounded by a closed contour, seen through a Gaussian: its brightness, and how that follows the contour.

The flux form of the blurred indicator is used: the share of a Gaussian about x that falls into the figure is the flux, out
of the contour, of F(v) = v (1 - exp(-|v|^2 / 2 sigma^2)) / (2 pi |v|^2) with v from x to the contour (div F is the
Gaussian). F is smooth, so the trapezoid rule over evenly spaced angles converges fast: with contour points a sigma apart the
error is far below a thousandth. Where the contour moves, the brightness changes by the Gaussian times the area swept, which
needs the same exponential: value and derivative come from one evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray
from .crosssection import ray_angles

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Contours:
    """Closed plane contours, star-shaped about their own centres.

    Parameters
    ----------
    centre_mm
        (N, 2) centres in the section plane (along "up" and "left").
    radius_mm
        (N, J) distance from the centre along evenly spaced angles, counted from "up" towards "left".
    """

    centre_mm: FloatArray
    radius_mm: FloatArray

    def points_mm(self) -> FloatArray:
        """Return the contour points (N, J, 2) in the section plane."""
        return np.asarray(self.centre_mm[:, None, :] + self.radius_mm[..., None] * _rays(self.radius_mm.shape[1]))

    def outward_mm(self) -> FloatArray:
        """Return outward normals (N, J, 2) whose length is the length of contour each point stands for."""
        ahead = np.roll(self.radius_mm, -1, axis=1)
        behind = np.roll(self.radius_mm, 1, axis=1)
        slope = 0.5 * (ahead - behind)
        rays = _rays(self.radius_mm.shape[1])
        step = 2.0 * np.pi / self.radius_mm.shape[1]
        turned = np.stack([-rays[:, 1], rays[:, 0]], axis=1)
        return np.asarray(self.radius_mm[..., None] * step * rays - slope[..., None] * turned)

    def area_mm2(self) -> FloatArray:
        """Return the enclosed areas (N,)."""
        return np.asarray(np.pi * (self.radius_mm**2).mean(axis=1))


@dataclass(frozen=True, eq=False)
class Blurred:
    """What is seen of contours at sample places.

    ``inside`` (N, M): share of the blur that falls inside, 0 to 1. ``per_area`` (N, M, J): change of it for each mm2 that
    the contour sweeps at its point j.
    """

    inside: Float32Array
    per_area: Float32Array


def blurred_inside(contours: Contours, at_mm: FloatArray, sigma_mm: float | FloatArray) -> Blurred:
    """See contours through a Gaussian.

    Parameters
    ----------
    contours
        N contours of J points; points should lie no more than about two sigmas apart.
    at_mm
        (M, 2) places in the section plane.
    sigma_mm
        Standard deviation of the blur, one or (N,).
    """
    sigma = np.broadcast_to(np.asarray(sigma_mm, dtype=np.float32), (len(contours.radius_mm),))[:, None, None]
    points = contours.points_mm().astype(np.float32)
    normals = contours.outward_mm().astype(np.float32)
    places = at_mm.astype(np.float32)
    across = points[:, None, :, 0] - places[None, :, None, 0]
    along = points[:, None, :, 1] - places[None, :, None, 1]
    squared = across * across + along * along
    near = np.exp(squared * (-0.5 / sigma**2))
    flux = across * normals[:, None, :, 0] + along * normals[:, None, :, 1]
    # at the place itself the quotient tends to 1 / 2 sigma^2
    quotient = (1.0 - near) / np.maximum(squared, 1e-6)
    inside = (flux * quotient).sum(axis=2) / np.float32(2.0 * np.pi)
    return Blurred(inside, near / (np.float32(2.0 * np.pi) * sigma**2))


def harmonics(points: int, orders: tuple[int, ...]) -> FloatArray:
    """Return cosines and sines of the given orders at evenly spaced angles: (points, K); order 0 gives one column of ones."""
    angle = ray_angles(points)
    columns: list[FloatArray] = []
    for order in orders:
        columns.extend([np.ones(points)] if order == 0 else [np.cos(order * angle), np.sin(order * angle)])
    return np.stack(columns, axis=1)


def seen_from(contours: Contours, centre_mm: FloatArray) -> FloatArray:
    """Return the radii (N, J) of the same contours about other centres (N, 2) inside them, along the same angles."""
    count = contours.radius_mm.shape[1]
    wanted = ray_angles(count)
    away = contours.points_mm() - centre_mm[:, None, :]
    angle = np.arctan2(away[..., 1], away[..., 0])
    distance = np.linalg.norm(away, axis=2)
    found = np.empty_like(distance)
    for row in range(len(distance)):
        order = np.argsort(angle[row])
        found[row] = np.interp(wanted, angle[row][order], distance[row][order], period=2.0 * np.pi)
    return np.asarray(found)


def _rays(count: int) -> FloatArray:
    angle = ray_angles(count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
