"""Lumen radius measured three ways on the image, with a 95 % interval, and the wall thickness where CT resolves it.

The three estimates: the inscribed sphere in the mask, the half-maximum edge of the wall on rays across the
centreline (corrected for the blur of the scan, see :mod:`.walls`), and the area under the half-maximum level inside
the widened mask.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..errors import InputError
from ..geometry import FloatArray
from ..progress import Progress
from ..volume import Grid, LabelMap, Volume
from .crosssection import CrossSection, Polarity, cross_section, mask_exit_mm, polar_shape, ray_directions, ray_values
from .profiles import BoolArray, Levels, RayEdges, Traced, find_edges, scan_levels, sub_level_radius
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
        The result (N,) and its 95 % interval (N, 2). A lower bound of 0 means that the scan gives an upper bound only.
    wall_mm, contrast_hu
        Wall thickness by the model of the blurred ring; seen wall maximum less lumen level.
    lumen_level, ring_share, enclosed_share
        Level in the middle of the lumen (sign turned for bright lumens); shares of the rays on which a thin wall stands, and
        that rise to a wall or another structure, see :class:`.profiles.RayEdges`. All are known at every sample.
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
    lumen_level: FloatArray
    ring_share: FloatArray
    enclosed_share: FloatArray


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
    progress: Progress | None = None,
) -> Mapping[int, BranchSections]:
    """Return the cross-sections of every branch.

    Parameters
    ----------
    tree, volume, mask, options
        As for :func:`measure_radii`.
    progress
        Hears how far it is, branch by branch, and may stop it.

    Raises
    ------
    InputError
        When the tree lies outside the scan.
    Cancelled
        When the user stopped it.
    """
    progress = progress or Progress()
    start = time.perf_counter()
    scan, local = _cropped(tree, volume, mask)
    traced = {}
    for at, branch in enumerate(tree):
        progress.update(0.5 * at / len(tree))
        traced[branch.id] = _traced(branch, scan, local, options)
    levels = scan_levels(
        [traced[b.id] for b in tree], [b.radius_mm for b in tree], options.polarity, options.blur_sigma_mm, scan.grid
    )
    read = {}
    for at, branch in enumerate(tree):
        progress.update(0.5 + 0.5 * at / len(tree))
        read[branch.id] = _read(branch, traced[branch.id], levels)
    missed = _missed_by_mask([read[branch.id] for branch in tree], [branch.radius_mm for branch in tree])
    found = {branch.id: _sections(branch, traced[branch.id], read[branch.id], levels, missed) for branch in tree}
    logger.info("radii: blur sigma %.2f mm (%s), %.1f s", levels.sigma_mm, levels.source, time.perf_counter() - start)
    return found


LEAST_RING_SHARE = 0.3
"""Share of the rays that must leave the wall again; below it the model of the ring reads the neighbour's tissue as wall."""
THICKEST_SEEN_MM = 3.0
"""The rays look for the outer edge within 2 mm; thicker readings are the end of the model's table."""
LEAST_LUMEN_FOR_WALL_MM = 2.5
"""On digital patients (0.7 mm, 25 HU) walls around narrower lumens read 0.1 to 0.5 mm too thick, wider ones within 0.1 mm."""


def wall_thickness(sections: BranchSections, options: RadiusOptions = RadiusOptions()) -> WallThickness:
    """Summarise the wall of a branch: the median of its middle half, or why it is not measured."""
    count = len(sections.wall_mm)
    middle = sections.wall_mm[count // 4 : max(count - count // 4, count // 4 + 1)]
    if not np.isfinite(middle).any():
        return WallThickness(None, "not measured: the wall does not stand out from what is around it")
    part = slice(count // 4, max(count - count // 4, count // 4 + 1))
    thickness = float(np.nanmedian(middle))
    if float(np.median(sections.ring_share[part])) < LEAST_RING_SHARE or thickness > THICKEST_SEEN_MM:
        return WallThickness(None, "not measured: what lies outside the wall is as dense as the wall")
    if 2.0 * float(np.nanmedian(sections.radius_mm[part])) < LEAST_LUMEN_FOR_WALL_MM:
        return WallThickness(None, "not measured: lumen and wall are too narrow to be told apart")
    if thickness < options.resolved_wall_mm:
        return WallThickness(None, f"below CT resolution (under {options.resolved_wall_mm:g} mm)")
    return WallThickness(thickness)


def sections_of(branch: Branch, sections: BranchSections) -> tuple[CrossSection, ...]:
    """Return one :class:`CrossSection` for each sample of a branch, for pictures."""
    return tuple(
        cross_section(point, frame, edge)
        for point, frame, edge in zip(branch.points_lps_mm, branch.frames, sections.edge_mm, strict=True)
    )


THIN_EXCESS, THIN_ERROR = 0.2, 0.18
"""Where walls are thin, the corrected edge lies too far out by 0.2 and scatters by 0.18 (standard deviation) of the blur's
sigma. Seen on digital patients (0.7 mm and 25 HU; 0.9 x 0.9 x 1.0 mm and 22 HU), with true masks and with the engine's, which
are up to a voxel too narrow: the edge does not follow the mask."""
VOXEL_ERROR, LEAST_ERROR_MM = 0.06, 0.04
"""Least standard error of a radius: in voxels, that of partial volume on these patients, rounded up; and in mm, so that no
interval of a diameter is narrower than 0.3 mm, whatever the scan."""
LEAST_RESOLVED, UNRESOLVED_BELOW = 1.4, 1.75
"""Radii under 1.4 sigma of the blur are not told from narrower ones; lumens whose wall is not seen at all were under 1.75
sigma in 97.5 % of the samples."""
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


@dataclass(frozen=True, eq=False)
class _Read:
    """What the image shows of one branch (N,): edges, the radius read off them, how far it can be trusted, and where."""

    edges: RayEdges
    radius_mm: FloatArray
    trust: FloatArray
    usable: BoolArray


def _read(branch: Branch, traced: Traced, levels: Levels) -> _Read:
    edges = find_edges(traced, levels)
    seen = np.sqrt((edges.edge_mm**2).mean(axis=1))
    trust = _trust(seen, edges.contrast_hu, levels)
    radius = np.maximum(seen - THIN_EXCESS * levels.sigma_mm * (1.0 - trust), 0.2)
    near = np.abs(radius - branch.radius_mm) < 0.5 * branch.radius_mm + 0.7
    return _Read(edges, radius, trust, edges.section_ok & _away_from_junctions(branch) & near)


def _missed_by_mask(read: Sequence[_Read], inscribed: Sequence[FloatArray]) -> float:
    """Return by how much the mask's radius falls short of the image's where the image can be trusted, mm; 0 without such."""
    gaps = [one.radius_mm[kept] - mask[kept] for one, mask in zip(read, inscribed, strict=True) if (kept := _clear(one)).any()]
    return float(np.median(np.concatenate(gaps))) if gaps else 0.0


def _clear(read: _Read) -> BoolArray:
    return np.asarray(read.usable & (read.trust > 0.6))


def _sections(branch: Branch, traced: Traced, read: _Read, levels: Levels, missed_mm: float) -> BranchSections:
    edges, usable, inscribed = read.edges, read.usable, branch.radius_mm
    area = sub_level_radius(traced, edges, levels) + edges.shift_mm
    radius = _filled(branch, read.radius_mm, inscribed, usable)
    edge = edges.edge_mm * (radius / np.maximum(np.sqrt((edges.edge_mm**2).mean(axis=1)), 1e-6))[:, None]
    d_min, d_max = polar_shape(edge)[1:]
    error = _standard_error(read, radius, inscribed + missed_mm, levels)
    interval = np.stack([np.maximum(radius - _Z95 * error, 0.0), radius + _Z95 * error], axis=1)
    interval = _bounded(interval, radius, inscribed, usable, levels)
    blank = np.where(usable, 1.0, np.nan)
    return BranchSections(
        edge, inscribed, read.radius_mm * blank, area * blank, radius, interval, d_min, d_max, edges.wall_mm * blank,
        edges.contrast_hu, edges.lumen, edges.ring_share, edges.enclosed_share,
    )  # fmt: skip


def _bounded(interval: FloatArray, radius: FloatArray, inscribed: FloatArray, usable: BoolArray, levels: Levels) -> FloatArray:
    """Leave only an upper bound (the lower one is 0) where the lumen is too narrow for the scan."""
    least = LEAST_RESOLVED * levels.sigma_mm
    seen = usable if usable.any() else np.zeros_like(usable)
    unseen_high = np.where(seen, interval[:, 1], inscribed + 0.25 * levels.voxel_mm)
    high = np.maximum(UNRESOLVED_BELOW * levels.sigma_mm, unseen_high)
    narrow = radius < least if usable.any() else inscribed < UNRESOLVED_BELOW * levels.sigma_mm
    return np.where(narrow[:, None], np.stack([np.zeros_like(high), high], axis=1), interval)


def _trust(seen: FloatArray, contrast: FloatArray, levels: Levels) -> FloatArray:
    """Return how far (0 to 1) the edge on the image tells the size of the lumen.

    Below about two sigmas of radius the edge hardly moves with the size of the lumen, and a wall seen with less than
    a third of its contrast no longer tells its thickness, which the blur's correction needs.
    """
    by_size = np.clip(seen / levels.sigma_mm - 1.2, 0.0, 1.0)
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


def _standard_error(read: _Read, radius: FloatArray, expected: FloatArray, levels: Levels) -> FloatArray:
    """Combine what is not known: the voxel, scatter of the rays, thin walls, and disagreement with what the mask lets expect.

    Samples along a branch share the errors of blur, wall and neighbours, so that their mean is hardly better than one.
    """
    voxel = levels.voxel_mm
    seen = (
        max(VOXEL_ERROR * voxel, LEAST_ERROR_MM) ** 2 + (2.0 * np.nan_to_num(read.edges.scatter_mm)) ** 2
    )  # noise reaches across rays
    seen += (THIN_ERROR * levels.sigma_mm * (1.0 - read.trust)) ** 2
    seen += (0.5 * np.maximum(np.abs(radius - expected) - 0.35 * voxel, 0.0)) ** 2
    # between sections that were read, the mask carries over; a mask that the image never checked may be off by more
    mask, apart = (0.15, 0.5) if read.usable.any() else (0.5, 1.0)
    unseen = (mask * voxel) ** 2 + (apart * (radius - expected)) ** 2
    return np.asarray(np.sqrt(np.where(read.usable, seen, unseen)))
