"""Does the heart lie in the images as hearts lie, or are they mirrored, upside down or back to front?

An orientation that was stored wrongly, or a heart on the right side, gives chambers that are none, and then arteries with wrong
names: said before anything is measured.
"""

from __future__ import annotations

import logging

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import Volume

from .atlas_fit import FittedHeart, fit_heart
from .heart_region import find_heart

logger = logging.getLogger(__name__)

LEAST_AGREEMENT = 0.9
"""Nats of mutual information with the average heart from which on no other lie is tried. Chosen on digital hearts."""
CLEARLY = 0.15
"""By so many nats another lie must agree better. Chosen."""
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


def check_lie(volume: Volume, fit: FittedHeart) -> None:
    """Refuse a scan whose heart lies clearly better when the images are mirrored or turned over.

    Parameters
    ----------
    fit
        The average heart in the scan as it is.

    Raises
    ------
    InputError
        With how it lies.
    """
    if fit.agreement >= LEAST_AGREEMENT:
        return
    for swap, said in LIES:
        agreement = _agreement(volume, swap)
        logger.info("average heart with left, back, up times %s: %.2f nats", swap, agreement)
        if agreement >= fit.agreement + CLEARLY and agreement >= LEAST_AGREEMENT:
            raise InputError(said, detail=f"agreement {fit.agreement:.2f}, turned {agreement:.2f} nats")


def _agreement(volume: Volume, swap: tuple[int, int, int]) -> float:
    """Return how well the average heart agrees with a scan whose axes are swapped; minus infinity where none is seen."""
    turned = Volume(volume.array_kji, np.diag([*swap, 1.0]) @ volume.affine_ijk_to_lps, volume.modality, volume.acquisition)
    try:
        return fit_heart(find_heart(turned)).agreement
    except InputError:
        return -np.inf
