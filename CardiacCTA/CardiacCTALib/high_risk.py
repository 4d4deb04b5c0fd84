"""The four signs of high-risk plaque, each with what was measured, where, and whether the scan can tell.

Positive remodelling, low attenuation, spotty calcium and the napkin-ring sign; two or more in one plaque make the modifier HRP
(CAD-RADS 2.0). Only signs beyond doubt count: noise, a fit that calcium disturbs, or a number beside its threshold makes the
answer "not certain", which is said and counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .calcium_amount import USUAL_HU, USUAL_SD_HU, CalciumAmount
from .constants import HIGH_RISK_FEATURES
from .dark_core import CORE_HU, CORE_SIGMAS, CORE_WALL_MM, QUIET_MM, DarkCore, cube_of, dark_cores, quiet_noise_hu
from .findings import Feature
from .lumen import Measured
from .plaque_region import PlaqueRegion
from .plaque_ring import Ring
from .remodelling import POSITIVE_FROM, Remodelling
from .scan_model import ScanModel
from .section_knowledge import PLAQUE_HU
from .section_start import CALCIUM_QUIET_MM, least_calcium_hu
from .stenosis import Lesion

BoolArray = NDArray[np.bool_]

LOW_ATTENUATION_HU, LOW_ATTENUATION_KVP = 30.0, (100.0, 120.0)
"""Low-attenuation plaque lies under 30 HU; the threshold holds at 100 to 120 kV (ASCI consensus)."""
LEVEL_SD_HU = 8.0
"""Standard error of the level of a whole plaque. From the benchmark."""
SPOTTY_MM, SPOTTY_DOUBT_MM = 3.0, 0.5
"""Spotty calcium: under 3 mm in every direction, within non-calcified plaque; sizes this near to it are not certain (chosen: a
voxel, and what half-height sizes err by)."""
SMALL_SPOT_MM3, SMALL_SPOT_HU = 4.0, USUAL_HU - USUAL_SD_HU
"""Absence of spots is told where one of this volume and faint calcium (HU above the plaque) would outshine contrast. Chosen."""
NAPKIN_STEP_HU, NAPKIN_RING_HU = 20.0, 130.0
"""A napkin ring: a dark core in contact with the lumen, in a rim that is brighter by 20 HU or more, at least as bright as the
plaque beside it and not above 130 HU. The sign is defined by eye; the numbers are chosen."""
SURE_SIGMAS, SURE_CORE_MM3, SMALL_CORE_MM3, CORE_SHARE = 5.0, 1.0, 4.0, 0.3
"""A core is beyond doubt from so many standard errors, when its level is under 30 HU and its interval leaves more than the first
volume. Absence of one is told where a core of the second volume would have been seen. A core that is not seen takes at most the
share of a plaque. Chosen."""
_THICK_MM, _ROOMY_MM, _ROOM_MM3 = 0.6, 1.4, 8.0
_FLAT = 2.0
"""A core is no ball but a shell along the lumen, of which blur leaves half as much. Chosen."""
_Z_ONE_SIDED, _Z90_ONE_SIDED, _Z95 = 1.645, 1.28, 1.96


class Answer(Enum):
    """Whether a sign is there."""

    YES = "yes"
    NO = "no"
    NOT_CERTAIN = "not certain"


@dataclass(frozen=True)
class HighRiskFeature:
    """One sign.

    Parameters
    ----------
    feature
        Which of the four.
    present
        None where the scan cannot tell; ``evidence`` says why.
    certain
        Whether noise and what disturbs the measurement cannot turn the answer.
    evidence
        What was measured, as one phrase.
    section
        Where to look; None where nothing was found.
    """

    feature: Feature
    present: bool | None
    certain: bool
    evidence: str
    section: int | None

    @property
    def answer(self) -> Answer:
        """The answer as it is said."""
        if self.present is None or not self.certain:
            return Answer.NOT_CERTAIN
        return Answer.YES if self.present else Answer.NO


def high_risk_features(
    measured: Measured, ring: Ring, region: PlaqueRegion, calcium: CalciumAmount, lesion: Lesion, shape: Remodelling | None
) -> tuple[HighRiskFeature, ...]:
    """Look for the four signs in one lesion."""
    part = slice(lesion.first, lesion.last + 1)
    inside = np.zeros(len(ring.share), dtype=bool)
    inside[part] = True
    cores = dark_cores(measured, ring, region, inside)
    return (
        _remodelled(shape),
        _low_attenuation(measured, ring, region, inside, cores),
        _spotty(measured, ring, calcium, part),
        _napkin_ring(measured, ring, region, inside, cores),
    )


def present_features(features: tuple[HighRiskFeature, ...]) -> frozenset[Feature]:
    """Return the signs that are present beyond doubt: those that count for grading."""
    return frozenset(one.feature for one in features if one.answer is Answer.YES)


def doubtful_features(features: tuple[HighRiskFeature, ...]) -> frozenset[Feature]:
    """Return the signs that were seen and are not certain."""
    return frozenset(one.feature for one in features if one.present is True and not one.certain)


def unsure(features: tuple[HighRiskFeature, ...]) -> tuple[HighRiskFeature, ...]:
    """Return the signs with none of them certain: what they rest on may not be there."""
    return tuple(replace(one, certain=False) for one in features)


def is_high_risk(features: tuple[HighRiskFeature, ...]) -> bool:
    """Tell whether two or more signs are present beyond doubt."""
    return len(present_features(features)) >= HIGH_RISK_FEATURES


def high_risk_answer(features: tuple[HighRiskFeature, ...]) -> Answer:
    """Tell whether a plaque is a high-risk one; not certain where signs that are not certain would make it one."""
    open_ones = sum(one.answer is Answer.NOT_CERTAIN for one in features)
    if is_high_risk(features):
        return Answer.YES
    return Answer.NOT_CERTAIN if len(present_features(features)) + open_ones >= HIGH_RISK_FEATURES else Answer.NO


def _remodelled(shape: Remodelling | None) -> HighRiskFeature:
    if shape is None:
        return HighRiskFeature(
            Feature.POSITIVE_REMODELLING, None, False, "no plaque-free stretch within 20 mm to compare with", None
        )
    text = f"outer diameter {shape.outer_mm:.1f} mm against {shape.reference_mm:.1f} mm: index {shape.index.value:.2f} "
    text += f"({shape.index.low:.2f} to {shape.index.high:.2f}), positive from {POSITIVE_FROM:.2f}"
    return HighRiskFeature(Feature.POSITIVE_REMODELLING, shape.positive, shape.certain, text, shape.section)


def _low_attenuation(
    measured: Measured, ring: Ring, region: PlaqueRegion, inside: BoolArray, cores: tuple[DarkCore, ...]
) -> HighRiskFeature:
    """Look for a dark core, or a plaque that is dark throughout."""
    kvp, sign = measured.scan.kvp, Feature.LOW_ATTENUATION
    if kvp is None or not LOW_ATTENUATION_KVP[0] <= kvp <= LOW_ATTENUATION_KVP[1]:
        told = "not known" if kvp is None else f"{kvp:.0f} kV"
        return HighRiskFeature(sign, None, False, f"30 HU holds at 100 to 120 kV only; tube voltage {told}", None)
    calcified = bool(ring.glows[inside].any())
    if cores:
        core = cores[0]
        least, most = (max(core.volume_mm3 + shift * core.volume_error_mm3, 0.0) for shift in (-_Z95, _Z95))
        text = f"a dark core of {core.volume_mm3:.1f} mm3 ({least:.1f} to {most:.1f}) in a plaque of {core.around_hu:.0f} HU"
        dark = core.level_hu + _Z90_ONE_SIDED * core.level_error_hu < LOW_ATTENUATION_HU
        certain = core.sure >= SURE_SIGMAS and least > SURE_CORE_MM3 and dark and not calcified
        return HighRiskFeature(sign, True, certain, text, _thickest(core.places))
    deep = _deep(measured, ring, region, inside)
    if not deep.any() or not (region.diseased & inside).any():
        return HighRiskFeature(sign, None, False, "the plaque is too thin or too calcified to tell its HU", None)
    level, doubt = float(ring.ring_hu[deep].mean()), _Z_ONE_SIDED * LEVEL_SD_HU
    section = _thickest(deep)
    least = smallest_core_mm3(measured, ring, region, inside, level)
    text = (
        _no_core(_smallest_by_noise_mm3(measured, level), ring, region, inside)
        + f"; the plaque has {level:.0f} HU +- {doubt:.0f} on the whole"
    )
    if level - doubt < LOW_ATTENUATION_HU:
        dark = level < LOW_ATTENUATION_HU
        return HighRiskFeature(sign, dark, level + doubt < LOW_ATTENUATION_HU and not calcified, text, section)
    return HighRiskFeature(sign, False, least <= SMALL_CORE_MM3 and not calcified, text, None)


def _deep(measured: Measured, ring: Ring, region: PlaqueRegion, inside: BoolArray) -> BoolArray:
    """Return the places (N, M) of the plaque of some sections that the lumen's glow does not reach."""
    rows = np.flatnonzero(inside)
    deep = np.zeros(ring.share.shape, dtype=bool)
    deep[rows] = np.isfinite(ring.ring_hu[rows]) & (ring.inner_mm[rows] > measured.scan.sigma_mm)
    deep[rows] &= ring.outer_mm[rows] > region.normal_mm[rows, None]
    return deep


def _no_core(seen_mm3: float, ring: Ring, region: PlaqueRegion, inside: BoolArray) -> str:
    """Return what it means that no core was seen: the noise hides what the plaque can hold, it is too thin, or there is none.

    Parameters
    ----------
    seen_mm3
        The smallest core that the noise lets through.
    """
    volume = _plaque_mm3(ring, region, inside)
    if not np.isfinite(seen_mm3):
        return f"the noise of this scan hides dark cores of any size in this plaque of {volume:.0f} mm3"
    if seen_mm3 > CORE_SHARE * volume:
        hidden = f"the noise of this scan hides dark cores of less than {seen_mm3:.0f} mm3"
        return f"{hidden}, and this plaque of {volume:.0f} mm3 can hold one of {CORE_SHARE * volume:.0f} mm3 at most"
    if not has_room(ring, region, inside):
        return f"this plaque of {volume:.0f} mm3 is too thin to show a core"
    return f"no dark core of {seen_mm3:.0f} mm3 or more"


def _plaque_mm3(ring: Ring, region: PlaqueRegion, inside: BoolArray) -> float:
    """Return the volume of the plaque of some sections outside of where calcium glows."""
    rows = np.flatnonzero(inside & region.diseased)
    within = np.clip((ring.outer_mm[rows] - region.normal_mm[rows, None]) / ring.place_mm + 0.5, 0.0, 1.0) * ring.share[rows]
    return float((within * ring.swept[rows])[~ring.glows[rows]].sum() * ring.place_mm3)


def has_room(ring: Ring, region: PlaqueRegion, inside: BoolArray) -> bool:
    """Tell whether a plaque is thick enough to show a core: in a thin one it is lost in the glow of the lumen that it touches."""
    rows = np.flatnonzero(inside)
    roomy = np.isfinite(ring.ring_hu[rows]) & (ring.thickness_mm[rows] - region.normal_mm[rows, None] > _ROOMY_MM)
    return float(ring.share[rows][roomy].sum() * ring.place_mm3) >= _ROOM_MM3


def smallest_core_mm3(measured: Measured, ring: Ring, region: PlaqueRegion, inside: BoolArray, level_hu: float) -> float:
    """Return the smallest lipid core that would have been told from noise in a plaque.

    Infinite where the plaque is too thin for one, or the noise hides every core. Blur and averaging leave a core the share of
    its darkness that its volume has of itself and what it is spread over.
    """
    return _smallest_by_noise_mm3(measured, level_hu) if has_room(ring, region, inside) else float("inf")


def _smallest_by_noise_mm3(measured: Measured, level_hu: float) -> float:
    """Return the smallest core that would be told from noise in a plaque of a level, were it thick enough."""
    share = (CORE_SIGMAS + _Z_ONE_SIDED) * quiet_noise_hu(measured) / max(level_hu - CORE_HU, 15.0)
    if share >= 1.0:
        return float("inf")
    return float(max(_FLAT * _spread_mm3(measured.scan, QUIET_MM) * share / (1.0 - share), 1.0))


def smallest_spot_mm3(scan: ScanModel) -> float:
    """Return the smallest spot of faint calcium that would outshine the contrast beside it; infinite where none would.

    Blur and averaging leave a spot the share of its brightness that its volume has of itself and what it is spread over.
    """
    share = (least_calcium_hu(scan) - PLAQUE_HU) / SMALL_SPOT_HU
    return float(_spread_mm3(scan, CALCIUM_QUIET_MM) * share / (1.0 - share)) if share < 1.0 else float("inf")


def _spread_mm3(scan: ScanModel, quiet_mm: tuple[float, float]) -> float:
    """Return the volume that blur and the averaging of noise (deviations along and across the artery) spread a point over."""
    along, across = (float(np.hypot(one, scan.sigma_mm)) for one in quiet_mm)
    return float((2.0 * np.pi) ** 1.5 * along * across**2)


def _spotty(measured: Measured, ring: Ring, calcium: CalciumAmount, part: slice) -> HighRiskFeature:
    """Measure each piece of calcium at half of its own contrast, which blooming does not widen."""
    sign = Feature.SPOTTY_CALCIUM
    if calcium.solid_hu is None or not measured.calcium[part].any():
        least = smallest_spot_mm3(measured.scan)
        hidden = (
            f"spots of less than {least:.1f} mm3 of {PLAQUE_HU + SMALL_SPOT_HU:.0f} HU"
            if np.isfinite(least)
            else "spots of any size"
        )
        text = f"no calcium; beside contrast of {measured.scan.lumen_hu:.0f} HU {hidden} are not seen"
        return HighRiskFeature(sign, False, least <= SMALL_SPOT_MM3, text, None)
    labels, count = _pieces(calcium.above_hu[part] > 0.5 * calcium.solid_hu, ring)
    spots: list[tuple[float, int]] = []
    for one in range(1, count + 1):
        piece = labels == one
        sections, places = np.nonzero(piece)
        length = (np.ptp(sections) + 1) * ring.step_mm * float(ring.swept[part][piece].mean())
        size = float(max(length, _widest(measured.places.at_mm[places]) + ring.place_mm))
        rows = np.unique(sections)
        beside = np.isfinite(ring.ring_hu[part][rows]) & (ring.thickness_mm[part][rows] > _THICK_MM)
        if beside.any():
            spots.append((size, part.start + _thickest(piece)))
    if not spots:
        return HighRiskFeature(sign, False, True, "calcium, but none within non-calcified plaque", None)
    size, section = min(spots)
    largest = max(one for one, _ in spots)
    text = f"{len(spots)} piece(s) of calcium in plaque; the smallest {size:.1f} mm across, spotty under {SPOTTY_MM:.0f} mm"
    # splinters beside a large piece are its border, not spots
    present = size < SPOTTY_MM
    certain = abs(size - SPOTTY_MM) > SPOTTY_DOUBT_MM and (not present or largest < SPOTTY_MM)
    return HighRiskFeature(sign, present, certain, text, section)


def _napkin_ring(
    measured: Measured, ring: Ring, region: PlaqueRegion, inside: BoolArray, cores: tuple[DarkCore, ...]
) -> HighRiskFeature:
    """Compare the inner half of the plaque at the largest dark core with the rim outside of it."""
    sign = Feature.NAPKIN_RING
    thick = ring.thickness_mm - region.normal_mm[:, None]
    if not (thick[inside] > CORE_WALL_MM).any():
        return HighRiskFeature(sign, None, False, "the wall is too thin to show a core", None)
    calcified = bool(ring.glows[inside].any())
    if not cores:
        level = float(np.nanmean(ring.ring_hu[inside])) if np.isfinite(ring.ring_hu[inside]).any() else 0.0
        told = smallest_core_mm3(measured, ring, region, inside, level) <= SMALL_CORE_MM3
        text = "no core darker than its rim beyond noise"
        deep = _deep(measured, ring, region, inside)
        if not told and deep.any():
            seen_mm3 = _smallest_by_noise_mm3(measured, float(ring.ring_hu[deep].mean()))
            text += f"; {_no_core(seen_mm3, ring, region, inside)}"
        return HighRiskFeature(sign, False, told and not calcified, text, None)
    core = cores[0]
    here: BoolArray = np.asarray(np.isin(ring.angle_index, np.unique(ring.angle_index[core.places])))
    here &= core.places.max(axis=1, keepdims=True) & np.isfinite(ring.raw_hu) & (ring.share > 0.5) & (thick > _THICK_MM)
    depth = ring.inner_mm / np.maximum(thick, 1e-3)
    within, rim = here & (depth > 0.1) & (depth < 0.55), here & (depth > 0.65) & (depth < 1.0)
    if within.sum() < 8 or rim.sum() < 8:
        return HighRiskFeature(sign, None, False, "the wall at the core is too thin to tell core and rim apart", None)
    dark, bright = float(ring.raw_hu[within].mean()), float(ring.raw_hu[rim].mean())
    parts = (1.0 / within.sum() + 1.0 / rim.sum()) / ring.place_mm3
    error = measured.scan.noise_hu * float(np.sqrt(measured.scan.noise_volume_mm3 * parts))
    length = float(core.places.any(axis=1).sum() * ring.step_mm)
    step, doubt = bright - dark, _Z_ONE_SIDED * error
    text = f"core {dark:.0f} HU in a rim of {bright:.0f} HU along {length:.1f} mm"
    present = step >= NAPKIN_STEP_HU and core.around_hu - LEVEL_SD_HU <= bright <= NAPKIN_RING_HU
    sure = step - doubt >= NAPKIN_STEP_HU and core.sure >= SURE_SIGMAS if present else step + doubt < NAPKIN_STEP_HU
    return HighRiskFeature(sign, present, sure and not calcified, text, _thickest(core.places))


def _pieces(mask: BoolArray, ring: Ring) -> tuple[NDArray[np.int64], int]:
    """Label connected places (n, M) across sections."""
    labels, count = ndimage.label(cube_of(mask.astype(np.float32), ring) > 0.5)
    return labels[:, ring.lattice[:, 0], ring.lattice[:, 1]], int(count)


def _widest(points: FloatArray) -> float:
    return float(np.linalg.norm(points[:, None] - points[None], axis=2).max())


def _thickest(piece: BoolArray) -> int:
    """Return the section in which a piece is largest."""
    return int(piece.sum(axis=1).argmax())
