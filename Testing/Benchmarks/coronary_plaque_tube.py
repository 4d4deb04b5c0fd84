"""Digital arteries for plaque: one curved vessel with any plaque of the digital hearts, scanned alone, its truth by tissue.

The vessel is painted by the code that paints the hearts, so that kinds of plaque, their volumes and their high-risk signs are
the same; only its course is an arc of a circle, which is small enough to scan in seconds. A second vessel may leave it, and
it may end before the line does not.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from coronary_tube import noise
from scipy.ndimage import gaussian_filter

from CardiacCTALib.branching import Bifurcation
from CardiacCTALib.lumen import Measured, Walls, measure_lumen
from CardiacCTALib.scan_model import FWHM_PER_SIGMA, measure_scan
from SenseCarePlanningLib.phantom.coronary_calibre import wall_mm
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, Lesion, LesionSpec
from SenseCarePlanningLib.phantom.coronary_paint import paint_arteries
from SenseCarePlanningLib.phantom.coronary_sections import Look, Sections, make_sections
from SenseCarePlanningLib.phantom.coronary_tree import Artery
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth, truth_of
from SenseCarePlanningLib.tubes.blurred_contour import Contours, seen_from
from SenseCarePlanningLib.tubes.frames import rotation_minimising_frames
from SenseCarePlanningLib.volume import Acquisition, Grid, Volume

FAT_HU, MUSCLE_HU, BALL_MM = -90.0, 110.0, 6.0
MARGIN_MM, STEP_MM, FINE = 6.0, 0.25, 2
EXPONENT = 7.0 / 3.0


@dataclass(frozen=True)
class PlaqueSpec:
    """One vessel: its healthy diameters, its plaque (None: healthy), what leaves it, what lies around, the scanner."""

    length_mm: float = 40.0
    bend_mm: float = 40.0
    start_mm: float = 3.2
    end_mm: float = 2.8
    lesion: LesionSpec | None = None
    at_mm: float = 20.0
    angle_deg: float = 0.0
    plaque_hu: float = 60.0
    core_hu: float = 10.0
    calcium_hu: float = 900.0
    calcium_arc_deg: float = 90.0
    side_at_mm: float | None = None
    side_mm: float = 2.0
    ends_in_tip: bool = False
    muscle_side: bool = False
    lumen_hu: float = 420.0
    psf_fwhm_mm: float = 0.7
    noise_hu: float = 25.0
    voxel_mm: float = 0.4
    line_error_mm: float = 0.1
    seed: int = 0


@dataclass(frozen=True, eq=False)
class PlaqueTube:
    """Scan, line to measure along, blob of contrast, truth, and what leaves the vessel."""

    spec: PlaqueSpec
    volume: Volume
    points_lps_mm: np.ndarray
    aorta_kji: np.ndarray
    sections: Sections
    truth: CoronaryTruth
    bifurcations: tuple[Bifurcation, ...]


def make_plaque_tube(spec: PlaqueSpec) -> PlaqueTube:
    """Paint one vessel and scan it."""
    random = np.random.default_rng([spec.seed, 5])
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    arteries = _arteries(spec, turn)
    lesions = [] if spec.lesion is None else [_lesion(spec)]
    sections = [make_sections(one, lesions, 0.0) for one in arteries]
    low = np.min([one.points_lps_mm.min(axis=0) for one in arteries], axis=0) - 6.5
    high = np.max([one.points_lps_mm.max(axis=0) for one in arteries], axis=0) + 6.5
    ball_at = high + BALL_MM - 2.0
    high = ball_at + BALL_MM + 2.0
    count = np.ceil((high - low) / spec.voxel_mm).astype(int)
    fine = spec.voxel_mm / FINE
    image = _surroundings(spec, count * FINE, low, fine, turn)
    affine = np.diag([fine, fine, fine, 1.0])
    affine[:3, 3] = low + 0.5 * fine
    shape = tuple(int(size) for size in (count * FINE)[::-1])
    paint_arteries(image, Grid(shape, affine), sections, Look(spec.lumen_hu, 0.0))
    _paint_ball(image, ball_at, low, fine, spec.lumen_hu)
    image = gaussian_filter(image, spec.psf_fwhm_mm / FWHM_PER_SIGMA / fine, truncate=4.0)
    small = tuple(int(size) for size in count[::-1])
    voxels = image.reshape(small[0], FINE, small[1], FINE, small[2], FINE).mean(axis=(1, 3, 5))
    voxels = voxels + noise(small, spec.noise_hu, random)
    affine = np.diag([spec.voxel_mm, spec.voxel_mm, spec.voxel_mm, 1.0])
    affine[:3, 3] = low + 0.5 * spec.voxel_mm
    volume = Volume(np.rint(voxels).astype(np.int16), affine, acquisition=Acquisition(kvp=120.0, kernel="digital", contrast=True))
    centres = volume.grid.lps_from_kji(np.stack(np.meshgrid(*[np.arange(size) for size in small], indexing="ij"), axis=-1))
    aorta = np.linalg.norm(centres - ball_at, axis=-1) < BALL_MM - 0.2
    given = _line(spec, sections[0], random)
    return PlaqueTube(spec, volume, given, aorta, sections[0], truth_of(sections, lesions, "right"), _forks(spec))


def _arteries(spec: PlaqueSpec, turn: np.ndarray) -> list[Artery]:
    end = spec.length_mm + (0.0 if spec.ends_in_tip else MARGIN_MM)
    arc = np.arange(-MARGIN_MM, end + 1e-9, STEP_MM)
    points = np.stack([spec.bend_mm * np.cos(arc / spec.bend_mm), spec.bend_mm * np.sin(arc / spec.bend_mm), 0.0 * arc], axis=1)
    healthy = spec.start_mm + (spec.end_mm - spec.start_mm) * np.clip(arc / spec.length_mm, -0.2, 1.2)
    if spec.side_at_mm is not None:
        behind = np.clip((arc - spec.side_at_mm) / 2.0, 0.0, 1.0)
        mother = float(np.interp(spec.side_at_mm, arc, healthy))
        healthy = healthy - behind * (mother - (mother**EXPONENT - spec.side_mm**EXPONENT) ** (1.0 / EXPONENT))
    main = _artery("LAD", None, 0, points @ turn.T, healthy)
    if spec.side_at_mm is None:
        return [main]
    at = int(np.abs(arc - spec.side_at_mm).argmin())
    away = np.arange(0.0, 20.0, STEP_MM)[:, None]
    side = np.cos(np.pi / 4.0) * (points[at + 1] - points[at]) / STEP_MM + np.sin(np.pi / 4.0) * np.array([0.0, 0.0, 1.0])
    return [main, _artery("D1", "LAD", at, (points[at] + away * side) @ turn.T, np.full(len(away), spec.side_mm))]


def _artery(name: str, parent: str | None, index: int, points: np.ndarray, healthy: np.ndarray) -> Artery:
    outer = 0.5 * healthy + wall_mm(healthy)
    return Artery(name, parent, index, points, 0.5 * healthy, outer, np.full(len(points), 6 if parent is None else 9))


def _lesion(spec: PlaqueSpec) -> Lesion:
    assert spec.lesion is not None
    return Lesion(
        spec.lesion, "LAD", spec.at_mm + MARGIN_MM, spec.lesion.length_mm, spec.angle_deg, spec.plaque_hu, spec.core_hu,
        spec.calcium_hu, spec.calcium_arc_deg,
    )  # fmt: skip


def _surroundings(spec: PlaqueSpec, count: np.ndarray, low: np.ndarray, fine: float, turn: np.ndarray) -> np.ndarray:
    image = np.full(tuple(int(size) for size in count[::-1]), FAT_HU, dtype=np.float32)
    if spec.muscle_side:
        axes = [low[axis] + (np.arange(count[axis]) + 0.5) * fine for axis in range(3)]
        across = turn[2, 2] * axes[2][:, None, None] + turn[1, 2] * axes[1][None, :, None] + turn[0, 2] * axes[0][None, None, :]
        depth = np.clip(0.5 + (-(0.5 * spec.start_mm + 1.0) - across) / fine, 0.0, 1.0)
        image += (depth * (MUSCLE_HU - FAT_HU)).astype(np.float32)
    return image


def _paint_ball(image: np.ndarray, at: np.ndarray, low: np.ndarray, fine: float, level: float) -> None:
    axes = [low[axis] + (np.arange(image.shape[2 - axis]) + 0.5) * fine for axis in range(3)]
    zz, yy, xx = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij", sparse=True)
    away = np.sqrt((xx - at[0]) ** 2 + (yy - at[1]) ** 2 + (zz - at[2]) ** 2)
    image += (np.clip(0.5 + (BALL_MM - away) / fine, 0.0, 1.0) * (level - image)).astype(np.float32)


def _line(spec: PlaqueSpec, sections: Sections, random: np.random.Generator) -> np.ndarray:
    """Return the true centreline of the lumen within the given length, with a smooth error."""
    arc = sections.artery.arc_mm - MARGIN_MM
    inside = (arc >= 0.0) & (arc <= spec.length_mm)
    points = sections.lumen_lps_mm[inside][::2]
    frames = rotation_minimising_frames(points)
    wave = gaussian_filter(random.normal(size=(len(points), 2)), (8.0, 0.0))
    wave *= spec.line_error_mm / max(float(wave.std()), 1e-9)
    return np.asarray(points + wave[:, :1] * frames[:, 1] + wave[:, 1:] * frames[:, 2])


def _forks(spec: PlaqueSpec) -> tuple[Bifurcation, ...]:
    if spec.side_at_mm is None:
        return ()
    mother = spec.start_mm + (spec.end_mm - spec.start_mm) * spec.side_at_mm / spec.length_mm
    return (Bifurcation(spec.side_at_mm, mother, spec.side_mm),)


def random_plaque(kind: str, seed: int) -> PlaqueSpec:
    """Draw one vessel of a kind: a composition of the digital hearts, or ``none``, ``fork`` and ``tip``, which are healthy."""
    random = np.random.default_rng([seed, sum(kind.encode())])
    start = float(random.uniform(2.4, 4.0))
    lesion = None
    if kind not in ("none", "fork", "tip"):
        lesion = LesionSpec(
            1, float(random.uniform(10.0, 85.0)), Composition(kind), eccentric=bool(random.random() < 0.5),
            length_mm=float(random.uniform(7.0, 16.0)), remodelling=float(random.uniform(1.0, 1.35)),
        )  # fmt: skip
    soft = {"fibrous": (95.0, 130.0), "calcified": (95.0, 130.0), "lipid": (45.0, 90.0), "napkin": (45.0, 90.0)}.get(
        kind, (20.0, 90.0)
    )
    return PlaqueSpec(
        bend_mm=float(random.uniform(25.0, 60.0)),
        start_mm=start,
        end_mm=start * float(random.uniform(0.7, 0.95)),
        lesion=lesion,
        at_mm=float(random.uniform(15.0, 25.0)),
        angle_deg=float(random.uniform(0.0, 360.0)),
        plaque_hu=float(random.uniform(*soft)),
        core_hu=float(random.uniform(0.0, 28.0)),
        calcium_hu=float(random.uniform(600.0, 1400.0)),
        calcium_arc_deg=float(random.uniform(60.0, 240.0 if kind == "calcified" else 150.0)),
        side_at_mm=float(random.uniform(12.0, 28.0)) if kind == "fork" else None,
        side_mm=start * float(random.uniform(0.45, 0.75)),
        ends_in_tip=kind == "tip",
        muscle_side=bool(random.random() < 0.35),
        lumen_hu=float(random.uniform(340.0, 480.0)),
        psf_fwhm_mm=float(random.choice([0.6, 0.8])),
        noise_hu=float(random.uniform(20.0, 35.0)),
        voxel_mm=float(random.uniform(0.35, 0.45)),
        line_error_mm=float(random.uniform(0.05, 0.15)),
        seed=seed,
    )


def measured_tube(spec: PlaqueSpec, keep: Path | None, fit_again: bool = False) -> tuple[PlaqueTube, Measured]:
    """Return a vessel and its fitted walls; ``keep`` stores both, ``fit_again`` fits anew on the stored scan."""
    if keep is None:
        tube = make_plaque_tube(spec)
        return tube, _fitted(tube)
    keep.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(repr(spec).encode()).hexdigest()[:16]
    scan, fit = keep / f"{name}.scan", keep / f"{name}.fit"
    tube = _stored(scan, lambda: make_plaque_tube(spec))
    if fit_again:
        fit.unlink(missing_ok=True)
    return tube, _stored(fit, lambda: _fitted(tube))


def _fitted(tube: PlaqueTube) -> Measured:
    return measure_lumen(tube.volume, tube.points_lps_mm, measure_scan(tube.volume, tube.aorta_kji))


def _stored(place: Path, make):  # type: ignore[no-untyped-def]
    if place.is_file():
        return pickle.loads(place.read_bytes())
    made = make()
    place.write_bytes(pickle.dumps(made, protocol=5))
    return made


def true_walls(tube: PlaqueTube, measured: Measured) -> tuple[Walls, np.ndarray]:
    """Return the true walls on the measured sections, and the thickness (N,) of the normal wall there."""
    sections, line = tube.sections, measured.line_lps_mm
    frames, count = measured.walls.frames, measured.walls.lumen_mm.shape[1]
    points = sections.artery.points_lps_mm
    # where the vessel's middle crosses each section
    ahead = np.einsum("npc,nc->np", points[None] - line[:, None], frames[:, 0])
    far = np.linalg.norm(points[None] - line[:, None], axis=2) > 6.0
    nearest = np.where(far, np.inf, np.abs(ahead)).argmin(axis=1)
    middle, lumen = points[nearest] - line, sections.lumen_lps_mm[nearest] - line
    middle2, lumen2 = (np.einsum("nac,nc->na", frames[:, 1:], one) for one in (middle, lumen))
    outer = Contours(middle2, np.repeat(sections.outer_mm[nearest, None], count, axis=1))
    inner = np.repeat(np.maximum(sections.lumen_mm[nearest, None], 0.05), count, axis=1)
    centres = line + lumen2[:, :1] * frames[:, 1] + lumen2[:, 1:] * frames[:, 2]
    walls = Walls(centres, frames, measured.walls.arc_mm, inner, np.maximum(seen_from(outer, lumen2), inner))
    return walls, sections.artery.outer_mm[nearest] - sections.artery.lumen_mm[nearest]
