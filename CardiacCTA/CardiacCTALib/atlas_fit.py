"""Lays the average heart over a patient's: size, turn and shape by mutual information."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.progress import Progress

from .heart_atlas import HeartAtlas, average_heart
from .heart_region import HeartRegion
from .stoppable import execute

logger = logging.getLogger(__name__)

STARTS_MM = (-20.0, -4.0, 12.0)
"""Heights along the aorta at which the comparison starts: how low the circles reach is uncertain by about two centimetres."""
LOWEST_HU, HIGHEST_HU = -700.0, 600.0
BINS, SHARE = 32, 0.25
SEED = 1
"""Of the places that are compared: without one they are drawn by the clock, and a scan has other chambers on every run."""
FAR_MM = 50.0
MESH = (6, 6, 5)
"""Meshes of the spline deformation: about 3 cm each."""


@dataclass(frozen=True, eq=False)
class FittedHeart:
    """The average heart in the patient, on the coarse image's array.

    Parameters
    ----------
    labels
        (K, J, I) uint8.
    outside_mm
        (K, J, I) float32, about the distance to the pericardium, negative inside.
    ostia_mm
        (2, 3) about where the left and the right coronary artery leave the aorta: k, j, i of the coarse array times its spacing.
    agreement
        Mutual information in nats after the fit: how sure it is.
    laid
        The same before the average heart was bent: how well it lies.
    """

    labels: NDArray[np.uint8]
    outside_mm: NDArray[np.float32]
    ostia_mm: FloatArray
    agreement: float
    laid: float


@dataclass(frozen=True, eq=False)
class LaidHeart:
    """The average heart laid over a patient's, not yet bent.

    Parameters
    ----------
    affine
        From the average heart to the patient, mm of the coarse array.
    patient, fixed, mask
        The two images that were compared, and where.
    agreement
        Mutual information in nats.
    """

    affine: sitk.AffineTransform
    patient: sitk.Image
    fixed: sitk.Image
    mask: sitk.Image
    agreement: float


def fit_heart(region: HeartRegion, progress: Progress | None = None) -> FittedHeart:
    """Fit the average heart to the coarse image of a patient; ``progress`` may stop it at every step of the search.

    Raises
    ------
    Cancelled
        When the user stopped the run.
    """
    progress = progress or Progress()
    return bend_heart(region, lay_heart(region, progress), progress)


def lay_heart(region: HeartRegion, progress: Progress | None = None) -> LaidHeart:
    """Lay the average heart over the patient's, without bending it: about a quarter of the time of the whole fit.

    Strategy: the ascending aorta gives the place; from three heights a similarity is refined, the best one becomes affine.
    Everything runs in millimetres of the coarse array (left, back, up).
    """
    progress = progress or Progress()
    atlas = average_heart()
    progress.check()
    spacing = region.coarse.spacing_mm
    fixed, mask = _image(atlas.image, atlas), _image(atlas.region, atlas)
    clipped = np.clip(region.coarse.array, LOWEST_HU, HIGHEST_HU)
    moving = sitk.GetImageFromArray(clipped.astype(np.float32))
    moving.SetSpacing([float(size) for size in spacing[::-1]])
    moving = sitk.SmoothingRecursiveGaussian(moving, 1.5)
    chain = region.ascending
    middle = chain.centres[min(len(chain.centres) // 2, round(24.0 / spacing[0]))] * np.array(spacing)
    shift = middle[::-1] - atlas.ascending
    best: tuple[float, sitk.Similarity3DTransform] | None = None
    for height in STARTS_MM:
        similar = sitk.Similarity3DTransform()
        similar.SetCenter(atlas.centre.tolist())
        similar.SetTranslation((shift + height * atlas.ascending_axis).tolist())
        method = _method(mask, smooth_mm=2.0)
        method.SetOptimizerAsRegularStepGradientDescent(4.0, 0.05, 60, 0.6)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(similar, inPlace=True)
        execute(method, fixed, moving, progress)
        value = float(method.GetMetricValue())
        if best is None or value < best[0]:
            best = (value, similar)
    assert best is not None
    affine = sitk.AffineTransform(3)
    affine.SetCenter(best[1].GetCenter())
    affine.SetMatrix(best[1].GetMatrix())
    affine.SetTranslation(best[1].GetTranslation())
    method = _method(mask, smooth_mm=1.0)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.02, 60, 0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(affine, inPlace=True)
    execute(method, fixed, moving, progress)
    return LaidHeart(affine, moving, fixed, mask, -float(method.GetMetricValue()))


def bend_heart(region: HeartRegion, laid: LaidHeart, progress: Progress | None = None) -> FittedHeart:
    """Bend the laid heart to the patient's by a spline deformation, and carry its parts over."""
    progress = progress or Progress()
    atlas, fixed, affine = average_heart(), laid.fixed, laid.affine
    bend = sitk.BSplineTransformInitializer(fixed, MESH, 3)
    method = _method(laid.mask, smooth_mm=0.0)
    method.SetMovingInitialTransform(affine)
    method.SetOptimizerAsLBFGSB(1e-5, 40, maximumNumberOfCorrections=5, maximumNumberOfFunctionEvaluations=80)
    method.SetInitialTransform(bend, inPlace=True)
    execute(method, fixed, laid.patient, progress)
    agreement = -float(method.GetMetricValue())
    logger.info("average heart fitted: %.2f nats", agreement)
    labels, outside, ostia = _in_patient(atlas, affine, bend, region, progress)
    return FittedHeart(labels, outside, ostia, agreement, laid.agreement)


def _method(mask: sitk.Image, smooth_mm: float) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    # two would add their sums in either order, and voxels change their chamber; they win a quarter of the time
    method.SetNumberOfWorkUnits(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SHARE, SEED)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([2])
    method.SetSmoothingSigmasPerLevel([smooth_mm])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _image(array: NDArray[np.generic], atlas: HeartAtlas) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([atlas.step_mm] * 3)
    image.SetOrigin(atlas.lower_lps_mm.tolist())
    return image


def _in_patient(
    atlas: HeartAtlas, affine: sitk.AffineTransform, bend: sitk.BSplineTransform, region: HeartRegion, progress: Progress
) -> tuple[NDArray[np.uint8], NDArray[np.float32], FloatArray]:
    """Carry labels, distance and ostia over: by iteration for the place x in the atlas with affine(bend(x)) = voxel."""
    shape, spacing = region.coarse.array.shape, np.array(region.coarse.spacing_mm)
    field = sitk.GetArrayFromImage(
        sitk.TransformToDisplacementField(
            bend, sitk.sitkVectorFloat32, _image(atlas.labels, atlas).GetSize(), atlas.lower_lps_mm.tolist(), [atlas.step_mm] * 3
        )
    )
    matrix = np.array(affine.GetMatrix()).reshape(3, 3)
    centre, move = np.array(affine.GetCenter()), np.array(affine.GetTranslation())
    inverse = np.linalg.inv(matrix)
    box = _atlas_box(atlas, affine, shape, spacing)
    size = tuple(part.stop - part.start for part in box)
    grid = (np.indices(size).reshape(3, -1).T + [part.start for part in box]) * spacing
    wanted = (grid[:, ::-1] - centre - move) @ inverse.T + centre
    place = wanted.copy()
    for _ in range(6):
        progress.check()
        index = ((place - atlas.lower_lps_mm) / atlas.step_mm)[:, ::-1].T
        bent = np.stack(
            [ndimage.map_coordinates(field[..., axis], index, order=1, mode="nearest", output=np.float32) for axis in range(3)]
        )
        place = wanted - bent.T
    index = ((place - atlas.lower_lps_mm) / atlas.step_mm)[:, ::-1].T
    labels = np.zeros(shape, dtype=np.uint8)
    labels[box] = _likeliest(atlas, index).reshape(size)
    outside = np.full(shape, FAR_MM, dtype=np.float32)
    distance = ndimage.map_coordinates(atlas.outside_mm, index, order=1, mode="nearest", output=np.float32)
    outside[box] = distance.reshape(size)
    ostia = [affine.TransformPoint(bend.TransformPoint(place.tolist())) for place in atlas.ostia]
    return labels, outside, np.array(ostia)[:, ::-1]


def _atlas_box(
    atlas: HeartAtlas, affine: sitk.AffineTransform, shape: tuple[int, ...], spacing: FloatArray
) -> tuple[slice, slice, slice]:
    """Return the part of the coarse array that the average heart's lattice covers."""
    last = (np.array(atlas.labels.shape) - 1)[::-1] * atlas.step_mm
    corners = atlas.lower_lps_mm + np.array(list(np.ndindex(2, 2, 2))) * last
    placed = np.array([affine.TransformPoint(corner.tolist()) for corner in corners])[:, ::-1] / spacing
    low = np.clip(np.floor(placed.min(axis=0)), 0, np.array(shape) - 1).astype(int)
    high = np.clip(np.ceil(placed.max(axis=0)) + 1, low + 1, shape).astype(int)
    return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))


def _likeliest(atlas: HeartAtlas, index: FloatArray) -> NDArray[np.uint8]:
    """Read the atlas at places (3, N) by the label with the greatest share."""
    best = np.zeros(index.shape[1], dtype=np.float32)
    labels = np.zeros(index.shape[1], dtype=np.uint8)
    for value in np.unique(atlas.labels):
        inside = (atlas.labels == value).astype(np.float32)
        share = ndimage.map_coordinates(inside, index, order=1, mode="constant", cval=float(value == 0), output=np.float32)
        better = share > best
        best[better], labels[better] = share[better], value
    return labels
