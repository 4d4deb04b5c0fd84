"""Cross-sections of a digital coronary artery: what lies where around its middle, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray
from ..tubes.frames import rotation_minimising_frames
from .coronary_lesions import Composition, Lesion
from .coronary_tree import Artery

ByteArray = NDArray[np.uint8]
FloatLike = NDArray[np.floating]

PLATEAU = 0.30
"""Share of a lesion's half length over which it is at its tightest."""

STRUT_MM, STRUT_HU = 0.14, 12000.0
"""Metal: struts of less show, blurred, hardly brighter than the lumen, as no stent of a patient does."""
SPOT_MM = 2.2
"""Diameter of a spotty calcification: below the 3 mm of the definition."""

SMALLEST_LUMEN_MM = 0.03


class Tissue(IntEnum):
    """What a place in or at an artery is; where two arteries overlap the higher one stays. The numbers are a file format."""

    NONE = 0
    WALL = 1
    PLAQUE = 2
    LIPID = 3
    CALCIUM = 4
    STENT = 5
    LUMEN = 6


def window(distance_mm: FloatLike, length_mm: float) -> FloatArray:
    """Return how much of a lesion there is (0 to 1) at distances from its centre: a plateau with cosine shoulders."""
    t = np.abs(np.asarray(distance_mm, dtype=np.float64)) / (0.5 * length_mm)
    return np.cos(0.5 * np.pi * np.clip((t - PLATEAU) / (1.0 - PLATEAU), 0.0, 1.0)) ** 2


@dataclass(frozen=True, eq=False)
class Sections:
    """An artery with its lesions.

    Parameters
    ----------
    artery
        Healthy.
    frames
        (N, 3, 3) tangent, up, left.
    lumen_mm, outer_mm
        (N,) true radii.
    offset_mm
        (N, 2) middle of the lumen from the middle of the vessel, along up and left.
    lesions
        Its own.
    ostium_mm
        Length of artery between the aorta and this artery's start.
    """

    artery: Artery
    frames: FloatArray
    lumen_mm: FloatArray
    outer_mm: FloatArray
    offset_mm: FloatArray
    lesions: tuple[Lesion, ...]
    ostium_mm: float

    @property
    def lumen_lps_mm(self) -> FloatArray:
        """Middle of the lumen (N, 3): the true centreline."""
        return np.asarray(
            self.artery.points_lps_mm + self.offset_mm[:, :1] * self.frames[:, 1] + self.offset_mm[:, 1:] * self.frames[:, 2]
        )

    @property
    def stenosis_percent(self) -> FloatArray:
        """Diameter stenosis (N,) against the healthy lumen."""
        return np.asarray(100.0 * (1.0 - self.lumen_mm / self.artery.lumen_mm))


def make_sections(artery: Artery, lesions: list[Lesion], ostium_mm: float) -> Sections:
    """Put lesions into an artery."""
    own = tuple(lesion for lesion in lesions if lesion.artery == artery.name)
    arc = artery.arc_mm
    lumen, outer = artery.lumen_mm.copy(), artery.outer_mm.copy()
    offset = np.zeros((len(arc), 2))
    for lesion in own:
        share = window(arc - lesion.centre_mm, lesion.length_mm)
        lumen = np.minimum(lumen, artery.lumen_mm * (1.0 - share * lesion.spec.percent / 100.0))
        outer = np.maximum(outer, artery.outer_mm * (1.0 + share * (lesion.spec.remodelling - 1.0)))
        if lesion.spec.remodelling < 1.0:
            outer = np.minimum(outer, artery.outer_mm * (1.0 + share * (lesion.spec.remodelling - 1.0)))
        if lesion.spec.eccentric:
            wall = artery.outer_mm - artery.lumen_mm
            room = np.maximum(outer - wall - lumen, 0.0)
            angle = np.radians(lesion.angle_deg)
            offset -= (0.95 * room * (share > 0))[:, None] * np.array([np.cos(angle), np.sin(angle)])
    lumen = np.where(lumen < SMALLEST_LUMEN_MM, 0.0, lumen)
    frames = rotation_minimising_frames(artery.points_lps_mm)
    return Sections(artery, frames, lumen, outer, offset, own, ostium_mm)


@dataclass(frozen=True)
class Look:
    """Attenuation in one scan, HU.

    Parameters
    ----------
    lumen_hu, loss_per_mm
        At the ostium, and the share lost per mm of artery.
    wall_hu
        Of the normal wall.
    soft_shift_hu
        Added to plaque without calcium: what contrast does to it (negative in the scan without contrast).
    calcium_factor
        Calcium relative to 120 kVp.
    """

    lumen_hu: float = 420.0
    loss_per_mm: float = 0.0007
    wall_hu: float = 60.0
    soft_shift_hu: float = 0.0
    calcium_factor: float = 1.0


def classify(
    sections: Sections, at: FloatLike, up_mm: FloatLike, left_mm: FloatLike, look: Look
) -> tuple[ByteArray, NDArray[np.float32]]:
    """Tell what lies at places around an artery.

    Parameters
    ----------
    at
        (N,) continuous index along the centreline.
    up_mm, left_mm
        (N,) from the middle of the vessel in its frame.

    Returns
    -------
    tuple
        (N,) :class:`Tissue` and (N,) HU (0 where there is none of it).
    """
    artery = sections.artery
    count = len(artery.lumen_mm)
    low = np.clip(np.floor(at).astype(int), 0, count - 2)
    part = np.clip(at - low, 0.0, 1.0)

    def along(values: FloatArray) -> FloatArray:
        """Return values (N,) of the artery's sections at the places asked for."""
        return np.asarray(values[low] + part * (values[low + 1] - values[low]))

    lumen, outer = along(sections.lumen_mm), along(sections.outer_mm)
    from_lumen = np.hypot(up_mm - along(sections.offset_mm[:, 0]), left_mm - along(sections.offset_mm[:, 1])) - lumen
    to_outer = outer - np.hypot(up_mm, left_mm)
    inside = (from_lumen <= 0.0) & (lumen > 0.0)
    beside = ~inside & (to_outer > 0.0)
    tissue = np.where(inside, Tissue.LUMEN, np.where(beside, Tissue.WALL, Tissue.NONE)).astype(np.uint8)
    arc = along(artery.arc_mm)
    contrast = look.lumen_hu - look.loss_per_mm * (look.lumen_hu - 45.0) * (arc + sections.ostium_mm)
    value = np.where(inside, contrast, np.where(beside, look.wall_hu, 0.0)).astype(np.float32)
    wall = along(artery.outer_mm - artery.lumen_mm)
    depth = from_lumen / np.maximum(from_lumen + to_outer - wall, 1e-6)
    for lesion in sections.lesions:
        touched = np.flatnonzero(beside & (np.abs(arc - lesion.centre_mm) < 0.5 * lesion.length_mm))
        if touched.size == 0:
            continue
        place = _Place(
            arc[touched] - lesion.centre_mm, up_mm[touched], left_mm[touched], depth[touched], to_outer[touched] > wall[touched]
        )
        healthy = along(artery.lumen_mm)[touched]
        found, hu = _plaque(lesion, place, healthy, look)
        changed = found > 0
        tissue[touched[changed]], value[touched[changed]] = found[changed], hu[changed]
    return tissue, value


@dataclass(frozen=True, eq=False)
class _Place:
    """Places in a lesion: along it from its centre, in the section, and how deep (0 lumen to 1 wall); ``within`` the wall."""

    along_mm: FloatLike
    up_mm: FloatLike
    left_mm: FloatLike
    depth: FloatLike
    within: NDArray[np.bool_]


def _plaque(lesion: Lesion, place: _Place, healthy_mm: FloatArray, look: Look) -> tuple[ByteArray, NDArray[np.float32]]:
    """Tissue and HU of places outside the lumen of one lesion; 0 where the normal wall stays."""
    kind = lesion.spec.composition
    t = place.along_mm / (0.5 * lesion.length_mm)
    turn = np.degrees(np.arctan2(place.left_mm, place.up_mm)) - lesion.angle_deg
    turn = np.abs((turn + 180.0) % 360.0 - 180.0)
    tissue = np.where(place.within, Tissue.PLAQUE, Tissue.NONE).astype(np.uint8)
    value = np.full(len(tissue), lesion.plaque_hu + look.soft_shift_hu, dtype=np.float32)
    core = place.within & (turn < 65.0) & (np.abs(t) < 0.6)
    if kind is Composition.LIPID:
        _put(tissue, value, core & (np.abs(place.depth - 0.5) < 0.3), Tissue.LIPID, lesion.core_hu + look.soft_shift_hu)
    if kind is Composition.NAPKIN_RING:
        ring = place.within & (turn < 150.0) & (np.abs(t) < 0.75) & (place.depth > 0.6)
        value[ring] = 112.0 + look.soft_shift_hu
        _put(tissue, value, core & (place.depth < 0.6) & (place.depth > 0.08), Tissue.LIPID, lesion.core_hu + look.soft_shift_hu)
    calcium = lesion.calcium_hu * look.calcium_factor
    if kind in (Composition.CALCIFIED, Composition.MIXED):
        near, far, reach = (0.08, 0.92, 0.85) if kind is Composition.CALCIFIED else (0.30, 0.95, 0.6)
        half = 0.5 * lesion.calcium_arc_deg
        round_off = (t / reach) ** 2 + (0.0 if half >= 179.9 else (turn / half) ** 2)
        band = place.within & (place.depth > near) & (place.depth < far)
        _put(tissue, value, band & (round_off < 1.0), Tissue.CALCIUM, calcium)
    if kind is Composition.SPOTTY:
        angle, distance = np.radians(lesion.angle_deg), healthy_mm
        gap = np.sqrt(
            (place.up_mm - distance * np.cos(angle)) ** 2 + (place.left_mm - distance * np.sin(angle)) ** 2 + place.along_mm**2
        )
        _put(tissue, value, place.within & (gap < 0.5 * SPOT_MM), Tissue.CALCIUM, calcium)
    if kind is Composition.STENT:
        distance = np.hypot(place.up_mm, place.left_mm)
        angle = np.arctan2(place.left_mm, place.up_mm)
        mesh = np.minimum(np.abs(np.sin(3.0 * angle + 2.2 * place.along_mm)), np.abs(np.sin(3.0 * angle - 2.2 * place.along_mm)))
        ring = (distance > healthy_mm) & (distance < healthy_mm + STRUT_MM) & (np.abs(t) < 0.95)
        strut_hu = STRUT_HU if lesion.spec.calcium_hu is None else lesion.spec.calcium_hu
        _put(tissue, value, ring & (mesh < 0.3), Tissue.STENT, strut_hu)
    return tissue, value


def _put(tissue: ByteArray, value: NDArray[np.float32], where: NDArray[np.bool_], kind: Tissue, hu: float) -> None:
    tissue[where], value[where] = kind, hu


POLAR_STEP_MM = 0.04


def tissue_volumes_mm3(sections: Sections, lesion: Lesion) -> dict[Tissue, float]:
    """Return the volume of each tissue of a lesion, integrated over its cross-sections with the course's curvature."""
    artery = sections.artery
    arc = artery.arc_mm
    rows = np.flatnonzero(np.abs(arc - lesion.centre_mm) <= 0.5 * lesion.length_mm)
    width = float(sections.outer_mm[rows].max()) + POLAR_STEP_MM
    line = np.arange(-width, width, POLAR_STEP_MM) + 0.5 * POLAR_STEP_MM
    up, left = (plane.ravel() for plane in np.meshgrid(line, line, indexing="ij"))
    bend = np.gradient(sections.frames[:, 0], axis=0) / np.gradient(arc)[:, None]
    step = np.gradient(arc)
    total = dict.fromkeys(Tissue, 0.0)
    for row in rows:
        tissue, _ = classify(sections, np.full(up.shape, float(row)), up, left, Look())
        curved = 1.0 - up * float(bend[row] @ sections.frames[row, 1]) - left * float(bend[row] @ sections.frames[row, 2])
        weight = np.maximum(curved, 0.0) * float(step[row]) * POLAR_STEP_MM**2
        for kind, volume in zip(Tissue, np.bincount(tissue, weights=weight, minlength=len(Tissue)), strict=True):
            total[kind] += float(volume)
    return total
