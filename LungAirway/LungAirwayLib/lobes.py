"""The five lobes as a partition of the lungs: territories of the labelled airway tree, refined at the fissures.

Strategy: on a grid of about 2 mm a front starts at the named airways of each lobe; it runs faster along vessels, which
keep to their lobe and thin out towards the fissures, so that fronts of different lobes meet where there are none. The
borders of these territories start the fissures (see ``fissures``), each of which then divides its lung: the oblique
fissure first, the horizontal one within what lies above it on the right. Whole blocks of voxels make the coarse grid,
so that oblique and left-handed grids need no special case.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume, bounding_box

from .constants import INTERMEDIATE, LLL, LOBE_CODES, LUL, LUNG_LEFT, LUNG_RIGHT, RLL, RML, RUL
from .fissures import FissureSurface, find_fissure
from .naming import is_part_of, lobe_of

logger = logging.getLogger(__name__)

COARSE_MM = 2.0
VESSEL_SPEED, VESSEL_CONTRAST_HU, VESSEL_WIDTH_HU = 2.0, 60.0, 25.0
"""How much faster the front runs where a block is brighter than the lung by the contrast; the width softens the step."""
UNREACHED = 1e6
LOBES_OF_LUNG = {LUNG_RIGHT: (RUL, RML, RLL), LUNG_LEFT: (LUL, LLL)}
OBLIQUE_NORMAL = (0.0, -0.75, 0.65)
HORIZONTAL_NORMAL = (0.0, 0.25, 0.95)
"""Normals towards the upper side: the oblique fissure falls from the fourth thoracic vertebra behind to the diaphragm in
front, the horizontal fissure is nearly level and falls a little forwards, as anatomy books describe them; the angles are
chosen."""
HORIZONTAL_HEIGHTS_MM = (-20.0, 0.0, 20.0)
"""Heights from the end of the bronchus intermedius at which the horizontal fissure is looked for: it lies level with the
hilum (Gray's Anatomy, 41st ed., 2015, ch. 54)."""
SHOWN_SUPPORT = 0.5
"""Support of a fissure from which it alone may part a lobe that no airway is known to supply."""

LabelArray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LobeSegmentation:
    """Lobes with what is known of their borders.

    Parameters
    ----------
    confidence
        Lobe value -> 0 to 1: high where the tree supplies the lobe and the CT shows its fissures.
    notes
        Sentences for the reader: lobes that no airway supplies, fissures that the CT does not show.
    """

    lobes: LabelMap
    confidence: Mapping[int, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Coarse:
    """The coarse grid inside the lungs' box: block factors per axis and the box on the fine grid."""

    box_kji: tuple[slice, slice, slice]
    factors_kji: tuple[int, int, int]
    grid: Grid
    lungs: LabelArray


def _coarse(lungs: LabelMap) -> _Coarse:
    box = bounding_box(lungs.array_kji > 0)
    shape = [part.stop - part.start for part in box]
    wanted = [max(1, round(COARSE_MM / size)) for size in lungs.grid.spacing_kji_mm]
    k, j, i = (min(factor, size) for factor, size in zip(wanted, shape, strict=True))
    fine = lungs.grid.cropped(box)
    affine = fine.affine_ijk_to_lps.copy()
    affine[:3, 3] = fine.lps_from_kji(np.array([k // 2, j // 2, i // 2], dtype=np.float64))
    affine[:3, :3] = affine[:3, :3] * np.array([i, j, k], dtype=np.float64)
    small = np.ascontiguousarray(lungs.array_kji[box][k // 2 :: k, j // 2 :: j, i // 2 :: i])
    return _Coarse(box, (k, j, i), Grid((small.shape[0], small.shape[1], small.shape[2]), affine), small)


def _airway_seeds(tree: Tree, grid: Grid) -> LabelArray:
    """Return the lobe of every coarse voxel that a branch of a known lobe runs through."""
    seeds = np.zeros(grid.shape_kji, dtype=np.uint8)
    shape = np.array(grid.shape_kji)
    for branch in tree:
        lobe = lobe_of(branch.label.code) if branch.label is not None else None
        if lobe is None:
            continue
        indices = np.rint(grid.kji_from_lps(branch.points_lps_mm)).astype(int)
        inside = indices[((indices >= 0) & (indices < shape)).all(axis=1)]
        seeds[tuple(inside.T)] = lobe
    return seeds


def _front_speed(volume: Volume | None, coarse: _Coarse) -> NDArray[np.float32]:
    """Return the speed of the front on the coarse grid: 1 in lung, up to ``1 + VESSEL_SPEED`` in vessels."""
    if volume is None:
        return np.ones(coarse.lungs.shape, dtype=np.float32)
    hu = _block_mean(volume.array_kji[coarse.box_kji], coarse.factors_kji, coarse.lungs.shape)
    base = float(np.median(hu[coarse.lungs > 0]))
    steps = np.clip((hu - base - VESSEL_CONTRAST_HU) / VESSEL_WIDTH_HU, -20.0, 20.0)
    return np.asarray(1.0 + VESSEL_SPEED / (1.0 + np.exp(-steps)), dtype=np.float32)


def _block_mean(array: NDArray[np.generic], factors: tuple[int, int, int], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Average whole blocks, slab by slab; a block cut by the array's edge averages what is there."""
    k, j, i = factors
    out = np.empty(shape, dtype=np.float32)
    rows, columns = np.arange(0, array.shape[1], j)[: shape[1]], np.arange(0, array.shape[2], i)[: shape[2]]
    for at in range(shape[0]):
        slab = array[at * k : (at + 1) * k].mean(axis=0, dtype=np.float32)
        summed = np.add.reduceat(np.add.reduceat(slab, rows, axis=0), columns, axis=1)
        counts = np.diff(np.append(rows, slab.shape[0]))[:, None] * np.diff(np.append(columns, slab.shape[1]))[None, :]
        out[at] = summed / counts
    return out


def _territories(inside: NDArray[np.bool_], seeds: LabelArray, speed: NDArray[np.float32], grid: Grid) -> LabelArray:
    """Give every voxel of one lung to the lobe whose front reaches it first."""
    lobes = [int(value) for value in np.unique(seeds) if value]
    box = bounding_box(inside | (seeds > 0), (1, 1, 1))
    near = ndimage.binary_dilation(inside[box]) | (seeds[box] > 0)
    fronts = np.where(near, speed[box], 0.0).astype(np.float32)
    arrival = np.stack([_arrival(fronts, seeds[box] == lobe, grid) for lobe in lobes])
    first = np.asarray(lobes, dtype=np.uint8)[arrival.argmin(axis=0)]
    missed = inside[box] & ~(arrival.min(axis=0) < UNREACHED)
    if missed.any():
        # islands of lung that no front reaches take the lobe of the nearest reached voxel
        indices = ndimage.distance_transform_edt(
            missed | ~inside[box], sampling=grid.spacing_kji_mm, return_distances=False, return_indices=True
        )
        first = np.where(missed, first[tuple(indices)], first)
    found = np.zeros(inside.shape, dtype=np.uint8)
    found[box] = np.where(inside[box], first, 0)
    return found


def _arrival(speed: NDArray[np.float32], seeds: NDArray[np.bool_], grid: Grid) -> NDArray[np.float32]:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(speed)
    image.SetSpacing([float(step) for step in grid.spacing_ijk_mm])
    march = sitk.FastMarchingImageFilter()
    march.SetStoppingValue(UNREACHED)
    march.SetTrialPoints([[int(value) for value in index[::-1]] for index in np.argwhere(seeds)])
    return np.asarray(np.minimum(sitk.GetArrayFromImage(march.Execute(image)), UNREACHED), dtype=np.float32)


def segment_lobes(volume: Volume | None, lungs: LabelMap, tree: Tree, vessels: LabelMap | None = None) -> LabelMap:
    """Part the lungs into five lobes; see :func:`segment_lobes_with_notes`."""
    return segment_lobes_with_notes(volume, lungs, tree, vessels).lobes


def segment_lobes_with_notes(
    volume: Volume | None, lungs: LabelMap, tree: Tree, vessels: LabelMap | None = None
) -> LobeSegmentation:
    """Part the lungs into five lobes and say how far to trust each.

    Parameters
    ----------
    volume
        CT on the grid of ``lungs``; None gives territories only.
    lungs
        Right lung 1, left lung 2.
    tree
        Labelled (see ``labels.label_tree``).
    vessels
        Kept for callers that have them; the fissures are found without.

    Returns
    -------
    LobeSegmentation
        RUL 1, RML 2, RLL 3, LUL 4, LLL 5 on the grid of ``lungs``; every voxel of a lung has one lobe if any branch of
        that lung is named, and is 0 otherwise.

    Raises
    ------
    ValueError
        When the CT and the lungs have different grids.
    """
    if volume is not None and not volume.grid.same_as(lungs.grid):
        raise ValueError(f"CT {volume.array_kji.shape} and lungs {lungs.array_kji.shape} must share one grid")
    result = np.zeros(lungs.array_kji.shape, dtype=np.uint8)
    named = LabelMap(result, lungs.affine_ijk_to_lps, dict(LOBE_CODES))
    if not lungs.array_kji.any():
        return LobeSegmentation(named, {}, ("there is no lung to part into lobes",))
    coarse = _coarse(lungs)
    seeds = _airway_seeds(tree, coarse.grid)
    speed = _front_speed(volume, coarse)
    confidence: dict[int, float] = {}
    notes: list[str] = []
    for lung, members in LOBES_OF_LUNG.items():
        if not (coarse.lungs == lung).any():
            continue
        own = np.where(np.isin(seeds, members), seeds, 0).astype(np.uint8)
        supplied = [lobe for lobe in members if (own == lobe).any()]
        cuts: list[_Cut] = []
        if supplied:
            cuts = _cuts(volume, lungs, lung, coarse, _territories(coarse.lungs == lung, own, speed, coarse.grid))
        middle = _horizontal_cut(volume, lungs, coarse, tree, cuts) if supplied == [RUL, RLL] and cuts else None
        guessed = [RML] if middle is not None else []
        for lobe in members:
            if lobe not in supplied:
                told = "it is parted by the fissures that the CT shows" if lobe in guessed else "it is missing from the lobes"
                notes.append(f"no named airway supplies the {LOBE_CODES[lobe]}: {told}")
                confidence[lobe] = 0.0
        if not supplied:
            continue
        if middle is not None:
            cuts.append(middle)
        confidence.update(_confidence(supplied, cuts))
        _paint(result, lungs, coarse, lung=lung, supplied=sorted([*supplied, *guessed]), cuts=cuts)
    return LobeSegmentation(named, confidence, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Cut:
    """One fissure: the lobes above and below it, and the signed height of every coarse voxel."""

    above: tuple[int, ...]
    below: tuple[int, ...]
    surface: FissureSurface
    signed_mm: NDArray[np.float32]


def _cuts(volume: Volume | None, lungs: LabelMap, lung: int, coarse: _Coarse, territory: LabelArray) -> list[_Cut]:
    """Return the fissures of one lung that both have a lobe on each side."""
    wanted: list[tuple[tuple[int, ...], tuple[int, ...], tuple[float, float, float]]] = (
        [((RUL, RML), (RLL,), OBLIQUE_NORMAL), ((RUL,), (RML,), HORIZONTAL_NORMAL)]
        if lung == LUNG_RIGHT
        else [((LUL,), (LLL,), OBLIQUE_NORMAL)]
    )
    inside = coarse.lungs == lung
    every = coarse.grid.lps_from_kji(np.argwhere(np.ones(inside.shape, dtype=bool)))
    cuts = []
    region = inside
    for above, below, normal in wanted:
        border = _border(territory, above, below, coarse.grid)
        if not len(border):
            continue
        extent = coarse.grid.lps_from_kji(np.argwhere(region))
        surface = find_fissure(volume, lungs.array_kji == lung if volume is not None else inside, extent, border, normal)
        signed = surface.signed_mm(every).reshape(inside.shape).astype(np.float32)
        cuts.append(_Cut(above, below, surface, signed))
        region = region & (signed > 0)
    return cuts


def _horizontal_cut(volume: Volume | None, lungs: LabelMap, coarse: _Coarse, tree: Tree, oblique: list[_Cut]) -> _Cut | None:
    """Return the horizontal fissure of a lung whose middle lobe has no named airway, if the CT shows it near its usual place."""
    intermediate = [branch for branch in tree if branch.label is not None and is_part_of(branch.label.code, INTERMEDIATE)]
    ends = [branch.points_lps_mm[-1] for branch in intermediate]
    region = (coarse.lungs == LUNG_RIGHT) & (oblique[0].signed_mm > 0)
    if volume is None or not ends or not region.any():
        return None
    points = coarse.grid.lps_from_kji(np.argwhere(region))
    normal = unit(np.array(HORIZONTAL_NORMAL))
    best: FissureSurface | None = None
    for height_mm in HORIZONTAL_HEIGHTS_MM:
        border = points[np.abs((points - ends[-1]) @ normal - height_mm) < COARSE_MM]
        if len(border):
            found = find_fissure(volume, lungs.array_kji == LUNG_RIGHT, points, border, HORIZONTAL_NORMAL)
            best = found if best is None or found.evidence > best.evidence else best
    if best is None or best.support < SHOWN_SUPPORT:
        return None
    every = coarse.grid.lps_from_kji(np.argwhere(np.ones(region.shape, dtype=bool)))
    return _Cut((RUL,), (RML,), best, best.signed_mm(every).reshape(region.shape).astype(np.float32))


def _border(territory: LabelArray, above: tuple[int, ...], below: tuple[int, ...], grid: Grid) -> FloatArray:
    """Return the points (N, 3) between neighbouring voxels of the two sides."""
    upper, lower = np.isin(territory, above), np.isin(territory, below)
    found = []
    for axis in range(3):
        low: list[slice] = [slice(None)] * 3
        high: list[slice] = [slice(None)] * 3
        low[axis], high[axis] = slice(0, -1), slice(1, None)
        one, two = tuple(low), tuple(high)
        hits = np.argwhere((upper[one] & lower[two]) | (lower[one] & upper[two])).astype(np.float64)
        hits[:, axis] += 0.5
        found.append(hits)
    return grid.lps_from_kji(np.concatenate(found))


def _confidence(supplied: list[int], cuts: list[_Cut]) -> dict[int, float]:
    """A lobe is trusted as far as its fissures are seen: 0.5 for territory alone, up to 1 with every fissure shown."""
    found = {}
    for lobe in supplied:
        supports = [cut.surface.support for cut in cuts if lobe in (*cut.above, *cut.below)]
        found[lobe] = 0.5 + 0.5 * (min(supports) if supports else 0.0)
    return found


def _paint(result: LabelArray, lungs: LabelMap, coarse: _Coarse, *, lung: int, supplied: list[int], cuts: list[_Cut]) -> None:
    """Write the lobes of one lung on the fine grid, slice by slice, from the signed heights."""
    part, target = lungs.array_kji[coarse.box_kji], result[coarse.box_kji]
    weights = [_linear_weights(size, count, factor) for size, count, factor in
               zip(part.shape, coarse.lungs.shape, coarse.factors_kji, strict=True)]  # fmt: skip
    for k in range(part.shape[0]):
        mine = part[k] == lung
        if not mine.any():
            continue
        lobes = np.full(mine.shape, supplied[0], dtype=np.uint8)
        allowed = set(supplied)
        for cut in cuts:
            flat = np.tensordot(weights[0][k], cut.signed_mm, axes=1)
            height = weights[1] @ flat @ weights[2].T
            low, high = [next((lobe for lobe in side if lobe in allowed), 0) for side in (cut.below, cut.above)]
            if cut is cuts[0]:
                lobes = np.where(height > 0, high, low).astype(np.uint8)
            else:
                lobes = np.where((lobes == cuts[0].above[0]) & (height <= 0), low, lobes).astype(np.uint8)
        np.copyto(target[k], lobes, where=mine)


def _linear_weights(size: int, count: int, factor: int) -> NDArray[np.float32]:
    """Return (size, count) weights that interpolate coarse samples, taken at the blocks' middles, linearly."""
    place = np.clip((np.arange(size) - factor // 2) / factor, 0, count - 1)
    low = np.minimum(np.floor(place).astype(int), max(count - 2, 0))
    weights = np.zeros((size, count), dtype=np.float32)
    weights[np.arange(size), low] = 1.0 - (place - low)
    if count > 1:
        weights[np.arange(size), low + 1] = place - low
    return weights
