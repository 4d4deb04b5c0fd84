"""Size, volume and density of a lesion's voxels, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist
from skimage.measure import find_contours, marching_cubes

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.report.model import Code, Evidence, Measurement, not_measured
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume, bounding_box

from .nodule_region import SOLID_HU, BoolArray, Cube, FloatImage, Region, sample
from .plan import DensityClass

LONG_AXIS = Code("103339001", "SCT", "Long axis")
SHORT_AXIS = Code("103340004", "SCT", "Short axis")
DIAMETER = Code("81827009", "SCT", "Diameter")
VOLUME = Code("118565006", "SCT", "Volume")
MEAN_ATTENUATION = Code("112181", "DCM", "Mean Attenuation Coefficient")

EDGE_SD_VOXELS = 0.3
"""Standard deviation of an edge's place in voxels of the scan: one half-voxel quantisation error, 1/sqrt(12)."""
SOLID_SHARE, GROUND_GLASS_SHARE = 0.8, 0.05
"""Share of the interior above :data:`SOLID_HU` from which a lesion is solid, and below which it is ground glass."""
MAXIMUM_SURFACE_POINTS = 4000


@dataclass(frozen=True, eq=False)
class Shape:
    """What the voxels of a target say."""

    centre_lps_mm: FloatArray
    surface_lps_mm: FloatArray
    density: DensityClass
    measurements: dict[str, Measurement]
    notes: tuple[str, ...] = ()


def shape_of_region(region: Region, cube: Cube, scan_spacing_mm: FloatArray) -> Shape:
    """Measure a segmented region in its cube; edges are placed at the region's threshold between voxels."""
    near = ndimage.binary_dilation(region.mask, iterations=2)
    outside_level = np.float32(min(region.background_hu, region.threshold_hu - 1.0))
    field = np.where(near, cube.hu, outside_level).astype(np.float32)
    # dense voxels that the opening cut off (vessels) must not pull the edge outwards; the first layer carries the edge
    cut = near & ~ndimage.binary_dilation(region.mask) & (field > region.threshold_hu)
    field = np.where(cut, outside_level, field)
    voxels = cube.hu[region.mask]
    core = float(np.percentile(voxels, 75))
    fraction = np.clip((field - region.background_hu) / max(core - region.background_hu, 1.0), 0.0, 1.0)
    subvoxel = float(fraction[near].sum()) * cube.grid.voxel_volume_mm3
    return _measured(
        region.mask, field, level=region.threshold_hu, grid=cube.grid, spacing=scan_spacing_mm, hu=cube.hu,
        subvoxel_mm3=subvoxel, notes=region.notes,
    )  # fmt: skip


def shape_of_mask(mask: LabelMap, volume: Volume | None) -> Shape:
    """Measure a given mask (its largest piece); attenuation from the CT where there is one.

    Raises
    ------
    InputError
        When the mask is empty or does not overlap the CT.
    """
    whole = mask.array_kji > 0
    if not whole.any():
        raise InputError("The target mask is empty; expected at least one voxel above 0.")
    labels, count = ndimage.label(whole[bounding_box(whole)], structure=np.ones((3, 3, 3)))
    notes: tuple[str, ...] = ()
    box = bounding_box(whole)
    piece = labels > 0
    if count > 1:
        sizes = np.bincount(labels.ravel())[1:]
        piece = labels == int(np.argmax(sizes)) + 1
        notes = (f"The target mask has {count} pieces; the largest ({sizes.max() / sizes.sum():.0%} of it) was measured.",)
    grid, cube_mask = _isotropic(piece, mask.grid.cropped(box))
    hu = sample(volume.array_kji, volume.grid, grid, 1, np.nan) if volume is not None else None
    if hu is not None and not np.isfinite(hu[cube_mask > 0.5]).any():
        raise InputError("The target mask lies outside the CT; expected a mask in the same patient coordinates.")
    volume_mm3 = float(np.count_nonzero(piece)) * mask.grid.voxel_volume_mm3
    return _measured(
        cube_mask > 0.5, cube_mask, level=0.5, grid=grid, spacing=mask.grid.spacing_ijk_mm, hu=hu,
        subvoxel_mm3=float(cube_mask.sum()) * grid.voxel_volume_mm3, notes=notes, voxel_mm3=volume_mm3,
    )  # fmt: skip


def _isotropic(piece: BoolArray, source: Grid) -> tuple[Grid, FloatImage]:
    """Resample a mask to a patient-aligned isotropic grid with a margin; linear, so that values near 0.5 are the edge."""
    shape = np.array(source.shape_kji)
    corners = np.stack(np.meshgrid(*[(-0.5, size - 0.5) for size in shape], indexing="ij"), axis=-1).reshape(-1, 3)
    world = source.lps_from_kji(corners)
    extent = world.max(axis=0) - world.min(axis=0)
    step = float(max(min(source.spacing_ijk_mm.min(), 1.0) / 2.0, extent.max() / 200.0))
    low = world.min(axis=0) - 3 * step
    count = np.ceil((extent + 6 * step) / step).astype(int) + 1
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = low
    grid = Grid((int(count[2]), int(count[1]), int(count[0])), affine)
    padded = np.pad(piece, 1)
    around = source.affine_ijk_to_lps.copy()
    around[:3, 3] = source.lps_from_kji(np.array([-1.0, -1.0, -1.0]))
    field = sample(padded, Grid((padded.shape[0], padded.shape[1], padded.shape[2]), around), grid, 1, 0.0)
    if not (field > 0.5).any():
        field = field / max(float(field.max()), 1e-6)
    return grid, field


def _measured(
    mask: BoolArray, field: FloatImage, *, level: float, grid: Grid, spacing: FloatArray, hu: FloatImage | None,
    subvoxel_mm3: float, notes: tuple[str, ...], voxel_mm3: float | None = None,
) -> Shape:  # fmt: skip
    box = bounding_box(mask, (3, 3, 3))
    mask, field, grid = mask[box], field[box], grid.cropped(box)
    hu = hu[box] if hu is not None else None
    centre = grid.lps_from_kji(np.argwhere(mask).mean(axis=0))
    evidence = Evidence((float(centre[0]), float(centre[1]), float(centre[2])))
    surface = _surface(field, level, grid)
    edge_sd = EDGE_SD_VOXELS * float(np.median(spacing))
    volume_mm3 = float(np.count_nonzero(field > level)) * grid.voxel_volume_mm3 if voxel_mm3 is None else voxel_mm3
    found = _diameters(
        field, level=level, step=float(grid.spacing_ijk_mm[0]), surface=surface,
        edge_sd=(edge_sd, EDGE_SD_VOXELS * float(np.max(spacing))), evidence=evidence,
    )  # fmt: skip
    found["volume"] = _volume("volume", volume_mm3, edge_sd, "voxels inside the edge", evidence)
    found["volume_subvoxel"] = _volume("volume_subvoxel", subvoxel_mm3, edge_sd, "partial-volume weighted voxels", evidence)
    density = DensityClass.UNKNOWN
    reason = "there is no CT"
    if hu is not None:
        density, solid = _density(mask, hu, grid)
        found["mean_attenuation"] = _attenuation(mask, hu, grid, evidence)
        found["solid_core_diameter"] = _solid_core(solid, density, hu, grid=grid, edge_sd=edge_sd, found=found, evidence=evidence)
    else:
        found["mean_attenuation"] = not_measured("mean_attenuation", "[hnsf'U]", reason)
        found["solid_core_diameter"] = not_measured("solid_core_diameter", "mm", reason)
    return Shape(centre, surface, density, found, notes)


def _surface(field: FloatImage, level: float, grid: Grid) -> FloatArray:
    vertices = marching_cubes(np.pad(field, 1, constant_values=float(field.min())), level)[0] - 1.0
    if len(vertices) > MAXIMUM_SURFACE_POINTS:
        vertices = vertices[:: len(vertices) // MAXIMUM_SURFACE_POINTS + 1]
    return grid.lps_from_kji(vertices)


def _axes(field: FloatImage, level: float, step_mm: float) -> tuple[float, float, int]:
    """Return long axis, perpendicular short axis (mm) and slice of the axial section with the longest diameter."""
    best = (0.0, 0.0, 0)
    for k, section in enumerate(field):
        if not (section > level).any():
            continue
        contours = find_contours(np.pad(section, 1, constant_values=float(field.min())), level)
        outline = max(contours, key=len, default=None)
        if outline is None or len(outline) < 3:
            continue
        hull = outline[ConvexHull(outline).vertices] if len(np.unique(outline, axis=0)) > 3 else outline
        offsets = hull[:, None, :] - hull[None, :, :]
        lengths = np.linalg.norm(offsets, axis=2)
        row, column = np.unravel_index(int(np.argmax(lengths)), lengths.shape)
        long_mm = float(lengths[row, column]) * step_mm
        if long_mm > best[0]:
            direction = offsets[row, column] / max(lengths[row, column], 1e-9)
            across = hull @ np.array([-direction[1], direction[0]])
            best = (long_mm, float(np.ptp(across)) * step_mm, k)
    return best


def _diameters(
    field: FloatImage, *, level: float, step: float, surface: FloatArray, edge_sd: tuple[float, float], evidence: Evidence
) -> dict[str, Measurement]:
    long_mm, short_mm, _ = _axes(field, level, step)
    try:
        farthest = float(pdist(surface[ConvexHull(surface).vertices]).max())
    except QhullError:
        farthest = float(pdist(surface).max())
    half, half_3d = (1.96 * np.sqrt(2.0) * deviation for deviation in edge_sd)
    axial = "axial section with the longest diameter, edge between voxels"
    rows = (
        ("long_axis", long_mm, half, axial, LONG_AXIS),
        ("short_axis", short_mm, half, axial + ", perpendicular to the long axis", SHORT_AXIS),
        ("mean_diameter", (long_mm + short_mm) / 2, half / np.sqrt(2.0), "mean of long and short axis", DIAMETER),
        ("maximum_3d_diameter", farthest, half_3d, "largest distance between surface points", DIAMETER),
    )
    return {
        name: Measurement(name, value, "mm", (max(value - width, 0.0), value + width), method, code=code, evidence=evidence)
        for name, value, width, method, code in rows
    }


def _volume(name: str, value: float, edge_sd: float, method: str, evidence: Evidence) -> Measurement:
    """An edge misplaced by ``edge_sd`` everywhere changes the volume by the surface times that."""
    radius = (3.0 * value / (4.0 * np.pi)) ** (1.0 / 3.0)
    low, high = (4.0 / 3.0 * np.pi * max(radius + sign * 1.96 * edge_sd, 0.0) ** 3 for sign in (-1.0, 1.0))
    return Measurement(name, value, "mm3", (float(low), float(high)), method, code=VOLUME, evidence=evidence)


def _interior(mask: BoolArray, grid: Grid) -> BoolArray:
    """Return the mask without its blurred rim of 1 mm, or its deepest third where that leaves too little."""
    depth = ndimage.distance_transform_edt(mask) * float(grid.spacing_ijk_mm[0])
    inner = depth > 1.0
    return np.asarray(inner if np.count_nonzero(inner) >= 10 else depth > depth.max() * 0.67)


def _density(mask: BoolArray, hu: FloatImage, grid: Grid) -> tuple[DensityClass, BoolArray]:
    inner = _interior(mask, grid)
    smooth = ndimage.gaussian_filter(np.nan_to_num(hu, nan=-1000.0), 0.5 / float(grid.spacing_ijk_mm[0]))
    solid = mask & (smooth > SOLID_HU)
    share = float(np.mean(smooth[inner] > SOLID_HU))
    if share >= SOLID_SHARE:
        return DensityClass.SOLID, solid
    return (DensityClass.GROUND_GLASS if share <= GROUND_GLASS_SHARE else DensityClass.PART_SOLID), solid


def _attenuation(mask: BoolArray, hu: FloatImage, grid: Grid, evidence: Evidence) -> Measurement:
    """Mean away from the blurred rim, where neighbouring lung would pull it down."""
    inner = _interior(mask, grid) & np.isfinite(hu)
    values = hu[inner] if inner.any() else hu[mask & np.isfinite(hu)]
    # neighbouring resampled voxels share noise: count one independent value for each 2 x 2 x 2
    mean, error = float(values.mean()), 1.96 * float(values.std()) / np.sqrt(max(len(values) / 8.0, 1.0))
    return Measurement(
        "mean_attenuation", mean, "[hnsf'U]", (mean - error, mean + error), "mean inside the edge, its blurred rim left out",
        code=MEAN_ATTENUATION, evidence=evidence,
    )  # fmt: skip


def _solid_core(
    solid: BoolArray, density: DensityClass, hu: FloatImage, *, grid: Grid, edge_sd: float,
    found: dict[str, Measurement], evidence: Evidence,
) -> Measurement:  # fmt: skip
    name = "solid_core_diameter"
    if density is DensityClass.SOLID:
        whole = found["long_axis"]
        return Measurement(
            name, whole.value, "mm", whole.interval, "solid lesion: its long axis", code=DIAMETER, evidence=evidence
        )
    if density is not DensityClass.PART_SOLID:
        return not_measured(name, "mm", "no solid part was found")
    labels, count = ndimage.label(solid)
    if count > 1:
        solid = labels == int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    near = ndimage.binary_dilation(solid)
    field = np.where(near, np.nan_to_num(hu, nan=-1000.0), np.float32(-1000.0)).astype(np.float32)
    value = _axes(field, SOLID_HU, float(grid.spacing_ijk_mm[0]))[0]
    half = 1.96 * np.sqrt(2.0) * edge_sd
    return Measurement(
        name, value, "mm", (max(value - half, 0.0), value + half), f"long axis of the part above {SOLID_HU:.0f} HU",
        code=DIAMETER, evidence=evidence,
    )  # fmt: skip
