"""Clicks in a digital heart with chambers: the way runs in arteries only, and a mark beside them is moved or named."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from CardiacCTALib.clicked import Clicked, Clicks, follow_clicks
from CardiacCTALib.given_trees import segmentation_of
from CardiacCTALib.structures import LEFT_VENTRICLE
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import arc_length_mm, unit
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_guides import Dominance
from SenseCarePlanningLib.phantom.coronary_scan import CoronaryScan, coronary_scanner, scan_coronary
from SenseCarePlanningLib.volume import LabelMap

Point = tuple[float, float, float]
BASE = np.array([[-60.0, -80.0, -84.0], [78.0, 40.0, -10.0]])


@pytest.fixture(scope="module")
def scan() -> CoronaryScan:
    """The base of a heart with the ventricles' upper halves."""
    patient = make_coronary_patient(CoronaryOptions(seed=6, dominance=Dominance.RIGHT, ramus=False))
    return scan_coronary(patient, coronary_scanner(320, 0.7), BASE)


@pytest.fixture(scope="module")
def heart(scan: CoronaryScan) -> LabelMap:
    return segmentation_of((), scan.tissue, scan.volume).heart


def artery(scan: CoronaryScan, name: str, share: float = 1.0) -> Point:
    """A place on an artery: so far along what the scan holds of it."""
    points = next(one.points_lps_mm for one in scan.truth.arteries if one.name == name)
    inside = points[points[:, 2] > BASE[0, 2] + 4.0]
    x, y, z = (float(value) for value in inside[int(share * (len(inside) - 1))])
    return (x, y, z)


def astray_mm(scan: CoronaryScan, found: Clicked) -> float:
    lines = cKDTree(np.concatenate([one.points_lps_mm for one in scan.truth.arteries]))
    return max(float(lines.query(branch.points_lps_mm)[0].max()) for tree in found.trees for branch in tree)


@pytest.mark.parametrize("with_chambers", [True, False])
def test_two_or_three_clicks_an_artery_run_in_arteries_only(scan: CoronaryScan, heart: LabelMap, with_chambers: bool) -> None:
    left = Clicks(artery(scan, "LM", 0.0), (artery(scan, "LAD"), artery(scan, "LCX")))
    right = Clicks(artery(scan, "RCA", 0.0), (artery(scan, "RCA"),), "right")
    found = follow_clicks(scan.volume, [left, right], 25.0, heart if with_chambers else None)
    assert [len(tree.tips) for tree in found.trees] == [2, 1]
    assert found.remarks == ()
    assert astray_mm(scan, found) < 2.5


@pytest.mark.parametrize("with_chambers", [True, False])
@pytest.mark.parametrize("off_mm", [0.0, -2.0, 2.0])
def test_an_artery_begins_at_the_wall_of_the_aorta_wherever_near_it_is_marked(
    scan: CoronaryScan, heart: LabelMap, with_chambers: bool, off_mm: float
) -> None:
    clicks = []
    for name, tip, side in (("LM", "LAD", "left"), ("RCA", "RCA", "right")):
        points = next(one.points_lps_mm for one in scan.truth.arteries if one.name == name)
        x, y, z = (float(value) for value in points[0] + off_mm * unit(points[8] - points[0]))  # along the artery, or back
        clicks.append(Clicks((x, y, z), (artery(scan, tip),), side))
    found = follow_clicks(scan.volume, clicks, 25.0, heart if with_chambers else None)
    for tree, name in zip(found.trees, ("LM", "RCA"), strict=True):
        points = next(one.points_lps_mm for one in scan.truth.arteries if one.name == name)
        true_mm = float(arc_length_mm(points)[32])
        away = np.linalg.norm(tree.root.points_lps_mm - points[32], axis=1)
        assert away.min() < 0.7
        assert abs(tree.root.arc_mm[int(away.argmin())] - true_mm) < 1.5, name


def test_a_tip_beside_the_artery_moves_onto_it_and_one_in_a_chamber_is_named(scan: CoronaryScan, heart: LabelMap) -> None:
    on = np.array(artery(scan, "RCA", 0.7))
    turn = np.random.default_rng(1).normal(size=(400, 3))
    around = on + 3.0 * turn / np.linalg.norm(turn, axis=1)[:, None]
    values = ndimage.map_coordinates(scan.volume.array_kji.astype(np.float32), scan.volume.grid.kji_from_lps(around).T, order=1)
    x, y, z = (float(value) for value in around[int(values.argmin())])  # in the fat
    chamber = in_the_ventricle(heart)
    found = follow_clicks(scan.volume, [Clicks(artery(scan, "RCA", 0.0), ((x, y, z), chamber), "right")], 25.0, heart)
    assert [tip.reached for tip in found.tips].count(True) == 1
    assert [one.rsplit("(L, P, S mm) ")[1].split(" ")[:3] for one in found.remarks] == [
        ["was", "moved", "by"],
        ["lies", "in", "a"],
    ]
    assert f"{chamber[0]:.1f}, {chamber[1]:.1f}" in found.remarks[1]
    assert np.linalg.norm(found.trees[0].tips[0].points_lps_mm[-1] - on) < 2.5
    assert astray_mm(scan, found) < 2.5
    assert all(translator("zh").sentence(one) != one for one in found.remarks)


def test_marks_that_lead_to_no_artery_at_all_are_refused_with_their_places(scan: CoronaryScan, heart: LabelMap) -> None:
    with pytest.raises(InputError, match="No marked artery") as caught:
        follow_clicks(scan.volume, [Clicks(artery(scan, "RCA", 0.0), (in_the_ventricle(heart),))], 25.0, heart)
    assert len(caught.value.problems) == 1


def in_the_ventricle(heart: LabelMap) -> Point:
    mask = heart.array_kji == LEFT_VENTRICLE
    deep = np.array(np.unravel_index(int(ndimage.distance_transform_edt(mask).argmax()), mask.shape))
    x, y, z = (float(value) for value in heart.grid.lps_from_kji(deep))
    return (x, y, z)
