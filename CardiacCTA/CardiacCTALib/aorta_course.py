"""The aorta beyond the heart: its arch and its descending part, followed slice by slice as far as the scan goes.

Strategy: circles give the place; from slice to slice the outer border is the cheapest closed line about the middle on which
blood falls to tissue or tissue to fat and lung, near the border of the slice before. So a lumen filled with thrombus, or the
false lumen of a dissection, stays inside, and a vertebra or the oesophagus beside it outside.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon

from SenseCarePlanningLib.geometry import FloatArray

from .great_circles import CircleChain
from .heart_region import BEHIND_MM, CoarseImage, HeartRegion

logger = logging.getLogger(__name__)

BoolArray = NDArray[np.bool_]

ANGLES = 48
STEP_MM, HALF_MM = 0.5, 1.5
"""Between samples of a ray, and half of the width over which a fall is measured."""
TISSUE_HU, FAT_HU = 50.0, -100.0
BLOOD_WEIGHT = 0.7
"""Of the fall from blood to tissue against that from tissue to fat or lung: in a dissection the first lies inside."""
NEAR_MM, BEND_COST = 4.0, 0.15
"""How far the border may move between slices of about 2 mm, and the price of a millimetre between neighbouring rays."""
MOVE_MM, MOVE_COST = 4.0, 0.004
"""How far the vessel may move between slices, and the price of a millimetre."""
LEAST_SUPPORT, MISSES = 0.22, 4
"""Mean fall along the border, as a share of a full one, below which a slice counts as missed; so many end the course."""
RADIUS_MM = (5.0, 32.0)
LEAST_SHARE = 0.5
"""Blood of a descending aorta over that of the ascending one; a round vertebra has less. Chosen."""
OPENED_MM, CORRIDOR_MM = 3.0, 3.0
BLOOD_SHARE, USUAL_MUSCLE_HU = 0.4, 70.0
"""Of the way from muscle to the ascending aorta's blood: what is brighter is blood."""
LEAST_BLOOD = 0.12
"""Of the area inside the border; the true lumen of a thrombosed dissection has a fifth."""


@dataclass(frozen=True, eq=False)
class Contour:
    """Outer border of the aorta in one slice.

    Parameters
    ----------
    k
        Slice of the coarse image.
    middle_mm
        (2,) j, i times the spacing.
    radius_mm
        (ANGLES,) from the middle, counted from i towards j.
    """

    k: int
    middle_mm: FloatArray
    radius_mm: FloatArray

    @property
    def points_mm(self) -> FloatArray:
        """Border (ANGLES, 2): j, i times the spacing."""
        return np.asarray(self.middle_mm + self.radius_mm[:, None] * DIRECTIONS)

    @property
    def mean_mm(self) -> float:
        """Mean radius."""
        return float(self.radius_mm.mean())


_TURN = 2.0 * np.pi * np.arange(ANGLES) / ANGLES
DIRECTIONS = np.stack([np.sin(_TURN), np.cos(_TURN)], axis=1)


def far_aorta(region: HeartRegion, shape: tuple[int, int, int]) -> BoolArray:
    """Return arch and descending aorta on the scan along the patient's axes; empty where none is seen.

    Parameters
    ----------
    shape
        (K, J, I) of the scan along the patient's axes.
    """
    mask = np.zeros(shape, dtype=bool)
    chain = choose_descending(region)
    if chain is None:
        return mask
    image = np.clip(region.coarse.array, -300.0, 900.0)
    image = ndimage.gaussian_filter(image, [0.5, *(0.9 / size for size in region.coarse.spacing_mm[1:])])
    down = follow_chain(image, region.coarse.spacing_mm, chain, region.blood_hu)
    contours = {one.k: one for one in down}
    _paint(mask, contours, region.coarse)
    arch = _arch(image, region, contours)
    if arch:
        _paint_planes(mask, arch, region.coarse)
    logger.info("descending aorta: %d slices, arch in %d", len(contours), len(arch))
    return mask


def choose_descending(region: HeartRegion) -> CircleChain | None:
    """Return the round vessel behind the ascending aorta that runs farthest, or None."""
    spacing = region.coarse.spacing_mm
    front = float(np.median(region.ascending.centres[:, 1]))
    side = float(np.median(region.ascending.centres[:, 2]))
    behind = [
        one
        for one in region.chains
        if one is not region.ascending
        and (float(np.median(one.centres[:, 1])) - front) * spacing[1] >= BEHIND_MM
        and abs(float(np.median(one.centres[:, 2])) - side) * spacing[2] < 70.0
        and one.level_hu >= LEAST_SHARE * region.blood_hu
    ]
    return max(behind, key=lambda one: float((one.score**2).sum()) * one.level_hu, default=None)


def follow_chain(
    image: NDArray[np.float32], spacing_mm: tuple[float, float, float], chain: CircleChain, blood_hu: float
) -> list[Contour]:
    """Follow the vessel of a chain from its surest circle downward and upward to the ends of the image or of the vessel.

    Parameters
    ----------
    image
        (K, J, I) HU along the patient's axes, lightly smoothed.
    """
    best = int(np.argmax(ndimage.uniform_filter1d(chain.score, 5)))
    k, at = int(chain.centres[best, 0]), chain.centres[best, 1:] * np.array(spacing_mm[1:])
    start = Contour(k, at, np.full(ANGLES, float(chain.radius_mm[best])))
    start, _ = border(image[k], spacing_mm, start, k, blood_hu)
    return [*_follow(image, spacing_mm, start, blood_hu, -1)[::-1], start, *_follow(image, spacing_mm, start, blood_hu, 1)]


def _follow(
    image: NDArray[np.float32], spacing_mm: tuple[float, float, float], start: Contour, blood_hu: float, step: int
) -> list[Contour]:
    found: list[Contour] = []
    last, missed = start, 0
    for k in range(start.k + step, len(image) if step > 0 else -1, step):
        last, support = border(image[k], spacing_mm, last, k, blood_hu)
        empty = support < LEAST_SUPPORT or _blood_share(image[k], spacing_mm, last, blood_hu) < LEAST_BLOOD
        missed = missed + 1 if empty else 0
        if missed >= MISSES or not RADIUS_MM[0] < last.mean_mm < RADIUS_MM[1]:
            return found[: len(found) - missed + 1] if missed else found
        found.append(last)
    return found


def _blood_share(plane: NDArray[np.float32], spacing_mm: tuple[float, float, float], contour: Contour, blood_hu: float) -> float:
    """Return which share of the area inside a border is as bright as blood."""
    inside = plane[_inside(plane.shape, spacing_mm, contour)]
    return float((inside > _blood_limit(blood_hu)).mean()) if len(inside) else 0.0


def _blood_limit(blood_hu: float) -> float:
    return USUAL_MUSCLE_HU + BLOOD_SHARE * (blood_hu - USUAL_MUSCLE_HU)


def border(
    plane: NDArray[np.float32], spacing_mm: tuple[float, float, float], last: Contour, k: int, blood_hu: float
) -> tuple[Contour, float]:
    """Find the border in a slice near that of the slice before; returns it and the mean fall along it.

    Parameters
    ----------
    plane
        (J, I) HU.
    """
    last = _moved(plane, spacing_mm, last, blood_hu)
    radii = np.arange(STEP_MM, float(last.radius_mm.max()) + 2.0 * NEAR_MM, STEP_MM)
    places = last.middle_mm + radii[None, :, None] * DIRECTIONS[:, None, :]
    index = (places / np.array(spacing_mm[1:])).reshape(-1, 2).T
    values = ndimage.map_coordinates(plane, index, order=1, mode="nearest").reshape(ANGLES, len(radii))
    support = _support(values, blood_hu)
    away = (radii[None] - last.radius_mm[:, None]) / NEAR_MM
    chosen = closed_line(support - 0.5 * away**2, BEND_COST * STEP_MM, 2)
    radius = ndimage.gaussian_filter1d(radii[chosen], 1.0, mode="wrap")
    found = support[np.arange(ANGLES), chosen].mean()
    return _centred(k, last.middle_mm, radius), float(found)


def _moved(plane: NDArray[np.float32], spacing_mm: tuple[float, float, float], last: Contour, blood_hu: float) -> Contour:
    """Shift a border whole to where it has most support: an oblique vessel moves from slice to slice, and where one of its
    sides has no edge the other tells."""
    half = int(MOVE_MM)
    shifts = np.stack(np.meshgrid(np.arange(-half, half + 1), np.arange(-half, half + 1), indexing="ij"), axis=-1).reshape(-1, 2)
    shifts = shifts[np.hypot(*shifts.T) <= MOVE_MM].astype(np.float64)
    offsets = np.array([-HALF_MM, HALF_MM])
    rays = last.radius_mm[:, None] + offsets
    border_mm = last.middle_mm + rays[..., None] * DIRECTIONS[:, None, :]
    places = (shifts[:, None, None, :] + border_mm) / np.array(spacing_mm[1:])
    values = ndimage.map_coordinates(plane, places.reshape(-1, 2).T, order=1, mode="nearest").reshape(*places.shape[:3])
    found = _between(values[..., 0], values[..., 1], blood_hu).mean(axis=1) - MOVE_COST * np.hypot(*shifts.T)
    return Contour(last.k, last.middle_mm + shifts[int(found.argmax())], last.radius_mm)


def _support(values: FloatArray, blood_hu: float) -> FloatArray:
    """Return how much of a border there is at each place of the rays (A, R), 0 to 1."""
    half = round(HALF_MM / STEP_MM)
    padded = np.pad(values, ((0, 0), (half, half)), mode="edge")
    return _between(padded[:, : values.shape[1]], padded[:, 2 * half :], blood_hu)


def _between(inner: FloatArray, outer: FloatArray, blood_hu: float) -> FloatArray:
    """Return how much of a border lies between two values: of a fall from tissue to fat, or from blood to tissue."""
    blood = max(blood_hu, TISSUE_HU + 100.0)
    tissue, bright = _fall(inner, outer, FAT_HU, TISSUE_HU), _fall(inner, outer, TISSUE_HU, blood)
    return np.asarray(np.maximum(tissue, BLOOD_WEIGHT * bright))


def _fall(inner: FloatArray, outer: FloatArray, low: float, high: float) -> FloatArray:
    return np.asarray(np.maximum(np.clip(inner, low, high) - np.clip(outer, low, high), 0.0) / (high - low))


def closed_line(gain: FloatArray, bend_cost: float, reach: int) -> NDArray[np.int_]:
    """Return the column (A,) of each row of the closed line with the most gain, neighbours at most ``reach`` columns apart.

    Parameters
    ----------
    gain
        (A, R); the first row follows the last.
    """
    rows, columns = gain.shape
    total = gain[0].copy()
    back = np.zeros((2 * rows, columns), dtype=int)
    for row in range(1, 2 * rows):
        options = np.full((2 * reach + 1, columns), -np.inf)
        for shift in range(-reach, reach + 1):
            low, high = max(0, -shift), min(columns, columns - shift)
            options[shift + reach, low:high] = total[low + shift : high + shift] - bend_cost * abs(shift)
        choice = options.argmax(axis=0)
        back[row] = np.arange(columns) + choice - reach
        total = options[choice, np.arange(columns)] + gain[row % rows]
    line = np.zeros(2 * rows, dtype=int)
    line[-1] = int(total.argmax())
    for row in range(2 * rows - 1, 0, -1):
        line[row - 1] = back[row, line[row]]
    middle = rows // 2
    return np.roll(line[middle : middle + rows], middle)


def _centred(k: int, middle_mm: FloatArray, radius_mm: FloatArray) -> Contour:
    """Return the border about its own centre of gravity."""
    points = middle_mm + radius_mm[:, None] * DIRECTIONS
    weight = radius_mm**2
    centre = middle_mm + (2.0 / 3.0) * (weight[:, None] * radius_mm[:, None] * DIRECTIONS).sum(axis=0) / weight.sum()
    away = points - centre
    angle = np.unwrap(np.arctan2(away[:, 0], away[:, 1]))
    length = np.hypot(away[:, 0], away[:, 1])
    order = np.argsort(angle)
    turned = np.interp(_TURN, angle[order], length[order], period=2.0 * np.pi)
    return Contour(k, centre, turned)


def _paint(mask: BoolArray, contours: dict[int, Contour], coarse: CoarseImage) -> None:
    """Paint borders into the scan, those of slices between two of the coarse image interpolated."""
    ks = sorted(contours)
    if not ks:
        return
    middles = np.stack([contours[k].middle_mm for k in ks])
    radii = np.stack([contours[k].radius_mm for k in ks])
    scale = np.array(coarse.spacing_mm[1:])
    first = (ks[0]) * coarse.factor[0]
    for k in range(first, min((ks[-1] + 1) * coarse.factor[0], len(mask))):
        at = np.clip((k + 0.5) / coarse.factor[0] - 0.5, ks[0], ks[-1])
        low = min(int(np.searchsorted(ks, at, side="right")) - 1, len(ks) - 1)
        high = min(low + 1, len(ks) - 1)
        share = 0.0 if high == low else (at - ks[low]) / (ks[high] - ks[low])
        middle = (1.0 - share) * middles[low] + share * middles[high]
        radius = (1.0 - share) * radii[low] + share * radii[high]
        points = (middle + radius[:, None] * DIRECTIONS) / scale
        fine = (points + 0.5) * np.array(coarse.factor[1:]) - 0.5
        rows, columns = polygon(fine[:, 0], fine[:, 1], mask.shape[1:])
        mask[k, rows, columns] = True


def _arch(image: NDArray[np.float32], region: HeartRegion, contours: dict[int, Contour]) -> dict[int, BoolArray]:
    """Return the slices in which blood joins the ascending with the descending aorta, and those of the arch's roof above."""
    spacing = region.coarse.spacing_mm
    front = {one.k: one for one in follow_chain(image, spacing, region.ascending, region.blood_hu)}
    limit = _blood_limit(region.blood_hu)
    found: dict[int, BoolArray] = {}
    anchor: Contour | None = None
    top = int(region.ascending.centres[:, 0].mean())
    for k in range(top, len(image)):
        behind = contours.get(k)
        if behind is None:
            break
        before = front.get(k) if anchor is None else anchor
        if before is None:
            break
        near = _corridor(image.shape[1:], spacing, before, behind)
        pieces, _ = ndimage.label(_opened((image[k] > limit) & near, spacing))
        own = np.unique(pieces[_inside(image.shape[1:], spacing, behind)])
        piece = np.isin(pieces, own[own > 0])
        if anchor is None:
            if not (piece & _inside(image.shape[1:], spacing, before)).any():
                continue
            anchor = before
        found[k] = piece
    return found


def _corridor(shape: tuple[int, ...], spacing: tuple[float, float, float], first: Contour, second: Contour) -> BoolArray:
    """Return which pixels lie between two borders, or within them."""
    rows, columns = np.indices(shape)
    places = np.stack([rows, columns], axis=-1) * np.array(spacing[1:])
    way = second.middle_mm - first.middle_mm
    length = max(float(np.linalg.norm(way)), 1e-6)
    along = np.clip((places - first.middle_mm) @ way / length**2, 0.0, 1.0)
    away = np.linalg.norm(places - first.middle_mm - along[..., None] * way, axis=-1)
    reach = (1.0 - along) * first.mean_mm + along * second.mean_mm + CORRIDOR_MM
    return np.asarray(away <= reach)


def _inside(shape: tuple[int, ...], spacing: tuple[float, float, float], contour: Contour) -> BoolArray:
    mask = np.zeros(shape, dtype=bool)
    points = contour.points_mm / np.array(spacing[1:])
    mask[polygon(points[:, 0], points[:, 1], shape)] = True
    return mask


def _opened(mask: BoolArray, spacing: tuple[float, float, float]) -> BoolArray:
    core = ndimage.distance_transform_edt(mask, sampling=spacing[1:]) > OPENED_MM
    if not core.any():
        return np.asarray(core)
    return np.asarray(mask & (ndimage.distance_transform_edt(~core, sampling=spacing[1:]) <= OPENED_MM + 0.5))


def _paint_planes(mask: BoolArray, planes: dict[int, BoolArray], coarse: CoarseImage) -> None:
    for k, plane in planes.items():
        fine = np.repeat(np.repeat(plane, coarse.factor[1], axis=0), coarse.factor[2], axis=1)
        rows = slice(k * coarse.factor[0], (k + 1) * coarse.factor[0])
        mask[rows, : fine.shape[0], : fine.shape[1]] |= fine
