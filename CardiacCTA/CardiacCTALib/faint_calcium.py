"""Calcium so faint that the noise of its series can have lifted it over the threshold: the score may as well be 0."""

from __future__ import annotations

from dataclasses import dataclass

from .cadrads_rules import Fired, Rule, fired
from .calcium import CalciumScore
from .calcium_series import whole_score
from .constants import CALCIUM_SLICE_MM

NOISE_REACH_SD = 2.0
"""So far above the threshold, in standard deviations, does the peak of a spot reach that noise makes. Measured on Gaussian noise
with a grain of 0.8 to 2 mm in pixels of 0.4 and 0.5 mm (63,000 spots of 1 mm2 and more over thresholds of 2.5 and 3 standard
deviations): 95 of 100 peaks lie within 1.1 to 2.0, according to the grain."""


@dataclass(frozen=True)
class FaintCalcium:
    """What a whole calcium score rests on where that is faint.

    Parameters
    ----------
    score
        As it is reported, a whole number.
    spots
        How many there are, each in one slice.
    area_mm2
        Of all of them.
    peak_hu
        Of the brightest.
    noise_hu
        Standard deviation of blood in the series.
    """

    score: int
    spots: int
    area_mm2: float
    peak_hu: float
    noise_hu: float

    def say(self) -> Fired:
        """Return it as the sentence of the report and of the grading."""
        return fired(
            Rule.CALCIUM_FAINT, score=self.score, area=f"{self.area_mm2:.1f}", spots=self.spots, peak=f"{self.peak_hu:.0f}",
            noise=f"{self.noise_hu:.0f}",
        )  # fmt: skip


def faint_calcium(score: CalciumScore) -> FaintCalcium | None:
    """Return what a score rests on where all of it is faint: spots in one slice that are hardly brighter than the threshold.

    Noise alone makes fewer spots of 1 mm2 per mm2 of soft tissue than the tail of the normal distribution above the threshold
    has (under half of it on the noise of :data:`NOISE_REACH_SD`), and it lifts what lies just below the threshold more often.
    Neither goes on in the next slice, whose noise is its own.

    Returns
    -------
    FaintCalcium or None
        None for a score of 0, for one that any brighter or larger lesion holds up, and where the noise is not known.
    """
    noise = score.rule.noise_hu
    if not score.lesions or noise is None:
        return None
    highest = score.rule.threshold_hu + NOISE_REACH_SD * noise
    if any(one.slices > 1 or one.peak_hu > highest for one in score.lesions):
        return None
    area = score.volume_mm3() / (score.rule.interval_scale * CALCIUM_SLICE_MM)
    peak = max(one.peak_hu for one in score.lesions)
    return FaintCalcium(whole_score(score.agatston()), len(score.lesions), area, peak, noise)
