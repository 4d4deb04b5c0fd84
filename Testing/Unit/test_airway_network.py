"""From a network's probability to one tree, and what of a scan a network is shown."""

from __future__ import annotations

import numpy as np
import pytest

from LungAirwayLib.airway_network import NetworkRules, segment_airway_network, tree_of_probability, with_air_at_1000
from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.inference.protocol import Prediction
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

SEEDS = np.array([[70, 24, 24], [71, 24, 24]])


def trunk_and_branch(gap: slice | None = None, beyond: float = 0.9) -> np.ndarray:
    """A vertical trunk, and below k = 40 its thinner continuation; ``gap`` (k) is improbable."""
    k, j, i = np.mgrid[:80, :48, :48]
    distance = np.hypot(j - 24, i - 24)
    chance = np.where((k >= 40) & (distance <= 5), 0.95, 0.02)
    chance = np.where((k < 40) & (k >= 6) & (distance <= 2.5), beyond, chance)
    if gap is not None:
        chance[gap] = np.where(distance[gap] <= 2.5, 0.25, 0.02)
    return chance.astype(np.float32)


def volume_of(chance: np.ndarray) -> Volume:
    return Volume(chance, np.diag([0.7, 0.7, 0.7, 1.0]))


def test_what_is_likely_joins_what_is_sure_and_what_stands_alone_does_not() -> None:
    chance = trunk_and_branch(beyond=0.4)
    chance[10:20, 5:10, 5:10] = 0.45  # as likely, but nowhere sure
    tree, bridges = tree_of_probability(volume_of(chance), SEEDS)
    assert tree[10, 24, 24] and tree[60, 24, 24]
    assert not tree[15, 7, 7]
    assert bridges == ()
    strict, _ = tree_of_probability(volume_of(chance), SEEDS, NetworkRules(likely=0.5))
    assert not strict[10, 24, 24]


def test_a_gap_is_joined_and_recorded() -> None:
    tree, bridges = tree_of_probability(volume_of(trunk_and_branch(gap=slice(26, 31))), SEEDS)
    assert len(bridges) == 1
    assert bridges[0].gap_mm < 8.0
    assert tree[28, 24, 24] and tree[10, 24, 24]


def test_a_piece_out_of_reach_is_dropped() -> None:
    chance = trunk_and_branch()
    chance[10:40, 2:6, 2:6] = 0.9
    tree, _ = tree_of_probability(volume_of(chance), SEEDS)
    assert not tree[20, 4, 4]


def test_a_bubble_in_the_lumen_is_filled() -> None:
    chance = trunk_and_branch()
    chance[60, 24, 24] = 0.0
    assert tree_of_probability(volume_of(chance), SEEDS)[0][60, 24, 24]


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_no_airway_and_no_airway_at_the_trachea_are_said(value: float) -> None:
    with pytest.raises(SenseCareError, match="no airway"):
        tree_of_probability(volume_of(np.full((80, 48, 48), value, dtype=np.float32)), SEEDS)
    chance = np.zeros((80, 48, 48), dtype=np.float32)
    chance[5:15, 5:15, 5:15] = 0.9
    with pytest.raises(SenseCareError, match="starts at the trachea"):
        tree_of_probability(volume_of(chance), SEEDS)


class Recorder:
    """A network that knows the answer and remembers what it was shown."""

    def __init__(self, chance: np.ndarray) -> None:
        self.chance = chance
        self.shape: tuple[int, ...] = ()

    def segment(self, volume: Volume, progress: Progress, wanted: np.ndarray | None = None) -> Prediction:
        self.shape = volume.array_kji.shape
        assert wanted is not None and wanted.shape == self.shape and wanted.any()
        start = np.rint(volume.affine_ijk_to_lps[:3, 3] / 0.7).astype(int)[::-1]
        box = tuple(slice(low, low + size) for low, size in zip(start, self.shape, strict=True))
        return Prediction(
            np.stack([self.chance[box], 1.0 - self.chance[box]]),
            ("airway_lumen", "lung_vessel"),
            volume.affine_ijk_to_lps,
            "known",
        )


def test_a_network_is_shown_the_lungs_only_and_its_answer_lies_where_it_was() -> None:
    chance = np.zeros((100, 120, 110), dtype=np.float32)
    chance[10:90, 40:88, 30:78] = trunk_and_branch()
    seeds = SEEDS + np.array([10, 40, 30])
    inside = np.zeros(chance.shape, dtype=bool)
    inside[20:60, 50:80, 40:70] = True
    network = Recorder(chance)
    scan = Volume(np.full(chance.shape, -850, dtype=np.int16), np.diag([0.7, 0.7, 0.7, 1.0]))
    found = segment_airway_network(scan, inside, seeds, network, Progress())
    assert np.prod(network.shape) < 0.6 * chance.size
    assert found.lumen.shape == chance.shape
    assert found.lumen[60, 64, 54] and not found.lumen[60, 64, 70]
    assert found.vessels is not None and found.vessels.grid.same_as(found.probability.grid)
    assert found.detail == "known"
    assert not inside[tuple(seeds[0])], "what was given stays as it was"


def test_scaling_brings_tracheal_air_to_1000_and_leaves_soft_tissue_and_odd_values() -> None:
    hu = np.array([-940, 40, -850], dtype=np.int16)
    scaled = with_air_at_1000(hu, -940.0)
    np.testing.assert_allclose(scaled[:2], [-1000.0, 40.0], atol=1e-2)
    assert -1000.0 < scaled[2] < -850.0
    for air in (-700.0, -3024.0):
        np.testing.assert_array_equal(with_air_at_1000(hu, air), hu)


def test_what_lies_outside_the_body_is_no_airway() -> None:
    chance = np.zeros((100, 120, 110), dtype=np.float32)
    chance[10:90, 40:88, 30:78] = trunk_and_branch()
    seeds = SEEDS + np.array([10, 40, 30])
    inside = np.ones(chance.shape, dtype=bool)
    body = np.ones(chance.shape, dtype=bool)
    body[:40] = False
    scan = Volume(np.full(chance.shape, -850, dtype=np.int16), np.diag([0.7, 0.7, 0.7, 1.0]))
    found = segment_airway_network(scan, inside, seeds, Recorder(chance), Progress(), body=body)
    assert found.lumen[45, 64, 54] and not found.lumen[:40].any()
