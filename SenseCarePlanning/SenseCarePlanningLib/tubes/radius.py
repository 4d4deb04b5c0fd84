"""Lumen radius measured three ways on the image, with a 95 % interval, and the wall thickness where CT resolves it.

The three estimates: the inscribed sphere in the mask, the half-maximum edge of the wall on rays across the
centreline (corrected for the blur of the scan, see :mod:`.walls`), and the area under the half-maximum level inside
the widened mask.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..errors import InputError
from ..geometry import FloatArray
from ..volume import Grid, LabelMap, Volume
from .crosssection import CrossSection, Polarity, cross_section, mask_exit_mm, polar_shape, ray_directions, ray_values
from .profiles import BoolArray, Levels, Traced, find_edges, scan_levels, sub_level_radius
from .tree import Branch, Tree

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RadiusOptions:
    """How radii are measured.

    Parameters
    ----------
    rays, step_mm
        Rays a cross-section, and sampling along them; chosen. Lumens under 2 mm of radius take half the rays, which are then
        still denser than the voxels.
    polarity
        Dark lumen (airway) or bright (opacified vessel).
    blur_sigma_mm
        Gaussian sigma of the whole imaging chain, sampling included; None to estimate it from thick walls of the scan.
    resolved_wall_mm
        Walls below this are reported as below CT resolution: on CT, tubes with walls of 1 mm or thinner measure too thick
        (Eur. J. Radiol. 2011, doi:10.1016/j.ejrad.2010.12.035).
    """

    rays: int = 64
    step_mm: float = 0.2
    polarity: Polarity = Polarity.DARK
    blur_sigma_mm: float | None = None
    resolved_wall_mm: float = 1.0


@dataclass(frozen=True, eq=False)
class BranchSections:
    """What the cross-sections of one branch show, sample by sample (N,); NaN where not measurable.

    Parameters
    ----------
    edge_mm
        (N, R) lumen edge along the rays, blur corrected, outliers replaced.
    inscribed_mm, half_maximum_mm, area_mm
        The three radii.
    radius_mm, interval_mm
        The result (N,) and its 95 % interval (N, 2).
    wall_mm, contrast_hu
        Wall thickness by the model of the blurred ring; seen wall maximum less lumen level.
    """

    edge_mm: FloatArray
    inscribed_mm: FloatArray
    half_maximum_mm: FloatArray
    area_mm: FloatArray
    radius_mm: FloatArray
    interval_mm: FloatArray
    d_min_mm: FloatArray
    d_max_mm: FloatArray
    wall_mm: FloatArray
    contrast_hu: FloatArray


@dataclass(frozen=True)
class WallThickness:
    """Wall thickness of a branch: a value in mm, or None with the reason."""

    thickness_mm: float | None
    reason: str = ""


def measure_radii(
    tree: Tree,
    volume: Volume,
    mask: LabelMap,
    options: RadiusOptions = RadiusOptions(),
) -> Tree:
    """Return the tree with radii and 95 % intervals measured on the image.

    Parameters
    ----------
    tree
        As built from ``mask``; its radii are the first of the three estimates.
    volume
        The scan, in HU.
    mask
        The tube mask (any label above 0), on any grid.

    Raises
    ------
    InputError
        When the tree lies outside the scan.
    """
    return with_radii(tree, measure_sections(tree, volume, mask, options))


def with_radii(tree: Tree, sections: Mapping[int, BranchSections]) -> Tree:
    """Return the tree with the radii and intervals of cross-sections measured on it."""
    changed = {
        branch.id: replace(branch, radius_mm=sections[branch.id].radius_mm, radius_interval_mm=sections[branch.id].interval_mm)
        for branch in tree
    }
    return tree.with_branches(changed)


def measure_sections(
    tree: Tree,
    volume: Volume,
    mask: LabelMap,
    options: RadiusOptions = RadiusOptions(),
) -> Mapping[int, BranchSections]:
    """Return the cross-sections of every branch; raises InputError when the tree lies outside the scan."""
    start = time.perf_counter()
    scan, local = _cropped(tree, volume, mask)
    traced = {branch.id: _traced(branch, scan, local, options) for branch in tree}
    levels = scan_levels(
        [traced[b.id] for b in tree], [b.radius_mm for b in tree], options.polarity, options.blur_sigma_mm, scan.grid
    )
    found = {branch.id: _sections(branch, traced[branch.id], levels, options) for branch in tree}
    logger.info("radii: blur sigma %.2f mm (%s), %.1f s", levels.sigma_mm, levels.source, time.perf_counter() - start)
    return found


def wall_thickness(sections: BranchSections, options: RadiusOptions = RadiusOptions()) -> WallThickness:
    """Summarise the wall of a branch: the median of its middle half, or why it is not measured."""
    count = len(sections.wall_mm)
    middle = sections.wall_mm[count // 4 : max(count - count // 4, count // 4 + 1)]
    if not np.isfinite(middle).any():
        return WallThickness(None, "not measured: the wall does not stand out from what is around it")
    thickness = float(np.nanmedian(middle))
    if thickness < options.resolved_wall_mm:
        return WallThickness(None, f"below CT resolution (under {options.resolved_wall_mm:g} mm)")
    return WallThickness(thickness)


def sections_of(branch: Branch, sections: BranchSections) -> tuple[CrossSection, ...]:
    """Return one :class:`CrossSection` for each sample of a branch, for pictures."""
    return tuple(
        cross_section(point, frame, edge)
        for point, frame, edge in zip(branch.points_lps_mm, branch.frames, sections.edge_mm, strict=True)
    )


_WINDOW_MM = 3.0
_NARROW_MM = 2.0
_MASK_STEP_MM = 0.4
_Z95 = 1.96


def _cropped(tree: Tree, volume: Volume, mask: LabelMap) -> tuple[Volume, Volume]:
    """Cut scan and mask down to the surroundings of the tree."""
    points = np.concatenate([branch.points_lps_mm for branch in tree])
    margin = 2.0 * max(float(branch.radius_mm.max()) for branch in tree) + 2.0 * _WINDOW_MM
    box = _box_around(points, volume.grid, margin)
    own = _box_around(points, mask.grid, margin)
    if box is None or own is None:
        raise InputError("The tree lies outside the scan: the two do not belong together.")
    part = LabelMap(mask.array_kji[own], mask.grid.cropped(own).affine_ijk_to_lps)
    return volume.cropped(box), Volume(part.mask().astype(np.float32), part.affine_ijk_to_lps)


def _box_around(points: FloatArray, grid: Grid, margin_mm: float) -> tuple[slice, slice, slice] | None:
    index = grid.kji_from_lps(points)
    margin = margin_mm / np.array(grid.spacing_kji_mm)
    low = np.maximum(np.floor(index.min(axis=0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=0) + margin).astype(int) + 1, np.array(grid.shape_kji))
    if (high - low < 2).any():
        return None
    return (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2])))


def _traced(branch: Branch, scan: Volume, mask: Volume, options: RadiusOptions) -> Traced:
    """Sample the rays of one branch: from the centreline to 3 mm past where they should have met the wall."""
    reach = 1.5 * float(np.percentile(branch.radius_mm, 90)) + _WINDOW_MM
    steps = np.arange(0.0, reach + options.step_mm, options.step_mm)
    narrow = float(np.median(branch.radius_mm)) < _NARROW_MM
    directions = ray_directions(branch.frames, options.rays // 2 if narrow and options.rays >= 32 else options.rays)
    values = ray_values(scan, branch.points_lps_mm, directions, steps)
    known = np.asarray(np.isfinite(values).all(axis=2))
    values = np.nan_to_num(values, nan=0.0)
    if options.polarity is Polarity.BRIGHT:
        values = -values
    # noise: neighbours along the tube and around it see the same wall
    values = gaussian_filter1d(gaussian_filter1d(values, 1.0, axis=0, mode="nearest"), 1.0, axis=1, mode="wrap")
    coarse = np.arange(0.0, reach + _MASK_STEP_MM, _MASK_STEP_MM)
    exits = mask_exit_mm(mask, branch.points_lps_mm, directions, coarse)
    slices = np.abs(directions @ _slice_axis(scan.grid))
    return Traced(values, steps, exits, known, slices, branch.radius_mm)


def _slice_axis(grid: Grid) -> FloatArray:
    axis = grid.affine_ijk_to_lps[:3, 2]
    return np.asarray(axis / np.linalg.norm(axis))


def _sections(branch: Branch, traced: Traced, levels: Levels, options: RadiusOptions) -> BranchSections:
    edges = find_edges(traced, levels)
    inscribed = branch.radius_mm
    measured = np.sqrt((edges.edge_mm**2).mean(axis=1))
    area = sub_level_radius(traced, edges, levels) + edges.shift_mm
    say = _say_of_image(measured, edges.contrast_hu, levels)
    measured = say * measured + (1.0 - say) * inscribed
    usable = edges.section_ok & _away_from_junctions(branch) & (np.abs(measured - inscribed) < 0.5 * inscribed + 0.7)
    radius = _filled(branch, measured, inscribed, usable)
    scale = np.where(usable, 1.0, radius / np.maximum(measured, 1e-6))
    edge = edges.edge_mm * scale[:, None]
    d_min, d_max = polar_shape(edge)[1:]
    error = _standard_error(
        radius=radius,
        inscribed=inscribed,
        area=area,
        scatter=edges.scatter_mm,
        shift=edges.shift_mm,
        say=say,
        usable=usable,
        levels=levels,
    )
    interval = np.stack([np.maximum(radius - _Z95 * error, 0.0), radius + _Z95 * error], axis=1)
    blank = np.where(usable, 1.0, np.nan)
    return BranchSections(
        edge, inscribed, measured * blank, area * blank, radius, interval, d_min, d_max, edges.wall_mm * blank, edges.contrast_hu
    )


def _say_of_image(measured: FloatArray, contrast: FloatArray, levels: Levels) -> FloatArray:
    """Return the weight (0 to 1) of the image against the mask.

    Below about two sigmas of radius the edge hardly moves with the size of the lumen, and a wall seen with less than
    a third of its contrast no longer tells its thickness: there the mask has the greater say.
    """
    by_size = np.clip(measured / levels.sigma_mm - 1.2, 0.0, 1.0)
    by_contrast = np.clip((np.nan_to_num(contrast) / levels.contrast - 0.25) / 0.15, 0.0, 1.0)
    return np.asarray(by_size * by_contrast)


def _away_from_junctions(branch: Branch) -> BoolArray:
    """Leave out 1.5 radii at each junction, but never more than two thirds of the branch."""
    arc = branch.arc_mm
    reach = 1.5 * branch.diameter_mm / 2.0
    near = 0.0 if branch.parent_id is None else max(reach, 1.5 * float(branch.radius_mm[0]) * 0.67)
    far = reach if branch.child_ids else 0.0
    shrink = min(1.0, 0.67 * arc[-1] / max(near + far, 1e-6))
    return np.asarray((arc >= near * shrink - 1e-9) & (arc <= arc[-1] - far * shrink + 1e-9))


def _filled(branch: Branch, measured: FloatArray, inscribed: FloatArray, usable: BoolArray) -> FloatArray:
    """Where the wall cannot be read, the inscribed radius with the offset that was seen nearby."""
    if not usable.any():
        return np.array(inscribed)
    arc = branch.arc_mm
    ratio = np.interp(arc, arc[usable], (measured / np.maximum(inscribed, 0.2))[usable])
    # the junction's radius is that of the wide parent: there the offset, not the ratio, carries over
    offset = np.interp(arc, arc[usable], (measured - inscribed)[usable])
    guess = inscribed + np.sign(offset) * np.minimum(np.abs(offset), np.abs(inscribed * (ratio - 1.0)))
    return np.asarray(np.where(usable, measured, np.maximum(guess, 0.2)), dtype=np.float64)


def _standard_error(
    *,
    radius: FloatArray,
    inscribed: FloatArray,
    area: FloatArray,
    scatter: FloatArray,
    shift: FloatArray,
    say: FloatArray,
    usable: BoolArray,
    levels: Levels,
) -> FloatArray:
    """Combine what is not known: scatter of the rays, voxel size, disagreement of the methods, and the blur itself."""
    voxel = levels.voxel_mm
    methods = 0.5 * np.maximum(np.abs(radius - inscribed), np.abs(radius - area))
    seen = np.nan_to_num(scatter) ** 2 + (0.1 * voxel) ** 2 + (0.5 * methods) ** 2 + (0.2 * np.nan_to_num(shift)) ** 2
    seen += ((1.0 - say) * 0.35 * voxel) ** 2
    # a mask that the image never checked may be off by more
    unseen = ((0.35 if usable.any() else 0.5) * voxel) ** 2 + (radius - inscribed) ** 2
    return np.asarray(np.sqrt(np.where(usable, seen, unseen)))
