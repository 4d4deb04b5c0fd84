"""Plaque of an artery: volumes by composition, burden, type, remodelling, and the unrolled map of the wall."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray

from .high_risk import HighRiskFeature, high_risk_features
from .lumen import Measured, Walls
from .plaque_ring import Ring, calcium_volume_mm3, ring_of
from .reference import DISEASED_WALL_MM, measured_step
from .remodelling import Remodelling, remodelling_index
from .stenosis import Lesion

BoolArray = NDArray[np.bool_]

BINS_HU = (("necrotic core", -30.0, 30.0), ("fibro-fatty", 30.0, 130.0), ("fibrous", 130.0, 350.0))
"""Non-calcified composition by HU at 120 kV, as quantitative plaque analysis bins it; calcified is above 350. The bins shift with
tube voltage, kernel and lumen contrast, which stand beside every result."""
_LOWEST_HU = -30.0


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
    """Volumes of the diseased wall, mm3.

    ``by_bin`` splits the non-calcified part by ``BINS_HU``; ``low_attenuation`` is its part under 30 HU. ``vessel`` and
    ``lumen`` are those of the stretch, and ``burden_percent`` = 100 (vessel - lumen) / vessel (percent atheroma volume).
    """

    total: float
    calcified: float
    non_calcified: float
    low_attenuation: float
    by_bin: tuple[tuple[str, float], ...]
    vessel: float
    lumen: float

    @property
    def burden_percent(self) -> float:
        """Percent atheroma volume of the stretch."""
        return 100.0 * (self.vessel - self.lumen) / self.vessel

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


def diseased(walls: Walls) -> BoolArray:
    """Return where (N, J) the wall is thicker than a normal one by more than noise feigns; the whole wall there is plaque."""
    return np.asarray(walls.outer_mm - walls.lumen_mm > DISEASED_WALL_MM)


def plaque_volumes(measured: Measured, walls: Walls, ring: Ring, first: int, last: int) -> PlaqueVolumes:
    """Return the plaque of sections first to last."""
    part = slice(first, last + 1)
    step = measured_step(walls)
    width = 2.0 * np.pi / walls.lumen_mm.shape[1]
    wedge = 0.5 * width * (walls.outer_mm**2 - walls.lumen_mm**2) * step
    total = float(wedge[part][diseased(walls)[part]].sum())
    calcified = calcium_volume_mm3(ring, part)
    soft = max(total - calcified, 0.0)
    total = soft + calcified
    plaque = (ring.thickness_mm > DISEASED_WALL_MM)[part] & np.isfinite(ring.ring_hu[part])
    levels, weight = ring.ring_hu[part][plaque], ring.share[part][plaque]
    shares = _binned(levels, weight)
    by_bin = tuple((name, soft * share) for (name, _, _), share in zip(BINS_HU, shares, strict=True))
    return PlaqueVolumes(
        total, calcified, soft, by_bin[0][1], by_bin, float(walls.outer_area_mm2[part].sum() * step),
        float(walls.lumen_area_mm2[part].sum() * step),
    )  # fmt: skip


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


def analyse_plaque(measured: Measured, lesion: Lesion, walls: Walls | None = None, ring: Ring | None = None) -> LesionPlaque:
    """Return the plaque of one lesion.

    Parameters
    ----------
    walls, ring
        Edited walls and the ring between them; those measured where not given.
    """
    walls = walls or measured.walls
    ring = ring or ring_of(measured, walls)
    volumes = plaque_volumes(measured, walls, ring, lesion.first, lesion.last)
    shape = remodelling_index(measured, walls, lesion)
    outer, lumen = float(walls.outer_area_mm2[lesion.narrowest]), float(walls.lumen_area_mm2[lesion.narrowest])
    scan = measured.scan
    facts = ScanFacts(scan.kvp, scan.kernel, float(measured.lumen_hu[lesion.narrowest]), scan.fwhm_mm, scan.noise_hu)
    features = high_risk_features(measured, walls, ring, lesion, shape)
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
    seen = np.flatnonzero(measured.visible)
    return plaque_volumes(measured, walls, ring_of(measured, walls), int(seen[0]), int(seen[-1]))
