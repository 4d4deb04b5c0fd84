"""The chest around the airways: lungs, mediastinum, bones and soft tissue as signed distances on a lattice, in HU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ..geometry import FloatArray
from .fields import Float32Array, Lattice, ellipsoid, occupancy, smooth_cut, smooth_noise, smooth_union

AIR, FAT, MUSCLE, BLOOD, SKIN, FLUID = -1000.0, -100.0, 52.0, 42.0, 10.0, 8.0
LIVER, SPLEEN, CARTILAGE, CORTICAL, TRABECULAR, MARROW_CANAL = 58.0, 48.0, 90.0, 620.0, 170.0, 25.0
"""Typical unenhanced attenuation in HU; they shape the picture and no measurement depends on them."""

Axes = tuple[Float32Array, Float32Array, Float32Array]


@dataclass(frozen=True)
class ChestShape:
    """Size of a chest. Coordinates of the template are LPS mm from the carina.

    Parameters
    ----------
    carina_lps_mm
        Where the template's origin lies.
    scale
        Stretch of the template along x, y, and z above and below the carina.
    """

    carina_lps_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)

    def template_axes(self, lattice: Lattice) -> Axes:
        """Return the lattice's coordinates in the template."""
        x, y, z = lattice.axes()
        x = (x - self.carina_lps_mm[0]) / np.float32(self.scale[0])
        y = (y - self.carina_lps_mm[1]) / np.float32(self.scale[1])
        z = z - np.float32(self.carina_lps_mm[2])
        return x, y, np.where(z > 0, z / self.scale[2], z / self.scale[3]).astype(np.float32)

    def to_lps(self, points_mm: FloatArray) -> FloatArray:
        """Map template points (..., 3) to LPS mm."""
        points = np.asarray(points_mm, dtype=np.float64).copy()
        points[..., 0] *= self.scale[0]
        points[..., 1] *= self.scale[1]
        points[..., 2] *= np.where(points[..., 2] > 0, self.scale[2], self.scale[3])
        return np.asarray(points + np.asarray(self.carina_lps_mm))

    @property
    def mean_scale(self) -> float:
        """One number for distances measured in the template."""
        return float(np.mean(self.scale[:2]))

    def bounds(self, wall_mm: float = 34.0) -> tuple[FloatArray, FloatArray]:
        """Return the corners of the box (LPS mm) that holds lungs, chest wall and the abdomen's top."""
        low = self.to_lps(np.array([-LUNG_HALF_WIDTH, LUNG_CENTRE_Y - LUNG_HALF_DEPTH, BASE_Z]))
        high = self.to_lps(np.array([LUNG_HALF_WIDTH, LUNG_CENTRE_Y + LUNG_HALF_DEPTH, APEX_Z]))
        return low - np.array([wall_mm + 4.0, wall_mm, 8.0]), high + np.array([wall_mm + 4.0, wall_mm + 6.0, 14.0])


APEX_Z, BASE_Z = 92.0, -188.0
LUNG_HALF_WIDTH, LUNG_HALF_DEPTH, LUNG_CENTRE_Y = 132.0, 86.0, 12.0
"""Template of an adult of about 170 cm at full inspiration: lungs 265 mm wide, 270 mm high."""


def cage(axes: Axes) -> Float32Array:
    """Return the signed distance (template mm) of the space inside the ribs, open below."""
    x, y, z = axes
    t = np.clip((APEX_Z - z) / 125.0, 0.0, 1.0)
    dome = np.sqrt(np.clip(1.0 - (1.0 - t) ** 2, 1e-4, 1.0))
    half_width = 22.0 + (LUNG_HALF_WIDTH - 22.0) * dome + 4.0 * np.clip(-z / 170.0, 0.0, 1.0)
    front = LUNG_CENTRE_Y - LUNG_HALF_DEPTH + 74.0 * (1.0 - dome) ** 1.2
    back = LUNG_CENTRE_Y + LUNG_HALF_DEPTH - 34.0 * (1.0 - dome)
    half_depth = np.maximum((back - front) / 2.0, 3.0)
    middle = (back + front) / 2.0
    share = (np.abs(x / half_width) ** 2.5 + np.abs((y - middle) / half_depth) ** 2.5) ** 0.4
    return np.asarray(np.maximum((share - 1.0) * np.minimum(half_width, half_depth), z - APEX_Z), dtype=np.float32)


def diaphragm_height(x: Float32Array, y: Float32Array) -> Float32Array:
    """Return the z (template mm) of the diaphragm at (x, y): two domes, the right higher, deep recesses at the rim."""
    right = -110.0 - 34.0 * (((x + 66.0) / 66.0) ** 2) - 34.0 * (((y + 4.0) / 80.0) ** 2)
    left = -122.0 - 30.0 * (((x - 70.0) / 64.0) ** 2) - 32.0 * (((y + 4.0) / 80.0) ** 2)
    centre = -114.0 - 26.0 * (((x - 12.0) / 52.0) ** 2) - 26.0 * (((y + 22.0) / 52.0) ** 2)
    rim = np.abs(y - LUNG_CENTRE_Y) / LUNG_HALF_DEPTH
    recess = 26.0 * np.clip(rim - 0.55, 0.0, None) ** 1.5 * (y > LUNG_CENTRE_Y)
    return np.asarray(np.maximum.reduce([right, left, centre, np.full_like(right, -180.0)]) - recess, dtype=np.float32)


def heart(axes: Axes) -> Float32Array:
    """Return the signed distance of the heart: ventricles to the left front, right atrium to the right."""
    x, y, z = axes
    # the ventricular axis runs to the left, front and down
    u = 0.80 * (x - 22.0) - 0.40 * (y + 28.0) - 0.45 * (z + 72.0)
    v = 0.45 * (x - 22.0) + 0.89 * (y + 28.0)
    w = 0.36 * (x - 22.0) - 0.20 * (y + 28.0) + 0.91 * (z + 72.0)
    ventricles = ellipsoid((u, v, w), (0.0, 0.0, 0.0), (54.0, 38.0, 40.0))
    atria = ellipsoid(axes, (-8.0, -8.0, -58.0), (30.0, 28.0, 34.0))
    return smooth_union(ventricles, atria, 14.0)


def tube(axes: Axes, points: FloatArray, radii: FloatArray) -> Float32Array:
    """Return the signed distance of a tube along a polyline (N, 3) with radii (N,), in the axes' own frame."""
    x, y, z = axes
    shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
    best = np.full(shape, 1e3, dtype=np.float32)
    for start, end, r0, r1 in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        reach = max(float(r0), float(r1)) + 25.0
        part = _box_slices(axes, np.minimum(start, end) - reach, np.maximum(start, end) + reach)
        if part is None:
            continue
        px, py, pz = x[:, :, part[2]] - start[0], y[:, part[1], :] - start[1], z[part[0]] - start[2]
        d = end - start
        t = np.clip((px * d[0] + py * d[1] + pz * d[2]) / max(float(d @ d), 1e-9), 0.0, 1.0).astype(np.float32)
        gap = np.sqrt((px - t * d[0]) ** 2 + (py - t * d[1]) ** 2 + (pz - t * d[2]) ** 2) - (r0 + t * (r1 - r0))
        best[part] = np.minimum(best[part], gap)
    return best


def _box_slices(axes: Axes, low: FloatArray, high: FloatArray) -> tuple[slice, slice, slice] | None:
    parts = []
    for axis, values in zip((2, 1, 0), (axes[2], axes[1], axes[0]), strict=True):
        hits = np.flatnonzero((values.ravel() >= low[axis]) & (values.ravel() <= high[axis]))
        if hits.size == 0:
            return None
        parts.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return (parts[0], parts[1], parts[2])


GREAT_VESSELS: dict[str, tuple[tuple[tuple[float, float, float, float], ...], ...]] = {
    "aorta": (
        (
            (-8, -24, -48, 16),
            (-13, -30, -20, 16),
            (-12, -30, 6, 15.5),
            (-4, -22, 24, 14.5),
            (8, -4, 31, 13.5),
            (18, 14, 28, 12.5),
            (22, 28, 14, 12),
            (22, 34, -10, 12),
            (20, 36, -60, 11.5),
            (15, 36, -120, 11),
            (6, 34, -200, 10.5),
        ),
    ),
    "arch_branches": (
        ((-8, -20, 30, 6.5), (-16, -16, 55, 6), (-22, -10, 75, 5.5), (-24, -8, 120, 5)),
        ((4, -10, 34, 4.5), (10, -4, 60, 4), (14, -2, 120, 4)),
        ((14, 4, 32, 5), (22, 8, 60, 4.5), (28, 8, 90, 4.5)),
    ),
    "vena_cava": (
        ((-27, -20, 62, 8), (-27, -20, 20, 9), (-25, -17, -10, 9.5), (-24, -12, -36, 10)),
        ((34, -26, 78, 6), (10, -32, 62, 6.5), (-14, -28, 52, 7), (-27, -20, 44, 8)),
        ((-30, -22, 110, 6), (-27, -20, 62, 8)),
        ((-19, -4, -76, 11), (-22, 2, -130, 12.5)),
    ),
    "pulmonary_trunk": (
        (
            (12, -38, -46, 15),
            (18, -36, -26, 14),
            (19, -24, -10, 13),
        ),
        ((16, -22, -14, 11), (0, -14, -20, 10.5), (-20, -11, -22, 10), (-38, -8, -24, 9)),
        ((20, -20, -8, 12), (30, -8, -2, 10), (40, 6, -6, 9)),
    ),
    "left_atrium": (((-22, 10, -42, 10), (-6, 9, -42, 16), (14, 9, -44, 14), (32, 8, -38, 8)),),
    "oesophagus": (((4, 17, 120, 6), (7, 19, 40, 6.5), (9, 20, 0, 6.5), (6, 22, -40, 7), (8, 18, -90, 8), (18, 6, -130, 8)),),
    "azygos": (((-8, 34, -170, 3), (-9, 32, -20, 3.5), (-16, 22, 6, 4), (-24, -6, 8, 4)),),
}
"""Centrelines (x, y, z, radius) in the template; drawn from normal axial anatomy at the level of the carina and around it."""


def great_vessel(axes: Axes, name: str) -> Float32Array:
    """Return the signed distance of one entry of :data:`GREAT_VESSELS`."""
    parts = [np.asarray(course, dtype=np.float64) for course in GREAT_VESSELS[name]]
    fields = [tube(axes, part[:, :3], part[:, 3]) for part in parts]
    return np.asarray(np.minimum.reduce(fields), dtype=np.float32)


def spine(axes: Axes) -> Float32Array:
    """Return the signed distance of the vertebral column with its surrounding muscle wedge, as the lungs see it."""
    x, y, _ = axes
    body = np.hypot(x / 1.15, y - 48.0) - 19.0
    wedge = np.maximum(np.abs(x) - 17.0 - 0.12 * (y - 60.0), 55.0 - y)
    return smooth_union(np.asarray(body, dtype=np.float32), np.asarray(wedge, dtype=np.float32), 14.0)


def mediastinum(axes: Axes, heart_mm: Float32Array | None = None) -> Float32Array:
    """Return the signed distance of everything between the lungs, around a given heart or the template's."""
    x, y, z = axes
    upper = np.hypot(x / 0.95, (y + 4.0) / 1.45) - (21.0 + 7.0 * np.clip(z / 60.0, -1.0, 0.6))
    low = np.clip((-20.0 - z) / 60.0, 0.0, 1.0)
    column = np.maximum(np.asarray(upper, dtype=np.float32), -60.0 - z)
    front = np.maximum(np.abs(x - 2.0 - 8.0 * low) - 2.5 - 13.0 * low, y - 8.0)
    behind = np.hypot(x - 6.0, y - 22.0) - 15.0
    total = smooth_union(column, spine(axes), 12.0)
    for part, blend in (
        (np.asarray(front, dtype=np.float32), 10.0),
        (np.asarray(np.broadcast_to(behind, total.shape), dtype=np.float32), 10.0),
        ((heart(axes) if heart_mm is None else heart_mm) - np.float32(4.0), 10.0),
        (great_vessel(axes, "aorta") - 2.0, 8.0),
        (great_vessel(axes, "vena_cava") - 2.0, 8.0),
        (great_vessel(axes, "pulmonary_trunk") - 2.0, 8.0),
        (great_vessel(axes, "left_atrium") - 2.0, 8.0),
    ):
        total = smooth_union(total, part, blend)
    return total


def template_lungs(axes: Axes, heart_mm: Float32Array | None = None) -> tuple[Float32Array, Float32Array]:
    """Return the signed distances (template mm) of the right and the left lung, around a given heart or the template's."""
    x, y, z = axes
    space = smooth_cut(cage(axes), np.asarray(z - diaphragm_height(x, y), dtype=np.float32) * np.float32(0.75), 8.0)
    both = smooth_cut(space, mediastinum(axes, heart_mm), 10.0)
    side = np.broadcast_to(x - 1.0, both.shape)
    return np.maximum(both, side).astype(np.float32), np.maximum(both, -side).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Backdrop:
    """Everything but the lungs.

    Parameters
    ----------
    intensity_hu
        [k, j, i] on the lattice, as if there were no lungs.
    """

    lattice: Lattice
    intensity_hu: Float32Array


class _Painter:
    """Lays one tissue over what is there, edges blended over one lattice step."""

    def __init__(self, lattice: Lattice, scale: float) -> None:
        self.image = np.full(lattice.shape_kji, AIR, dtype=np.float32)
        self._width = np.float32(1.4 * lattice.step_mm / scale)

    def lay(self, distance: Float32Array, value_hu: float | Float32Array) -> None:
        at = np.flatnonzero(distance.ravel() < 0.5 * self._width)
        share = occupancy(distance.ravel()[at], float(self._width))
        value = value_hu.ravel()[at] if isinstance(value_hu, np.ndarray) else np.float32(value_hu)
        flat = self.image.reshape(-1)
        flat[at] += share * (value - flat[at])


def backdrop(lattice: Lattice, shape: ChestShape, lungs_mm: Float32Array, rng: np.random.Generator) -> Backdrop:
    """Paint the chest without lungs and airways: body, table, bones, heart, great vessels, abdomen.

    The wall goes around the lungs, given as signed distance in mm, wherever they are larger than the template's cage.
    """
    axes = shape.template_axes(lattice)
    around = np.asarray(gaussian_filter(lungs_mm, 4.0 / lattice.step_mm) / np.float32(shape.mean_scale), dtype=np.float32)
    inner = smooth_union(cage(axes), around - 2.0, 6.0)
    painter = _Painter(lattice, shape.mean_scale)
    _paint_wall(painter, axes, inner)
    texture = smooth_noise(lattice, 6.0, rng)
    painter.lay(inner, FAT + 4.0 * texture)
    _paint_abdomen(painter, axes, inner)
    _paint_mediastinum(painter, axes, smooth_noise(lattice, 14.0, rng))
    _paint_ribs(painter, axes, inner)
    _paint_spine(painter, axes)
    return Backdrop(lattice, painter.image)


def _paint_wall(painter: _Painter, axes: Axes, inner: Float32Array) -> None:
    x, y, z = axes
    shoulder = 26.0 * np.clip((z - 20.0) / 70.0, 0.0, 1.0)
    outline = (np.abs(x / (163.0 + shoulder)) ** 2.4 + np.abs((y - 14.0) / (112.0 + 0.0 * z)) ** 2.4) ** (1.0 / 2.4)
    body = np.asarray((outline - 1.0) * 112.0, dtype=np.float32)
    back_plane = np.broadcast_to(y - 121.0, body.shape)
    body = -smooth_union(-body, np.asarray(-back_plane, dtype=np.float32), 18.0)
    body = smooth_union(body, inner - 19.0, 10.0)
    table = np.abs(y - 129.0 + (x / 260.0) ** 2 * 40.0) - 1.2
    painter.lay(np.asarray(np.broadcast_to(np.maximum(table, np.abs(x) - 200.0), body.shape), dtype=np.float32), -350.0)
    painter.lay(body, SKIN)
    painter.lay(body + 2.0, FAT)
    muscle_depth = 11.0 + 7.0 * np.clip((z + 10.0) / 80.0, 0.0, 1.0) * (np.abs(x) > 30)
    painter.lay(np.asarray(np.maximum(inner - muscle_depth, body + 5.0), dtype=np.float32), MUSCLE)
    for sign in (-1.0, 1.0):
        paraspinal = np.hypot((x - sign * 30.0) / 1.25, (y - 100.0) / 0.8) - 21.0
        painter.lay(np.asarray(np.maximum(paraspinal, body + 5.0), dtype=np.float32), MUSCLE)
        pectoral = ellipsoid(axes, (sign * 80.0, -68.0, 30.0), (58.0, 15.0, 66.0))
        painter.lay(np.maximum(pectoral, body + 5.0).astype(np.float32), MUSCLE)
        latissimus = ellipsoid(axes, (sign * 142.0, 48.0, -10.0), (13.0, 40.0, 110.0))
        painter.lay(np.maximum(latissimus, body + 5.0), MUSCLE)
        blade = np.asarray(np.abs(inner - 17.0 + 0.04 * np.clip(30.0 - z, 0.0, None)) - 2.0, dtype=np.float32)
        angle = np.degrees(np.arctan2(sign * x, y - 10.0))
        window = np.maximum(np.abs(angle - 50.0) - 19.0 + 0.24 * np.clip(30.0 - z, 0.0, None), np.abs(z - 30.0) - 70.0)
        scapula = np.maximum(np.maximum(blade, np.asarray(window, dtype=np.float32)), body + 9.0)
        painter.lay(np.maximum(scapula - 7.0, body + 4.0), MUSCLE)
        painter.lay(scapula, 420.0)
        painter.lay(scapula + 1.4, 190.0)
        clavicle = np.array(
            [[sign * 14.0, -52.0, 74.0], [sign * 50.0, -52.0, 88.0], [sign * 95.0, -28.0, 98.0], [sign * 140.0, -8.0, 100.0]]
        )
        bone = tube(axes, clavicle, np.array([8.0, 6.0, 5.5, 6.0]))
        painter.lay(bone, CORTICAL)
        painter.lay(bone + 2.0, TRABECULAR)


def _paint_abdomen(painter: _Painter, axes: Axes, inner: Float32Array) -> None:
    x, y, z = axes
    below = np.asarray(np.maximum(z - diaphragm_height(x, y) + 2.0, inner + 2.0), dtype=np.float32)
    painter.lay(below - 2.0, MUSCLE)
    painter.lay(below + 1.0, FAT)
    liver = np.asarray(np.maximum(below + 1.0, (x - 22.0 - 0.25 * (z + 110.0))), dtype=np.float32)
    painter.lay(liver, LIVER)
    spleen = np.maximum(ellipsoid(axes, (88.0, 46.0, -172.0), (34.0, 42.0, 44.0)), below + 3.0)
    painter.lay(spleen, SPLEEN)
    stomach = np.maximum(ellipsoid(axes, (66.0, -10.0, -170.0), (42.0, 44.0, 40.0)), below + 4.0)
    painter.lay(stomach, MUSCLE)
    level = np.asarray(np.broadcast_to(y + 8.0, stomach.shape), dtype=np.float32)
    painter.lay(stomach + 4.0, FLUID)
    painter.lay(np.maximum(stomach + 4.0, level), AIR)


def _paint_mediastinum(painter: _Painter, axes: Axes, texture: Float32Array) -> None:
    x, y, z = axes
    pericardium = heart(axes)
    painter.lay(pericardium - 1.0, 20.0)
    painter.lay(pericardium + 0.6, FAT)
    painter.lay(np.asarray(pericardium + np.clip(2.2 + 2.6 * texture, 0.2, 6.5), dtype=np.float32), BLOOD)
    groove = np.abs(0.74 * (x - 2.0) - 0.40 * (y + 24.0) - 0.54 * (z + 66.0)) - 1.3 - 0.6 * texture
    near_surface = np.abs(pericardium + 7.0) - 6.0
    painter.lay(np.maximum(np.asarray(groove, dtype=np.float32), near_surface), FAT)
    for name in ("arch_branches", "vena_cava", "azygos", "left_atrium", "pulmonary_trunk"):
        painter.lay(great_vessel(axes, name), BLOOD)
    aorta = great_vessel(axes, "aorta")
    painter.lay(aorta, MUSCLE)
    painter.lay(aorta + 1.6, BLOOD)
    oesophagus = great_vessel(axes, "oesophagus")
    painter.lay(oesophagus, MUSCLE)
    gas = np.asarray(np.maximum(oesophagus + 4.8, np.abs(z - 34.0) - 12.0), dtype=np.float32)
    painter.lay(gas, -600.0)
    for centre in ((-8.0, -12.0, 18.0), (-10.0, 6.0, -22.0), (16.0, -22.0, 14.0), (4.0, 8.0, -20.0), (-16.0, -8.0, 36.0)):
        painter.lay(ellipsoid(axes, centre, (4.5, 3.5, 5.5)), 40.0)


def _paint_ribs(painter: _Painter, axes: Axes, inner: Float32Array) -> None:
    """Ribs run obliquely down from the spine to the front: periodic in a height that falls with the angle."""
    x, y, z = axes
    angle = np.arctan2(np.abs(x), y - LUNG_CENTRE_Y)  # 0 at the back, pi at the front
    fall = 112.0 * np.clip(angle / np.pi, 0.0, 1.0) ** 1.05 + 5.0 * np.sin(2.0 * angle)
    height = z + fall - 22.0
    period = 26.0
    across = (np.mod(height, period) - period / 2.0) / 6.6
    depth = (inner - 5.6) / 4.0
    rib = np.asarray((np.sqrt(across**2 + depth**2) - 1.0) * 4.0, dtype=np.float32)
    limit = np.maximum(np.abs(z + 45.0) - 135.0, np.where(angle < 0.14, 2.0, -9.0))
    rib = np.maximum(rib, np.asarray(limit, dtype=np.float32))
    cartilage = np.broadcast_to(angle > 2.62, rib.shape)
    painter.lay(np.where(cartilage, rib, 9.0).astype(np.float32), CARTILAGE)
    bone = np.where(cartilage, 9.0, rib).astype(np.float32)
    painter.lay(bone, CORTICAL)
    painter.lay(bone + 1.5, TRABECULAR)
    front = np.asarray(LUNG_CENTRE_Y - LUNG_HALF_DEPTH - 8.0 + 0.0 * z + 46.0 * np.clip((z - 10.0) / 75.0, 0.0, 1.0) ** 1.5)
    sternum = np.sqrt((x / 15.0) ** 4 + ((y - front) / 6.0) ** 4) ** 0.5
    bone = np.asarray(np.maximum((sternum - 1.0) * 6.0, np.abs(z + 8.0) - 82.0), dtype=np.float32)
    painter.lay(bone, 480.0)
    painter.lay(bone + 1.5, 150.0)


def _paint_spine(painter: _Painter, axes: Axes) -> None:
    x, y, z = axes
    period = 27.0
    along = np.abs(np.mod(z, period) - period / 2.0)
    waist = 1.0 - 0.06 * np.cos(2.0 * np.pi * np.mod(z, period) / period + np.pi)
    outline = np.hypot(x / (17.0 * waist), (y - 46.0) / (14.5 * waist))
    body = np.asarray((outline - 1.0) * 14.5, dtype=np.float32)
    painter.lay(body, 85.0)
    vertebra = np.asarray(np.maximum(body, along - 11.0), dtype=np.float32)
    painter.lay(vertebra, 420.0)
    painter.lay(vertebra + 1.6, TRABECULAR)
    arch = np.asarray(np.abs(np.hypot(x / 1.1, y - 68.0) - 11.0) - 2.6, dtype=np.float32)
    arch = np.maximum(arch, np.maximum(along - 10.5, 56.0 - y))
    spinous = np.maximum(np.maximum(np.abs(x) - 2.8, np.abs(y - 90.0) - 12.0), along - 9.0)
    transverse = np.maximum(np.hypot((np.mod(z, period) - period / 2.0), y - 74.0 - 0.25 * np.abs(x)) - 4.6, np.abs(x) - 33.0)
    transverse = np.maximum(transverse, 11.0 - np.abs(x))
    for part in (arch, np.asarray(spinous), np.asarray(transverse)):
        field = np.asarray(np.broadcast_to(part, vertebra.shape), dtype=np.float32)
        painter.lay(field, 450.0)
        painter.lay(field + 1.6, 220.0)
    painter.lay(np.asarray(np.broadcast_to(np.hypot(x / 1.1, y - 68.0) - 8.2, vertebra.shape), dtype=np.float32), MARROW_CANAL)
