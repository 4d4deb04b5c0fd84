"""Reformats of curves with known answers: where a pixel lies in the patient, and where a point lies in the picture."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from SenseCarePlanningLib.tubes.reformat import Reformatter, Slab
from SenseCarePlanningLib.tubes.sheets import (
    ProjectedSheet,
    StraightenedSheet,
    cross_section,
    probe_strip,
    projected,
    straightened,
    stretched,
    turning_axes,
)
from SenseCarePlanningLib.tubes.slab_sampling import RuledRows, sample_slab
from SenseCarePlanningLib.tubes.tube_line import TubeLine
from SenseCarePlanningLib.tubes.wall_lines import TubeWall, section_ring, wall_lines
from SenseCarePlanningLib.volume import Volume

BAR_MM = 0.2
"""The most that a pixel may miss its place in the patient."""


def bend(radius_mm: float, turn_deg: float = 150.0) -> np.ndarray:
    """A bow in the plane of x and z that begins downwards and turns towards the patient's left."""
    angle = np.radians(np.linspace(0.0, turn_deg, 6000))
    return radius_mm * np.stack([1.0 - np.cos(angle), 0.0 * angle, -np.sin(angle)], axis=1)


def screw(radius_mm: float, rise_mm: float, turns: float) -> np.ndarray:
    angle = 2.0 * np.pi * np.linspace(0.0, turns, 8000)
    return np.stack([radius_mm * np.cos(angle), radius_mm * np.sin(angle), -rise_mm * angle / (2.0 * np.pi)], axis=1)


def random_pixels(sheet, count: int = 1500) -> np.ndarray:
    """Pixels anywhere in the picture, but for the last row, which may reach past the end of the vessel."""
    return np.random.default_rng(3).uniform([0.0, 0.0], [sheet.columns, sheet.rows - 1], (count, 2))


@pytest.mark.parametrize("radius_mm", [2.5, 5.0, 25.0])
@pytest.mark.parametrize("angle_deg", [0.0, 90.0, 217.0])
def test_a_pixel_of_a_straightened_bend_lies_where_geometry_says(radius_mm: float, angle_deg: float) -> None:
    sheet = straightened(TubeLine.through(bend(radius_mm), 0.0), angle_deg, width_mm=16.0)
    pixels = random_pixels(sheet)
    across = pixels[:, 0] * sheet.pixel_mm - 8.0
    turn = pixels[:, 1] * sheet.pixel_mm / radius_mm
    tangent = np.stack([np.sin(turn), 0 * turn, -np.cos(turn)], axis=1)
    centre = radius_mm * np.stack([1.0 - np.cos(turn), 0 * turn, -np.sin(turn)], axis=1)
    up = np.array([0.0, -1.0, 0.0])  # anterior: across the plane of the bend, and so it stays all along
    direction = np.cos(np.radians(angle_deg)) * up + np.sin(np.radians(angle_deg)) * np.cross(up, tangent)
    error = np.linalg.norm(sheet.to_lps(pixels) - (centre + across[:, None] * direction), axis=1)
    assert error.max() < 0.1 * BAR_MM


def test_the_frame_of_a_screw_turns_back_by_its_torsion() -> None:
    radius, rise = 6.0, 14.0
    sheet = straightened(TubeLine.through(screw(radius, rise, 2.0), 0.0), 0.0, width_mm=10.0)
    pixels = random_pixels(sheet)
    climb = rise / (2.0 * np.pi)
    speed = np.hypot(radius, climb)
    turn = pixels[:, 1] * sheet.pixel_mm / speed
    normal = -np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    tangent = np.stack([-radius * np.sin(turn), radius * np.cos(turn), np.full_like(turn, -climb)], axis=1) / speed
    binormal = np.cross(tangent, normal)
    torsion = -climb / speed**2
    start = sheet.line.frames[0, 1]
    inward = np.array([-1.0, 0.0, 0.0])
    first = np.arctan2(start @ np.cross(np.array([0.0, radius, -climb]) / speed, inward), start @ inward)
    angle = first - torsion * speed * turn
    up = np.cos(angle)[:, None] * normal + np.sin(angle)[:, None] * binormal
    centre = np.stack([radius * np.cos(turn), radius * np.sin(turn), -climb * turn], axis=1)
    true = centre + (pixels[:, :1] * sheet.pixel_mm - 5.0) * up
    assert np.linalg.norm(sheet.to_lps(pixels) - true, axis=1).max() < 0.25 * BAR_MM


@pytest.mark.parametrize("curve", [bend(2.5), bend(30.0, 80.0), screw(3.0, 9.0, 2.5), screw(25.0, 60.0, 0.8)])
@pytest.mark.parametrize("make", [straightened, stretched, projected])
@pytest.mark.parametrize("angle_deg", [0.0, 63.0, 180.0])
def test_points_go_to_pixels_and_back(curve: np.ndarray, make, angle_deg: float) -> None:
    sheet = make(TubeLine.through(curve, 0.0), angle_deg)
    random = np.random.default_rng(5)
    points = curve[random.integers(0, len(curve), 800)] + random.normal(0.0, 3.0, (800, 3))
    np.testing.assert_allclose(sheet.to_lps(*sheet.to_pixels(points)), points, atol=1e-6)
    pixels = random_pixels(sheet)
    places = sheet.to_lps(pixels)
    back, depth = sheet.to_pixels(places)
    np.testing.assert_allclose(sheet.to_lps(back, depth), places, atol=1e-6)
    on_line = sheet.to_pixels(sheet.line.points_lps_mm)[0]
    if make is not projected:
        np.testing.assert_allclose(on_line[5:-5], sheet.along(sheet.line.arc_mm)[5:-5], atol=0.05)


@pytest.mark.parametrize("make", [straightened, stretched])
def test_where_a_sheet_does_not_fold_a_pixel_comes_back_to_itself(make) -> None:
    sheet = make(TubeLine.through(bend(30.0, 80.0), 0.0), 40.0, 20.0)
    pixels = random_pixels(sheet)
    back, depth = sheet.to_pixels(sheet.to_lps(pixels))
    np.testing.assert_allclose(back, pixels, atol=1e-4)
    np.testing.assert_allclose(depth, 0.0, atol=1e-6)


def test_a_straightened_sheet_tells_where_it_folds() -> None:
    sheet = straightened(TubeLine.through(bend(4.0), 0.0), 90.0, width_mm=16.0)
    assert isinstance(sheet, StraightenedSheet)
    folded = sheet.folded()
    inner = sheet.to_lps([[0.5, sheet.rows / 2.0], [sheet.columns - 0.5, sheet.rows / 2.0]])
    middle = np.array([4.0, 0.0, 0.0])
    side = int(np.linalg.norm(inner[1] - middle) < np.linalg.norm(inner[0] - middle))
    across = sheet.across_mm if side else -sheet.across_mm
    np.testing.assert_array_equal(folded[10:-10].all(axis=0), across > 4.0)
    assert not folded[:, across < 3.8].any()
    assert not straightened(TubeLine.through(bend(30.0), 0.0), 90.0, width_mm=16.0).folded().any()


def test_a_stretched_reformat_keeps_lengths_and_a_projected_one_shortens_what_comes_towards_the_viewer() -> None:
    line = TubeLine.through(screw(20.0, 70.0, 0.7), 0.0)
    for angle in (0.0, 50.0, 130.0):
        true = np.diff(line.arc_mm)
        kept = np.linalg.norm(np.diff(stretched(line, angle).along(line.arc_mm), axis=0), axis=1) * 0.2
        np.testing.assert_allclose(kept, true, rtol=1e-6)
        flat = np.linalg.norm(np.diff(projected(line, angle).along(line.arc_mm), axis=0), axis=1) * 0.2
        view = turning_axes(line)
        away = -np.sin(np.radians(angle)) * view[1] + np.cos(np.radians(angle)) * view[2]
        depth = np.diff(line.points_lps_mm, axis=0) @ away
        np.testing.assert_allclose(np.hypot(flat, depth), true, rtol=1e-6)


def test_a_projected_sheet_shows_the_nearer_part_where_the_curve_turns_back() -> None:
    hairpin = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -40.0], [0.0, -10.0, -40.0], [0.0, -10.0, -20.0]])
    axes = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # seen from the front
    sheet = ProjectedSheet(200, 50, 0.2, -5.0, 0.0, TubeLine.through(hairpin, 0.0), axes)
    surface = sheet.to_lps([[25.0, 10.0 / 0.2], [25.0, 30.0 / 0.2]])
    np.testing.assert_allclose(surface, [[0.0, 0.0, -10.0], [0.0, -10.0, -30.0]], atol=1e-6)
    depth = sheet.to_pixels([[0.0, 0.0, -30.0]])[1]
    np.testing.assert_allclose(depth, 10.0, atol=1e-6)  # the hidden part lies behind the picture


def oblique_affine() -> np.ndarray:
    turn, _ = np.linalg.qr(np.array([[1.0, 0.2, -0.1], [-0.15, 1.0, 0.3], [0.2, -0.25, 1.0]]))
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array([0.4, 0.45, 0.6])
    affine[:3, 3] = (-18.0, -16.0, -30.0)
    return affine


def ramp_volume(affine: np.ndarray) -> Volume:
    """HU that grow along x, y and z: each value tells where it was taken."""
    index = np.stack(np.indices((70, 80, 90)), axis=-1)[..., ::-1].reshape(-1, 3)
    place = index @ affine[:3, :3].T + affine[:3, 3]
    values = place @ np.array([10.0, -7.0, 4.0]) + 100.0
    return Volume(values.reshape(70, 80, 90).astype(np.float32), affine)


@pytest.mark.parametrize("make", [straightened, stretched, projected])
@pytest.mark.parametrize("slab", [None, *Slab])
def test_every_pixel_shows_the_value_of_its_place(make, slab: Slab | None) -> None:
    volume = ramp_volume(oblique_affine())
    middle = volume.grid.lps_from_ijk(np.array([44.0, 40.0, 35.0]))
    line = TubeLine.through(screw(4.0, 8.0, 1.2) + middle + [0.0, 0.0, 5.0], 0.0)
    sheet = make(line, 30.0, 6.0)
    cut = Reformatter.around(volume, line, 10.0).cut(sheet, 0.0 if slab is None else 2.0, slab or Slab.MEAN)
    x, y = np.meshgrid(np.arange(sheet.columns) + 0.5, np.arange(sheet.rows) + 0.5)
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    slope = np.array([10.0, -7.0, 4.0])
    normal = sheet.rulings(pixels[:, 1] * sheet.pixel_mm + sheet.top_mm)[2]
    change = {Slab.MIP: 1.0, Slab.MINIP: -1.0}.get(slab, 0.0) * np.abs(normal @ slope)
    expected = sheet.to_lps(pixels) @ slope + 100.0 + change
    np.testing.assert_allclose(cut.values_hu.ravel(), expected, atol=0.05)
    dragged = Reformatter.around(volume, line, 10.0).cut(sheet, 0.0 if slab is None else 2.0, slab or Slab.MEAN, 2)
    inner = (slice(4, -4), slice(4, -4))
    assert np.abs((dragged.values_hu - cut.values_hu)[inner]).mean() < 0.5  # a ramp, bent only where the vessel bends


@pytest.mark.parametrize("kind", [np.int16, np.float32])
@pytest.mark.parametrize("shape", [(40, 50, 60), (1, 50, 60), (40, 1, 60), (40, 50, 1)])
def test_a_slab_is_what_a_general_sampler_gives(kind: type, shape: tuple[int, int, int]) -> None:
    """Noise of 600 HU, rows partly past the volume's ends: each sample against scipy's own linear interpolation."""
    random = np.random.default_rng(3)
    values = random.normal(0.0, 600.0, shape).astype(kind)
    values.flat[:4] = np.array([-32000, 32000, -32000, 32000], dtype=kind)
    rows = RuledRows(
        random.uniform(-3.0, 1.0, (23, 3)) + 0.5 * np.array(shape), random.normal(0.0, 1.0, (23, 3)), random.normal(size=(23, 3))
    )
    across, depths = np.linspace(-25.0, 25.0, 41), np.linspace(-2.0, 2.0, 7)
    place = (
        rows.origin[:, None, None]
        + across[None, :, None, None] * rows.direction[:, None, None]
        + depths[None, None, :, None] * rows.normal[:, None, None]
    )
    expected = map_coordinates(values.astype(np.float64), place.reshape(-1, 3).T, order=1, mode="nearest").reshape(23, 41, 7)
    for number in range(len(depths)):
        found = sample_slab(values, rows, across, depths, lambda layers, at=number: layers[:, at])
        # single precision of places, beside steps of 64000 HU
        np.testing.assert_allclose(found, expected[:, :, number], atol=2.5)
        assert np.abs(found - expected[:, :, number]).mean() < 0.02


def test_a_slab_that_leaves_the_scan_is_blank_where_any_layer_does() -> None:
    volume = ramp_volume(np.diag([0.5, 0.5, 0.5, 1.0]))
    line = TubeLine.through(np.array([[20.0, 20.0, 2.0], [20.0, 20.0, 30.0]]), 0.0)
    reformatter = Reformatter.around(volume, line, 10.0)
    sheet = straightened(line, 0.0, 80.0, 0.5)
    index = volume.grid.kji_from_lps(sheet.to_lps(np.array([[x + 0.5, 20.5] for x in range(sheet.columns)])))
    inside = ((index >= -0.5) & (index <= np.array(volume.grid.shape_kji) - 0.5)).all(axis=1)
    box = reformatter.box.volume.grid
    near = (box.kji_from_lps(sheet.to_lps(np.array([[x + 0.5, 20.5] for x in range(sheet.columns)]))) >= -0.5).all(axis=1)
    for slab in Slab:
        blank = np.isnan(reformatter.cut(sheet, 5.0, slab).values_hu[20])
        assert blank[~inside].all() and 0 < blank.sum() < sheet.columns and not blank[near & inside].all()


def test_a_bead_beside_a_strong_bend_is_found_where_it_is() -> None:
    affine = np.diag([0.35, 0.35, 0.4, 1.0])
    affine[:3, 3] = (-12.0, -10.0, -14.0)
    index = np.stack(np.indices((60, 60, 70)), axis=-1)[..., ::-1]
    place = index * [0.35, 0.35, 0.4] + affine[:3, 3]
    line = TubeLine.through(bend(4.0), 0.0)
    for share, away in ((0.3, 2.0), (0.5, -3.0), (0.8, 2.5)):
        centre, frame = line.at(share * line.length_mm)
        bead = centre + away * frame[2]
        volume = Volume((1000.0 * np.exp(-0.5 * ((place - bead) ** 2).sum(axis=-1) / 0.6**2)).astype(np.float32), affine)
        for sheet in (straightened(line, 90.0, 16.0, 0.1), cross_section(line, share * line.length_mm)):
            image = Reformatter.around(volume, line, 8.0).cut(sheet)
            row, column = np.unravel_index(np.nanargmax(image.values_hu), image.values_hu.shape)
            assert np.linalg.norm(sheet.to_lps([[column + 0.5, row + 0.5]])[0] - bead) < BAR_MM


def test_sections_look_along_the_vessel_with_up_at_the_top_and_left_on_the_left() -> None:
    line = TubeLine.through(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -40.0]]), 0.0)
    for sheet, place in zip(probe_strip(line, [5.0, 20.0]), (5.0, 20.0), strict=True):
        corner = sheet.to_lps([[0.0, 0.0], [60.0, 60.0]])
        # going down, anterior up: a viewer at the head sees the patient's left on the left
        np.testing.assert_allclose(corner[0] - corner[1], 6.0 * (line.frames[0, 1] + line.frames[0, 2]), atol=1e-9)
        np.testing.assert_allclose(corner[1], [0.0, 0.0, -place], atol=1e-9)


def test_walls_are_drawn_where_they_cut_the_picture() -> None:
    line = TubeLine.through(bend(25.0, 100.0), 0.0)
    count, angle = len(line.arc_mm), np.arange(36) * np.radians(10.0)
    centre = np.stack([0.4 * np.sin(line.arc_mm / 4.0), np.full(count, 0.2)], axis=1)
    radius = 1.5 + 0.2 * np.cos(2.0 * angle)[None] + 0.1 * np.sin(line.arc_mm / 6.0)[:, None]
    wall = TubeWall(line, centre, radius)
    for make in (straightened, stretched, projected):
        sheet = make(line, 40.0)
        lines = [one for one in wall_lines([wall], sheet)[0] if len(one) > 30]
        assert len(lines) >= 2
        for one in lines:
            depth = wall.depth_mm(*line.beside(sheet.to_lps(one[5:-5])))
            assert np.abs(depth).max() < 0.1
    sheet = cross_section(line, 20.0)
    ring = section_ring(wall, sheet, 20.0)
    assert np.abs(wall.depth_mm(*line.beside(sheet.to_lps(ring)))).max() < 1e-3
    assert len(ring) == 37


def test_outside_of_the_scan_there_is_no_value_and_bad_sizes_are_refused() -> None:
    volume = ramp_volume(np.array(np.diag([0.4, 0.4, 0.5, 1.0])))
    line = TubeLine.through(np.array([[10.0, 10.0, 30.0], [10.0, 10.0, 5.0]]), 0.0)
    reformatter = Reformatter.around(volume, line)
    cut = reformatter.cut(straightened(line, 0.0, 60.0))
    assert np.isnan(cut.values_hu).any() and np.isfinite(cut.values_hu[:, 150]).all()
    outside = np.isnan(cut.values_hu[60])
    places = cut.sheet.to_lps(np.stack([np.arange(300) + 0.5, np.full(300, 60.5)], axis=1))
    np.testing.assert_array_equal(outside, (places[:, 1] < -0.2) | (places[:, 1] > 31.8))
    with pytest.raises(ValueError, match="thickness"):
        reformatter.cut(cut.sheet, -1.0)
    with pytest.raises(ValueError, match="positive size"):
        straightened(line, 0.0, 24.0, 0.0)
    with pytest.raises(ValueError, match="straight line along the rows"):
        nowhere = TubeLine(np.zeros_like(line.points_lps_mm), line.frames, line.arc_mm)
        stretched(nowhere)
