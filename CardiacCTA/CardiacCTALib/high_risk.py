"""The four signs of high-risk plaque, each with what was measured, where, and whether the scan can tell.

Positive remodelling, low attenuation, spotty calcium and the napkin-ring sign; two or more make the modifier HRP (CAD-RADS 2.0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .constants import HIGH_RISK_FEATURES
from .findings import Feature
from .lumen import Measured, Walls
from .plaque_ring import QUIET_MM, Ring
from .reference import DISEASED_WALL_MM
from .remodelling import POSITIVE_FROM, Remodelling
from .stenosis import Lesion

BoolArray = NDArray[np.bool_]

LOW_ATTENUATION_HU, LOW_ATTENUATION_KVP = 30.0, (100.0, 120.0)
"""Low-attenuation plaque lies under 30 HU; the threshold holds at 100 to 120 kV (ASCI consensus)."""
SPOTTY_MM = 3.0
"""Spotty calcium: under 3 mm in every direction, within non-calcified plaque."""
NAPKIN_STEP_HU, NAPKIN_RING_HU = 20.0, 130.0
"""A napkin ring: a core darker by 20 HU or more than the rim around it, the rim not above 130 HU. The sign is defined by eye
(dark core, open brighter rim); these numbers are chosen."""
_NAPKIN_LENGTH_MM, _NAPKIN_WALL_MM = 1.5, 1.2
_LEAST_LOW_MM3 = 1.0
_SECTORS = 8
_NAPKIN_SIGMAS = 3.0
"""By how many deviations of noise core and rim must differ: the darkest of eight sectors is dark by chance too. Chosen."""
_Z_ONE_SIDED = 1.645
_EDGE_SIGMAS = 1.0


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
        Whether noise cannot turn the answer.
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


def high_risk_features(
    measured: Measured, walls: Walls, ring: Ring, lesion: Lesion, shape: Remodelling | None
) -> tuple[HighRiskFeature, ...]:
    """Look for the four signs in one lesion."""
    part = slice(lesion.first, lesion.last + 1)
    return (
        _remodelled(shape),
        _low_attenuation(measured, ring, part),
        _spotty(measured, ring, part),
        _napkin_ring(measured, walls, ring, part),
    )


def present_features(features: tuple[HighRiskFeature, ...]) -> frozenset[Feature]:
    """Return the signs that are present, as grading takes them."""
    return frozenset(one.feature for one in features if one.present is True)


def is_high_risk(features: tuple[HighRiskFeature, ...]) -> bool:
    """Tell whether two or more signs are present."""
    return len(present_features(features)) >= HIGH_RISK_FEATURES


def _remodelled(shape: Remodelling | None) -> HighRiskFeature:
    if shape is None:
        return HighRiskFeature(
            Feature.POSITIVE_REMODELLING, None, False, "no plaque-free stretch within 20 mm to compare with", None
        )
    text = f"outer diameter {shape.outer_mm:.1f} mm against {shape.reference_mm:.1f} mm: index {shape.index.value:.2f} "
    text += f"({shape.index.low:.2f} to {shape.index.high:.2f}), positive from {POSITIVE_FROM:.2f}"
    return HighRiskFeature(Feature.POSITIVE_REMODELLING, shape.positive, shape.certain, text, shape.section)


def _low_attenuation(measured: Measured, ring: Ring, part: slice) -> HighRiskFeature:
    """Find the largest dark pocket away from the edges; it counts when its mean is under 30 HU beyond noise."""
    kvp = measured.scan.kvp
    if kvp is None or not LOW_ATTENUATION_KVP[0] <= kvp <= LOW_ATTENUATION_KVP[1]:
        told = "not known" if kvp is None else f"{kvp:.0f} kV"
        return HighRiskFeature(
            Feature.LOW_ATTENUATION, None, False, f"30 HU holds at 100 to 120 kV only; tube voltage {told}", None
        )
    clear = _EDGE_SIGMAS * measured.scan.sigma_mm
    inner = (ring.inner_mm > clear) & (ring.outer_mm > clear) & (ring.thickness_mm > DISEASED_WALL_MM)
    dark = (inner & (np.nan_to_num(ring.ring_hu, nan=1e3) < LOW_ATTENUATION_HU))[part]
    labels, count = _pieces(dark, ring)
    if count == 0:
        return HighRiskFeature(
            Feature.LOW_ATTENUATION, False, True, "no place under 30 HU away from the edges of the plaque", None
        )
    sizes = np.bincount(labels.ravel())[1:]
    pocket = labels == 1 + int(sizes.argmax())
    volume = float(sizes.max()) * ring.place_mm3
    mean = float(ring.ring_hu[part][pocket].mean())
    independent = max((volume + (2.5 * QUIET_MM) ** 3) / measured.scan.noise_volume_mm3, 1.0)
    error = measured.scan.noise_hu / np.sqrt(independent)
    present = volume >= _LEAST_LOW_MM3
    certain = bool(mean + _Z_ONE_SIDED * error < LOW_ATTENUATION_HU) if present else True
    text = f"{volume:.1f} mm3 under 30 HU, mean {mean:.0f} HU +- {_Z_ONE_SIDED * error:.0f}"
    return HighRiskFeature(Feature.LOW_ATTENUATION, present, certain, text, part.start + _thickest(pocket))


def _spotty(measured: Measured, ring: Ring, part: slice) -> HighRiskFeature:
    """Measure each piece of calcium at half of its own contrast, which blooming does not widen."""
    if ring.solid_hu is None or not measured.calcium[part].any():
        return HighRiskFeature(Feature.SPOTTY_CALCIUM, False, True, "no calcium", None)
    solid = ring.calcium_hu[part] > 0.5 * ring.solid_hu
    labels, count = _pieces(solid, ring)
    spots: list[tuple[float, int]] = []
    for one in range(1, count + 1):
        piece = labels == one
        sections, places = np.nonzero(piece)
        length = (np.ptp(sections) + 1) * ring.step_mm
        across = measured.places.at_mm[places]
        size = float(max(length, _widest(across) + ring.place_mm))
        around = ~np.isnan(ring.ring_hu[part][np.unique(sections)]) & (
            ring.thickness_mm[part][np.unique(sections)] > DISEASED_WALL_MM
        )
        if around.any():
            spots.append((size, part.start + _thickest(piece)))
    if not spots:
        return HighRiskFeature(Feature.SPOTTY_CALCIUM, False, True, "calcium, but none within non-calcified plaque", None)
    small = [one for one in spots if one[0] < SPOTTY_MM]
    size, section = min(spots)
    text = f"{len(spots)} piece(s) of calcium in plaque; the smallest {size:.1f} mm across, spotty under {SPOTTY_MM:.0f} mm"
    certain = all(abs(one - SPOTTY_MM) > 0.4 for one, _ in spots)
    return HighRiskFeature(Feature.SPOTTY_CALCIUM, bool(small), certain, text, section)


def _napkin_ring(measured: Measured, walls: Walls, ring: Ring, part: slice) -> HighRiskFeature:
    """Compare, in each section, the darkest sector's middle with the rim outside of it; noise must not make the difference."""
    places = range(*part.indices(len(walls.arc_mm)))
    zones = np.array([_darkest(ring, at) for at in places])
    core, rim = zones[:, 0], zones[:, 1]
    step = np.nan_to_num(rim - core, nan=0.0)
    error = measured.scan.noise_hu * np.sqrt(measured.scan.noise_volume_mm3 / (np.maximum(zones[:, 2], 0.5) * ring.place_mm3))
    sign = (step >= NAPKIN_STEP_HU) & (np.nan_to_num(rim, nan=1e3) <= NAPKIN_RING_HU)
    labels, count = ndimage.label(sign)
    longest = int(np.bincount(labels)[1:].argmax()) + 1 if count else 0
    run = (labels == longest) & sign
    length = float(run.sum() * ring.step_mm)
    # each zone holds three sections, so that a run of n tells as much as n / 3 zones
    sure = float(step[run].mean() / (error[run].mean() * np.sqrt(3.0 / run.sum()))) if run.any() else 0.0
    if length < _NAPKIN_LENGTH_MM or sure < _NAPKIN_SIGMAS:
        thick = bool(np.isfinite(core).any())
        text = "no core darker than its rim beyond noise" if thick else "the wall is too thin to show a core"
        return HighRiskFeature(Feature.NAPKIN_RING, False, True, text, None)
    text = f"core {core[run].mean():.0f} HU in a rim of {rim[run].mean():.0f} HU along {length:.1f} mm"
    section = part.start + int(np.flatnonzero(run).mean())
    return HighRiskFeature(Feature.NAPKIN_RING, True, sure > 1.5 * _NAPKIN_SIGMAS, text, section)


def _darkest(ring: Ring, at: int) -> tuple[float, float, float]:
    """Return the mean HU of the darkest sector's core and of the rim outside of it, and the places that tell the difference.

    NaN where the wall is thin everywhere.

    Three sections count together; the rim is the layer towards the outer wall, which in an open ring is bright.
    """
    near = slice(max(at - 1, 0), at + 2)
    depth, level = ring.depth[near], ring.raw_hu[near]
    thick = (ring.thickness_mm[near] > _NAPKIN_WALL_MM) & np.isfinite(level)
    sector = ring.angle_index[near] * _SECTORS // (int(ring.angle_index.max()) + 1)
    best = (float("nan"), float("nan"), 0.0)
    for one in range(_SECTORS):
        mine = thick & (sector == one)
        core, rim = level[mine & (depth > 0.3) & (depth < 0.65)], level[mine & (depth > 0.78) & (depth < 1.0)]
        if len(core) >= 4 and len(rim) >= 4 and not core.mean() >= best[0]:
            best = (float(core.mean()), float(rim.mean()), len(core) * len(rim) / (len(core) + len(rim)))
    return best


def _pieces(mask: BoolArray, ring: Ring) -> tuple[NDArray[np.int64], int]:
    """Label connected places (n, M) across sections."""
    size = int(ring.lattice.max()) + 1
    cube = np.zeros((len(mask), size, size), dtype=bool)
    cube[:, ring.lattice[:, 0], ring.lattice[:, 1]] = mask
    labels, count = ndimage.label(cube)
    return labels[:, ring.lattice[:, 0], ring.lattice[:, 1]], int(count)


def _widest(points: FloatArray) -> float:
    return float(np.linalg.norm(points[:, None] - points[None], axis=2).max())


def _thickest(piece: BoolArray) -> int:
    """Return the section in which a piece is largest."""
    return int(piece.sum(axis=1).argmax())
