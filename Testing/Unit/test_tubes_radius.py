"""Diameters on scans of tubes whose calibre is known: thin walls, small lumens, any direction, any voxel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import chndtr

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.crosssection import Polarity, polar_shape, ray_angles
from SenseCarePlanningLib.tubes.leaks import LeakOptions, flag_leaks
from SenseCarePlanningLib.tubes.radius import (
    BranchSections,
    RadiusOptions,
    measure_radii,
    measure_sections,
    sections_of,
    wall_thickness,
)
from SenseCarePlanningLib.tubes.tree import Branch, BranchFlag, Tree
from SenseCarePlanningLib.tubes.walls import blurred_discs, corrected_edge, half_maximum, ring_profile
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume

AIR, WALL, LUNG = -1000.0, 40.0, -860.0


def exact_profile(across: np.ndarray, radius: float, wall: float, sigma: float, levels: tuple[float, float, float]) -> np.ndarray:
    """Blur a round tube exactly: a blurred disc is a noncentral chi-square in the distance from its axis."""
    at = np.arange(0.0, across.max() + 0.1, 0.05)
    near = np.minimum(at, radius + wall + 8.0 * sigma)
    inner, outer = (chndtr((edge / sigma) ** 2, 2.0, (near / sigma) ** 2) for edge in (radius, radius + wall))
    profile = levels[0] * inner + levels[1] * (outer - inner) + levels[2] * (1.0 - outer)
    return np.interp(across, at, profile)


def scan_of_tube(
    radius: float,
    wall: float,
    direction: tuple[float, float, float],
    spacing: tuple[float, float, float] = (0.7, 0.7, 0.7),
    psf: float = 0.45,
    noise: float = 25.0,
    squeeze: float = 1.0,
    levels: tuple[float, float, float] = (AIR, WALL, LUNG),
) -> tuple[Volume, LabelMap, Tree]:
    """Scan a straight tube 24 mm long through the origin: exact ring, Gaussian PSF with the box of the voxel, coloured noise.

    ``squeeze`` below 1 flattens the cross-section across the first lateral axis.
    """
    axis = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    side = np.cross(axis, [0.3, 0.9, 0.1])
    side /= np.linalg.norm(side)
    up = np.cross(axis, side)
    half = 12.0
    reach = np.abs(axis) * half + (radius + wall + 4.0) * np.sqrt(1.0 - axis**2) + 2.0
    count = np.ceil(2.0 * reach / np.array(spacing)).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -0.5 * (count - 1) * spacing + np.array([0.11, -0.2, 0.17])
    shape = (int(count[2]), int(count[1]), int(count[0]))
    places = Grid(shape, affine).lps_from_kji(np.indices(shape).reshape(3, -1).T)
    across = np.hypot((places @ side) / squeeze, places @ up)
    inside = (across <= radius).reshape(shape)
    if squeeze == 1.0:
        image = exact_profile(across, radius, wall, float(np.hypot(psf, np.mean(spacing) / np.sqrt(12.0))), levels)
        image = image.reshape(shape)
    else:
        image = np.where(across <= radius, levels[0], np.where(across <= radius + wall, levels[1], levels[2])).reshape(shape)
        image = gaussian_filter(image.astype(np.float32), [psf / step for step in spacing[::-1]])
    grain = gaussian_filter(np.random.default_rng(7).normal(size=image.shape), 0.6)
    image = image + grain * (noise / grain.std())
    points = np.linspace(-half + 2.0, half - 2.0, 41)[:, None] * axis
    radii = np.full(41, radius)
    branch = Branch(0, None, (), points, radii, np.stack([radii - 0.3, radii + 0.3], axis=1), no_frames(41))
    mask = LabelMap(inside.astype(np.uint8), affine)
    return Volume(image.astype(np.float32), affine), mask, assemble([branch], 0)


def middle(values: np.ndarray) -> float:
    return float(np.median(values[10:31]))


def test_the_blurred_disc_is_the_noncentral_chi_square() -> None:
    radii, at = np.array([0.7, 2.0, 6.0, 20.0]), np.linspace(0.0, 25.0, 60)
    expected = np.stack([chndtr(radius**2, 2.0, at**2) for radius in radii])
    np.testing.assert_allclose(blurred_discs(radii, at), expected, atol=2e-4)


@pytest.mark.parametrize("lumen", [1.5, 2.5, 4.0, 8.0])
@pytest.mark.parametrize("wall", [1.0, 2.0, 4.0])
def test_the_table_undoes_the_blur_of_a_ring(lumen: float, wall: float) -> None:
    profile = ring_profile(lumen, wall, 0.14, np.arange(0.0, 20.0, 0.08))
    found = half_maximum(profile, lumen + wall + 0.5)
    assert found is not None
    shift, thickness = corrected_edge(np.array(found[0]), np.array(found[1]), np.array(0.14))
    assert found[0] + float(shift) == pytest.approx(lumen, abs=0.03)
    assert float(thickness) == pytest.approx(wall, rel=0.05)


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 1, 1), (1, 0.2, 0.4)])
@pytest.mark.parametrize(("radius", "wall"), [(1.5, 0.9), (2.0, 1.0), (3.0, 1.2), (5.0, 1.5)])
def test_lumens_of_3_mm_and_wider_are_right_to_0_3_mm(radius: float, wall: float, direction: tuple[float, float, float]) -> None:
    volume, mask, tree = scan_of_tube(radius, wall, direction)
    measured = measure_radii(tree, volume, mask).root
    error = 2.0 * (measured.radius_mm[10:31] - radius)
    assert abs(error.mean()) <= 0.3
    interval = measured.radius_interval_mm[10:31]
    assert ((interval[:, 0] <= radius) & (radius <= interval[:, 1])).mean() >= 0.9
    assert 2.0 * middle(interval[:, 1] - interval[:, 0]) < 2.4


def test_a_mask_that_is_too_small_or_too_large_does_not_decide() -> None:
    volume, mask, tree = scan_of_tube(3.0, 1.2, (0.2, 0.1, 1))
    for wrong in (2.3, 3.5):
        places = mask.grid.lps_from_kji(np.indices(mask.grid.shape_kji).reshape(3, -1).T)
        axis = np.array([0.2, 0.1, 1]) / np.linalg.norm([0.2, 0.1, 1])
        inside = np.linalg.norm(np.cross(places, axis), axis=1) <= wrong
        other = LabelMap(inside.reshape(mask.grid.shape_kji).astype(np.uint8), mask.affine_ijk_to_lps)
        branch = tree.root
        radii = np.full(41, wrong)
        drawn = assemble([Branch(0, None, (), branch.points_lps_mm, radii, branch.radius_interval_mm, no_frames(41))], 0)
        found = measure_radii(drawn, volume, other).root
        assert 2.0 * middle(found.radius_mm) == pytest.approx(6.0, abs=0.3)


def test_thick_slices_are_allowed_for() -> None:
    volume, mask, tree = scan_of_tube(3.0, 1.3, (1, 0.3, 0.3), spacing=(0.7, 0.7, 1.25))
    assert 2.0 * middle(measure_radii(tree, volume, mask).root.radius_mm) == pytest.approx(6.0, abs=0.35)


def test_a_flattened_lumen_has_its_two_diameters_and_its_area() -> None:
    volume, mask, tree = scan_of_tube(5.0, 1.5, (0, 0, 1), squeeze=0.7)
    sections = measure_sections(tree, volume, mask)[0]
    assert middle(sections.d_min_mm) == pytest.approx(7.0, abs=0.5)
    assert middle(sections.d_max_mm) == pytest.approx(10.0, abs=0.5)
    section = sections_of(tree.root, sections)[20]
    assert section.area_mm2 == pytest.approx(np.pi * 5.0 * 3.5, rel=0.06)
    np.testing.assert_allclose((section.contour_lps_mm - section.centre_lps_mm) @ section.frame[0], 0.0, atol=1e-9)


def test_walls_are_measured_where_ct_resolves_them_and_refused_below() -> None:
    volume, mask, tree = scan_of_tube(4.0, 2.0, (0, 0, 1), noise=15.0)
    found = wall_thickness(measure_sections(tree, volume, mask)[0])
    assert found.thickness_mm == pytest.approx(2.0, abs=0.35)
    volume, mask, tree = scan_of_tube(2.0, 0.6, (0, 0, 1), noise=15.0)
    thin = wall_thickness(measure_sections(tree, volume, mask)[0])
    assert thin.thickness_mm is None
    assert "below CT resolution" in thin.reason


def test_a_bright_vessel_is_measured_with_the_other_polarity() -> None:
    volume, mask, tree = scan_of_tube(2.0, 3.0, (1, 0.5, 0.2), levels=(400.0, -60.0, -60.0), noise=15.0)
    found = measure_radii(tree, volume, mask, RadiusOptions(polarity=Polarity.BRIGHT)).root
    assert 2.0 * middle(found.radius_mm) == pytest.approx(4.0, abs=0.3)


def test_without_any_contrast_the_mask_speaks_and_the_interval_is_wide() -> None:
    volume, mask, tree = scan_of_tube(3.0, 1.2, (0, 0, 1))
    blank = Volume(np.full_like(volume.array_kji, -800.0), volume.affine_ijk_to_lps)
    found = measure_radii(tree, blank, mask).root
    np.testing.assert_allclose(found.radius_mm, 3.0)
    assert (found.radius_interval_mm[:, 1] - found.radius_interval_mm[:, 0]).min() > 1.0


def test_a_tree_outside_the_scan_is_refused() -> None:
    volume, mask, tree = scan_of_tube(2.0, 1.0, (0, 0, 1))
    moved = volume.affine_ijk_to_lps.copy()
    moved[:3, 3] += 500.0
    with pytest.raises(InputError, match="outside the scan"):
        measure_radii(tree, Volume(volume.array_kji, moved), mask)


def test_the_moment_ellipse_of_an_off_centre_ellipse_is_that_ellipse() -> None:
    angle = ray_angles(360)
    # a circle of radius 4 seen from a point 1.5 off its centre
    edge = -1.5 * np.cos(angle) + np.sqrt(16.0 - (1.5 * np.sin(angle)) ** 2)
    area, d_min, d_max = polar_shape(edge[None])
    assert area[0] == pytest.approx(16.0 * np.pi, rel=1e-3)
    assert d_min[0] == pytest.approx(8.0, rel=2e-3)
    assert d_max[0] == pytest.approx(8.0, rel=2e-3)
    oval = 1.0 / np.sqrt((np.cos(angle) / 3.0) ** 2 + (np.sin(angle) / 2.0) ** 2)
    _, d_min, d_max = polar_shape(oval[None])
    assert (d_min[0], d_max[0]) == pytest.approx((4.0, 6.0), rel=1e-3)


def test_the_scan_is_sampled_where_the_ray_is() -> None:
    volume, mask, tree = scan_of_tube(2.0, 1.0, (1, 0.4, 0.2), noise=0.0)
    point = tree.root.points_lps_mm[20]
    index = volume.grid.kji_from_lps(point)
    assert map_coordinates(volume.array_kji, index[:, None], order=1)[0] < -800
    assert mask.array_kji[tuple(np.rint(index).astype(int))] == 1


def line(one: int, parent: int | None, start: object, stop: object, radius: np.ndarray) -> Branch:
    points = np.linspace(np.asarray(start, dtype=float), np.asarray(stop, dtype=float), 41)
    return Branch(one, parent, (), points, radius, np.stack([radius, radius], axis=1), no_frames(41))


def tree_with(radius_of_child: np.ndarray) -> Tree:
    flat = np.ones(41)
    return assemble(
        [
            line(0, None, [0, 0, 80], [0, 0, 40], 8 * flat),
            line(1, 0, [0, 0, 40], [30, 0, 20], 6 * flat),
            line(2, 0, [0, 0, 40], [-30, 0, 20], 12 * flat),
            line(3, 1, [30, 0, 20], [50, 10, 0], radius_of_child),
            line(4, 1, [30, 0, 20], [50, -10, 0], 3 * flat),
        ],
        0,
    )


def test_a_branch_wider_than_its_parent_is_suspected_except_from_the_root() -> None:
    tree, suspicions = flag_leaks(tree_with(np.full(41, 9.0)))
    assert {(one.branch_id, one.rule) for one in suspicions} == {(3, "wider_than_parent")}
    assert BranchFlag.LEAK_SUSPECTED in tree[3].flags
    assert BranchFlag.LEAK_SUSPECTED not in tree[2].flags


def test_a_stub_is_no_measure_of_width() -> None:
    flat = np.ones(41)

    def tree(stub_mm: float) -> Tree:
        fork = [30 + stub_mm, 0, 20]
        rows = [
            line(0, None, [0, 0, 80], [0, 0, 60], 8 * flat),
            line(1, 0, [0, 0, 60], [30, 0, 20], 4 * flat),
            line(2, 0, [0, 0, 60], [-30, 0, 20], 4 * flat),
            line(3, 1, [30, 0, 20], fork, 1.5 * flat),
            line(4, 1, [30, 0, 20], [30, 30, 0], 3 * flat),
            line(5, 3, fork, [fork[0] + 20, 10, 0], 3 * flat),
            line(6, 3, fork, [fork[0] + 20, -10, 0], 9 * flat),
        ]
        return assemble(rows, 0)

    def wider(stub_mm: float) -> set[int]:
        return {one.branch_id for one in flag_leaks(tree(stub_mm))[1] if one.rule == "wider_than_parent"}

    assert wider(12.0) == {5, 6}
    assert wider(2.0) == {6}


def test_a_jump_of_the_cross_section_is_suspected() -> None:
    radius = np.where(np.arange(41) > 25, 4.5, 2.5)
    _, suspicions = flag_leaks(tree_with(radius))
    assert (3, "area_jump") in {(one.branch_id, one.rule) for one in suspicions}
    assert flag_leaks(tree_with(np.linspace(3.0, 4.0, 41)))[1] == ()


def test_a_lumen_without_a_wall_is_suspected_on_the_scan() -> None:
    volume, mask, tree = scan_of_tube(2.5, 1.0, (0, 0, 1), levels=(-930.0, -880.0, -880.0), noise=5.0)
    _, suspicions = flag_leaks(tree, mask, volume)
    assert [one.rule for one in suspicions] == ["wall_contrast"]
    volume, mask, tree = scan_of_tube(2.5, 1.0, (0, 0, 1), noise=5.0)
    assert flag_leaks(tree, mask, volume, LeakOptions())[1] == ()


def test_sections_have_one_row_a_sample() -> None:
    volume, mask, tree = scan_of_tube(2.0, 1.0, (0, 1, 0))
    sections = measure_sections(tree, volume, mask, RadiusOptions(rays=32))[0]
    assert isinstance(sections, BranchSections)
    assert sections.edge_mm.shape == (41, 32)
    assert sections.interval_mm.shape == (41, 2)
    assert (sections.interval_mm[:, 0] <= sections.radius_mm).all()
