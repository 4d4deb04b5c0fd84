"""Contours seen through a blur, planes across a curve, and walls that pass anchors: against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.tubes.blurred_contour import Contours, blurred_inside, blurred_moved, seen_from
from SenseCarePlanningLib.tubes.frames import rotation_minimising_frames
from SenseCarePlanningLib.tubes.section_planes import plane_grid, plane_values, spline_box
from SenseCarePlanningLib.tubes.wall_edit import Anchor, pass_anchors
from SenseCarePlanningLib.tubes.walls import blurred_discs
from SenseCarePlanningLib.volume import Volume

PLACES = np.array([[0.0, 0.0], [0.4, 0.0], [0.0, -0.9], [1.1, 0.3], [2.0, 1.0]])


def circle(radius: float, centre: tuple[float, float] = (0.0, 0.0), points: int = 32) -> Contours:
    return Contours(np.array([centre]), np.full((1, points), radius))


@pytest.mark.parametrize("radius", [0.2, 0.7, 1.5])
def test_a_blurred_circle_agrees_with_the_integral_over_rings(radius: float) -> None:
    sigma = 0.32
    seen = blurred_inside(circle(radius), PLACES, sigma)[0]
    wanted = blurred_discs(np.array([radius / sigma]), np.linalg.norm(PLACES, axis=1) / sigma)[0]
    assert np.allclose(seen, wanted, atol=2e-3)


def test_a_circle_seen_from_beside_its_centre_is_the_same_circle() -> None:
    moved = circle(1.0, (0.3, -0.2), 64)
    radius = seen_from(moved, np.array([[0.0, 0.0]]))
    same = Contours(np.zeros((1, 2)), radius)
    assert np.allclose(blurred_inside(same, PLACES, 0.3), blurred_inside(moved, PLACES, 0.3), atol=3e-3)


def test_the_slope_is_that_of_a_little_wider_circle() -> None:
    step = 0.01
    swept = np.full((1, 32, 1), 0.8 * 2.0 * np.pi / 32, dtype=np.float32)
    slope = blurred_moved(circle(0.8), PLACES, 0.3, swept)[1][0, 0]
    wider = blurred_inside(circle(0.8 + step), PLACES, 0.3)[0]
    narrower = blurred_inside(circle(0.8 - step), PLACES, 0.3)[0]
    assert np.allclose(slope, (wider - narrower) / (2.0 * step), atol=5e-3)


def test_planes_of_a_linear_ramp_are_exact_on_an_oblique_line() -> None:
    affine = np.diag([0.4, 0.5, 0.6, 1.0])
    k, j, i = np.meshgrid(np.arange(40), np.arange(40), np.arange(40), indexing="ij")
    ramp = Volume((2.0 * i * 0.4 - 3.0 * j * 0.5 + 5.0 * k * 0.6).astype(np.float32), affine)
    points = np.linspace([6.0, 8.0, 8.0], [10.0, 12.0, 16.0], 9)
    frames = rotation_minimising_frames(points)
    places = plane_grid(2.0, 0.5)
    values = plane_values(spline_box(ramp, points, 2.0), points, frames, places)
    at = points[:, None] + places[None, :, :1] * frames[:, None, 1] + places[None, :, 1:] * frames[:, None, 2]
    assert np.allclose(values, at @ np.array([2.0, -3.0, 5.0]), atol=1e-2)


def test_places_outside_the_scan_are_not_a_number() -> None:
    small = Volume(np.zeros((8, 8, 8), dtype=np.float32), np.eye(4))
    assert np.isnan(spline_box(small, np.array([[4.0, 4.0, 4.0]]), 2.0).sample(np.array([[4.0, 4.0, 11.0]]))).all()


def test_a_wall_passes_all_anchors_and_stays_far_from_them() -> None:
    arc = np.arange(0.0, 20.0, 0.4)
    wall = np.full((len(arc), 32), 1.5)
    anchors = [Anchor(8.0, 90.0, 0.9), Anchor(8.4, 100.0, 1.0), Anchor(12.1, 350.0, 2.0)]
    edited = pass_anchors(wall, arc, anchors)
    assert edited[20, 8] == pytest.approx(0.9, abs=0.01)
    assert np.interp(12.1, arc, edited[:, 31]) == pytest.approx(2.0, abs=0.03)
    assert np.allclose(edited[arc < 3.0], 1.5, atol=1e-4)
    assert np.allclose(edited[20, 24], 1.5, atol=0.02)
    assert pass_anchors(wall, arc, []) is wall


def test_anchors_outside_the_tube_are_refused() -> None:
    with pytest.raises(ValueError, match="anchors need"):
        pass_anchors(np.ones((5, 16)), np.arange(5.0), [Anchor(9.0, 0.0, 1.0)])
