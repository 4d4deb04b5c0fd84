"""Grids and polylines: exact maps between voxels and millimetres, also oblique and left-handed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SenseCarePlanningLib.geometry import angle_deg, arc_length_mm, lps_from_ras, resample_polyline, smooth_polyline, tangents
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box, fill_holes


def oblique_affine() -> np.ndarray:
    angle = np.radians(20.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.7, 0.8, -1.25])
    affine[:3, 3] = (-100.0, 50.0, 300.0)
    return affine


def test_voxel_and_world_are_inverse_on_an_oblique_left_handed_grid() -> None:
    volume = Volume(np.zeros((4, 5, 6), np.int16), oblique_affine())
    points = np.array([[0.0, 0, 0], [3, 2, 1], [5.5, 4.25, 3]])
    np.testing.assert_allclose(volume.grid.ijk_from_lps(volume.grid.lps_from_ijk(points)), points, atol=1e-9)
    np.testing.assert_allclose(volume.grid.spacing_ijk_mm, [0.7, 0.8, 1.25])
    assert volume.grid.spacing_kji_mm == pytest.approx((1.25, 0.8, 0.7))
    assert volume.grid.voxel_volume_mm3 == pytest.approx(0.7 * 0.8 * 1.25)


def test_a_crop_keeps_its_place() -> None:
    array = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    volume = Volume(array, oblique_affine())
    part = volume.cropped((slice(1, 3), slice(2, 5), slice(3, 6)))
    assert part.array_kji[0, 0, 0] == array[1, 2, 3]
    np.testing.assert_allclose(part.grid.lps_from_ijk([0, 0, 0]), volume.grid.lps_from_ijk([3, 2, 1]))


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.eye(3)])
def test_a_grid_without_volume_is_refused(affine: np.ndarray) -> None:
    with pytest.raises(ValueError, match="affine"):
        Volume(np.zeros((2, 2, 2), np.int16), affine)


def test_label_volumes_are_in_millilitres() -> None:
    array = np.zeros((10, 10, 10), np.uint8)
    array[:5] = 2
    label_map = LabelMap(array, np.diag([2.0, 2, 2, 1]))
    assert label_map.volume_ml(2) == pytest.approx(500 * 8 / 1000)
    assert label_map.volume_ml(1) == 0.0


def test_the_bounding_box_is_tight_and_cut_at_the_array() -> None:
    mask = np.zeros((10, 10, 10), bool)
    mask[2:4, 0:3, 9] = True
    assert bounding_box(mask, (1, 1, 1)) == (slice(1, 5), slice(0, 4), slice(8, 10))
    with pytest.raises(ValueError, match="empty"):
        bounding_box(np.zeros((2, 2, 2), bool))


def test_a_resampled_polyline_keeps_its_ends_and_length() -> None:
    points = np.array([[0.0, 0, 0], [0, 0, 10], [0, 10, 10]])
    fine = resample_polyline(points, 0.5)
    np.testing.assert_allclose([fine[0], fine[-1]], [points[0], points[-1]])
    assert len(fine) == 41
    assert arc_length_mm(fine)[-1] == pytest.approx(20.0, abs=0.01)


def test_smoothing_keeps_a_straight_line_and_the_ends() -> None:
    line = np.linspace([0.0, 0, 0], [10, 20, 30], 50)
    smooth = smooth_polyline(line, sigma_mm=3.0)
    np.testing.assert_allclose(np.cross(smooth - line[0], line[-1] - line[0]), 0, atol=1e-9)
    np.testing.assert_allclose([smooth[0], smooth[-1]], [line[0], line[-1]])


def test_smoothing_takes_the_noise_off_a_circle() -> None:
    rng = np.random.default_rng(0)
    angles = np.linspace(0, np.pi, 400)
    clean = np.stack([30 * np.cos(angles), 30 * np.sin(angles), 0 * angles], axis=1)
    smooth = smooth_polyline(clean + rng.normal(0, 0.3, clean.shape), sigma_mm=2.0)
    radii = np.linalg.norm(smooth[10:-10], axis=1)
    assert abs(radii - 30).max() < 0.4


def test_ras_is_lps_with_two_signs_changed() -> None:
    np.testing.assert_array_equal(lps_from_ras([[1.0, 2, 3]]), [[-1.0, -2, 3]])


def test_angles_and_tangents() -> None:
    assert angle_deg([1, 0, 0], [0, 2, 0]) == pytest.approx(90.0)
    np.testing.assert_allclose(tangents([[0, 0, 0], [0, 0, 1], [0, 0, 2]]), [[0, 0, 1]] * 3)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.7, 0.95])
def test_filling_holes_equals_the_independent_implementation(share: float) -> None:
    mask = np.random.default_rng(1).random((14, 15, 16)) < share
    np.testing.assert_array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))


@pytest.mark.parametrize("mask", [np.zeros((3, 3, 3), bool), np.ones((3, 3, 3), bool)])
def test_filling_an_empty_or_full_mask_changes_nothing(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(fill_holes(mask), mask)
