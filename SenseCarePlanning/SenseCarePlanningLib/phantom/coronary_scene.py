"""The ideal image of a digital coronary patient: chest, lungs, pericardial fat, heart and great vessels, in HU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray
from ..volume import Grid
from .chest import LUNG_CENTRE_Y, ChestShape, backdrop, template_lungs
from .compose import parenchyma
from .coronary_heart import Heart
from .coronary_tree import INTRAMURAL, Artery
from .coronary_veins import Vein
from .fields import Float32Array, Lattice, SliceReader, occupancy, smooth_noise
from .tubepaint import paint_polyline
from .vessels import Vessels, grow, inside_of, sample_leaves

ByteArray = NDArray[np.uint8]

FAT_HU, PERICARDIUM_HU, PERICARDIUM_MM = -95.0, 15.0, 1.0
SLEEVE_MM = 1.2
"""Fat that every artery and vein has around it, where the heart's own walls would be closer."""

LUNG_LEAVES = 900
LUNG_ROOTS = (
    (-38.0, -6.0, -24.0),
    (-34.0, 16.0, -58.0),
    (-40.0, 3.0, -34.0),
    (42.0, 8.0, -8.0),
    (36.0, 20.0, -55.0),
    (40.0, 0.0, -22.0),
)
"""Where vessels enter the lungs, in the template."""


@dataclass(frozen=True)
class Contrast:
    """Attenuation of the blood pools and the muscle, HU.

    Parameters
    ----------
    left, aorta, lungs
        Left heart with the pulmonary veins, aorta, pulmonary artery.
    right, svc
        Right heart and superior vena cava, washed by saline.
    ivc
        Inferior vena cava, which the contrast agent has not reached.
    veins
        Cardiac veins.
    muscle
        Myocardium.
    """

    left: float = 415.0
    aorta: float = 430.0
    lungs: float = 300.0
    right: float = 190.0
    svc: float = 150.0
    ivc: float = 75.0
    veins: float = 170.0
    muscle: float = 100.0


WITHOUT_CONTRAST = Contrast(42.0, 42.0, 42.0, 42.0, 42.0, 42.0, 42.0, 50.0)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is around the heart, on a coarse lattice: the chest, its lungs and their vessels."""

    lattice: Lattice
    backdrop_hu: Float32Array
    parenchyma_hu: Float32Array
    lungs_mm: Float32Array
    texture: Float32Array
    vessels: Vessels


def make_surroundings(
    heart: Heart, shape: ChestShape, lower_lps_mm: FloatArray, upper_lps_mm: FloatArray, rng: np.random.Generator
) -> Surroundings:
    """Draw a chest around a heart, over a box."""
    lattice = Lattice.over(lower_lps_mm, upper_lps_mm, 2.0)
    sac = _resampled(heart, "sac", lattice)
    right, left = template_lungs(shape.template_axes(lattice), sac + np.float32(2.0))
    lungs = np.minimum(right, left).astype(np.float32)
    texture = (smooth_noise(lattice, 9.0, rng), smooth_noise(lattice, 1.6, rng))
    return Surroundings(
        lattice,
        backdrop(lattice, shape, lungs, rng).intensity_hu,
        parenchyma(lattice, -855.0, 0.28, LUNG_CENTRE_Y, texture),
        lungs,
        smooth_noise(lattice, 5.0, rng),
        _lung_vessels(heart, lattice, lungs, rng),
    )


def _resampled(heart: Heart, name: str, lattice: Lattice) -> Float32Array:
    points = np.stack(np.broadcast_arrays(*lattice.axes()), axis=-1).reshape(-1, 3)
    return heart.read(name, points).reshape(lattice.shape_kji).astype(np.float32)


def _lung_vessels(heart: Heart, lattice: Lattice, lungs_mm: Float32Array, rng: np.random.Generator) -> Vessels:
    roots = heart.pose.place(np.array(LUNG_ROOTS))
    leaves = sample_leaves(lattice, lungs_mm, LUNG_LEAVES, 7.0, rng)
    return grow(roots, np.zeros(len(roots)), leaves, inside_of(lattice, lungs_mm, 1.0), rng)


LAYERS = (
    ("rv_wall", "muscle"),
    ("lv_wall", "muscle"),
    ("la_wall", "muscle"),
    ("ra_wall", "muscle"),
    ("svc", "svc"),
    ("ivc", "ivc"),
    ("ra", "right"),
    ("rv", "right"),
    ("la", "left"),
    ("lv", "left"),
    ("veins", "left"),
)
"""Fields of the heart over the pericardial fat, each with its attenuation in :class:`Contrast`; the last one wins."""

VESSEL_LAYERS = (("trunk_wall", None), ("trunk", "lungs"), ("aorta_wall", None), ("aorta", "aorta"), ("descending", "aorta"))
"""Great vessels over the fat sleeves of the arteries; None is wall."""

VESSEL_WALL_HU = 45.0


def draw_scene(
    grid: Grid, heart: Heart, around: Surroundings, contrast: Contrast, arteries: list[Artery], veins: list[Vein]
) -> Float32Array:
    """Return the noise-free image in HU on an axial grid, the arteries' fat in place but not the arteries."""
    coarse, fine = SliceReader(around.lattice, grid), SliceReader(heart.lattice, grid)
    sleeve, vein = (np.zeros(grid.shape_kji, dtype=np.uint8) for _ in range(2))
    for artery in (item for item in arteries if item.name not in INTRAMURAL):
        step = slice(None, None, 4)
        keep = np.append(np.arange(len(artery.lumen_mm))[step], len(artery.lumen_mm) - 1)
        paint_polyline(sleeve, grid, artery.points_lps_mm[keep], artery.outer_mm[keep] + SLEEVE_MM)
    for item in veins:
        paint_polyline(vein, grid, item.points_lps_mm, item.radius_mm)
        paint_polyline(sleeve, grid, item.points_lps_mm, item.radius_mm + 0.5 * SLEEVE_MM)
    lung_vessels = np.zeros(grid.shape_kji, dtype=np.uint8)
    around.vessels.paint(lung_vessels, grid)
    width = float(grid.spacing_ijk_mm.mean())
    image = np.empty(grid.shape_kji, dtype=np.float32)
    for k, plane in enumerate(image):
        plane[:] = coarse.read(around.backdrop_hu, k)
        _over(plane, occupancy(coarse.read(around.lungs_mm, k), width), coarse.read(around.parenchyma_hu, k))
        _over_share(plane, lung_vessels[k], 0.8 * contrast.lungs)
        sac = fine.read(heart.fields["sac"], k)
        _over(plane, occupancy(sac - np.float32(PERICARDIUM_MM), width), PERICARDIUM_HU)
        _over(plane, occupancy(sac, width), FAT_HU + 7.0 * coarse.read(around.texture, k))
        mixing = 1.0 + 0.06 * coarse.read(around.texture, k)
        for name, pool in LAYERS:
            value = getattr(contrast, pool) * (mixing if pool in ("right", "svc") else 1.0)
            _over(plane, occupancy(fine.read(heart.fields[name], k), width), value)
        muscle = np.maximum(fine.read(heart.fields["papillary"], k), fine.read(heart.fields["lv"], k))
        _over(plane, occupancy(muscle, width), contrast.muscle)
        _over_share(plane, sleeve[k], FAT_HU)
        _over_share(plane, vein[k], contrast.veins)
        for name, pool_ in VESSEL_LAYERS:
            vessel_hu = VESSEL_WALL_HU if pool_ is None else getattr(contrast, pool_)
            _over(plane, occupancy(fine.read(heart.fields[name], k), width), vessel_hu)
    return image


def _over(plane: Float32Array, share: Float32Array, value: Float32Array | float) -> None:
    at = share > 0.0
    if at.any():
        there = value[at] if isinstance(value, np.ndarray) else np.float32(value)
        plane[at] += share[at] * (there - plane[at])


def _over_share(plane: Float32Array, share: ByteArray, value_hu: float) -> None:
    _over(plane, share.astype(np.float32) * np.float32(1.0 / 255.0), value_hu)


CHAMBERS: tuple[tuple[int, str, str], ...] = (
    (11, "myocardium", "lv_wall"),
    (15, "right_ventricle", "rv"),
    (14, "right_atrium", "ra"),
    (13, "left_atrium", "la"),
    (12, "left_ventricle", "lv"),
    (13, "left_atrium", "veins"),
    (17, "pulmonary_artery", "trunk"),
    (16, "aorta", "aorta"),
    (16, "aorta", "descending"),
)
"""Label, name and field; the last one wins."""

VEIN_LABEL = 18


def chamber_labels(grid: Grid, heart: Heart, veins: list[Vein]) -> ByteArray:
    """Return the label map of chambers, great vessels and cardiac veins on an axial grid; papillary muscle is myocardium."""
    fine = SliceReader(heart.lattice, grid)
    labels = np.zeros(grid.shape_kji, dtype=np.uint8)
    vein = np.zeros(grid.shape_kji, dtype=np.uint8)
    for item in veins:
        paint_polyline(vein, grid, item.points_lps_mm, item.radius_mm)
    for k, plane in enumerate(labels):
        for label, name, field in CHAMBERS:
            plane[fine.read(heart.fields[field], k) < 0.0] = label
            if name == "left_ventricle":
                plane[(plane == label) & (fine.read(heart.fields["papillary"], k) < 0.0)] = 11
        plane[(vein[k] > 127) & (plane < 14)] = VEIN_LABEL
    return labels
