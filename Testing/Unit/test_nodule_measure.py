"""Targets measured on analytic lesions whose size is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from LungAirwayLib.nodule import measure_target
from LungAirwayLib.plan import DensityClass, Target
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume

LUNG_HU, BLUR_MM = -850.0, 0.6
CENTRE = np.array([0.13, 0.21, -0.3])


def blurred_step(depth_mm):
    """Return how much of a voxel lies inside an edge that the scanner blurs; depth positive inside."""
    return 0.5 * (1.0 + erf(depth_mm / (np.sqrt(2.0) * BLUR_MM)))


def make_lung(spacing=(0.7, 0.7, 1.0), size_mm=72.0, rotation=None):
    count = [int(size_mm / step) for step in spacing]
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if rotation is None else rotation) @ np.diag(spacing)
    affine[:3, 3] = -affine[:3, :3] @ (np.array(count) / 2.0)
    grid = Grid((count[2], count[1], count[0]), affine)
    return grid, grid.lps_from_kji(np.moveaxis(np.indices(grid.shape_kji), 0, -1))


def scanned(grid, hu, noise_hu=25.0):
    noise = np.random.default_rng(7).normal(0.0, noise_hu, hu.shape)
    return Volume((hu + noise).astype(np.float32), grid.affine_ijk_to_lps)


def all_lung(grid):
    return LabelMap(np.ones(grid.shape_kji, dtype=np.uint8), grid.affine_ijk_to_lps)


def ball(points, diameter_mm, value_hu, background=LUNG_HU, stretch=(1.0, 1.0, 1.0)):
    distance = np.linalg.norm((points - CENTRE) / np.array(stretch), axis=-1)
    share = blurred_step(diameter_mm / 2.0 - distance)
    return background + share * (value_hu - background)


def value(target: Target, name: str) -> float:
    found = target.measurements[name].value
    assert found is not None, target.measurements[name].reason_missing
    return found


def covers(target: Target, name: str, truth: float) -> bool:
    low, high = target.measurements[name].interval
    return bool(low <= truth <= high)


@pytest.mark.parametrize("diameter", [6.0, 10.0, 20.0])
def test_a_solid_ball_is_measured_within_half_a_millimetre(diameter):
    grid, points = make_lung()
    target = measure_target(scanned(grid, ball(points, diameter, 30.0)), point_lps_mm=CENTRE + 1.0, lungs=all_lung(grid))
    assert target.source == "click"
    assert target.density is DensityClass.SOLID
    for name in ("long_axis", "short_axis", "mean_diameter"):
        assert value(target, name) == pytest.approx(diameter, abs=0.5)
        assert covers(target, name, diameter)
    truth_mm3 = np.pi / 6.0 * diameter**3
    assert covers(target, "volume", truth_mm3)
    assert covers(target, "volume_subvoxel", truth_mm3)
    assert np.linalg.norm(target.centre_lps_mm - CENTRE) < 0.3
    assert target.radius_mm == pytest.approx(diameter / 2.0, abs=0.4)


@pytest.mark.parametrize("spacing", [(0.7, 0.7, 2.5), (0.5, 0.9, 1.3)])
def test_anisotropic_voxels_keep_the_size(spacing):
    grid, points = make_lung(spacing)
    target = measure_target(scanned(grid, ball(points, 12.0, 30.0)), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert value(target, "mean_diameter") == pytest.approx(12.0, abs=0.7)
    assert covers(target, "maximum_3d_diameter", 12.0)


def test_an_oblique_and_left_handed_grid_keeps_size_and_place():
    angle = np.radians(25.0)
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, -1.0]])
    grid, points = make_lung(rotation=rotation)
    target = measure_target(scanned(grid, ball(points, 12.0, 30.0)), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert value(target, "mean_diameter") == pytest.approx(12.0, abs=0.5)
    assert np.linalg.norm(target.centre_lps_mm - CENTRE) < 0.3


def test_long_and_short_axis_of_an_ellipsoid_across_the_table():
    grid, points = make_lung()
    hu = ball(points, 12.0, 30.0, stretch=(1.5, 1.0, 1.0))
    target = measure_target(scanned(grid, hu), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert value(target, "long_axis") == pytest.approx(18.0, abs=0.6)
    assert value(target, "short_axis") == pytest.approx(12.0, abs=0.6)


def test_an_upright_ellipsoid_is_longer_in_three_dimensions_than_on_axial_sections():
    grid, points = make_lung()
    hu = ball(points, 10.0, 30.0, stretch=(1.0, 1.0, 2.0))
    target = measure_target(scanned(grid, hu), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert value(target, "long_axis") == pytest.approx(10.0, abs=0.6)
    assert value(target, "maximum_3d_diameter") == pytest.approx(20.0, abs=1.0)


def test_ground_glass_has_no_solid_core():
    grid, points = make_lung()
    target = measure_target(scanned(grid, ball(points, 16.0, -620.0)), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert target.density is DensityClass.GROUND_GLASS
    assert value(target, "mean_diameter") == pytest.approx(16.0, abs=0.7)
    assert value(target, "mean_attenuation") == pytest.approx(-620.0, abs=15.0)
    assert target.measurements["solid_core_diameter"].value is None


def test_a_part_solid_lesion_has_both_its_diameters():
    grid, points = make_lung()
    hu = np.maximum(ball(points, 18.0, -620.0), ball(points, 8.0, 30.0))
    target = measure_target(scanned(grid, hu), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert target.density is DensityClass.PART_SOLID
    assert value(target, "mean_diameter") == pytest.approx(18.0, abs=0.7)
    assert value(target, "solid_core_diameter") == pytest.approx(8.0, abs=0.7)


def test_a_vessel_on_the_lesion_is_cut_off():
    grid, points = make_lung()
    off_axis = np.hypot(points[..., 1] - CENTRE[1], points[..., 2] - CENTRE[2])
    vessel = LUNG_HU + blurred_step(1.5 - off_axis) * (points[..., 0] < CENTRE[0]) * (40.0 - LUNG_HU)
    hu = np.maximum(ball(points, 12.0, 30.0), vessel)
    target = measure_target(scanned(grid, hu), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert value(target, "mean_diameter") == pytest.approx(12.0, abs=1.0)
    assert covers(target, "volume_subvoxel", np.pi / 6.0 * 12.0**3)


def chest_wall(points, hu, depth_mm):
    """Put a chest wall to the patient's left, ``depth_mm`` into the lesion from its far side."""
    return hu + blurred_step(points[..., 0] - depth_mm) * (30.0 - hu)


def test_a_lesion_at_the_pleura_stays_out_of_the_chest_wall():
    grid, points = make_lung()
    wall_x = CENTRE[0] + 4.0
    volume = scanned(grid, chest_wall(points, ball(points, 12.0, 30.0), wall_x))
    lungs = LabelMap((volume.array_kji < -400).astype(np.uint8), grid.affine_ijk_to_lps)
    target = measure_target(volume, point_lps_mm=CENTRE, lungs=lungs)
    assert target.source == "click"
    assert value(target, "long_axis") == pytest.approx(12.0, abs=0.8)
    assert target.surface_lps_mm[:, 0].max() < wall_x + 1.0
    assert value(target, "distance_to_pleura") < 1.0


def test_the_distance_to_the_pleura_is_that_of_the_surface():
    grid, points = make_lung()
    wall_x = CENTRE[0] + 20.0
    volume = scanned(grid, chest_wall(points, ball(points, 12.0, 30.0), wall_x))
    lungs = LabelMap((points[..., 0] < wall_x).astype(np.uint8), grid.affine_ijk_to_lps)
    target = measure_target(volume, point_lps_mm=CENTRE, lungs=lungs)
    found = target.measurements["distance_to_pleura"]
    assert found.value == pytest.approx(14.0, abs=1.0)
    assert found.evidence.point_lps_mm[0] == pytest.approx(wall_x, abs=1.0)


def test_the_distance_to_the_fissure_is_that_to_the_other_lobe_of_the_same_lung():
    grid, points = make_lung()
    lobes = np.where(points[..., 2] > CENTRE[2] + 15.0, 4, 5).astype(np.uint8)
    lobe_map = LabelMap(lobes, grid.affine_ijk_to_lps)
    volume = scanned(grid, ball(points, 10.0, 30.0))
    target = measure_target(volume, point_lps_mm=CENTRE, lungs=all_lung(grid), lobes=lobe_map)
    assert target.lobe == "LLL"
    assert value(target, "distance_to_fissure") == pytest.approx(10.0, abs=1.2)


def test_healthy_lung_stays_a_bare_point_with_the_reason():
    grid, points = make_lung()
    target = measure_target(scanned(grid, np.full(points.shape[:3], LUNG_HU)), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert target.source == "point"
    assert target.radius_mm == 0.0
    assert "aerated lung (-8" in target.notes[0]
    assert "aerated lung" in target.measurements["long_axis"].reason_missing


def test_a_vessel_alone_is_no_lesion():
    grid, points = make_lung()
    off_axis = np.hypot(points[..., 1] - CENTRE[1], points[..., 2] - CENTRE[2])
    hu = LUNG_HU + blurred_step(2.5 - off_axis) * (40.0 - LUNG_HU)
    assert measure_target(scanned(grid, hu), point_lps_mm=CENTRE, lungs=all_lung(grid)).source == "point"


def test_a_consolidation_that_does_not_end_is_not_measured():
    grid, points = make_lung()
    target = measure_target(scanned(grid, ball(points, 66.0, 30.0)), point_lps_mm=CENTRE, lungs=all_lung(grid))
    assert target.source == "point"


@pytest.mark.parametrize("point", [(500.0, 0.0, 0.0), (np.nan, 0.0, 0.0), (1.0, 2.0), "here"])
def test_a_click_that_cannot_be_names_what_is_expected(point):
    grid, points = make_lung()
    volume = scanned(grid, np.full(points.shape[:3], LUNG_HU))
    with pytest.raises(InputError, match="millimetres"):
        measure_target(volume, point_lps_mm=point, lungs=all_lung(grid))


def test_a_click_in_the_chest_wall_is_refused_by_its_coordinates():
    grid, points = make_lung()
    lungs = LabelMap((points[..., 0] < 0.0).astype(np.uint8), grid.affine_ijk_to_lps)
    volume = scanned(grid, np.where(points[..., 0] < 0.0, LUNG_HU, 30.0))
    with pytest.raises(InputError, match=r"L 15\.0, P 0\.0, S 0\.0 mm lies outside the lungs"):
        measure_target(volume, point_lps_mm=(15.0, 0.0, 0.0), lungs=lungs)


def test_a_node_beside_an_airway_is_a_point_for_the_needle():
    grid, points = make_lung()
    lungs = LabelMap((points[..., 0] < 0.0).astype(np.uint8), grid.affine_ijk_to_lps)
    volume = scanned(grid, np.where(points[..., 0] < 0.0, LUNG_HU, 30.0))
    along = np.stack([np.full(21, 24.0), np.zeros(21), np.linspace(10.0, -10.0, 21)], axis=1)
    radius, frames = np.full(21, 3.0), np.zeros((21, 3, 3))
    airway = Tree({1: Branch(1, None, (), along, radius, np.tile([2.7, 3.3], (21, 1)), frames)}, 1)
    target = measure_target(volume, point_lps_mm=(15.0, 0.0, 0.0), lungs=lungs, tree=airway)
    assert target.source == "point" and target.is_point
    assert "outside the lungs" in target.notes[0]
    with pytest.raises(InputError, match="outside the lungs"):
        measure_target(volume, point_lps_mm=(9.0, 0.0, 0.0), lungs=lungs, tree=airway)


def test_a_mask_is_measured_on_its_own_grid_without_a_ct():
    grid, points = make_lung((0.8, 0.8, 1.5))
    mask = LabelMap((np.linalg.norm(points - CENTRE, axis=-1) < 8.0).astype(np.uint8), grid.affine_ijk_to_lps)
    target = measure_target(None, mask=mask)
    assert target.source == "mask"
    assert value(target, "mean_diameter") == pytest.approx(16.0, abs=0.8)
    assert covers(target, "volume", np.pi / 6.0 * 16.0**3)
    assert target.measurements["mean_attenuation"].reason_missing == "there is no CT"


def test_a_single_voxel_mask_has_a_size_of_about_a_voxel():
    array = np.zeros((5, 6, 7), dtype=np.uint8)
    array[2, 3, 4] = 1
    target = measure_target(None, mask=LabelMap(array, np.diag([1.0, 1.0, 1.0, 1.0])))
    assert np.allclose(target.centre_lps_mm, [4.0, 3.0, 2.0], atol=0.6)
    assert 0.3 < value(target, "long_axis") < 2.0


def test_the_largest_piece_of_a_mask_counts_and_is_said():
    grid, points = make_lung()
    big = np.linalg.norm(points - CENTRE, axis=-1) < 6.0
    small = np.linalg.norm(points - np.array([20.0, 20.0, 20.0]), axis=-1) < 2.0
    target = measure_target(None, mask=LabelMap((big | small).astype(np.uint8), grid.affine_ijk_to_lps))
    assert np.linalg.norm(target.centre_lps_mm - CENTRE) < 0.5
    assert "2 pieces" in target.notes[0]


def test_an_empty_mask_and_no_target_are_refused():
    with pytest.raises(InputError, match="empty"):
        measure_target(None, mask=LabelMap(np.zeros((3, 3, 3), dtype=np.uint8), np.eye(4)))
    with pytest.raises(InputError, match="No target"):
        measure_target(None)
