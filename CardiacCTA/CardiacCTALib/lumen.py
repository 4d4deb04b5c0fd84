"""Lumen and outer wall of an artery along a given centreline, to a fraction of a voxel, with the covariance of its diameters."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm, smooth_polyline
from SenseCarePlanningLib.tubes.blurred_contour import Contours, seen_from
from SenseCarePlanningLib.tubes.crosssection import polar_shape
from SenseCarePlanningLib.tubes.frames import rotation_minimising_frames
from SenseCarePlanningLib.tubes.section_planes import plane_grid, plane_values, spline_box
from SenseCarePlanningLib.volume import Volume

from .calcium_plate import Alternatives, no_alternatives, refit_with_calcium
from .outer_rim import with_rim
from .outer_unseen import behind_wall, facing_fat, seen_outer, with_edges
from .plaque_level import expected_wall
from .scan_model import ScanModel
from .section_fit import SectionFit, Sections, fit_sections
from .section_model import LUMEN, LUMEN_RADIUS, OUTER, OUTER_RADIUS, RING, Places, contours_of, lattice_of, places_of
from .section_start import bloomed, calcium_places, first_guess, lumen_levels, surroundings

log = logging.getLogger(__name__)
BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

_LEAST_LENGTH_MM = 3.0
BEYOND_MM, MOST_REACH_MM = 1.4, 7.0
"""A section reaches so far beyond the wall guessed, and no farther than the second from the line: where an eccentric plaque has
pushed the lumen to one side of a widened artery, the wall opposite is that far away. Chosen."""
_FROM_OSTIUM_MM, _SHORT_SECTIONS, _MOST_TIMES = 4.0, 5, 3
_METAL_HU = 1500.0
"""What is brighter is metal, for which no plates of calcium stand: there all bright places count, as they are seen."""


@dataclass(frozen=True)
class LumenOptions:
    """How an artery is sampled.

    Parameters
    ----------
    step_mm
        Between sections.
    place_mm
        Between places in a section; not much more than the blur's sigma.
    reach_mm
        Radius of a section; larger where the wall lies farther away, see ``BEYOND_MM``.
    smooth_mm
        The given centreline is smoothed by this before its frames are laid.
    """

    step_mm: float = 0.4
    place_mm: float = 0.35
    reach_mm: float = 4.2
    smooth_mm: float = 1.0


@dataclass(frozen=True, eq=False)
class Walls:
    """Walls of one artery, editable: r(s, angle) about the centre of the lumen.

    Parameters
    ----------
    points_lps_mm, frames, arc_mm
        (N, 3) centres of the lumen, (N, 3, 3) rows tangent, up, left; (N,) distance along the given centreline.
    lumen_mm, outer_mm
        (N, J) distance of lumen edge and outer wall from the centre, counted from "up" towards "left".
    """

    points_lps_mm: FloatArray
    frames: FloatArray
    arc_mm: FloatArray
    lumen_mm: FloatArray
    outer_mm: FloatArray

    @property
    def lumen_area_mm2(self) -> FloatArray:
        """Lumen area (N,)."""
        return np.asarray(np.pi * (self.lumen_mm**2).mean(axis=1))

    @property
    def outer_area_mm2(self) -> FloatArray:
        """Area (N,) within the outer wall."""
        return np.asarray(np.pi * (self.outer_mm**2).mean(axis=1))

    @property
    def diameter_mm(self) -> FloatArray:
        """Diameter (N,) of the circle of the lumen's area."""
        return np.asarray(2.0 * np.sqrt(self.lumen_area_mm2 / np.pi))

    @property
    def outer_diameter_mm(self) -> FloatArray:
        """Diameter (N,) of the circle of the outer area."""
        return np.asarray(2.0 * np.sqrt(self.outer_area_mm2 / np.pi))

    @property
    def least_diameter_mm(self) -> FloatArray:
        """Minor axis (N,) of the ellipse with the lumen's second moments."""
        return polar_shape(self.lumen_mm)[1]


@dataclass(frozen=True, eq=False)
class Measured:
    """Walls with all that later steps need: covariance, levels, calcium and the samples they rest on.

    Parameters
    ----------
    covariance_mm2
        (N, N) covariance of the lumen diameters: how far the truth may lie.
    noise_mm2
        (N, N) covariance of the lumen diameters between repeated scans.
    by_sigma, by_lumen
        (N,) change of the diameter for 1 mm more blur and for 1 HU more lumen level.
    lumen_hu, ring_hu
        (N,) level of lumen and of wall or plaque.
    calcium
        (N, M) which places are calcium, and ``calcium_hu`` its level where solid (None without calcium). ``calcium_arc_deg``
        (N,) is the arc that it covers, seen from the lumen. values_hu, places The samples (N, M) and where they lie in the
        planes about ``line_lps_mm`` (N, 3), the smoothed given centreline. visible (N,) whether the section lies in the
        scan.
    """

    walls: Walls
    line_lps_mm: FloatArray
    scan: ScanModel
    options: LumenOptions
    fit: SectionFit
    covariance_mm2: FloatArray
    noise_mm2: FloatArray
    by_sigma: FloatArray
    by_lumen: FloatArray
    lumen_hu: FloatArray
    ring_hu: FloatArray
    calcium: BoolArray
    calcium_hu: float | None
    calcium_arc_deg: FloatArray
    values_hu: Float32Array
    places: Places
    visible: BoolArray
    alternatives: Alternatives = field(default_factory=no_alternatives)


def measure_lumen(
    volume: Volume, centreline_lps_mm: FloatArray, scan: ScanModel, options: LumenOptions | None = None
) -> Measured:
    """Measure an artery.

    Parameters
    ----------
    centreline_lps_mm
        (K, 3) ordered from the ostium; within the lumen or, in a narrow lesion, within a millimetre of it.

    Raises
    ------
    InputError
        When the line is shorter than 3 mm or leaves the scan on more than half of its length.
    """
    started = time.perf_counter()
    options = options or LumenOptions()
    if len(centreline_lps_mm) < 2 or arc_length_mm(centreline_lps_mm)[-1] < _LEAST_LENGTH_MM:
        raise InputError("The centreline of this vessel is too short to be measured (3 mm are needed).")
    line = smooth_polyline(centreline_lps_mm, options.smooth_mm, options.step_mm)
    frames = rotation_minimising_frames(line)
    samples = _sampled(volume, line, frames, scan, options)
    for _ in range(_MOST_TIMES - 1):
        reach = min(_needed_mm(samples.guess, options.step_mm), MOST_REACH_MM)
        if reach <= options.reach_mm:
            break
        # what was out of sight may lie farther away than it seemed
        options = replace(options, reach_mm=reach)
        samples = _sampled(volume, line, frames, scan, options)
    measured = _measured(samples, line, frames, scan, options)
    log.info("measured %.0f mm of artery in %.2f s", arc_length_mm(line)[-1], time.perf_counter() - started)
    return measured


def _needed_mm(guess: FloatArray, step_mm: float) -> float:
    """Return how far sections must reach to hold the outer wall guessed and what lies behind it."""
    extent = np.linalg.norm(guess[:, OUTER.start : OUTER.start + 2], axis=1) + guess[:, OUTER_RADIUS] + BEYOND_MM
    # the first sections may lie in the aorta; single ones may err
    first = min(round(_FROM_OSTIUM_MM / step_mm), len(extent) - 1)
    return float(ndimage.minimum_filter1d(extent[first:], _SHORT_SECTIONS, mode="nearest").max())


@dataclass(frozen=True, eq=False)
class _Samples:
    """Sections as sampled, and what is guessed of them: values (N, M) at (M, 2), which are known, visible sections (N,)."""

    values: Float32Array
    known: BoolArray
    at_mm: FloatArray
    visible: BoolArray
    calcium: BoolArray
    usable: BoolArray
    guess: FloatArray
    level_hu: FloatArray


def _sampled(volume: Volume, line: FloatArray, frames: FloatArray, scan: ScanModel, options: LumenOptions) -> _Samples:
    at = plane_grid(options.reach_mm, options.place_mm)
    values = plane_values(spline_box(volume, line, options.reach_mm), line, frames, at).astype(np.float32)
    known = np.isfinite(values)
    visible = np.asarray(known.mean(axis=1) > 0.9)
    if visible.mean() < 0.5:
        raise InputError("More than half of this vessel's centreline lies outside the scan.")
    values = np.nan_to_num(values)
    lattice = lattice_of(at, options.place_mm)
    level = np.full(len(line), scan.lumen_hu)
    for _ in range(2):
        calcium = calcium_places(values, _wide(level, values), level, scan, lattice, options.step_mm, options.place_mm)
        usable = known & ~bloomed(calcium, lattice, options.place_mm, options.step_mm, scan.sigma_mm)
        guess = first_guess(values, usable, at, level, scan.sigma_mm, options.step_mm)
        level = lumen_levels(values, at, guess[:, LUMEN_RADIUS], guess[:, LUMEN][:, :2], scan)
    return _Samples(values, known, at, visible, calcium, usable, guess, level)


def _measured(samples: _Samples, line: FloatArray, frames: FloatArray, scan: ScanModel, options: LumenOptions) -> Measured:
    values, known, at, calcium = samples.values, samples.known, samples.at_mm, samples.calcium
    usable, guess, level = samples.usable, samples.guess, samples.level_hu
    places = places_of(at)
    lattice = lattice_of(at, options.place_mm)
    step = float(arc_length_mm(line)[-1] / (len(line) - 1))
    expected = expected_wall(guess, samples.guess)
    seen = np.ones(values.shape, dtype=np.float32)
    for rounds in (4, 7):
        outer = guess[:, OUTER][:, :3]
        around = surroundings(values, usable, at, lattice, outer, scan, step, options.place_mm)
        around = with_edges(around, values, usable, at, outer, scan, step)
        weight = (usable * seen * near_artery(guess, at)).astype(np.float32)
        sections = Sections(values, weight, around, places, step, options.place_mm**2, expected)
        fit = fit_sections(sections, guess, level, scan, rounds)
        guess = fit.values
        expected = expected_wall(guess, samples.guess)
        seen = seen_outer(guess, values, at, step)
    seen = np.where(usable, seen, 1.0)  # what calcium brightens tells of the calcium
    fit = replace(fit, residual=(fit.residual * seen).astype(np.float32))
    calcium = calcium | calcium_places(values, values - fit.residual, level, scan, lattice, step, options.place_mm)
    outer = guess[:, OUTER][:, :3]
    around = surroundings(values, known, at, lattice, outer, scan, step, options.place_mm)
    around = with_edges(around, values, known, at, outer, scan, step)
    weight = (known * seen * near_artery(guess, at)).astype(np.float32)
    whole = Sections(values, weight, around, places, step, options.place_mm**2, expected)
    refit = refit_with_calcium(whole, fit, level, scan, calcium)
    fit = refit.fit
    metal = np.where(calcium, values, -np.inf).max(axis=1, keepdims=True) >= _METAL_HU
    hard = refit.calcium | (calcium & metal)
    return Measured(
        _walls(fit, _outer_edge(fit, values, at, step), line, frames), line, scan, options, fit, refit.covariance_mm2,
        refit.noise_mm2, refit.by_sigma, refit.by_lumen, level, fit.values[:, RING.start], hard, refit.calcium_hu,
        _arc(hard, at, fit), values, places, samples.visible, refit.alternatives,
    )  # fmt: skip


def _wide(level: FloatArray, values: Float32Array) -> Float32Array:
    return np.broadcast_to(level.astype(np.float32)[:, None], values.shape)


def near_artery(guess: FloatArray, at: FloatArray) -> FloatArray:
    """Return weights (N, M): 1 to a millimetre outside the wall guessed, 0 beyond: what is farther away is not ours."""
    away = np.linalg.norm(at[None] - guess[:, None, OUTER][..., :2], axis=2)
    outer = guess[:, OUTER.start + 2, None]
    return np.asarray(np.clip((outer + 1.2 - away) / 0.6, 0.0, 1.0))


def _outer_edge(fit: SectionFit, values: Float32Array, at: FloatArray, step: float) -> Contours:
    edge = contours_of(fit.values, OUTER)
    facing = facing_fat(behind_wall(values, at, edge.centre_mm, edge.radius_mm), step)
    return with_rim(edge, fit.values, facing, step)


def _walls(fit: SectionFit, outer: Contours, line: FloatArray, frames: FloatArray) -> Walls:
    lumen = contours_of(fit.values, LUMEN)
    centre = lumen.centre_mm
    points = line + centre[:, :1] * frames[:, 1] + centre[:, 1:] * frames[:, 2]
    outer_mm = np.maximum(seen_from(outer, centre), lumen.radius_mm)
    return Walls(points, frames, arc_length_mm(line), lumen.radius_mm, outer_mm)


def _arc(calcium: BoolArray, at: FloatArray, fit: SectionFit) -> FloatArray:
    """Return the arc (N,) in degrees that calcium covers, seen from the centre of the lumen."""
    centre = fit.values[:, LUMEN][:, :2]
    away = at[None] - centre[:, None]
    bins = np.floor((np.arctan2(away[..., 1], away[..., 0]) + np.pi) / (2.0 * np.pi) * 24.0).astype(int) % 24
    covered = np.zeros((len(calcium), 24), dtype=bool)
    rows, columns = np.nonzero(calcium)
    covered[rows, bins[rows, columns]] = True
    return np.asarray(covered.sum(axis=1) * 15.0)
