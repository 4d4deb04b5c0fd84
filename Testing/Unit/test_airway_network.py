"""What of a scan the airway network is shown, when it is taken, and how its probability adds to a known tree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from LungAirwayLib import airway_network
from LungAirwayLib.airway_network import network_chance, network_for, tracheal_air_hu, with_air_at_1000
from LungAirwayLib.network_branches import add_network_branches, with_surface
from LungAirwayLib.pipeline import AirwayOptions, check_options
from LungAirwayLib.segment import SegmentOptions
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.evaluation.atm22 import count_loops
from SenseCarePlanningLib.inference.protocol import Prediction
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

SPACING = (0.7, 0.7, 0.7)
K, J, COLUMN = np.mgrid[:80, :48, :48]
FROM_AXIS = np.hypot(J - 24, COLUMN - 24)
LUNGS = np.ones(K.shape, dtype=bool)


def trunk() -> np.ndarray:
    """The known airway: a vertical tube of 5 voxels' radius above k = 40."""
    return (K >= 40) & (FROM_AXIS <= 5)


def thin_branch(value: float = 0.97) -> np.ndarray:
    """Probability: the known tube is sure, and below it a thin one goes on to k = 6."""
    chance = np.where((K < 40) & (K >= 6) & (FROM_AXIS <= 1.5), value, 0.01)
    return np.where(trunk(), 0.99, chance).astype(np.float32)


def scan_of(chance: np.ndarray) -> np.ndarray:
    """Air at -1000 HU where lumen is probable, lung elsewhere."""
    return np.where(chance >= 0.5, -1000.0, -850.0).astype(np.float32)


def grown(chance: np.ndarray, lungs: np.ndarray = LUNGS) -> np.ndarray:
    """The known tube with what the probability adds."""
    return add_network_branches(chance, scan_of(chance), trunk(), lungs, SPACING).lumen


def test_the_tree_goes_on_where_the_network_says_lumen_and_stays_one_piece() -> None:
    known = trunk()
    added = add_network_branches(thin_branch(), scan_of(thin_branch()), known, LUNGS, SPACING)
    assert added.path_count == 1
    assert added.lumen[known].all()
    assert added.lumen[8, 24, 24] and not added.lumen[3, 24, 24]
    assert ndimage.label(added.lumen, np.ones((3, 3, 3)))[1] == 1
    assert not (added.lumen & (thin_branch() < 0.5)).any()
    assert not known[8, 24, 24], "what was given stays as it was"


def test_a_short_gap_is_crossed_and_a_long_one_is_not() -> None:
    for gap_voxels, reached in ((3, True), (7, False)):
        chance = thin_branch()
        gap = (K < 30) & (30 - gap_voxels <= K) & ~trunk()
        chance[gap] = np.where(FROM_AXIS[gap] <= 1.5, 0.2, 0.01)
        assert grown(chance)[10, 24, 24] == reached


def test_what_stands_alone_what_is_weak_and_what_lies_outside_the_lungs_is_not_taken() -> None:
    alone = np.where(trunk(), 0.99, 0.01).astype(np.float32)
    alone[5:30, 2:6, 2:6] = 0.99
    assert not grown(alone)[15, 4, 4]
    assert not grown(thin_branch(0.3))[20, 24, 24]
    lungs = LUNGS.copy()
    lungs[:34] = False  # branches are sought up to 4 mm beyond the lungs
    assert not grown(thin_branch(0.9), lungs)[20, 24, 24]


def test_the_surface_moves_out_where_network_and_scan_agree_and_only_there() -> None:
    shell = (K >= 40) & (FROM_AXIS > 5) & (FROM_AXIS <= 6)
    chance = np.where(trunk(), 0.999, np.where(shell, 0.98, 0.01)).astype(np.float32)
    wall = (FROM_AXIS > 6) & (FROM_AXIS <= 8)
    hu = np.where(wall, 0.0, np.where(trunk() | shell, -1000.0, -850.0)).astype(np.float32)
    hu[:, :24][shell[:, :24]] = -200.0
    lumen = add_network_branches(chance, hu, trunk(), LUNGS, SPACING).lumen
    assert lumen[60, 30, 24], "dark beside a bright wall, and probable"
    assert not lumen[60, 18, 24], "as probable, but as bright as wall"
    chance[shell & (J < 24)] = 0.9999
    assert add_network_branches(chance, hu, trunk(), LUNGS, SPACING).lumen[60, 18, 24], "bright, but certain"
    chance[shell] = 0.2
    assert not add_network_branches(chance, hu, trunk(), LUNGS, SPACING).lumen[60, 30, 24], "as dark, but improbable"


def test_the_middle_of_a_thin_branch_is_taken_sooner_than_one_more_voxel_of_its_side() -> None:
    drawn = (K == 40) & (J == 25) & (COLUMN >= 10) & (COLUMN <= 40)  # one voxel beside the branch's middle
    middle, side = (40, 24, 25), (40, 26, 25)
    hu = np.full(K.shape, -780.0, dtype=np.float32)
    hu[40, 24, 10:41], hu[40, 25, 10:41] = -900.0, -840.0  # a thin branch is darkest in its middle
    chance = np.where(drawn, 0.6, 0.02).astype(np.float32)
    chance[40, 24, 10:41] = chance[40, 26, 10:41] = 0.8
    taken = with_surface(drawn, chance, hu, SPACING)
    assert taken[middle] and not taken[side], "as probable, but the slope to the wall"
    assert taken[drawn].all() and not drawn[middle], "what was given stays as it was"


def test_a_ring_of_probability_does_not_close() -> None:
    ring = np.abs(np.hypot(K - 30, COLUMN - 24) - 12) <= 1.5
    chance = np.where(ring & (np.abs(J - 24) <= 1), 0.97, thin_branch(0.01)).astype(np.float32)
    lumen = grown(chance)
    assert lumen.sum() > trunk().sum() + 50
    assert count_loops(lumen) == 0


class Recorder:
    """A network that remembers what it was shown."""

    def segment(self, volume: Volume, progress: Progress, wanted: np.ndarray | None = None) -> Prediction:
        self.shown, self.wanted, self.spacing = volume.array_kji, wanted, volume.grid.spacing_kji_mm
        chance = np.zeros((2, *volume.array_kji.shape), dtype=np.float32)
        chance[1] = 0.25
        return Prediction(chance, ("lung_vessel", "airway_lumen"), volume.affine_ijk_to_lps, "known")


def test_the_network_is_asked_near_the_airway_only_and_its_airway_channel_is_taken() -> None:
    network = Recorder()
    wide = np.full((80, 48, 148), -850.0, dtype=np.float32)
    lumen = np.pad(trunk(), ((0, 0), (0, 0), (0, 100)))
    chance, detail = network_chance(wide, lumen, (0.7, 0.8, 0.9), network, Progress())
    assert network.spacing == pytest.approx((0.7, 0.8, 0.9))
    assert network.wanted[60, 24, 24] and network.wanted[60, 24, 50] and not network.wanted[60, 24, 120]
    assert chance.shape == wide.shape and float(chance[0, 0, 0]) == 0.25
    assert detail == "known"


def test_the_air_of_the_trachea_is_read_where_the_scan_has_it() -> None:
    hu = np.where(trunk(), -940.0, -850.0)
    assert tracheal_air_hu(hu, np.array([[70, 24, 24], [71, 24, 25], [900, 0, 0]])) == -940.0
    assert tracheal_air_hu(hu, np.array([[900, 0, 0]])) == -1000.0


def test_scaling_brings_tracheal_air_to_1000_and_leaves_soft_tissue_and_odd_values() -> None:
    hu = np.array([-940, 40, -850], dtype=np.int16)
    scaled = with_air_at_1000(hu, -940.0)
    np.testing.assert_allclose(scaled[:2], [-1000.0, 40.0], atol=1e-2)
    assert -1000.0 < scaled[2] < -850.0
    for air in (-700.0, -3024.0):
        np.testing.assert_array_equal(with_air_at_1000(hu, air), hu)


def test_auto_takes_the_network_where_it_runs_and_bundle_says_why_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airway_network, "shipped_network", lambda: (Recorder(), ""))
    assert network_for(SegmentOptions("auto")) is not None
    assert network_for(SegmentOptions("bundle")) is not None
    assert network_for(SegmentOptions("classical")) is None
    assert network_for(SegmentOptions("auto", Path("other"))) is None
    monkeypatch.setattr(airway_network, "shipped_network", lambda: (None, "The weights are gone."))
    assert network_for(SegmentOptions("auto")) is None
    with pytest.raises(InputError, match="weights are gone"):
        check_options(Volume(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4)), AirwayOptions(engine="bundle"))
