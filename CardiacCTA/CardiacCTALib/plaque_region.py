"""Where in the wall plaque is, and how much: what lies between the lumen and the artery's own normal wall.

Even a healthy artery has a wall, which with its border to fat looks some half a millimetre thick. Plaque grows between lumen
and that wall, so that the normal wall is no plaque: counting it makes plaque half as large again. How thick it is, is read
from the healthy stretches of the same artery, where whatever errs in the outer wall errs alike.

Areas in planes across a bent line do not add up to a volume: planes fan out on the outer side of a bend and crowd on the inner
one. Each piece of area therefore counts by how far its place moves from plane to plane. Nothing is cut off at zero within a
plaque: noise that makes the wall too thin here and too thick there then cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import cho_solve_banded

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.crosssection import ray_angles

from .branching import Bifurcation
from .lumen import Measured, Walls
from .outer_unseen import Behind, behind_wall, facing_fat
from .reference import DISEASED_WALL_MM, NORMAL_WALL_MM, measured_step, taper_reference, usable_sections
from .section_fit import SectionFit
from .section_model import LUMEN, OUTER, SHAPE, contours_of

BoolArray = NDArray[np.bool_]

NORMAL_SD_MM, NORMAL_SHARE, NORMAL_SHARE_SD = 0.12, 0.15, 0.05
"""Spread of the normal wall among arteries; how much thicker it is for each mm that the artery is wider, and the spread of that.
Wall and lumen go together, as Laplace's law asks: 0.3 mm in small branches to 0.7 mm in the left main. Chosen."""
THICKEST_FROM_MM = 4.5
"""In arteries wider than a usual left main (Dodge 1992, doi:10.1161/01.CIR.86.1.232: 4.5 mm) the normal wall grows no thicker.
Chosen."""
NORMAL_MISFIT_MM = 0.03
"""Standard deviation of the normal wall's thickness that no measuring error explains: arteries are not ruled. Chosen."""
SURE_EXCESS_MM, LEAST_EXCESS_MM, EXCESS_SIGMAS = 0.22, 0.10, 3.0
"""Plaque is seen where the mean wall is thicker than the normal one by the first and by three standard errors; it reaches as far
as the second. Chosen on digital arteries."""
BESIDE_MUSCLE_MM, FACING_SHARE = 0.4, 0.3
"""The wall is judged where it borders on fat, if that is the second share of its round or more: where muscle or a vein as bright
as plaque lies against it, its outer edge is not seen. All round it must be thicker by the first. Chosen."""
SHAPE_SHARE = 0.05
"""Standard deviation of a volume for what the model of the wall does not describe (uneven plaque). From the benchmark."""
UNSEEN_SD_MM = 0.15
"""Standard error of the outer wall's place where no fat lies behind it. Chosen."""
_ALIKE_MM, _FLOOR_MM = 4.0, 0.05
MOST_REMODELLING, _AS_WIDE, _COMPARED_MM = 1.5, 0.85, 10.0
"""Plaque seldom widens an artery by more than the first before it narrows the lumen. Chosen."""
_SMOOTH_MM = 0.6
FROM_START_MM = 2.5
"""What looks like plaque and ends so near to where the line begins is the wall that the artery leaves. Chosen."""
_THICKNESS_ERRORS: WeakKeyDictionary[SectionFit, FloatArray] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class PlaqueRegion:
    """The diseased wall of one artery, by section.

    Parameters
    ----------
    normal_mm, normal_error_mm
        (N,) thickness of the normal wall and its standard error.
    plaque_mm2, lumen_mm2, vessel_mm2
        (N,) areas that, times the step, add up to volumes. That of plaque has a sign: noise on both sides of nothing.
    excess_mm, excess_error_mm
        (N,) mean thickness of the wall beyond the normal one, averaged along the artery, and its standard error.
    diseased
        (N,) where there is plaque.
    unseen
        (N,) share of the outer wall's round behind which there is no fat: its edge is not seen there, and completed.
    """

    normal_mm: FloatArray
    normal_error_mm: FloatArray
    plaque_mm2: FloatArray
    lumen_mm2: FloatArray
    vessel_mm2: FloatArray
    excess_mm: FloatArray
    excess_error_mm: FloatArray
    diseased: BoolArray
    unseen: FloatArray
    step_mm: float


def plaque_region(
    measured: Measured, walls: Walls, bifurcations: Sequence[Bifurcation] = (), healthy_mm: FloatArray | None = None,
    behind: Behind | None = None,
) -> PlaqueRegion:  # fmt: skip
    """Find the diseased wall between the given (measured or edited) walls.

    Parameters
    ----------
    healthy_mm
        (N,) healthy diameters by the taper, where they are known already.
    behind
        What lies behind other walls about the same line, as :func:`behind_walls` gives it.
    """
    step = measured_step(walls)
    thickness = (walls.outer_mm - walls.lumen_mm).mean(axis=1)
    normal, error = _normal_wall(measured, walls, thickness, bifurcations, healthy_mm)
    inner = _within_normal(walls.outer_mm, normal)
    bend = _bend(measured, walls, step)
    lumen, vessel, within = (_swept_mm2(edge, bend) for edge in (walls.lumen_mm, walls.outer_mm, inner))
    excess = _smoothed(thickness - normal, step)
    beyond = behind_walls(measured, walls) if behind is None else behind.moved(measured.values_hu, walls.outer_mm)
    facing = facing_fat(beyond, step)
    share = facing.mean(axis=1)
    beside_fat = (facing * (walls.outer_mm - walls.lumen_mm)).sum(axis=1) / np.maximum(facing.sum(axis=1), 1)
    clear = np.where(share >= FACING_SHARE, _smoothed(np.where(share >= FACING_SHARE, beside_fat, thickness) - normal, step), 0.0)
    noise = np.hypot(_thickness_error(measured), error)
    sure = clear > np.maximum(SURE_EXCESS_MM, EXCESS_SIGMAS * noise / np.sqrt(np.maximum(share, FACING_SHARE)))
    sure |= excess > np.maximum(BESIDE_MUSCLE_MM, EXCESS_SIGMAS * noise)
    calcified = np.asarray(measured.calcium.any(axis=1), dtype=bool)
    diseased = without_neighbours(_diseased(excess, sure, measured.visible), walls, calcified)
    diseased = without_origin(diseased, walls.arc_mm, calcified)
    return PlaqueRegion(normal, error, within - lumen, lumen, vessel, excess, noise, diseased, 1.0 - share, step)


def _smoothed(values: FloatArray, step: float) -> FloatArray:
    return np.asarray(ndimage.gaussian_filter1d(values, _SMOOTH_MM / step, mode="nearest"))


def behind_walls(measured: Measured, walls: Walls) -> Behind:
    """Look behind the outer wall."""
    shift = np.einsum("nac,nc->na", walls.frames[:, 1:], walls.points_lps_mm - measured.line_lps_mm)
    return behind_wall(measured.values_hu, measured.places.at_mm, shift, walls.outer_mm)


def volume_error_mm3(measured: Measured, region: PlaqueRegion, part: BoolArray) -> float:
    """Return the standard error of the plaque volume of sections (N,): noise, sharpness, lumen level, normal wall, shape."""
    fit, step = measured.fit, region.step_mm
    slopes = np.zeros_like(fit.values)
    width = 2.0 * np.pi / SHAPE.shape[0]
    lumen, outer = contours_of(fit.values, LUMEN).radius_mm[part], contours_of(fit.values, OUTER).radius_mm[part]
    slopes[part, LUMEN.start + 2 : LUMEN.stop] = -step * width * lumen @ SHAPE
    edge = np.maximum(outer - region.normal_mm[part, None], 0.0)
    slopes[part, OUTER.start + 2 : OUTER.stop] = step * width * edge @ SHAPE
    variance = fit.variance_of(slopes)
    variance += float((slopes * fit.by_sigma).sum() * measured.scan.sigma_error_mm) ** 2
    variance += float((slopes * fit.by_lumen).sum() * 0.02 * float(np.median(measured.lumen_hu))) ** 2
    variance += float((region.normal_error_mm[part] * 2.0 * np.pi * edge.mean(axis=1)).sum() * step) ** 2
    variance += float((UNSEEN_SD_MM * region.unseen[part] * 2.0 * np.pi * edge.mean(axis=1)).sum() * step) ** 2
    volume = float(region.plaque_mm2[part].sum() * step)
    return float(np.sqrt(variance + (SHAPE_SHARE * volume) ** 2))


def _normal_wall(
    measured: Measured, walls: Walls, thickness: FloatArray, bifurcations: Sequence[Bifurcation], healthy_mm: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Fit the walls of healthy sections by the artery's healthy calibre; thick walls lose weight quickly, as plaque does not tell
    of them."""
    calibre = healthy_mm
    if calibre is None:
        calibre = taper_reference(measured, bifurcations, walls.diameter_mm).healthy_mm
    calibre = np.minimum(calibre, THICKEST_FROM_MM)
    fair = usable_sections(measured, bifurcations) & (thickness <= DISEASED_WALL_MM)
    base = np.where(fair, 1.0, 1e-6) * region_weight(measured_step(walls))
    design = np.stack([np.ones_like(calibre), calibre - calibre.mean()], axis=1)
    trust = np.array([1.0 / NORMAL_SD_MM**2, 1.0 / NORMAL_SHARE_SD**2])
    usual = np.array([NORMAL_WALL_MM, NORMAL_SHARE])
    weight = base
    for _ in range(12):
        inverse = np.linalg.inv((design * weight[:, None]).T @ design + np.diag(trust))
        answer = inverse @ (design.T @ (weight * thickness) + trust * usual)
        miss = thickness - design @ answer
        weight = base / (1.0 + np.where(miss > 0, miss / 0.12, miss / 0.3) ** 2) ** 2
    normal = np.clip(design @ answer, 0.2, 0.8)
    return normal, np.sqrt(np.einsum("np,pq,nq->n", design, inverse, design) + NORMAL_MISFIT_MM**2)


def region_weight(step_mm: float) -> float:
    """Return the weight of one section: neighbours err alike, so that some millimetres count once."""
    return step_mm / (_ALIKE_MM * _FLOOR_MM**2)


def _within_normal(outer_mm: FloatArray, normal_mm: FloatArray) -> FloatArray:
    """Return the outer wall less the normal wall (N, J); across the wall, not along slanting rays."""
    step = 2.0 * np.pi / outer_mm.shape[1]
    slope = (np.roll(outer_mm, -1, axis=1) - np.roll(outer_mm, 1, axis=1)) / (2.0 * step)
    slant = np.sqrt(1.0 + (slope / np.maximum(outer_mm, 0.1)) ** 2)
    return np.asarray(np.maximum(outer_mm - normal_mm[:, None] * slant, 0.0))


def _bend(measured: Measured, walls: Walls, step: float) -> tuple[FloatArray, FloatArray]:
    """Return the line's curvature in each plane (N, 2), 1/mm, and the lumen's centre there (N, 2), mm."""
    shift = walls.points_lps_mm - measured.line_lps_mm
    return plane_curvature(walls, step), np.einsum("nac,nc->na", walls.frames[:, 1:], shift)


def plane_curvature(walls: Walls, step_mm: float) -> FloatArray:
    """Return the curvature of the line in each of its planes (N, 2), 1/mm, towards "up" and "left"."""
    curved = np.gradient(walls.frames[:, 0], axis=0) / step_mm
    return np.asarray(np.einsum("nac,nc->na", walls.frames[:, 1:], curved))


def _swept_mm2(edge_mm: FloatArray, bend: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return the area (N,) within a contour, each piece weighed by how far it moves for a millimetre of the line."""
    curvature, centre = bend
    angle = ray_angles(edge_mm.shape[1])
    rays = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    width = 2.0 * np.pi / edge_mm.shape[1]
    area = 0.5 * width * (edge_mm**2).sum(axis=1)
    moment = width / 3.0 * (edge_mm**3) @ rays
    return np.asarray(area * (1.0 - (curvature * centre).sum(axis=1)) - (curvature * moment).sum(axis=1))


def _thickness_error(measured: Measured) -> FloatArray:
    """Return the standard error (N,) of the mean thickness: from both radii of the same section.

    It follows from the fit alone, wherever a reader draws the walls, and is kept as long as the fit is.
    """
    if measured.fit not in _THICKNESS_ERRORS:
        _THICKNESS_ERRORS[measured.fit] = _error_of_fit(measured.fit)
    return _THICKNESS_ERRORS[measured.fit]


def _error_of_fit(fit: SectionFit) -> FloatArray:
    count, width = fit.values.shape
    chosen = np.arange(0, count, 4)
    rows = np.zeros((count * width, len(chosen)))
    rows[chosen * width + OUTER.start + 2, np.arange(len(chosen))] = 1.0
    rows[chosen * width + LUMEN.start + 2, np.arange(len(chosen))] = -1.0
    told = np.einsum("pn,pn->n", rows, cho_solve_banded((fit.factor, True), rows))
    return np.asarray(np.interp(np.arange(count), chosen, np.sqrt(told)))


def _diseased(excess: FloatArray, sure: BoolArray, visible: BoolArray) -> BoolArray:
    """Return where there is plaque: seeds beyond doubt, grown to where the wall is normal again."""
    labels, count = ndimage.label((excess > LEAST_EXCESS_MM) & visible)
    kept = np.bincount(labels[sure], minlength=count + 1) > 0
    kept[0] = False
    return np.asarray(kept[labels])


def without_origin(diseased: BoolArray, arc_mm: FloatArray, calcified: BoolArray) -> BoolArray:
    """Return the diseased stretches without one at the origin that is the wall of the aorta, or of the mother.

    Parameters
    ----------
    diseased, arc_mm, calcified
        (N,) sections with a thick wall, where they lie along the line, and which hold calcium, which is plaque.
    """
    first = int(np.argmin(diseased)) if diseased[0] else 0
    kept = diseased.copy()
    if arc_mm[first] - arc_mm[0] <= FROM_START_MM and not calcified[:first].any():
        kept[:first] = False
    return np.asarray(kept)


def without_neighbours(diseased: BoolArray, walls: Walls, calcified: BoolArray) -> BoolArray:
    """Return the diseased stretches without those that are muscle or a vein drawn into the wall.

    An artery that is half as wide again outside as beside the stretch, and as wide as ever inside, has a neighbour and no plaque.

    Parameters
    ----------
    diseased, calcified
        (N,) sections with a thick wall, and those with calcium, which is plaque whatever lies beside it.
    """
    labels, count = ndimage.label(diseased)
    kept = diseased.copy()
    for one in range(1, count + 1):
        run = labels == one
        reach = np.abs(walls.arc_mm[:, None] - walls.arc_mm[run]).min(axis=1)
        beside = ~diseased & (reach < _COMPARED_MM)
        if not beside.any() or calcified[run].any():
            continue
        outer, lumen = (values[run] for values in (walls.outer_diameter_mm, walls.diameter_mm))
        grown = float(outer.max() / np.median(walls.outer_diameter_mm[beside]))
        if grown > MOST_REMODELLING and float(lumen.min() / np.median(walls.diameter_mm[beside])) > _AS_WIDE:
            kept[run] = False
    return np.asarray(kept)
