"""The virtual scanner against what can be computed by hand: noise, blur, partial volume."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from SenseCarePlanningLib.phantom.coronary_scan import coronary_scanner
from SenseCarePlanningLib.phantom.scanner import Scanner


def _uniform(scanner: Scanner, value_hu: float, size_mm: float = 60.0):
    grid = scanner.grid_over(np.zeros(3), np.full(3, size_mm))
    return np.full(scanner.fine_grid(grid).shape_kji, value_hu, dtype=np.float32), grid


@pytest.mark.parametrize("kernel", ["soft", "standard", "sharp"])
def test_noise_in_soft_tissue_has_the_asked_deviation_and_no_bias(kernel) -> None:
    scanner = Scanner(spacing_mm=0.8, noise_hu=25.0, kernel=kernel)
    image, grid = _uniform(scanner, 40.0)
    values = scanner.acquire(image, grid, seed=3).array_kji.astype(float)
    assert values.std() == pytest.approx(25.0, rel=0.05)
    assert values.mean() == pytest.approx(40.0, abs=1.0)


def test_noise_falls_with_the_square_root_of_the_dose() -> None:
    scanner = Scanner(spacing_mm=1.0, noise_hu=20.0, dose=4.0)
    image, grid = _uniform(scanner, 40.0)
    assert scanner.acquire(image, grid).array_kji.astype(float).std() == pytest.approx(10.0, rel=0.06)


def test_a_sharp_kernel_has_finer_noise_than_a_soft_one() -> None:
    correlation = {}
    for kernel in ("soft", "sharp"):
        scanner = Scanner(spacing_mm=0.6, noise_hu=25.0, kernel=kernel)
        image, grid = _uniform(scanner, 40.0, 45.0)
        values = scanner.acquire(image, grid).array_kji.astype(float)
        values -= values.mean()
        correlation[kernel] = (values[:, :, 1:] * values[:, :, :-1]).mean() / values.var()
    assert correlation["sharp"] < correlation["soft"] - 0.2


def test_noise_is_correlated_along_the_patient() -> None:
    scanner = Scanner(spacing_mm=(1.0, 1.0, 0.5), noise_hu=25.0)
    image, grid = _uniform(scanner, 40.0)
    values = scanner.acquire(image, grid).array_kji.astype(float) - 40.0
    # white noise filtered by a Gaussian of sigma s has the correlation exp(-d^2 / 4 s^2) at distance d
    expected = np.exp(-(0.5**2) / (4.0 * scanner.psf_sigma_mm[1] ** 2))
    assert (values[1:] * values[:-1]).mean() / values.var() == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("axis", [0, 2])
def test_an_edge_is_blurred_by_the_point_spread(axis) -> None:
    scanner = Scanner(spacing_mm=0.5, noise_hu=0.0, psf_sigma_inplane_mm=0.8, psf_sigma_through_mm=1.1)
    image, grid = _uniform(scanner, -1000.0, 30.0)
    half = image.shape[axis] // 2
    np.moveaxis(image, axis, 0)[half:] = 0.0
    profile = np.moveaxis(scanner.acquire(image, grid).array_kji, axis, 0)[:, 20, 20].astype(float)
    sigma = 1.1 if axis == 0 else 0.8
    distance = (np.arange(len(profile)) - half + 0.5) * 0.5
    expected = -1000.0 + 500.0 * (1.0 + erf(distance / (sigma * np.sqrt(2.0))))
    assert np.abs(profile - expected).max() < 12.0


def test_thick_slices_average_what_lies_in_them() -> None:
    scanner = Scanner(spacing_mm=(1.0, 1.0, 4.0), noise_hu=0.0, psf_sigma_inplane_mm=0.0, psf_sigma_through_mm=0.0)
    grid = scanner.grid_over(np.zeros(3), np.array([8.0, 8.0, 16.0]))
    fine = scanner.fine_grid(grid)
    image = np.full(fine.shape_kji, -1000.0, dtype=np.float32)
    below = fine.lps_from_kji(np.stack([np.arange(fine.shape_kji[0]), *np.zeros((2, fine.shape_kji[0]))], axis=1))[:, 2]
    image[below > 9.0] = 0.0
    column = scanner.acquire(image, grid).array_kji[:, 4, 4]
    assert grid.shape_kji == (4, 8, 8)
    assert column.tolist() == [-1000, -1000, -250, 0]


def test_the_fine_grid_splits_every_voxel_in_place() -> None:
    scanner = Scanner(spacing_mm=(0.7, 1.5, 2.5))
    grid = scanner.grid_over(np.array([-10.0, 5.0, 100.0]), np.array([10.0, 35.0, 140.0]))
    fine = scanner.fine_grid(grid)
    assert np.allclose(grid.lps_from_ijk((-0.5, -0.5, -0.5)), fine.lps_from_ijk((-0.5, -0.5, -0.5)))
    corner, fine_corner = np.array(grid.shape_kji[::-1]) - 0.5, np.array(fine.shape_kji[::-1]) - 0.5
    assert np.allclose(grid.lps_from_ijk(corner), fine.lps_from_ijk(fine_corner))


def test_the_same_seed_gives_the_same_scan_and_another_does_not() -> None:
    scanner = Scanner(spacing_mm=1.5, noise_hu=30.0)
    scans = []
    for seed in (5, 5, 6):
        image, grid = _uniform(scanner, 40.0, 20.0)
        scans.append(scanner.acquire(image, grid, seed).array_kji)
    assert np.array_equal(scans[0], scans[1])
    assert not np.array_equal(scans[0], scans[2])


@pytest.mark.parametrize(
    "wrong",
    [{"spacing_mm": 0.0}, {"spacing_mm": (1, 1)}, {"noise_hu": -1.0}, {"noise_hu": float("nan")}, {"dose": 0.0},
     {"kernel": "bone"}, {"fov_mm": 10.0}, {"psf_sigma_inplane_mm": -0.1}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError):
        Scanner(**wrong)


def test_an_image_on_another_grid_is_refused() -> None:
    scanner = Scanner(spacing_mm=1.0)
    _, grid = _uniform(scanner, 0.0)
    with pytest.raises(ValueError, match="expected an image of shape"):
        scanner.acquire(np.zeros((3, 3, 3), dtype=np.float32), grid)


@pytest.mark.parametrize("width", [-1.0, float("nan"), 12.0])
def test_the_point_spread_of_a_cardiac_ct_is_refused_in_the_unit_that_it_is_given_in(width: float) -> None:
    with pytest.raises(ValueError, match=rf"0 to 10 mm \(full width at half maximum\), got {width:g}"):
        coronary_scanner(psf_fwhm_mm=width)
