"""A plane figure bounded by a closed contour, seen through a Gaussian: its brightness, and how that follows the contour.

The flux form of the blurred indicator is used: the share of a Gaussian about x that falls into the figure is the flux, out
of the contour, of F(v) = v (1 - exp(-|v|^2 / 2 sigma^2)) / (2 pi |v|^2) with v from x to the contour (div F is the
Gaussian). F is smooth, so the trapezoid rule over evenly spaced angles converges fast: with contour points a sigma apart the
error is far below a thousandth. Where the contour moves, the brightness changes by the Gaussian times the area swept, which
needs the same exponential: value and derivative come from one evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray
from .crosssection import ray_angles

Float32Array = NDArray[np.float32]

_AT_MM2 = np.float32(1e-6)
_CACHED = 64_000
"""So many numbers are worked on at a time: four arrays of them fit into a megabyte. No result depends on it."""


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
        return self._outward

    @cached_property
    def _outward(self) -> FloatArray:
        count = self.radius_mm.shape[1]
        step = 2.0 * np.pi / count
        beside = np.arange(count)
        slope = 0.5 * (self.radius_mm[:, (beside + 1) % count] - self.radius_mm[:, beside - 1])
        rays = _rays(count)
        turned = np.stack([-rays[:, 1], rays[:, 0]], axis=1)
        return np.asarray(self.radius_mm[..., None] * step * rays - slope[..., None] * turned)

    def area_mm2(self) -> FloatArray:
        """Return the enclosed areas (N,)."""
        return np.asarray(np.pi * (self.radius_mm**2).mean(axis=1))


def blurred_inside(contours: Contours, at_mm: FloatArray, sigma_mm: float | FloatArray) -> Float32Array:
    """See contours through a Gaussian.

    Parameters
    ----------
    contours
        N contours of J points; points should lie no more than about two sigmas apart.
    at_mm
        (M, 2) places in the section plane.
    sigma_mm
        Standard deviation of the blur, one or (N,).

    Returns
    -------
    inside
        (N, M) share of the blur that falls inside, 0 to 1.
    """
    inside = np.empty((len(contours.radius_mm), len(at_mm)), dtype=np.float32)
    for rows, seen, _, _ in _seen(contours, at_mm, sigma_mm):
        inside[rows] = seen
    return inside


def blurred_moved(
    contours: Contours, at_mm: FloatArray, sigma_mm: float | FloatArray, swept_mm2: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """See contours through a Gaussian, with the derivatives by K parameters of theirs.

    Parameters
    ----------
    swept_mm2
        (N, J, K) area that each contour point sweeps for each unit of a parameter.

    Returns
    -------
    inside, moved
        (N, M) share of the blur that falls inside, and (N, K, M) its change for each unit of a parameter.
    """
    count, _, parameters = swept_mm2.shape
    inside = np.empty((count, len(at_mm)), dtype=np.float32)
    moved = np.empty((count, parameters, len(at_mm)), dtype=np.float32)
    turned = swept_mm2.transpose(0, 2, 1)
    for rows, seen, near, power in _seen(contours, at_mm, sigma_mm):
        inside[rows] = seen
        np.divide(turned[rows] @ near, power, out=moved[rows])
    return inside, moved


def _seen(
    contours: Contours, at_mm: FloatArray, sigma_mm: float | FloatArray
) -> Iterator[tuple[slice, Float32Array, Float32Array, Float32Array]]:
    """Give the share inside (n, M) of some contours after the other, few enough for the processor's cache.

    With it dividend (n, J, M) and divisor of its change for each mm2 that a contour sweeps at its point j; what is given is
    overwritten by the next.
    """
    count, corners = contours.radius_mm.shape
    sigma = np.broadcast_to(np.asarray(sigma_mm, dtype=np.float32), (count,))[:, None, None]
    points = contours.points_mm().astype(np.float32)[..., None]
    normals = contours.outward_mm().astype(np.float32)[..., None]
    places = np.ascontiguousarray(at_mm.astype(np.float32).T)
    block = max(_CACHED // max(corners * len(at_mm), 1), 1)
    room = np.empty((4, min(block, count), corners, len(at_mm)), dtype=np.float32)
    for start in range(0, count, block):
        rows = slice(start, min(start + block, count))
        across, along, squared, near = room[:, : rows.stop - rows.start]
        np.subtract(points[rows, :, 0], places[0], out=across)
        np.subtract(points[rows, :, 1], places[1], out=along)
        np.multiply(across, across, out=squared)
        squared += np.multiply(along, along, out=near)
        np.exp(np.multiply(squared, -0.5 / sigma[rows] ** 2, out=near), out=near)
        across *= normals[rows, :, 0]
        along *= normals[rows, :, 1]
        across += along
        # at the place itself the quotient tends to 1 / 2 sigma^2
        if squared.size and squared.min() < _AT_MM2:
            np.maximum(squared, _AT_MM2, out=squared)
        across *= np.divide(np.subtract(np.float32(1.0), near, out=along), squared, out=along)
        yield rows, _total(across) / np.float32(2.0 * np.pi), near, np.float32(2.0 * np.pi) * sigma[rows] ** 2


def _total(values: Float32Array) -> Float32Array:
    """Return the sum (N, M) of values (N, J, M) over J, neighbours first, which loses least; values are overwritten."""
    count = values.shape[1]
    if count % 8:
        return np.asarray(values.sum(axis=1))
    total = values[:, :8]
    for start in range(8, count, 8):
        total += values[:, start : start + 8]
    while total.shape[1] > 1:
        total = total[:, 0::2] + total[:, 1::2]
    return total[:, 0]


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


@cache
def _rays(count: int) -> FloatArray:
    angle = ray_angles(count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
