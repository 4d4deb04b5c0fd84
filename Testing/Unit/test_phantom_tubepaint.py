"""Painted tubes and spheres keep their area and volume, also when they are thinner than a voxel."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.phantom.nodules import sphere_share
from SenseCarePlanningLib.phantom.tubepaint import paint_segments
from SenseCarePlanningLib.volume import Grid


def _grid(spacing_ijk, shape_kji) -> Grid:
    affine = np.diag([*spacing_ijk, 1.0])
    return Grid(shape_kji, affine)


@pytest.mark.parametrize("radius_mm", [0.25, 0.4, 0.6, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("direction", [(0.0, 0.0, 1.0), (0.3, 0.2, 0.9)])
def test_a_tube_has_the_cross_section_of_its_radius(radius_mm, direction) -> None:
    grid = _grid((0.7, 0.7, 0.7), (60, 60, 60))
    along = np.array(direction) / np.linalg.norm(direction)
    middle = np.array([20.6, 20.9, 20.7])
    share = np.zeros(grid.shape_kji, dtype=np.uint8)
    ends = (middle - 30.0 * along)[None], (middle + 30.0 * along)[None]
    paint_segments(share, grid, *ends, np.array([radius_mm]), np.array([radius_mm]))
    # the plane k cuts an oblique tube in an ellipse, larger by 1 / cos
    area = share[20:40].sum() / 255.0 / 20.0 * 0.7**2 * along[2]
    assert area == pytest.approx(np.pi * radius_mm**2, rel=0.05)


@pytest.mark.parametrize("diameter_mm", [3.0, 6.0, 20.0])
@pytest.mark.parametrize("spacing", [(0.7, 0.7, 0.7), (0.6, 0.6, 1.0)])
def test_a_sphere_has_its_volume(diameter_mm, spacing) -> None:
    grid = _grid(spacing, (60, 70, 70))
    lesion = sphere_share(grid, np.array([20.3, 21.1, 20.6]), diameter_mm / 2.0)
    assert lesion is not None
    volume = lesion.share.sum() * grid.voxel_volume_mm3
    assert volume == pytest.approx(np.pi / 6.0 * diameter_mm**3, rel=0.04)


def test_what_lies_outside_the_grid_paints_nothing() -> None:
    grid = _grid((1.0, 1.0, 1.0), (10, 10, 10))
    share = np.zeros(grid.shape_kji, dtype=np.uint8)
    paint_segments(share, grid, np.full((1, 3), 50.0), np.full((1, 3), 60.0), np.ones(1), np.ones(1))
    assert share.sum() == 0
    assert sphere_share(grid, np.full(3, 90.0), 4.0) is None
