"""The lumen's smooth surface and distance field on tubes and balls whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.render.lumen_field import LumenField
from SenseCarePlanningLib.render.lumen_surface import lumen_surface, volume_mm3
from SenseCarePlanningLib.render.smooth_lumen import smooth_lumen
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume


def ball(radius_mm: float, affine: np.ndarray, shape: tuple[int, int, int]) -> tuple[LabelMap, np.ndarray]:
    """A ball in the middle of a grid: voxels whose centre lies in it."""
    k, j, i = np.indices(shape)
    places = np.stack([i, j, k], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    centre = places.reshape(-1, 3).mean(axis=0)
    return LabelMap((np.linalg.norm(places - centre, axis=-1) <= radius_mm).astype(np.uint8), affine), centre


def oblique(spacing: tuple[float, float, float], left_handed: bool = False) -> np.ndarray:
    turn = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    if left_handed:
        turn[:, 0] *= -1.0
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = (-40.0, 25.0, 300.0)
    return affine


@pytest.mark.parametrize("left_handed", [False, True])
@pytest.mark.parametrize("spacing", [(0.7, 0.7, 0.7), (0.7, 0.7, 1.25)])
def test_a_ball_keeps_its_radius_and_its_normals_point_out(spacing: tuple[float, float, float], left_handed: bool) -> None:
    mask, centre = ball(8.0, oblique(spacing, left_handed), (24, 34, 34))
    surface = lumen_surface(mask)
    distance = np.linalg.norm(surface.points_lps_mm - centre, axis=1)
    assert distance.mean() == pytest.approx(8.0, abs=0.2)
    assert distance.std() < 0.12, "steps of the voxels are left on the surface"
    assert volume_mm3(surface) == pytest.approx(4.0 / 3.0 * np.pi * 512.0, rel=0.06)


def test_the_surface_is_closed_and_joined_across_blocks() -> None:
    mask, _ = ball(14.0, np.diag([0.6, 0.6, 0.6, 1.0]), (54, 54, 54))
    surface = lumen_surface(mask)
    edges = np.sort(np.concatenate([surface.triangles[:, pair] for pair in ((0, 1), (1, 2), (2, 0))]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()


@pytest.mark.parametrize("width", [1, 2])
def test_a_bronchus_of_one_or_two_voxels_stays_open(width: int) -> None:
    array = np.zeros((40, 12, 12), dtype=np.uint8)
    for k in range(4, 36):
        array[k, 5 : 5 + width, 2 + k // 8 : 2 + k // 8 + width] = 1
    mask = LabelMap(array, np.diag([0.7, 0.7, 1.25, 1.0]))
    lumen = smooth_lumen(mask)
    k = np.arange(6, 34)
    middle = np.stack([0.7 * (2 + k // 8 + (width - 1) / 2), np.full(len(k), 0.7 * (5 + (width - 1) / 2)), 1.25 * k], axis=1)
    assert (lumen.value_at(middle) > 0).all()
    surface = lumen_surface(mask)
    assert surface.points_lps_mm[:, 2].min() < 1.25 * 5 and surface.points_lps_mm[:, 2].max() > 1.25 * 34


def test_point_and_block_values_agree() -> None:
    mask, _ = ball(5.0, np.diag([0.8, 0.7, 1.3, 1.0]), (16, 22, 20))
    lumen = smooth_lumen(mask)
    start, step = np.array([3.2, 4.1, 5.3]), np.array([0.4, 0.6, 0.5])
    block = lumen.block(start, step, (6, 5, 7))
    indices = start + step * np.argwhere(np.ones(block.shape))
    np.testing.assert_allclose(lumen.value_at(lumen.grid.lps_from_kji(indices)), block.ravel(), atol=1e-4)


def test_the_tree_opens_a_gap_in_the_mask() -> None:
    array = np.zeros((40, 12, 12), dtype=np.uint8)
    array[2:16, 5:8, 5:8] = array[22:38, 5:8, 5:8] = 1
    mask = LabelMap(array, np.diag([0.7, 0.7, 0.7, 1.0]))
    points = np.stack([np.full(60, 4.2), np.full(60, 4.2), np.linspace(2.0, 26.0, 60)], axis=1)
    only = Branch(0, None, (), points, np.ones(60), np.tile([0.9, 1.1], (60, 1)), np.zeros((60, 3, 3)))
    gap = np.array([[4.2, 4.2, 13.3]])
    assert smooth_lumen(mask).value_at(gap)[0] < 0
    assert smooth_lumen(mask, tree=Tree({0: only}, 0)).value_at(gap)[0] > 0


def test_one_voxel_and_no_voxel() -> None:
    array = np.zeros((3, 3, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="empty"):
        lumen_surface(LabelMap(array, np.eye(4)))
    array[1, 1, 1] = 1
    surface = lumen_surface(LabelMap(array, np.eye(4)))
    assert len(surface.triangles) > 0 and volume_mm3(surface) > 0


def test_a_probability_on_another_grid_is_refused() -> None:
    mask, _ = ball(3.0, np.eye(4), (9, 9, 9))
    with pytest.raises(ValueError, match="grid"):
        lumen_surface(mask, probability=Volume(np.zeros((4, 4, 4), dtype=np.float32), np.eye(4), "PROBABILITY"))


@pytest.mark.parametrize("left_handed", [False, True])
def test_the_field_gives_the_exact_distance_to_the_voxels_faces(left_handed: bool) -> None:
    array = np.zeros((12, 12, 12), dtype=np.uint8)
    array[3:9, 3:9, 3:9] = 1
    mask = LabelMap(array, oblique((0.7, 0.7, 1.25), left_handed))
    field = LumenField.of(mask)
    inside = mask.grid.lps_from_kji([[5.5, 5.5, 5.5], [5.5, 3.0, 5.5], [5.5, 2.4, 5.5], [1.0, 5.5, 5.5]])
    np.testing.assert_allclose(field.distance_mm(inside), [2.1, 0.35, -0.07, -1.5 * 1.25], atol=1e-9)
    assert field.is_inside(inside).tolist() == [True, True, False, False]
    assert field.is_inside(field.nearest_inside(inside)).all()


def test_far_away_is_outside() -> None:
    mask, _ = ball(3.0, np.eye(4), (9, 9, 9))
    field = LumenField.of(mask)
    assert not field.is_inside([[900.0, -900.0, 0.0]])[0]
    assert field.distance_mm([[900.0, -900.0, 0.0]])[0] < -1000.0
