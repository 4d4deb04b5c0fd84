"""From a click or a mask to a measured target: diameters, volume, density class, distances to pleura, fissure and airway.

Diameters follow the Fleischner Society's measuring recommendations (Bankier 2017, doi:10.1148/radiol.2017162894): long
axis and the short axis perpendicular to it in the same axial section, and their mean; the largest diameter in any
direction is given beside them.
"""

from __future__ import annotations

import logging

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.report.model import Measurement, not_measured
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume

from .constants import LOBE_CODES
from .mediastinum import NEEDLE_MM, refusal, wall_gap_mm
from .nodule_region import CLOSING_MM, NoRegion, close_ball, cube_around, mean_near, sample, segment_click
from .nodule_shape import Shape, shape_of_mask, shape_of_region
from .nodule_surroundings import distances
from .plan import DensityClass, Target

logger = logging.getLogger(__name__)

AERATED_HU, NEAR_MM = -650.0, 2.0
"""On average over so small a ball: darker than this is aerated lung. Ground glass lies above it: -400 to -600 HU."""
OUTSIDE_TOLERANCE_MM = 5.0
"""A click this close to the lung still counts: lesions at the pleura are often left out of lung masks."""
_SHAPE_NAMES = (
    ("long_axis", "mm"), ("short_axis", "mm"), ("mean_diameter", "mm"), ("maximum_3d_diameter", "mm"), ("volume", "mm3"),
    ("volume_subvoxel", "mm3"), ("mean_attenuation", "[hnsf'U]"), ("solid_core_diameter", "mm"),
)  # fmt: skip


def _checked_point(point_lps_mm: object, volume: Volume | None, lungs: LabelMap | None) -> FloatArray:
    """Return the click as (3,) floats.

    Raises
    ------
    InputError
        When it is not three finite numbers or lies outside the image.
    """
    try:
        point = np.asarray(point_lps_mm, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"The target {point_lps_mm!r} is not three numbers L,P,S in millimetres.") from error
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(f"The target {point_lps_mm!r} is not three finite numbers L,P,S in millimetres.")
    where = f"L {point[0]:.1f}, P {point[1]:.1f}, S {point[2]:.1f} mm"
    image = volume.grid if volume is not None else lungs.grid if lungs is not None else None
    if image is not None:
        index = image.kji_from_lps(point)
        if (index < -0.5).any() or (index > np.array(image.shape_kji) - 0.5).any():
            raise InputError(f"The target at {where} lies outside the image; expected LPS millimetres inside it.")
    return point


def in_lung(lungs: LabelMap, point: FloatArray) -> bool:
    """Tell whether a point lies in the lung, within the tolerance of it, or in a dent that a lesion makes in its mask."""
    step = 2.0
    count = round(2.0 * (CLOSING_MM + 10.0) / step) | 1
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = point - step * (count // 2)
    inside = sample(lungs.array_kji > 0, lungs.grid, Grid((count, count, count), affine), 1, 0.0) > 0.5
    if not inside.any():
        return False
    middle = count // 2
    if close_ball(inside, CLOSING_MM, step)[middle, middle, middle]:
        return True
    gaps = np.linalg.norm(np.argwhere(inside) - middle, axis=1) * step
    return bool(gaps.min() <= OUTSIDE_TOLERANCE_MM)


def measure_target(
    volume: Volume | None,
    *,
    point_lps_mm: FloatArray | tuple[float, float, float] | None = None,
    mask: LabelMap | None = None,
    lungs: LabelMap | None = None,
    lobes: LabelMap | None = None,
    tree: Tree | None = None,
) -> Target:
    """Turn a click or a mask into a measured target.

    Parameters
    ----------
    volume
        The CT; without it a click stays a bare point.
    point_lps_mm
        (3,) LPS mm, on or within 4 mm of the lesion.
    mask
        Any label above 0 is the target; it may have a grid of its own. Takes precedence over the point.
    lungs, lobes, tree
        Where given, the distances to pleura, fissure and airway are measured against them.

    Returns
    -------
    Target
        ``source`` is "mask", "click" (segmented) or "point" (nothing measurable there, the reason in ``notes``).

    Raises
    ------
    InputError
        When neither point nor mask is given, the mask is empty, or the point lies outside the image, or outside the lungs
        and not within a needle's reach of an airway.
    """
    if mask is not None:
        shape: Shape | NoRegion = shape_of_mask(mask, volume)
        source = "mask"
    elif point_lps_mm is not None:
        point = _checked_point(point_lps_mm, volume, lungs)
        source = "click"
        if lungs is not None and lungs.array_kji.any() and not in_lung(lungs, point):
            if tree is None or wall_gap_mm(tree, point) > NEEDLE_MM:
                raise refusal(point)
            shape = NoRegion("it lies outside the lungs, where lesions are not segmented")
        else:
            shape = _shape_at(volume, point, lungs)
    else:
        raise InputError("No target was given: expected a point L,P,S in millimetres or a mask.")
    if isinstance(shape, NoRegion):
        return _bare_point(point, shape.reason, lungs, lobes, tree)
    measurements = dict(shape.measurements)
    measurements.update(distances(shape.centre_lps_mm, shape.surface_lps_mm, lungs, lobes, tree))
    return Target(
        shape.centre_lps_mm, shape.surface_lps_mm, source, shape.density, measurements,
        lobe_at(lobes, shape.centre_lps_mm), shape.notes,
    )  # fmt: skip


def _shape_at(volume: Volume | None, point: FloatArray, lungs: LabelMap | None) -> Shape | NoRegion:
    if volume is None:
        return NoRegion("there is no CT")
    cube = cube_around(volume, point, lungs)
    region = segment_click(cube, point)
    if not isinstance(region, NoRegion):
        return shape_of_region(region, cube, volume.grid.spacing_ijk_mm)
    here = mean_near(cube, point, NEAR_MM)
    if here < AERATED_HU:
        return NoRegion(f"the point lies in aerated lung ({here:.0f} HU), not on anything dense: check that it is on the lesion")
    return region


def _bare_point(point: FloatArray, reason: str, lungs: LabelMap | None, lobes: LabelMap | None, tree: Tree | None) -> Target:
    measurements: dict[str, Measurement] = {name: not_measured(name, unit, reason) for name, unit in _SHAPE_NAMES}
    measurements.update(distances(point, point[None, :], lungs, lobes, tree))
    note = f"The target is a bare point; it was not measured because {reason}."
    return Target(point, point[None, :], "point", DensityClass.UNKNOWN, measurements, lobe_at(lobes, point), (note,))


def lobe_at(lobes: LabelMap | None, point_lps_mm: FloatArray) -> str | None:
    """Return the lobe code at a point, None outside the lobes; a miss of one voxel is forgiven."""
    if lobes is None:
        return None
    centre = np.rint(lobes.grid.kji_from_lps(point_lps_mm)).astype(int)
    shape = np.array(lobes.grid.shape_kji)
    if ((centre < 0) | (centre >= shape)).any():
        return None
    value = int(lobes.array_kji[tuple(centre)])
    if value == 0:
        low, high = np.maximum(centre - 1, 0), np.minimum(centre + 2, shape)
        near = lobes.array_kji[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        near = near[near > 0]
        value = int(np.bincount(near).argmax()) if near.size else 0
    return LOBE_CODES.get(value)
