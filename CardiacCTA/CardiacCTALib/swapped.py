"""Whether the contrast CT and the series for the calcium score were given in each other's place."""

from __future__ import annotations

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import Volume

from .heart_region import find_heart
from .segment import WELL_FILLED_HU

SWAPPED = (
    "The two series look swapped: the one given as the coronary CT shows no contrast, the one given as the calcium series does. "
    "Give each in the other's place."
)


def refuse_swapped(refused: InputError, volume: Volume, series: Volume | None) -> None:
    """Say of a scan that is refused anyway that it and the calcium series look swapped, where they do.

    Parameters
    ----------
    refused
        Why ``volume`` cannot be analysed; it stays beside it as what was found.
    volume, series
        Given as the coronary CT and as the calcium series; None without one.

    Raises
    ------
    InputError
        Where the first shows no contrast and the second does.
    """
    if series is not None and not shows_contrast(volume) and shows_contrast(series):
        raise InputError(SWAPPED, [refused.user_message, *refused.problems], refused.detail) from refused


def shows_contrast(volume: Volume) -> bool:
    """Tell whether a scan shows an ascending aorta well filled with contrast: blood brighter than bone without mostly is."""
    try:
        return find_heart(volume).blood_hu >= WELL_FILLED_HU
    except InputError:
        return False
