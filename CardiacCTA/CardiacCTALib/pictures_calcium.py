"""Pictures of the calcium score: each heavy calcified lesion in its slice of the calcium series, outlined as it was counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import draw_text
from SenseCarePlanningLib.render.probe_picture import in_rows
from SenseCarePlanningLib.render.vessel_picture import GROUND, INK, OUTSIDE
from SenseCarePlanningLib.volume import Volume

from .calcium import CalciumScore, LesionScore
from .pictures_vessel import QUARTER_PX, TEXT_PX
from .report_pages.words import Words

FIELD_MM, COLUMNS, MOST = 40.0, 4, 8
WINDOW_HU = (90.0, 750.0)
"""Level and width in which calcium is looked at: fat dark, muscle grey, calcium white."""
COUNTED = np.array((255, 82, 82), dtype=np.uint8)
_NEAR_MM = 4.0


def heaviest(score: CalciumScore, most: int = MOST) -> list[LesionScore]:
    """Return the lesions that make most of the score, the heaviest first."""
    return sorted(score.lesions, key=lambda one: (-one.agatston, one.number))[:most]


def calcium_picture(score: CalciumScore, series: Volume, words: Words) -> RgbImage | None:
    """Draw the heaviest calcified lesions, four a row, each in the slice through its centre; None without calcium.

    Parameters
    ----------
    series
        The calcium series, HU, that the score was read from.
    """
    drawn = [_lesion(one, score.rule.threshold_hu, series, words) for one in heaviest(score)]
    return in_rows(drawn, COLUMNS) if drawn else None


def _lesion(one: LesionScore, threshold_hu: float, series: Volume, words: Words) -> RgbImage:
    values = _slice_through(series, one.centre_lps_mm)
    level, width = WINDOW_HU
    grey = np.nan_to_num(np.clip((values - level + 0.5 * width) / width, 0.0, 1.0))
    picture = np.repeat(np.rint(255.0 * grey).astype(np.uint8)[..., None], 3, axis=2)
    picture[np.isnan(values)] = OUTSIDE
    counted = _counted(values, threshold_hu)
    picture[counted & ~ndimage.binary_erosion(counted, iterations=2)] = COUNTED
    foot = np.full((round(2.9 * TEXT_PX), QUARTER_PX, 3), GROUND, dtype=np.uint8)
    lines = (
        words.say("{artery}: Agatston {score}", artery=one.artery.value, score=f"{one.agatston:.0f}"),
        words.say("{volume} mm³, up to {level} HU", volume=words.number(one.volume_mm3, "mm3", 1), level=f"{one.peak_hu:.0f}"),
    )
    for number, line in enumerate(lines):
        draw_text(foot, line, 0.5 * QUARTER_PX, (0.85 + 1.2 * number) * TEXT_PX, TEXT_PX, colour=INK, halo=None, anchor="mm")
    for letter, x, y in (("R", 0.04, 0.5), ("L", 0.96, 0.5), ("A", 0.5, 0.05), ("P", 0.5, 0.95)):
        draw_text(picture, words.say(letter), x * QUARTER_PX, y * QUARTER_PX, TEXT_PX, colour=INK, anchor="mm")
    return np.concatenate([picture, foot])


def _slice_through(series: Volume, centre_lps_mm: Sequence[float]) -> FloatArray:
    """Return HU (QUARTER_PX, QUARTER_PX) of the axial plane through a place, the patient's right on the left; NaN outside."""
    step = FIELD_MM / QUARTER_PX
    across = (np.arange(QUARTER_PX) + 0.5) * step - 0.5 * FIELD_MM
    plane = np.zeros((QUARTER_PX, QUARTER_PX, 3))
    plane[..., 0], plane[..., 1] = across[None, :], across[:, None]
    index = series.grid.kji_from_lps((plane + np.asarray(centre_lps_mm)).reshape(-1, 3))
    values = ndimage.map_coordinates(series.array_kji, index.T, output=np.float32, order=1, mode="constant", cval=np.nan)
    return np.asarray(values, dtype=np.float64).reshape(QUARTER_PX, QUARTER_PX)


def _counted(values: FloatArray, threshold_hu: float) -> np.ndarray:
    """Return which pixels are bright enough and belong to what lies at the centre."""
    parts, count = ndimage.label(np.nan_to_num(values, nan=-1000.0) >= threshold_hu)
    reach, half = round(_NEAR_MM / FIELD_MM * QUARTER_PX), QUARTER_PX // 2
    near = np.unique(parts[half - reach : half + reach, half - reach : half + reach])
    return np.isin(parts, near[near > 0]) if count else np.zeros(values.shape, dtype=bool)
