"""What the anatomy itself says about head and foot: headers and affines can be wrong, a chest cannot.

Strategy: two cues, neither of which sees the other's evidence: on which side of the lungs' middle the windpipe is, and at
which end the diaphragm stands inside the lungs. A verdict only where the first is clear and the second does not
contradict it: disease shortens windpipes and flattens diaphragms. Right and left are judged in ``sides``.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.errors import InputError, SenseCareError

from .trachea import Trachea, find_trachea

logger = logging.getLogger(__name__)

TURNED_TRACHEA_MM, TURNED_TIMES = 50.0, 1.5
"""A windpipe of this length below the middle of the lungs, so many times longer than the one above it, speaks for a
series upside down. Chosen: three patients and five digital ones show 72 to 117 mm above the middle and at most 38 mm (gas
in gullet, stomach and bowel) below it."""

BASE, APEX = (0.12, 0.25), (0.75, 0.88)
FILL_CONTRADICTS = 0.1
"""The domes of the diaphragm stand inside the lungs' base, so that air fills less of its sections' boxes than at the apex:
by 0.06 to 0.45 in the same patients. More than this in favour of the stated direction contradicts the windpipe."""

UPSIDE_DOWN = (
    "The series seems to be stored upside down: the windpipe enters the lungs from below and their narrow ends lie at the "
    "foot; check the orientation of the export and load the series again."
)


def check_head_up(
    air: NDArray[np.bool_],
    body: NDArray[np.bool_],
    k_middle: float,
    spacing_mm: tuple[float, float, float],
    found: Trachea | None,
) -> None:
    """Refuse a chest that stands on its head.

    Parameters
    ----------
    air
        (K, J, I) bool; air inside the body, lungs and airways together, along the patient's axes (k towards the head).
    body
        (K, J, I) bool; the body with its air filled.
    k_middle
        The middle height of the lungs.
    spacing_mm
        Voxel spacing.
    found
        The windpipe above the middle of the lungs; None where there is none.

    Raises
    ------
    InputError
        When a longer windpipe enters from below, and the shape of the lungs does not contradict.
    """
    upright_mm = 0.0 if found is None else _length_mm(found, spacing_mm)
    try:
        turned = find_trachea(air[::-1], body[::-1], air.shape[0] - 1 - k_middle, spacing_mm)
    except SenseCareError:
        return
    turned_mm = _length_mm(turned, spacing_mm)
    emptier_base = _apex_fill_less_base(air)
    logger.info("windpipe %.0f mm from above, %.0f mm from below; base emptier by %.2f", upright_mm, turned_mm, emptier_base)
    if turned_mm >= max(TURNED_TRACHEA_MM, TURNED_TIMES * upright_mm) and emptier_base < FILL_CONTRADICTS:
        raise InputError(UPSIDE_DOWN, detail=f"windpipe {upright_mm:.0f} mm from above, {turned_mm:.0f} mm from below")


def _length_mm(trachea: Trachea, spacing_mm: tuple[float, float, float]) -> float:
    return len(trachea.centres) * spacing_mm[0]


def _apex_fill_less_base(air: NDArray[np.bool_]) -> float:
    """Return by how much air fills the boxes around its sections better near the top than near the bottom."""
    sections = air.sum(axis=(1, 2))
    held = np.nonzero(sections > 0.02 * sections.max())[0]
    low, count = int(held[0]), int(held[-1] - held[0] + 1)

    def fill(part: tuple[float, float]) -> float:
        """Return how much of its own box the air fills, mean over a part of the sections."""
        shares = []
        for section in air[low + int(part[0] * count) : low + max(int(part[1] * count), int(part[0] * count) + 1)]:
            rows, columns = np.nonzero(section.any(axis=1))[0], np.nonzero(section.any(axis=0))[0]
            if len(rows):
                box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
                shares.append(np.count_nonzero(section) / box)
        return float(np.mean(shares)) if shares else 0.0

    return fill(APEX) - fill(BASE)
