"""Lobes of a pair of box-shaped lungs whose airways and fissures are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from LungAirwayLib.fissures import find_fissure
from LungAirwayLib.lobes import segment_lobes, segment_lobes_with_notes
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel, Tree
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume

# both lungs: boxes of 80 mm across, 120 mm deep, 160 mm high, LPS mm about a carina at the origin
RIGHT = ((-100.0, -20.0), (-60.0, 60.0), (-100.0, 60.0))
LEFT = ((20.0, 100.0), (-60.0, 60.0), (-100.0, 60.0))
# true fissures: upper side where the value is positive
SLOPE = np.array([0.0, -0.75, 0.66])


def oblique(points):
    return points @ SLOPE + 12.0


def horizontal(points):
    return points[..., 2] + 15.0


BRONCHI = {
    "RULB": ((-30, 0, 5), (-60, -30, 10)),
    "RMLB": ((-30, 0, -20), (-60, -50, -40)),
    "RLLB": ((-30, 5, -30), (-60, 25, -30)),
    "BI": ((-12, 0, -8), (-22, 3, -20)),
    "LUDB": ((30, -5, 0), (60, -35, 0)),
    "LLLB": ((30, 5, -30), (60, 25, -40)),
}


def make_tree(names=tuple(BRONCHI)):
    """The trachea, and from the carina one line through each lobar bronchus."""
    branches = {}
    lines = {"trachea": ((0, 0, 80), (0, 0, 0))} | {name: ((0, 0, 0), *BRONCHI[name]) for name in names}
    for number, (name, corners) in enumerate(lines.items()):
        pieces = [resample_polyline(np.array(pair, dtype=float), 1.0) for pair in pairwise(corners)]
        line = np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])
        count = len(line)
        branches[number] = Branch(
            number, 0 if number else None, tuple(range(1, len(lines))) if number == 0 else (), line, np.full(count, 3.0),
            np.full((count, 2), 3.0), np.broadcast_to(np.eye(3), (count, 3, 3)), label=BranchLabel(name, 1.0),
        )  # fmt: skip
    return Tree(branches, 0)


def make_grid(spacing=(2.0, 2.0, 2.5), flip=False):
    extent = np.array([210.0, 130.0, 170.0])
    count = np.ceil(extent / np.array(spacing)).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-105.0, -65.0, -105.0]
    if flip:
        affine[:3, 2] *= -1.0
        affine[2, 3] = 64.0
    return Grid((int(count[2]), int(count[1]), int(count[0])), affine)


def points_of(grid):
    return grid.lps_from_kji(np.moveaxis(np.indices(grid.shape_kji), 0, -1))


def in_box(points, box):
    return np.all([(points[..., axis] > low) & (points[..., axis] < high) for axis, (low, high) in enumerate(box)], axis=0)


def truth_of(points):
    upper = oblique(points) > 0
    right = np.where(upper, np.where(horizontal(points) > 0, 1, 2), 3)
    left = np.where(upper, 4, 5)
    return np.where(in_box(points, RIGHT), right, np.where(in_box(points, LEFT), left, 0)).astype(np.uint8)


def lungs_of(grid, points):
    return LabelMap(
        np.where(in_box(points, RIGHT), 1, np.where(in_box(points, LEFT), 2, 0)).astype(np.uint8), grid.affine_ijk_to_lps
    )


def ct_with_fissures(points, seed=3):
    """Lung at -860 HU with 20 HU noise and sheets of 1.5 mm that add 150 HU at their middle."""
    truth = truth_of(points)
    hu = np.where(truth > 0, -860.0, 30.0)
    hu += np.where(truth > 0, 150.0 * np.exp(-0.5 * (oblique(points) / 0.9) ** 2), 0.0)
    on_right = (truth == 1) | (truth == 2)
    hu += np.where(on_right, 150.0 * np.exp(-0.5 * (horizontal(points) / 0.9) ** 2), 0.0)
    return hu + np.random.default_rng(seed).normal(0.0, 20.0, hu.shape)


def dice(first, second, value):
    one, two = first == value, second == value
    return 2.0 * np.count_nonzero(one & two) / (np.count_nonzero(one) + np.count_nonzero(two))


def test_every_lung_voxel_has_exactly_one_lobe_of_its_own_lung():
    grid = make_grid()
    points = points_of(grid)
    lungs = lungs_of(grid, points)
    lobes = segment_lobes(None, lungs, make_tree())
    assert np.array_equal(lobes.array_kji > 0, lungs.array_kji > 0)
    assert set(np.unique(lobes.array_kji[lungs.array_kji == 1])) == {1, 2, 3}
    assert set(np.unique(lobes.array_kji[lungs.array_kji == 2])) == {4, 5}
    assert lobes.grid.same_as(lungs.grid)


def test_territories_alone_come_close():
    grid = make_grid()
    points = points_of(grid)
    lobes = segment_lobes(None, lungs_of(grid, points), make_tree())
    assert all(dice(lobes.array_kji, truth_of(points), value) > 0.6 for value in range(1, 6))


@pytest.mark.parametrize("flip", [False, True])
def test_a_visible_fissure_is_found_from_a_border_six_millimetres_off(flip):
    grid = make_grid((1.25, 1.25, 1.5), flip)
    points = points_of(grid)
    inside = in_box(points, LEFT)
    volume = Volume(ct_with_fissures(points).astype(np.float32), grid.affine_ijk_to_lps)
    fissure = points[inside & (np.abs(oblique(points)) < 0.5)]
    surface = find_fissure(volume, inside, points[inside][::7], fissure + 6.0 * SLOPE, SLOPE)
    central = fissure[(np.abs(fissure[:, 0] - 60.0) < 30.0) & (np.abs(fissure[:, 1]) < 40.0)]
    assert np.median(np.abs(surface.signed_mm(central))) < 1.0
    assert surface.support > 0.3


def test_without_a_fissure_in_the_ct_the_starting_surface_stays():
    grid = make_grid((1.25, 1.25, 1.5))
    points = points_of(grid)
    inside = in_box(points, LEFT)
    noise = np.random.default_rng(5).normal(-860.0, 40.0, grid.shape_kji).astype(np.float32)
    border = points[inside & (np.abs(oblique(points)) < 0.5)]
    with_ct = find_fissure(Volume(noise, grid.affine_ijk_to_lps), inside, points[inside][::7], border, SLOPE)
    without = find_fissure(None, inside, points[inside][::7], border, SLOPE)
    assert with_ct.support == 0.0
    assert np.array_equal(with_ct.height_mm, without.height_mm)


def test_a_lobe_without_an_airway_is_said_and_trusted_with_nothing():
    grid = make_grid()
    found = segment_lobes_with_notes(None, lungs_of(grid, points_of(grid)), make_tree(("RULB", "RLLB", "LUDB", "LLLB")))
    assert found.confidence[2] == 0.0
    assert any("RML" in note for note in found.notes)
    assert not (found.lobes.array_kji == 2).any()


@pytest.mark.slow
@pytest.mark.parametrize("shown", [True, False])
def test_a_middle_lobe_without_an_airway_is_parted_only_by_fissures_that_are_seen(shown):
    grid = make_grid((1.5, 1.5, 1.5))
    points = points_of(grid)
    right = LabelMap(np.where(in_box(points, RIGHT), 1, 0).astype(np.uint8), grid.affine_ijk_to_lps)
    noise = np.random.default_rng(7).normal(-860.0, 20.0, grid.shape_kji)
    volume = Volume((ct_with_fissures(points) if shown else noise).astype(np.float32), grid.affine_ijk_to_lps)
    found = segment_lobes_with_notes(volume, right, make_tree(("RULB", "RLLB", "BI")))
    assert found.confidence[2] == 0.0
    (note,) = found.notes
    assert note.startswith("no named airway supplies the RML")
    assert ("parted by the fissures" in note) == shown
    # the drawn oblique fissure lies far from where the three drawn airways part the lung, so that half the lobe is all there is
    assert (dice(found.lobes.array_kji, truth_of(points), 2) > 0.3) == shown


def test_a_lung_without_any_named_airway_stays_without_lobes():
    grid = make_grid()
    lungs = lungs_of(grid, points_of(grid))
    lobes = segment_lobes(None, lungs, make_tree(("RULB", "RMLB", "RLLB", "BI")))
    assert not lobes.array_kji[lungs.array_kji == 2].any()


def test_empty_lungs_give_empty_lobes():
    lungs = LabelMap(np.zeros((4, 5, 6), dtype=np.uint8), np.eye(4))
    assert not segment_lobes(None, lungs, make_tree()).array_kji.any()


def test_a_single_voxel_of_lung_gets_a_lobe():
    array = np.zeros((5, 5, 5), dtype=np.uint8)
    array[2, 2, 2] = 2
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = np.array(BRONCHI["LLLB"][1]) - 4.0
    lobes = segment_lobes(None, LabelMap(array, affine), make_tree())
    assert lobes.array_kji[2, 2, 2] == 5


def test_a_ct_on_another_grid_is_refused():
    grid = make_grid()
    lungs = lungs_of(grid, points_of(grid))
    with pytest.raises(ValueError, match="one grid"):
        segment_lobes(Volume(np.zeros((3, 3, 3), dtype=np.int16), np.eye(4)), lungs, make_tree())
