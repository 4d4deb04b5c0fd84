"""Digital coronary arteries with exact truth: one curved tube with a lesion, its wall and plaque, in a small scan.

The centreline is an arc of a circle, for which arc length and cross-section coordinates of every voxel are closed forms, so
that the truth needs no approximation. Edges are painted with their share of the voxel on a grid twice as fine, blurred there
with the point spread, averaged to voxels, and noise of the given standard deviation, slightly correlated as a scanner's is,
is added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from SenseCarePlanningLib.tubes.frames import rotation_minimising_frames
from SenseCarePlanningLib.volume import Acquisition, Volume

FAT_HU, MUSCLE_HU, WALL_HU, WALL_MM = -90.0, 110.0, 60.0, 0.5
"""The truth counts as plaque what lies between the lumen and the normal wall."""
_FINE = 2


@dataclass(frozen=True)
class TubeSpec:
    """One artery: healthy diameters at both ends, one lesion, plaque, surroundings, scanner."""

    length_mm: float = 45.0
    bend_mm: float = 35.0
    start_mm: float = 3.2
    end_mm: float = 2.6
    lesion_at_mm: float = 22.0
    lesion_length_mm: float = 10.0
    plateau: float = 0.2
    stenosis: float = 0.5
    eccentric: float = 0.0
    eccentric_deg: float = 0.0
    remodelling: float = 1.1
    plaque_hu: float = 60.0
    core_hu: float | None = None
    calcium_hu: float | None = None
    calcium_arc_deg: float = 90.0
    calcium_mm: float = 0.8
    calcium_gap_mm: float = 0.0
    calcium_length_mm: float = 4.0
    muscle_side: bool = False
    lumen_hu: float = 400.0
    psf_sigma_mm: float = 0.3
    noise_hu: float = 25.0
    voxel_mm: float = 0.4
    line_error_mm: float = 0.1
    line_in_lumen: bool = False
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Tube:
    """The scan, the line to measure along, a ball of contrast (aorta) and the truth along the arc."""

    spec: TubeSpec
    volume: Volume
    points_lps_mm: np.ndarray
    arc_mm: np.ndarray
    lumen_mm: np.ndarray
    healthy_mm: np.ndarray
    outer_mm: np.ndarray
    plaque_mm3: float
    calcium_mm3: float
    aorta_kji: np.ndarray

    @property
    def stenosis(self) -> np.ndarray:
        """True diameter stenosis at every point of the truth, 0 to 1."""
        return np.asarray(1.0 - self.lumen_mm / self.healthy_mm)


def shape_along(spec: TubeSpec, arc: np.ndarray) -> np.ndarray:
    """Depth of the lesion along the arc, 0 to 1: a plateau with raised-cosine shoulders."""
    half = 0.5 * spec.lesion_length_mm
    away = np.abs(arc - spec.lesion_at_mm)
    flat = spec.plateau * half
    part = np.clip((away - flat) / max(half - flat, 1e-6), 0.0, 1.0)
    return np.asarray(0.5 * (1.0 + np.cos(np.pi * part)))


def diameters(spec: TubeSpec, arc: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lumen, healthy lumen and outer diameters along the arc, mm."""
    healthy = spec.start_mm + (spec.end_mm - spec.start_mm) * np.clip(arc / spec.length_mm, -0.2, 1.2)
    depth = shape_along(spec, arc)
    lumen = healthy * (1.0 - spec.stenosis * depth)
    outer = (healthy + 2.0 * WALL_MM) * (1.0 + (spec.remodelling - 1.0) * depth)
    return lumen, healthy, outer


def make_tube(spec: TubeSpec) -> Tube:
    """Paint one artery and scan it."""
    random = np.random.default_rng(spec.seed)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    angle = spec.length_mm / spec.bend_mm
    arc = np.arange(0.0, spec.length_mm + 1e-9, 0.1)
    line = _on_arc(arc, spec.bend_mm)
    world = line @ turn.T
    low = world.min(axis=0) - 6.0
    high = world.max(axis=0) + 6.0
    ball_at = high + np.array([4.0, 4.0, 4.0])
    high = ball_at + 8.0
    count = np.ceil((high - low) / spec.voxel_mm).astype(int)
    fine = spec.voxel_mm / _FINE
    image = np.full(tuple(count[::-1] * _FINE), FAT_HU, dtype=np.float32)
    axes = [low[axis] + (np.arange(count[axis] * _FINE) + 0.5) * fine for axis in range(3)]
    plaque, calcium = _paint_tube(image, axes, turn, spec, angle, fine)
    zz, yy, xx = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij", sparse=True)
    away = np.sqrt((xx - ball_at[0]) ** 2 + (yy - ball_at[1]) ** 2 + (zz - ball_at[2]) ** 2)
    image += np.clip(0.5 + (6.0 - away) / fine, 0.0, 1.0) * (spec.lumen_hu - image)
    image = gaussian_filter(image, spec.psf_sigma_mm / fine, truncate=4.0)
    shape = count[::-1]
    voxels = image.reshape(shape[0], _FINE, shape[1], _FINE, shape[2], _FINE).mean(axis=(1, 3, 5))
    voxels += noise(tuple(int(size) for size in shape), spec.noise_hu, random)
    affine = np.eye(4)
    affine[:3, :3] *= spec.voxel_mm
    affine[:3, 3] = low + 0.5 * spec.voxel_mm
    acquisition = Acquisition(kvp=120.0, kernel="digital", contrast=True)
    volume = Volume(np.rint(voxels).astype(np.int16), affine, acquisition=acquisition)
    grid = volume.grid
    centres = grid.lps_from_kji(np.stack(np.meshgrid(*[np.arange(size) for size in shape], indexing="ij"), axis=-1))
    aorta = np.linalg.norm(centres - ball_at, axis=-1) < 5.8
    course = (_lumen_course(spec, arc) @ turn.T if spec.line_in_lumen else world)[::4]
    given = course + _wobble(course, spec.line_error_mm, random)
    return Tube(spec, volume, given, arc, *diameters(spec, arc), plaque, calcium, aorta)


def noise(shape: tuple[int, ...], sd_hu: float, random: np.random.Generator) -> np.ndarray:
    """Noise whose neighbours are a little alike, of exactly the wanted standard deviation."""
    grain = gaussian_filter(random.normal(size=shape).astype(np.float32), 0.5)
    return np.asarray(grain * (sd_hu / grain.std()))


def _on_arc(arc: np.ndarray, bend: float) -> np.ndarray:
    return np.stack([bend * np.cos(arc / bend), bend * np.sin(arc / bend), np.zeros_like(arc)], axis=1)


def _lumen_course(spec: TubeSpec, arc: np.ndarray) -> np.ndarray:
    """Centre of the lumen, which an eccentric plaque moves off the middle of the vessel."""
    lumen, healthy, _ = diameters(spec, arc)
    shift, direction = 0.5 * spec.eccentric * (healthy - lumen), np.deg2rad(spec.eccentric_deg)
    ring, phi = spec.bend_mm + shift * np.cos(direction), arc / spec.bend_mm
    return np.stack([ring * np.cos(phi), ring * np.sin(phi), shift * np.sin(direction)], axis=1)


def _wobble(points: np.ndarray, sd_mm: float, random: np.random.Generator) -> np.ndarray:
    """A smooth error of the centreline across its course."""
    frames = rotation_minimising_frames(points)
    wave = gaussian_filter(random.normal(size=(len(points), 2)), (8.0, 0.0))
    wave *= sd_mm / max(float(wave.std()), 1e-9)
    return np.asarray(wave[:, :1] * frames[:, 1] + wave[:, 1:] * frames[:, 2])


def _paint_tube(
    image: np.ndarray, axes: list[np.ndarray], turn: np.ndarray, spec: TubeSpec, angle: float, fine: float
) -> tuple[float, float]:
    """Paint surroundings, wall, plaque, calcium and lumen; returns the true volumes of plaque (with calcium) and calcium."""
    plaque = calcium = 0.0
    cell = fine**3
    for k, z in enumerate(axes[2]):
        yy, xx = np.meshgrid(axes[1], axes[0], indexing="ij")
        local = np.stack([xx, yy, np.full_like(xx, z)], axis=-1) @ turn
        ring = np.hypot(local[..., 0], local[..., 1])
        phi = np.arctan2(local[..., 1], local[..., 0])
        arc = phi * spec.bend_mm
        u, v = ring - spec.bend_mm, local[..., 2]
        near = (np.hypot(u, v) < 5.0) & (arc > -8.0) & (arc < spec.length_mm + 8.0)
        if not near.any():
            continue
        u, v, arc = u[near], v[near], arc[near]
        lumen, healthy, outer = diameters(spec, arc)
        values = np.full(u.shape, FAT_HU)
        if spec.muscle_side:
            values = _over(values, MUSCLE_HU, 0.5 * (spec.start_mm + 2.0 * WALL_MM) - v, fine)
        shift = 0.5 * spec.eccentric * (healthy - lumen)
        direction = np.deg2rad(spec.eccentric_deg)
        from_lumen = np.hypot(u - shift * np.cos(direction), v - shift * np.sin(direction)) - 0.5 * lumen
        from_outer = np.hypot(u, v) - 0.5 * outer
        depth = shape_along(spec, arc)
        level = np.where((depth > 0.05) & (from_outer < -WALL_MM), spec.plaque_hu, WALL_HU)
        opposite = np.angle(np.exp(1j * (np.arctan2(v, u) - direction - np.pi)))
        if spec.core_hu is not None:
            deep = (np.abs(opposite) < np.pi / 2) & (from_outer < -0.4) & (from_lumen > 0.3) & (depth > 0.5)
            level = np.where(deep, spec.core_hu, level)
        values = _over(values, level, from_outer, fine)
        beyond = np.clip(0.5 - (from_outer + WALL_MM) / fine, 0.0, 1.0) - np.clip(0.5 - from_lumen / fine, 0.0, 1.0)
        plaque += float(np.maximum(beyond, 0.0).sum()) * cell
        if spec.calcium_hu is not None:
            hard = np.maximum.reduce(
                [
                    from_lumen - spec.calcium_gap_mm - spec.calcium_mm,
                    spec.calcium_gap_mm - from_lumen,
                    np.abs(arc - spec.lesion_at_mm) - 0.5 * spec.calcium_length_mm,
                    (np.abs(opposite) - np.deg2rad(0.5 * spec.calcium_arc_deg)) * np.hypot(u, v),
                    from_outer + 0.1,
                ]
            )
            share = np.clip(0.5 - hard / fine, 0.0, 1.0)
            values = values + share * (spec.calcium_hu - values)
            calcium += float((share * np.clip(0.5 + from_lumen / fine, 0.0, 1.0)).sum()) * cell
        values = _over(values, spec.lumen_hu, from_lumen, fine)
        image[k][near] = values
    return plaque, calcium


def _over(values: np.ndarray, level: float | np.ndarray, distance: np.ndarray, fine: float) -> np.ndarray:
    """Paint a level where a signed distance is negative, with the voxel's share at the edge."""
    share = np.clip(0.5 - distance / fine, 0.0, 1.0)
    return np.asarray(values + share * (level - values))
