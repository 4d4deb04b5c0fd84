"""A network's airway: gaps are joined where the probability speaks for it, and each joint is on record."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from LungAirwayLib.segment import _lumen_of
from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.volume import Volume

SPACING = 0.8


def broken_tube(in_the_gap: float) -> NDArray[np.float32]:
    """Probability (K, J, I) of a tube along k, 4.8 mm across, with 4 mm missing but for ``in_the_gap``."""
    k, j, i = np.indices((70, 30, 32)) * SPACING
    chance = np.where(np.hypot(j - 12.0, i - 12.8) < 2.4, 0.95, 0.0).astype(np.float32)
    chance[(k > 28.0) & (k < 32.0) & (chance > 0)] = in_the_gap
    chance[(k < 4.0) | (k > 52.0)] = 0.0
    return chance


def volumes() -> list[Volume]:
    """The same place with k up, and with k down and i to the right."""
    upright = np.diag([SPACING, SPACING, SPACING, 1.0])
    turned = np.diag([-SPACING, SPACING, -SPACING, 1.0])
    turned[:3, 3] = (31 * SPACING, 0.0, 69 * SPACING)
    chance = broken_tube(0.4)
    return [Volume(chance, upright), Volume(np.ascontiguousarray(chance[::-1, :, ::-1]), turned)]


SEEDS = np.array([[60, 15, 16], [61, 15, 16]])


@pytest.mark.parametrize("volume", volumes(), ids=["upright", "turned"])
def test_a_gap_with_some_probability_is_joined_and_recorded(volume: Volume) -> None:
    lumen, bridges = _lumen_of(volume, PatientAxes.of(volume.grid), SEEDS)
    assert ndimage.label(lumen, np.ones((3, 3, 3)))[1] == 1
    heights = np.flatnonzero(lumen.any(axis=(1, 2))) * SPACING
    assert heights[0] < 6.0
    assert heights[-1] > 50.0
    assert len(bridges) == 1
    assert 2.5 < bridges[0].gap_mm < 6.5
    middle = bridges[0].points_lps_mm[len(bridges[0].points_lps_mm) // 2]
    np.testing.assert_allclose(middle, (12.8, 12.0, 30.0), atol=1.5)


def test_a_gap_without_probability_stays_open() -> None:
    volume = Volume(broken_tube(0.0), np.diag([SPACING, SPACING, SPACING, 1.0]))
    lumen, bridges = _lumen_of(volume, PatientAxes.of(volume.grid), SEEDS)
    assert bridges == ()
    assert np.flatnonzero(lumen.any(axis=(1, 2)))[0] * SPACING > 30.0


@pytest.mark.parametrize("seeds", [SEEDS, np.array([[2, 2, 2]])])
def test_an_airway_away_from_the_trachea_is_refused(seeds: NDArray[np.int64]) -> None:
    chance = broken_tube(0.4) if len(seeds) == 1 else np.zeros((70, 30, 32), dtype=np.float32)
    volume = Volume(chance, np.diag([SPACING, SPACING, SPACING, 1.0]))
    with pytest.raises(SenseCareError, match="no airway"):
        _lumen_of(volume, PatientAxes.of(volume.grid), seeds)
