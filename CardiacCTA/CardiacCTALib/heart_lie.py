"""Does the heart lie in the images as hearts lie, or are they mirrored, upside down or back to front?

An orientation that was stored wrongly, or a heart on the right side, gives chambers that are none, and then arteries with wrong
names: said before anything is measured.
"""

from __future__ import annotations

import logging

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.progress import Progress

from .atlas_fit import FittedHeart, bend_heart, lay_heart
from .chambers import measure_levels
from .heart_region import CoarseImage, HeartRegion, find_aorta
from .structures import AORTA, LEFT_ATRIUM, LEFT_VENTRICLE

logger = logging.getLogger(__name__)

LEAST_FIT, SURE_FIT, TURNED_FIT, CLEARLY = 0.6, 0.9, 0.8, 0.15
"""Nats of mutual information with the average heart: from the first on a heart was made out, from the second on it lies right for
sure; another lie is the right one from the third on and when it agrees by the last better. Chosen: digital hearts have 1.2,
mirrored ones 0.8, halves and hearts turned over 0.2 to 0.5 (half a heart 0.6 when turned over), a real one without gating 0.7."""
LEAST_FILLED = 0.7
"""Brightness of the left chambers over that of the ascending aorta, at least, where a heart was made out. Chosen."""
MIRRORED = (
    "The heart lies as in a mirror: left and right of the images are swapped, or it lies on the right side of the body. Correct "
    "the orientation of the images; for a heart on the right, mark ostia and tips of the arteries."
)
TURNED = "The heart lies {how}: the orientation stored with the images is wrong. Correct it, and start again."
LIES = (
    ((-1, 1, 1), MIRRORED),
    ((1, 1, -1), TURNED.format(how="upside down and mirrored")),
    ((1, -1, -1), TURNED.format(how="upside down and back to front")),
    ((1, -1, 1), TURNED.format(how="back to front and mirrored")),
    ((-1, -1, 1), TURNED.format(how="back to front")),
    ((-1, 1, -1), TURNED.format(how="upside down")),
    ((-1, -1, -1), TURNED.format(how="upside down, back to front and mirrored")),
)
"""What left, back and up are multiplied by, and what is wrong with a heart that then lies right."""


def check_lie(region: HeartRegion, fit: FittedHeart, progress: Progress | None = None) -> None:
    """Refuse a scan whose heart lies clearly better when the images are mirrored or turned over.

    Strategy: the right one of the eight lies agrees better already before the average heart is bent, so that only such ones are
    bent, which takes most of the time.

    Parameters
    ----------
    region, fit
        The aorta and the average heart in the scan as it is.
    progress
        May stop it.

    Raises
    ------
    InputError
        With how it lies.
    Cancelled
        When the user stopped the run.
    """
    if fit.agreement >= SURE_FIT:
        return
    for swap, said in LIES:
        turned = _turned(region, swap, fit.laid, progress or Progress())
        if turned >= max(fit.agreement + CLEARLY, TURNED_FIT):
            raise InputError(said, detail=f"agreement {fit.agreement:.2f}, turned {turned:.2f} nats")


def _turned(region: HeartRegion, swap: tuple[int, int, int], least: float, progress: Progress) -> float:
    """Return how well the average heart agrees with a scan whose left, back and up are swapped; minus infinity for no heart.

    A heart is seen where it agrees by more than ``least`` before it is bent, and where the left heart is filled like the aorta:
    part of another one fits by chance, too.
    """
    coarse = region.coarse
    flipped = np.ascontiguousarray(coarse.array[:: swap[2], :: swap[1], :: swap[0]])
    try:
        turned = find_aorta(region.axes, CoarseImage(flipped, coarse.factor, coarse.spacing_mm))
    except InputError:
        return -np.inf
    laid = lay_heart(turned, progress)
    if laid.agreement <= least:
        return -np.inf
    fit = bend_heart(turned, laid, progress)
    blood = measure_levels(turned.coarse.array, fit.labels).blood
    filled = min(blood[LEFT_VENTRICLE], blood[LEFT_ATRIUM], blood[AORTA]) >= LEAST_FILLED * turned.blood_hu
    logger.info("average heart with left, back, up times %s: %.2f nats, %s", swap, fit.agreement, "filled" if filled else "dark")
    return fit.agreement if filled else -np.inf
