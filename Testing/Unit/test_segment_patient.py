"""The whole classical segmentation on a digital patient whose airway is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from LungAirwayLib.mediastinum import check_near_trunk
from LungAirwayLib.nodule import in_lung
from LungAirwayLib.pipeline import AirwayOptions, run
from LungAirwayLib.segment import AirwaySegmentation, SegmentOptions, segment_airway
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.evaluation.atm22 import evaluate_airway
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.simulate import SimulatedCT
from SenseCarePlanningLib.phantom.thorax import ThoraxOptions, make_thorax, scan
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import LabelMap

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def patient() -> SimulatedCT:
    return scan(make_thorax(ThoraxOptions(seed=5, generations=9)), Scanner(spacing_mm=1.0, noise_hu=15.0))


@pytest.fixture(scope="module")
def found(patient: SimulatedCT) -> AirwaySegmentation:
    return segment_airway(patient.volume, SegmentOptions("classical"), Progress())


def test_the_airway_is_one_piece_without_loops_and_near_the_truth(patient: SimulatedCT, found: AirwaySegmentation) -> None:
    scores = evaluate_airway(found.airway, patient.airway_truth)
    assert scores.components == 1
    assert scores.loops == 0
    assert scores.precision > 90.0
    assert scores.tree_length_detected > 40.0  # at 1 mm most of the deepest generations are not resolved


def test_lungs_lie_on_their_sides(patient: SimulatedCT, found: AirwaySegmentation) -> None:
    for side in (1, 2):
        truth, own = patient.lungs_truth.array_kji == side, found.lungs.array_kji == side
        assert 2.0 * np.count_nonzero(truth & own) / (truth.sum() + own.sum()) > 0.9


def test_the_root_lies_in_the_top_of_the_trachea(patient: SimulatedCT, found: AirwaySegmentation) -> None:
    at = np.rint(patient.volume.grid.kji_from_lps(found.root_lps_mm)).astype(int)
    truth = patient.airway_truth.array_kji > 0
    assert ndimage.binary_dilation(truth, iterations=2)[tuple(at)]
    top = patient.volume.grid.lps_from_kji(np.argwhere(truth))[:, 2].max()
    assert found.root_lps_mm[2] > top - 15.0


def test_evidence_lies_on_the_grid_of_the_scan(patient: SimulatedCT, found: AirwaySegmentation) -> None:
    assert found.probability is not None
    points = patient.volume.grid.lps_from_kji(np.argwhere(found.airway.array_kji > 0)[::500])
    index = np.rint(found.probability.grid.kji_from_lps(points)).astype(int)
    assert np.all(found.probability.array_kji[tuple(index.T)] == 1.0)


def test_a_target_outside_the_lungs_is_refused_before_the_airway_is_looked_for(
    patient: SimulatedCT, found: AirwaySegmentation
) -> None:
    left, posterior, superior = (float(value) for value in found.root_lps_mm)
    behind = (left, posterior + 60.0, superior - 40.0)  # spine and the muscles of the back
    progress = Progress()
    with pytest.raises(InputError, match="outside the lungs"):
        run(patient.volume, AirwayOptions(engine="classical", target_lps_mm=behind), progress)
    assert progress.records == []  # not even the first step, the lungs, came to its end


def test_a_node_beside_the_trachea_passes_the_first_check_and_one_far_away_does_not(
    patient: SimulatedCT, found: AirwaySegmentation
) -> None:
    seen: list[LabelMap] = []

    def stop(lungs: LabelMap, trunk: LabelMap) -> None:
        seen.extend((lungs, trunk))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_airway(patient.volume, SegmentOptions("classical"), Progress(), stop)
    lungs, trunk = seen
    assert in_lung(lungs, patient.volume.grid.lps_from_kji(np.argwhere(patient.lungs_truth.array_kji == 1).mean(axis=0)))
    beside = found.root_lps_mm + np.array([0.0, -14.0, -20.0])  # before the trachea, where pretracheal nodes lie
    check_near_trunk(beside, trunk)
    with pytest.raises(InputError, match="needle"):
        check_near_trunk(beside + np.array([0.0, -40.0, 0.0]), trunk)
