"""A CT around a given mask: the truth is that mask, whatever its grid."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.phantom.fit import find_carina
from SenseCarePlanningLib.phantom.masktube import paint_tube, tube_from_mask, wall_thickness_mm
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.simulate import simulate_ct
from SenseCarePlanningLib.phantom.tubepaint import paint_segments
from SenseCarePlanningLib.volume import Grid, LabelMap

FORK = (
    ((0.0, 0.0, 70.0), (0.0, 0.0, 0.0), 8.0),
    ((0.0, 0.0, 0.0), (-45.0, 5.0, -40.0), 5.0),
    ((0.0, 0.0, 0.0), (50.0, 5.0, -35.0), 5.0),
    ((-45.0, 5.0, -40.0), (-80.0, 10.0, -50.0), 1.6),
    ((50.0, 5.0, -35.0), (85.0, -10.0, -40.0), 1.6),
)


def _rotation(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    about_z = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    return about_z @ about_z[[2, 0, 1]][:, [2, 0, 1]]


def _fork_mask(spacing=(1.0, 1.0, 1.0), degrees: float = 0.0, left_handed: bool = False) -> LabelMap:
    linear = _rotation(degrees) @ np.diag(spacing)
    if left_handed:
        linear[:, 0] *= -1.0
    shape_ijk = np.array([220.0, 80.0, 150.0]) / spacing
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = np.array([2.5, 2.5, 10.0]) - linear @ (shape_ijk / 2.0)
    grid = Grid(tuple(int(size) for size in shape_ijk[::-1]), affine)
    index = np.stack(np.meshgrid(*(np.arange(size) for size in grid.shape_kji), indexing="ij"), axis=-1)
    points = grid.lps_from_kji(index.reshape(-1, 3))
    inside = np.zeros(len(points), dtype=bool)
    for start, end, radius in FORK:
        a, d = np.array(start), np.array(end) - np.array(start)
        low, high = np.minimum(start, end) - radius, np.maximum(start, end) + radius
        near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
        t = np.clip((points[near] - a) @ d / (d @ d), 0.0, 1.0)
        inside[near] |= ((points[near] - a - t[:, None] * d) ** 2).sum(axis=1) < radius**2
    return LabelMap(inside.reshape(grid.shape_kji).astype(np.uint8), affine)


@pytest.fixture(scope="module")
def fork() -> LabelMap:
    return _fork_mask()


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(InputError, match="airway mask is empty"):
        simulate_ct(LabelMap(np.zeros((5, 5, 5), dtype=np.uint8), np.eye(4)))


def test_an_empty_extra_mask_is_refused_by_name(fork) -> None:
    empty = LabelMap(np.zeros((5, 5, 5), dtype=np.uint8), np.eye(4))
    with pytest.raises(InputError, match="nodule mask is empty"):
        simulate_ct(fork, nodule=empty)


def _ball(centre: tuple[float, float, float], radius: float, step: float) -> LabelMap:
    size = int(np.ceil(2.0 * radius / step)) + 5
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = np.array(centre) - step * (size - 1) / 2.0
    index = np.indices((size, size, size)) - (size - 1) / 2.0
    return LabelMap((np.linalg.norm(index, axis=0) * step <= radius).astype(np.uint8), affine)


@pytest.mark.parametrize(
    ("centre", "radius", "step", "words"),
    [
        ((70.0, -5.0, 400.0), 5.0, 1.0, "does not lie around this airway"),
        ((70.0, 900.0, -38.0), 5.0, 1.0, "does not lie around this airway"),
        ((70.0, -5.0, -38.0), 0.3, 0.2, "too thin"),
    ],
)
def test_vessels_of_another_patient_and_vessels_that_vanish_are_refused(fork, centre, radius, step, words) -> None:
    with pytest.raises(InputError, match=words) as caught:
        simulate_ct(fork, scanner=Scanner(spacing_mm=2.5, noise_hu=0.0), vessels=_ball(centre, radius, step))
    assert caught.value.exit_code == 2


def test_vessels_in_the_lungs_are_drawn(fork) -> None:
    found = simulate_ct(fork, scanner=Scanner(spacing_mm=2.5, noise_hu=0.0), vessels=_ball((70.0, -5.0, -60.0), 8.0, 1.0))
    assert found.vessels_truth is not None
    assert found.vessels_truth.volume_ml() == pytest.approx(4.0 / 3.0 * np.pi * 0.512, rel=0.15)


def test_surface_points_know_the_local_radius(fork) -> None:
    tube = tube_from_mask(fork)
    trachea = (tube.surface_lps_mm[:, 2] > 20.0) & (tube.surface_lps_mm[:, 2] < 55.0)
    # the largest ball inside a voxel mask is up to a voxel smaller than the cylinder it was made from
    assert np.median(tube.surface_radius_mm[trachea]) == pytest.approx(8.0, abs=1.0)
    thin = tube.surface_lps_mm[:, 0] > 65.0
    assert np.median(tube.surface_radius_mm[thin]) == pytest.approx(1.6, abs=0.6)
    outward = (tube.normals[trachea][:, :2] * tube.surface_lps_mm[trachea][:, :2]).sum(axis=1)
    assert (outward > 0).mean() > 0.98


def test_the_carina_is_found(fork) -> None:
    assert np.linalg.norm(find_carina(tube_from_mask(fork).surface_lps_mm) - [0.0, 1.0, -6.0]) < 9.0


@pytest.mark.parametrize("degrees,left_handed", [(0.0, False), (17.0, False), (17.0, True)])
def test_painting_keeps_the_volume_on_any_grid(degrees, left_handed) -> None:
    mask = _fork_mask((1.1, 1.1, 1.4), degrees, left_handed)
    grid = Grid((190, 110, 250), np.array([[0.8, 0, 0, -98.0], [0, 0.8, 0, -42.0], [0, 0, 0.8, -72.0], [0, 0, 0, 1.0]]))
    lumen, outer = paint_tube(tube_from_mask(mask), mask, grid)
    painted = lumen.sum() / 255.0 * grid.voxel_volume_mm3 / 1000.0
    assert painted == pytest.approx(mask.volume_ml(), rel=0.05)
    assert (outer >= lumen).all()
    wall_area = (outer[140].astype(float) - lumen[140]).sum() / 255.0 * 0.64
    thickness = float(wall_thickness_mm(np.array(8.0)))
    assert wall_area == pytest.approx(np.pi * ((8.0 + thickness) ** 2 - 64.0), rel=0.15)


def test_a_single_voxel_is_painted() -> None:
    array = np.zeros((7, 7, 7), dtype=np.uint8)
    array[3, 3, 3] = 1
    mask = LabelMap(array, np.eye(4))
    lumen, _ = paint_tube(tube_from_mask(mask), mask, Grid((7, 7, 7), np.eye(4)))
    assert lumen[3, 3, 3] > 127
    assert lumen[0].max() == 0


def test_wall_thickness_follows_the_calibre() -> None:
    assert wall_thickness_mm(np.array([0.5, 2.5, 9.0])).tolist() == pytest.approx([0.4, 0.8, 1.8])


@pytest.mark.slow
def test_the_ct_shows_what_the_truth_says() -> None:
    mask = _fork_mask((1.0, 1.0, 1.2), 11.0)
    scanner = Scanner(spacing_mm=1.2, noise_hu=0.0)
    found = simulate_ct(mask, scanner=scanner, seed=4)
    image, truth = found.volume.array_kji, found.airway_truth.array_kji > 0
    assert found.airway_truth.volume_ml() == pytest.approx(mask.volume_ml(), rel=0.05)
    assert np.median(image[truth]) < -950
    centre = found.volume.grid.kji_from_lps(np.array([[0.0, 0.0, 40.0], [9.4, 0.0, 40.0], [67.5, -2.5, -37.5]]))
    air, wall, thin = (image[tuple(index)] for index in np.rint(centre).astype(int))
    assert air < -980
    assert wall > -400
    assert -1000 < thin < -800
    assert found.lungs_truth.volume_ml(1) > 1000.0
    assert found.lungs_truth.volume_ml(2) > 1000.0
    right = found.volume.grid.lps_from_kji(np.argwhere(found.lungs_truth.array_kji == 1).mean(axis=0))
    assert right[0] < 0.0


def test_a_small_bronchus_shows_partial_volume() -> None:
    scanner = Scanner(spacing_mm=0.7, noise_hu=0.0)
    grid = scanner.grid_over(np.zeros(3), np.full(3, 24.0))
    depth = {}
    for diameter in (1.0, 1.5, 6.0):
        image = np.full(grid.shape_kji, -850.0, dtype=np.float32)
        for radius, value in ((diameter / 2.0 + 0.45, 35.0), (diameter / 2.0, -1000.0)):
            share = np.zeros(grid.shape_kji, dtype=np.uint8)
            ends = np.array([[12.0, 12.0, -9.0]]), np.array([[12.0, 12.0, 33.0]])
            paint_segments(share, grid, *ends, np.array([radius]), np.array([radius]))
            image += share / np.float32(255.0) * (np.float32(value) - image)
        depth[diameter] = int(scanner.acquire(image, grid).array_kji[17, 17, 17])
    assert depth[6.0] < -980
    assert depth[6.0] + 40 < depth[1.5] < depth[1.0]
