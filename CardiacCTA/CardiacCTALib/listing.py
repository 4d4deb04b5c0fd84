"""What is listed as a lesion: stretches with plaque, and narrowings that neither noise nor the healthy taper explains.

A narrowing under 25 % without plaque in the wall is no finding: arteries are not ruled, and the interval of such a narrowing
reaches down to nothing. Plaque is one even where the lumen is as wide as ever, because the artery has grown around it. At the
ends of a line, where a section meets the aorta's wall or the artery leaves the scan's resolution, a lesion is listed and said
to be less certain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .constants import MILD_FROM
from .plaque_region import PlaqueRegion

BoolArray = NDArray[np.bool_]

LESION_FROM = 0.15
"""A narrowing is looked at from 15 % diameter stenosis on (reference practice: 10 to 15 %)."""
LEAST_LESION_MM = 1.5
EDGE_MM, EDGE_LESION_MM = 1.5, 5.0
"""A lesion shorter than the second whose narrowest place lies within the first of an end of its line is less certain, and so is
one without plaque that comes so near to an end. Chosen."""
NEAR_END = "Near the end of the vessel as it was followed: less certain."
NO_PLAQUE = "No plaque is seen in the wall here: the narrowing is less certain."
_VALLEY = 0.5
_SMOOTH_MM = 0.6


def lesion_spans(stenosis: FloatArray, region: PlaqueRegion, visible: BoolArray) -> list[tuple[int, int]]:
    """Return first and last sections of what may be lesions; two narrowings with a wide place between are two.

    Parameters
    ----------
    stenosis
        (N,) narrowing of the diameter against the healthy one, 0 to 1.
    region
        The diseased wall.
    visible
        (N,) whether a section lies in the scan.
    """
    smooth = ndimage.gaussian_filter1d(stenosis, _SMOOTH_MM / region.step_mm, mode="nearest")
    labels, count = ndimage.label(((smooth > LESION_FROM) | region.diseased) & visible)
    spans = []
    for one in range(1, count + 1):
        places = np.flatnonzero(labels == one)
        if len(places) * region.step_mm >= LEAST_LESION_MM:
            spans.extend(_split(smooth, int(places[0]), int(places[-1])))
    return spans


def _split(smooth: FloatArray, first: int, last: int) -> list[tuple[int, int]]:
    """Cut a span at valleys that rise to less than half of the lesser of the two narrowings around them."""
    inner = smooth[first : last + 1]
    for at in sorted(range(first + 1, last), key=lambda place: smooth[place]):
        before, after = smooth[first:at].max(), smooth[at + 1 : last + 1].max()
        if smooth[at] < _VALLEY * min(before, after) and min(before, after) > LESION_FROM:
            return [*_split(smooth, first, at - 1), *_split(smooth, at + 1, last)]
        if smooth[at] > _VALLEY * inner.max():
            break
    return [(first, last)]


def shows_plaque(region: PlaqueRegion, first: int, last: int) -> bool:
    """Tell whether the wall of sections first to last holds plaque beyond doubt."""
    return bool(region.diseased[first : last + 1].any())


def sure_narrowing(percent: float, low: float) -> bool:
    """Tell whether a narrowing counts without plaque: at least mild, and its interval (percent) ends above what is looked at."""
    return round(percent) >= MILD_FROM and low >= 100.0 * LESION_FROM


def near_end(arc_mm: FloatArray, span: tuple[int, int], narrowest: int, plaque: bool) -> bool:
    """Tell whether a lesion is a matter of an end of its line: a short one there, or one without plaque that reaches it.

    An artery narrows until it is lost, which looks like a long narrowing to nothing.

    Parameters
    ----------
    span, narrowest
        First and last section of the lesion, and the narrowest.
    plaque
        Whether plaque is seen in its wall.
    """
    end = float(arc_mm[-1])
    first, last, at = (float(arc_mm[one]) for one in (*span, narrowest))
    short = last - first < EDGE_LESION_MM and min(at, end - at) < EDGE_MM
    return short or (not plaque and min(first, end - last) < EDGE_MM)
