"""Bright round vessels that run from slice to slice: the ascending and the descending aorta without a click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

RADII_MM = np.arange(9.0, 25.1, 1.0)
"""Of an ascending or descending aorta; a root of 5 cm and more is followed by what is above it."""
EDGE_HU = 120.0
"""Least rise over an edge, within about 4 mm. Chosen: a third of a weak enhancement."""
PEAKS_A_SLICE, LEAST_SCORE = 8, 0.38
"""How many circles a slice may have, and which share of its rim must be an edge."""
LINK_MM, LINK_RADIUS_MM = 3.5, 3.0


@dataclass(frozen=True, eq=False)
class CircleChain:
    """Circles of one vessel, one a slice, from the feet upward; places in array indices of the image searched.

    Parameters
    ----------
    centres
        (N, 3) index k, j, i.
    radius_mm, score
        (N,); the score is the share of the rim that is an edge.
    level_hu, spread_hu
        Median and robust standard deviation of the blood inside.
    """

    centres: FloatArray
    radius_mm: FloatArray
    score: FloatArray
    level_hu: float
    spread_hu: float

    @property
    def slices(self) -> int:
        """How many slices it runs through."""
        return len(self.centres)


def find_chains(
    image: NDArray[np.float32], spacing_mm: tuple[float, float, float], least_mm: float = 18.0, least_hu: float = 130.0
) -> list[CircleChain]:
    """Find bright circles in axial slices by gradient voting and link them upward.

    Parameters
    ----------
    image
        (K, J, I) HU along the patient's axes, about 1.5 to 2.5 mm a voxel.
    spacing_mm
        Along k, j, i.
    least_mm, least_hu
        Shortest chain, and darkest blood.

    Returns
    -------
    list of CircleChain
        Longest and roundest first.
    """
    peaks = _peaks(image, spacing_mm)
    chains: list[list[NDArray[Any]]] = []
    open_chains: list[list[NDArray[Any]]] = []
    for k, found in enumerate(peaks):
        left = list(range(len(found)))
        still: list[list[NDArray[Any]]] = []
        for chain in sorted(open_chains, key=len, reverse=True):
            last = chain[-1]
            best, best_cost = -1, np.inf
            for n in left:
                shift = np.hypot(*((found[n][1:3] - last[1:3]) * spacing_mm[1:]))
                change = abs(found[n][3] - last[3])
                slices = k - last[0]
                cost = shift / LINK_MM + change / LINK_RADIUS_MM - found[n][4]
                if shift <= LINK_MM * slices and change <= LINK_RADIUS_MM and cost < best_cost:
                    best, best_cost = n, cost
            if best >= 0:
                left.remove(best)
                chain.append(found[best])
                still.append(chain)
            elif k - last[0] < 3:
                still.append(chain)
            else:
                chains.append(chain)
        open_chains = still + [[found[n]] for n in left]
    chains += open_chains
    least = max(int(least_mm / spacing_mm[0]), 3)
    done = [_measured(np.array(chain), image, spacing_mm) for chain in chains if len(chain) >= least]
    done = [chain for chain in done if chain.level_hu >= least_hu]
    return sorted(done, key=lambda one: -float(one.score.sum()))


def _peaks(image: NDArray[np.float32], spacing: tuple[float, float, float]) -> list[list[NDArray[Any]]]:
    """Return (k, j, i, radius, score) of the best circles of every slice."""
    smooth = ndimage.gaussian_filter(np.clip(image, -150.0, 700.0), [0.5, 1.5 / spacing[1], 1.5 / spacing[2]])
    slope = [ndimage.correlate1d(smooth, [-1.0, 0.0, 1.0], axis=axis) / (2.0 * spacing[axis]) for axis in (1, 2)]
    size = np.hypot(*slope)
    edge = np.argwhere(size > EDGE_HU / 4.0)
    at = tuple(edge.T)
    inward = np.stack([slope[0][at], slope[1][at]], axis=1) / size[at][:, None]
    best = np.zeros(image.shape, dtype=np.float32)
    best_radius = np.zeros(image.shape, dtype=np.float32)
    for radius in RADII_MM:
        votes = np.zeros(image.shape, dtype=np.float32)
        place = np.rint(edge[:, 1:] + radius * inward / np.array(spacing[1:])).astype(int)
        ok = ((place >= 0) & (place < np.array(image.shape[1:]))).all(axis=1)
        flat = np.ravel_multi_index((edge[ok, 0], place[ok, 0], place[ok, 1]), image.shape)
        votes = np.bincount(flat, minlength=image.size).reshape(image.shape).astype(np.float32)
        rim = 2.0 * np.pi * radius / (0.5 * (spacing[1] + spacing[2]))
        # an edge is about three voxels thick after smoothing: its votes spread over as many radii
        gathered = ndimage.uniform_filter(votes, (1, 3, 3)) * 9.0 / (2.0 * rim)
        better = gathered > best
        best[better] = gathered[better]
        best_radius[better] = radius
    found = []
    for k, plane in enumerate(best):
        top = (plane == ndimage.maximum_filter(plane, 5)) & (plane > LEAST_SCORE)
        rows = np.argwhere(top)
        rows = rows[np.argsort(-plane[top])][:PEAKS_A_SLICE]
        found.append([np.array([k, j, i, best_radius[k, j, i], min(plane[j, i], 1.0)]) for j, i in rows])
    return found


def _measured(chain: FloatArray, image: NDArray[np.float32], spacing: tuple[float, float, float]) -> CircleChain:
    values = []
    for k, j, i, radius, _ in chain:
        rows, columns = (int(0.5 * radius / size) for size in spacing[1:])
        part = image[int(k), max(int(j) - rows, 0) : int(j) + rows + 1, max(int(i) - columns, 0) : int(i) + columns + 1]
        values.append(part.ravel())
    inside = np.concatenate(values)
    level = float(np.median(inside))
    return CircleChain(chain[:, :3], chain[:, 3], chain[:, 4], level, 1.4826 * float(np.median(np.abs(inside - level))))
