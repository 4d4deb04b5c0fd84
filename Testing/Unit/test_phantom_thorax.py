"""A whole digital patient: is what it says of itself true?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.phantom.airway_tree import segment_of
from SenseCarePlanningLib.phantom.nodules import NoduleSpec
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.simulate import SimulatedCT
from SenseCarePlanningLib.phantom.thorax import Thorax, ThoraxOptions, demo_options, make_thorax, scan
from SenseCarePlanningLib.phantom.write import write_phantom
from SenseCarePlanningLib.tubes.io import load_tree

pytestmark = pytest.mark.slow

SEGMENTS = {f"RB{n}" for n in range(1, 11)} | {"LB1+2", "LB3", "LB4", "LB5", "LB6", "LB7", "LB8", "LB9", "LB10"}
OPTIONS = ThoraxOptions(
    seed=2,
    generations=9,
    nodules=(NoduleSpec("RB3", 12.0), NoduleSpec("LB6", 14.0, "part_solid"), NoduleSpec("LB3", 10.0, "ground_glass")),
)


@pytest.fixture(scope="module")
def thorax() -> Thorax:
    return make_thorax(OPTIONS)


@pytest.fixture(scope="module")
def quiet_scan(thorax) -> SimulatedCT:
    return scan(thorax, Scanner(spacing_mm=1.4, noise_hu=0.0))


def test_the_tree_is_complete_and_nine_generations_deep(thorax) -> None:
    codes = {segment_of(branch.label.code) for branch in thorax.tree}
    assert codes >= SEGMENTS
    assert max(branch.generation for branch in thorax.tree) == 9
    assert len(thorax.tree) > 400
    assert thorax.tree.root.label.code == "trachea"


def test_every_bronchus_stays_in_its_lobe(thorax) -> None:
    for tube in thorax.tubes:
        if segment_of(tube.code) in SEGMENTS and tube.code not in SEGMENTS:
            field = thorax.lobes.distance[tube.lobe]
            at = thorax.lattice.index_of(tube.points_lps_mm[2:]).T
            assert map_coordinates(field, at, order=1).max() < -tube.radius_mm.max()


def test_no_bronchus_runs_into_another(thorax) -> None:
    tree = thorax.tree
    points = np.concatenate([branch.points_lps_mm for branch in tree])
    radius = np.concatenate([branch.radius_mm for branch in tree])
    owner = np.concatenate([np.full(len(branch.radius_mm), branch.id) for branch in tree])
    paths = {branch.id: tree.path_to(branch.id) for branch in tree}
    pairs = cKDTree(points).query_pairs(12.0, output_type="ndarray")
    first, second = pairs.T
    gap = np.linalg.norm(points[first] - points[second], axis=1) - radius[first] - radius[second]
    close = (gap < 0.0) & (owner[first] != owner[second])
    for one, other in pairs[close]:
        shared = [a for a, b in zip(paths[owner[one]], paths[owner[other]], strict=False) if a == b][-1]
        fork = tree[shared].points_lps_mm[-1]
        near_fork = max(np.linalg.norm(points[one] - fork), np.linalg.norm(points[other] - fork))
        parent_and_child = shared in (owner[one], owner[other])
        assert parent_and_child or near_fork < 14.0, (tree[owner[one]].label.code, tree[owner[other]].label.code)


def test_the_mask_has_the_cross_section_of_the_true_radius(thorax, quiet_scan) -> None:
    trachea = thorax.tree.root
    grid = quiet_scan.airway_truth.grid
    index = grid.kji_from_lps(trachea.points_lps_mm)
    inside = (index[:, 0] > 2) & (index[:, 0] < grid.shape_kji[0] - 3)
    middle = np.flatnonzero(inside & (trachea.arc_mm > 25.0) & (trachea.arc_mm < 70.0))
    slices = np.unique(np.rint(index[middle, 0]).astype(int))
    j, i = np.rint(index[middle].mean(axis=0)[1:]).astype(int)
    around = quiet_scan.airway_truth.array_kji[slices, j - 13 : j + 14, i - 10 : i + 11]
    area = around.sum(axis=(1, 2)).mean() * 1.4**2 * abs(trachea.direction[2])
    assert area == pytest.approx(np.pi * (trachea.radius_mm[middle] ** 2).mean(), rel=0.06)


def test_lobes_part_the_lungs_exactly(quiet_scan) -> None:
    lungs, lobes = quiet_scan.lungs_truth.array_kji, quiet_scan.lobes_truth.array_kji
    assert np.array_equal(np.isin(lobes, (1, 2, 3)), lungs == 1)
    assert np.array_equal(np.isin(lobes, (4, 5)), lungs == 2)
    volumes = [quiet_scan.lobes_truth.volume_ml(value) for value in range(1, 6)]
    assert min(volumes) == volumes[1] > 100.0
    assert 3500.0 < sum(volumes) < 8000.0
    right = np.argwhere(lungs == 1).mean(axis=0)
    assert quiet_scan.lungs_truth.grid.lps_from_kji(right)[0] < -30.0


def test_air_lung_and_blood_have_their_attenuation(quiet_scan) -> None:
    image = quiet_scan.volume.array_kji
    grid = quiet_scan.volume.grid
    in_trachea = np.rint(grid.kji_from_lps(np.array([[1.0, -8.0, 45.0]]))).astype(int)[0]
    assert image[tuple(in_trachea)] < -980
    lung = (quiet_scan.lungs_truth.array_kji > 0) & (quiet_scan.vessels_truth.array_kji == 0)
    assert -900 < np.median(image[lung]) < -820
    back, front = (np.median(image[:, rows][lung[:, rows]]) for rows in (slice(110, None), slice(0, 60)))
    assert back > front + 15


def test_nodules_have_their_size_place_and_density(thorax, quiet_scan) -> None:
    for label, nodule in enumerate(thorax.nodules, start=1):
        mask = quiet_scan.nodule_truth.array_kji == label
        assert mask.sum() * quiet_scan.volume.grid.voxel_volume_mm3 == pytest.approx(nodule.volume_mm3, rel=0.06)
        assert np.unique(quiet_scan.lobes_truth.array_kji[mask]).tolist() == [nodule.lobe]
        centre = quiet_scan.volume.grid.lps_from_kji(np.argwhere(mask).mean(axis=0))
        assert np.linalg.norm(centre - nodule.centre_lps_mm) < 0.5
        assert segment_of(thorax.tree[nodule.nearest_branch_id].label.code) == nodule.spec.segment
    middle = [
        quiet_scan.volume.array_kji[tuple(np.rint(quiet_scan.volume.grid.kji_from_lps(nodule.centre_lps_mm)).astype(int))]
        for nodule in thorax.nodules
    ]
    assert middle[0] > 0
    assert middle[1] > -50
    assert -700 < middle[2] < -500


def test_the_same_options_give_the_same_patient(thorax) -> None:
    again = make_thorax(OPTIONS)
    assert len(again.tree) == len(thorax.tree)
    for one, other in zip(thorax.tree, again.tree, strict=True):
        assert np.array_equal(one.points_lps_mm, other.points_lps_mm)
    assert np.array_equal(again.veins.end_lps_mm, thorax.veins.end_lps_mm)


def test_a_written_patient_reads_back(thorax, quiet_scan, tmp_path: Path) -> None:
    out = write_phantom(quiet_scan, tmp_path / "patient", thorax=thorax, scanner=Scanner(spacing_mm=1.4, noise_hu=0.0))
    assert len(list((out / "dicom").iterdir())) == quiet_scan.volume.array_kji.shape[0]
    assert len(load_tree(out / "truth" / "tree.json")) == len(thorax.tree)
    nodules = json.loads((out / "truth" / "nodules.json").read_text())
    assert [nodule["segment"] for nodule in nodules] == ["RB3", "LB6", "LB3"]
    assert json.loads((out / "truth" / "options.json").read_text())["options"]["seed"] == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError):
        write_phantom(quiet_scan, tmp_path / "other", thorax=thorax)
    assert (tmp_path / "other" / "thesis.txt").read_text() == "mine"


def test_a_nodule_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="no segment RB99"):
        make_thorax(ThoraxOptions(generations=9, nodules=(NoduleSpec("RB99", 8.0),)))


@pytest.mark.parametrize("wrong", [{"generations": 4}, {"seed": -1}, {"leaks": -2}, {"variant": "unknown"}])
def test_options_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError):
        ThoraxOptions(**wrong)


def test_the_demo_has_a_nodule_in_the_right_lower_lobe() -> None:
    options = demo_options()
    assert options.nodules[0].segment == "RB6"
    assert options.generations >= 9
