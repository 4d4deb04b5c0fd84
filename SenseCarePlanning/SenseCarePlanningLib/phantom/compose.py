"""Layers of a chest to one noise-free image: lungs over the backdrop, then vessels, nodules, bronchial walls and air."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..volume import Grid
from .fields import Float32Array, Lattice, SliceReader, occupancy

ByteArray = NDArray[np.uint8]

LUMEN_HU, WALL_HU, VESSEL_HU, FISSURE_HU, FISSURE_HALF_MM = -1000.0, 35.0, 42.0, 0.0, 0.15


@dataclass(frozen=True, eq=False)
class Lesion:
    """A nodule or patch: its share of the voxels of a box of the fine grid, and its attenuation."""

    box_kji: tuple[slice, slice, slice]
    share: Float32Array
    intensity_hu: float


@dataclass(frozen=True, eq=False)
class Layers:
    """What a chest is made of.

    Parameters
    ----------
    lattice
        Of the smooth fields.
    backdrop_hu, parenchyma_hu, lung_distance_mm
        [k, j, i] on the lattice: the chest without lungs, the lung tissue everywhere, and the signed distance to the lungs.
    fissures
        Signed distance to a fissure's surface, and a field that is negative where that fissure exists (None: in both lungs).
    lumen, outer, vessels
        Shares 0 to 255 on the fine grid; ``outer`` is lumen and wall together.
    lesions
        Laid over the lung tissue in order.
    holes
        Laid last, over walls: leaks and plugs.
    """

    lattice: Lattice
    backdrop_hu: Float32Array
    parenchyma_hu: Float32Array
    lung_distance_mm: Float32Array
    lumen: ByteArray
    outer: ByteArray
    vessels: ByteArray | None = None
    fissures: tuple[tuple[Float32Array, Float32Array | None], ...] = ()
    lesions: tuple[Lesion, ...] = ()
    holes: tuple[Lesion, ...] = field(default=())


def draw(layers: Layers, grid: Grid) -> Float32Array:
    """Return the noise-free image in HU on the fine grid; every value is the mean over its voxel."""
    reader = SliceReader(layers.lattice, grid)
    width = float(grid.spacing_ijk_mm.mean())
    image = np.empty(grid.shape_kji, dtype=np.float32)
    for k, plane in enumerate(image):
        plane[:] = reader.read(layers.backdrop_hu, k)
        share = occupancy(reader.read(layers.lung_distance_mm, k), width)
        if share.any():
            tissue = reader.read(layers.parenchyma_hu, k)
            for surface, limit in layers.fissures:
                line = occupancy(np.abs(reader.read(surface, k)) - np.float32(FISSURE_HALF_MM), width)
                if limit is not None:
                    line *= occupancy(reader.read(limit, k), width)
                tissue += line * (np.float32(FISSURE_HU) - tissue)
            plane[:] = plane + share * (tissue - plane)
        if layers.vessels is not None:
            _lay(plane, layers.vessels[k], VESSEL_HU)
    for lesion in layers.lesions:
        _lay_box(image, lesion)
    for k, plane in enumerate(image):
        _lay(plane, layers.outer[k], WALL_HU)
        _lay(plane, layers.lumen[k], LUMEN_HU)
    for hole in layers.holes:
        _lay_box(image, hole)
    return image


def _lay(plane: Float32Array, share: ByteArray, value_hu: float) -> None:
    at = share > 0
    if at.any():
        here = plane[at]
        plane[at] = here + share[at].astype(np.float32) * np.float32(1.0 / 255.0) * (np.float32(value_hu) - here)


def _lay_box(image: Float32Array, lesion: Lesion) -> None:
    part = image[lesion.box_kji]
    part += lesion.share * (np.float32(lesion.intensity_hu) - part)


def parenchyma(
    lattice: Lattice, mean_hu: float, gravity_hu_per_mm: float, middle_y_mm: float, texture: tuple[Float32Array, Float32Array]
) -> Float32Array:
    """Return lung tissue in HU: denser towards the back of a supine patient, with patches and lobular grain.

    ``texture`` are two unit-variance fields, coarse and fine.
    """
    _, y, _ = lattice.axes()
    coarse, fine = texture
    return np.asarray(mean_hu + gravity_hu_per_mm * (y - middle_y_mm) + 9.0 * coarse + 13.0 * fine, dtype=np.float32)
