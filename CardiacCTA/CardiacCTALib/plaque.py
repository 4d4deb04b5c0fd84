"""Plaque of an artery: volumes by composition, burden, type, remodelling, and the unrolled map of the wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray

from .branching import Bifurcation
from .calcium_amount import CalciumAmount, calcium_amount
from .dark_core import CORE_HU, FROM_CALCIUM_MM, dark_cores
from .high_risk import CORE_SHARE, LEVEL_SD_HU, HighRiskFeature, high_risk_features, smallest_core_mm3
from .lumen import Measured, Walls
from .plaque_region import PlaqueRegion, plaque_region, volume_error_mm3
from .plaque_ring import Ring, ring_of
from .remodelling import Remodelling, remodelling_index
from .stenosis import Estimate, Lesion

BoolArray = NDArray[np.bool_]

BINS_HU = (("necrotic core", -30.0, 30.0), ("fibro-fatty", 30.0, 130.0), ("fibrous", 130.0, 350.0))
"""Non-calcified composition by HU at 120 kV, as quantitative plaque analysis bins it; calcified is above 350. The bins shift with
tube voltage, kernel and lumen contrast, which stand beside every result."""
_LOWEST_HU = -30.0
CORE_UP_SHARE = 0.5
"""Standard error, upwards, of the volume of dark cores: what of them lies in the glow of the lumen. From the benchmark."""
BESIDE_CALCIUM = 0.4
"""Standard deviation of a plaque's volume for the lumen beside calcium, which takes some of it or leaves it too much: a share of
the calcium's volume. From the benchmark."""
Z95 = 1.96


class PlaqueType(Enum):
    """Kind of plaque by the share of calcium in its volume."""

    NONE = "none"
    NON_CALCIFIED = "non-calcified"
    MOSTLY_NON_CALCIFIED = "predominantly non-calcified"
    MOSTLY_CALCIFIED = "predominantly calcified"
    CALCIFIED = "calcified"


CALCIUM_SHARES = ((0.03, PlaqueType.NON_CALCIFIED), (0.5, PlaqueType.MOSTLY_NON_CALCIFIED), (0.8, PlaqueType.MOSTLY_CALCIFIED))
"""Upper bounds of the share of calcium for each type. Chosen: the consensus names the four types and no shares."""


@dataclass(frozen=True)
class PlaqueVolumes:
    """Volumes of plaque, mm3: what lies between the lumen and the artery's own normal wall.

    ``by_bin`` splits the non-calcified part by ``BINS_HU``; ``low_attenuation`` is its part under 30 HU. ``vessel`` and
    ``lumen`` are those of the stretch. ``ranges`` holds the ends of 95 % intervals by name (``total``, ``calcified``,
    ``non_calcified``, ``low_attenuation``, ``burden_percent``); it is empty in results of older versions.
    """

    total: float
    calcified: float
    non_calcified: float
    low_attenuation: float
    by_bin: tuple[tuple[str, float], ...]
    vessel: float
    lumen: float
    ranges: tuple[tuple[str, float, float], ...] = ()

    def estimate(self, name: str) -> Estimate | None:
        """Return a number with its 95 % interval; None where no interval is known."""
        for one, low, high in self.ranges:
            if one == name:
                return Estimate(float(getattr(self, name)), low, high)
        return None

    @property
    def burden_percent(self) -> float:
        """Percent atheroma volume of the stretch: plaque over vessel volume."""
        return 100.0 * self.total / self.vessel

    @property
    def kind(self) -> PlaqueType:
        """Type by the share of calcium."""
        if self.total <= 0.0:
            return PlaqueType.NONE
        share = self.calcified / self.total
        for most, kind in CALCIUM_SHARES:
            if share < most:
                return kind
        return PlaqueType.CALCIFIED


@dataclass(frozen=True)
class ScanFacts:
    """What HU depend on: tube voltage, kernel, level of the lumen, point spread and noise; None where the scan does not say."""

    kvp: float | None
    kernel: str | None
    lumen_hu: float
    fwhm_mm: float
    noise_hu: float


@dataclass(frozen=True)
class LesionPlaque:
    """Plaque of one lesion, with the evidence for each high-risk feature."""

    volumes: PlaqueVolumes
    burden_at_narrowest_percent: float
    remodelling: Remodelling | None
    features: tuple[HighRiskFeature, ...]
    facts: ScanFacts


@dataclass(frozen=True, eq=False)
class PlaqueMap:
    """The wall unrolled: (N, J) thickness in mm, mean and least HU of its non-calcified part (NaN where none), calcium.

    Rows follow the artery (``arc_mm``), columns the angle from "up" towards "left".
    """

    arc_mm: FloatArray
    thickness_mm: FloatArray
    mean_hu: FloatArray
    least_hu: FloatArray
    calcium: BoolArray


@dataclass(frozen=True, eq=False)
class PlaqueWall:
    """All that plaque of one artery is read from: ring, diseased region and calcium between the same walls, and its forks."""

    ring: Ring
    region: PlaqueRegion
    calcium: CalciumAmount
    bifurcations: tuple[Bifurcation, ...] = ()


def plaque_wall(
    measured: Measured, walls: Walls, ring: Ring | None = None, bifurcations: Sequence[Bifurcation] = (),
    region: PlaqueRegion | None = None,
) -> PlaqueWall:  # fmt: skip
    """Look at the wall of an artery between the given walls; their ring and diseased part are found where not given."""
    ring = ring or ring_of(measured, walls)
    region = region or plaque_region(measured, walls, bifurcations)
    return PlaqueWall(ring, region, calcium_amount(measured, ring), tuple(bifurcations))


def plaque_volumes(
    measured: Measured, walls: Walls, ring: Ring, first: int, last: int, wall: PlaqueWall | None = None
) -> PlaqueVolumes:
    """Return the plaque of sections first to last.

    Parameters
    ----------
    wall
        The wall as :func:`plaque_wall` gives it; looked at where not given.
    """
    wall = wall or plaque_wall(measured, walls, ring)
    return _volumes(measured, wall, slice(first, last + 1))


def _volumes(measured: Measured, wall: PlaqueWall, part: slice) -> PlaqueVolumes:
    """Sum up the diseased sections of a part; elsewhere noise would add up."""
    region, step = wall.region, wall.region.step_mm
    rows = np.zeros(len(region.plaque_mm2), dtype=bool)
    rows[part] = True
    inside = rows & region.diseased
    calcified = max(float(wall.calcium.volume_mm3[inside].sum()), 0.0)
    total = max(float(region.plaque_mm2[inside].sum() * step), calcified)
    soft = total - calcified
    hard_down, hard_up = wall.calcium.errors_mm3(inside)
    error = float(np.hypot(volume_error_mm3(measured, region, inside), BESIDE_CALCIUM * calcified))
    by_bin, dark = _composition(measured, wall, inside, soft, error)
    vessel, lumen = float(region.vessel_mm2[rows].sum() * step), float(region.lumen_mm2[rows].sum() * step)
    least, most = max(total - Z95 * error, 0.0), total + Z95 * error
    soft_down, soft_up = float(np.hypot(error, hard_up)), float(np.hypot(error, hard_down))
    return PlaqueVolumes(
        total, calcified, soft, by_bin[0][1], by_bin, vessel, lumen,
        (
            ("total", least, most),
            ("calcified", max(calcified - Z95 * hard_down, 0.0), calcified + Z95 * hard_up),
            ("non_calcified", max(soft - Z95 * soft_down, 0.0), soft + Z95 * soft_up),
            ("low_attenuation", *dark),
            ("burden_percent", 100.0 * least / vessel, 100.0 * most / vessel),
        ),
    )  # fmt: skip


def _composition(
    measured: Measured, wall: PlaqueWall, inside: BoolArray, soft_mm3: float, total_error_mm3: float
) -> tuple[tuple[tuple[str, float], ...], tuple[float, float]]:
    """Return the volume of each bin of the non-calcified plaque of some sections, and the interval of the part under 30 HU.

    Dark cores, which blurring lifts over the threshold, count with the volume that their darkness tells.
    """
    ring, region = wall.ring, wall.region
    rows = np.flatnonzero(inside & region.diseased)
    within = np.clip((ring.outer_mm[rows] - region.normal_mm[rows, None]) / ring.place_mm + 0.5, 0.0, 1.0) * ring.share[rows]
    plaque = np.isfinite(ring.ring_hu[rows]) & (within > 0.05) & (ring.from_glow_mm[rows] > FROM_CALCIUM_MM)
    levels, weight = ring.ring_hu[rows][plaque], (within * ring.swept[rows])[plaque]
    cores = dark_cores(measured, ring, region, inside)
    core = min(sum(one.volume_mm3 for one in cores), soft_mm3)
    error = float(np.sqrt(sum(one.volume_error_mm3**2 for one in cores)))
    shares = [_binned(levels + shift, weight) for shift in (0.0, Z95 * LEVEL_SD_HU, -Z95 * LEVEL_SD_HU)]
    dark, least, most = (soft_mm3 * one[0] for one in shares)
    rest = max(1.0 - shares[0][0], 1e-6)
    low = max(core, dark)
    volumes = [low, *((soft_mm3 - low) * one / rest for one in shares[0][1:])]
    by_bin = tuple((name, volume) for (name, _, _), volume in zip(BINS_HU, volumes, strict=True))
    spread = Z95 * total_error_mm3 / max(soft_mm3, 1e-6)
    least, most = least * max(1.0 - spread, 0.0), most * (1.0 + spread)
    level = float(np.average(levels, weights=weight)) if weight.sum() > 0.0 else CORE_HU
    unseen = min(smallest_core_mm3(measured, ring, region, inside, level), CORE_SHARE * soft_mm3)
    up = float(np.hypot(error, CORE_UP_SHARE * core))
    return by_bin, (max(least, core - Z95 * error, 0.0), max(most, core + Z95 * up, unseen))


def _binned(levels: FloatArray, weight: FloatArray) -> list[float]:
    """Return the share of each bin; what lies under the lowest (fat drawn in by the wall) counts nowhere, above the last in
    it."""
    inside = levels >= _LOWEST_HU
    total = float(weight[inside].sum())
    if total <= 0.0:
        return [0.0 for _ in BINS_HU]
    tops = [high for _, _, high in BINS_HU[:-1]]
    place = np.searchsorted(tops, levels[inside], side="right")
    return [float(weight[inside][place == one].sum()) / total for one in range(len(BINS_HU))]


def analyse_plaque(
    measured: Measured, lesion: Lesion, walls: Walls | None = None, ring: Ring | None = None, wall: PlaqueWall | None = None
) -> LesionPlaque:
    """Return the plaque of one lesion.

    Parameters
    ----------
    walls, ring, wall
        Edited walls, the ring between them and all that is read from it; those measured where not given.
    """
    walls = walls or measured.walls
    wall = wall or plaque_wall(measured, walls, ring)
    volumes = plaque_volumes(measured, walls, wall.ring, lesion.first, lesion.last, wall)
    shape = remodelling_index(measured, walls, lesion, wall.region.diseased, wall.region.unseen, wall.bifurcations)
    outer, lumen = float(walls.outer_area_mm2[lesion.narrowest]), float(walls.lumen_area_mm2[lesion.narrowest])
    scan = measured.scan
    facts = ScanFacts(scan.kvp, scan.kernel, float(measured.lumen_hu[lesion.narrowest]), scan.fwhm_mm, scan.noise_hu)
    features = high_risk_features(measured, wall.ring, wall.region, wall.calcium, lesion, shape)
    return LesionPlaque(volumes, 100.0 * (outer - lumen) / outer, shape, features, facts)


def plaque_map(measured: Measured, walls: Walls, ring: Ring) -> PlaqueMap:
    """Unroll the wall of the whole artery."""
    count, angles = walls.lumen_mm.shape
    mean, least = np.full((2, count, angles), np.nan)
    calcium = np.zeros((count, angles), dtype=bool)
    for row in range(count):
        held = ring.angle_index[row]
        calcium[row, held[measured.calcium[row]]] = True
        fair = np.isfinite(ring.ring_hu[row])
        number = np.bincount(held[fair], ring.share[row][fair], angles)
        total = np.bincount(held[fair], (ring.share[row] * ring.ring_hu[row])[fair], angles)
        mean[row] = np.divide(total, number, out=np.full(angles, np.nan), where=number > 0)
        low = np.full(angles, np.inf)
        np.minimum.at(low, held[fair], ring.ring_hu[row][fair])
        least[row] = np.where(np.isfinite(low), low, np.nan)
    return PlaqueMap(walls.arc_mm, walls.outer_mm - walls.lumen_mm, mean, least, calcium)


def vessel_plaque(measured: Measured, walls: Walls | None = None) -> PlaqueVolumes:
    """Return the plaque of the whole artery, whether or not it narrows the lumen."""
    walls = walls or measured.walls
    return whole_plaque(measured, plaque_wall(measured, walls))


def whole_plaque(measured: Measured, wall: PlaqueWall) -> PlaqueVolumes:
    """Return the plaque of all diseased sections of an artery, against the volume of all sections in the scan."""
    seen = np.flatnonzero(measured.visible)
    return _volumes(measured, wall, slice(int(seen[0]), int(seen[-1]) + 1))
