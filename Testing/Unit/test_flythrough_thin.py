"""The camera in bronchi of a voxel or two: within the drawn wall, no outside in the picture, an end where it gets too thin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LungAirwayLib.camera_path import CameraPath, camera_path, exits_at_tip
from LungAirwayLib.plan import Route
from SenseCarePlanningLib.geometry import FloatArray, resample_polyline
from SenseCarePlanningLib.render.endoluminal import EndoluminalView, round_window
from SenseCarePlanningLib.render.lumen_field import LumenField, WallDistance
from SenseCarePlanningLib.render.lumen_surface import lumen_surface
from SenseCarePlanningLib.render.offscreen import rendering_available
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap

NO_RENDERING = rendering_available()
OUTSIDE_RGB = (0.0, 1.0, 0.0)


def branch(key: int, parent: int | None, children: tuple[int, ...], points: FloatArray, radius: FloatArray) -> Branch:
    count = len(points)
    interval = np.stack([0.9 * radius, 1.1 * radius], axis=1)
    return Branch(key, parent, children, points, radius, interval, np.zeros((count, 3, 3)), int(key > 0))


def thin_tree(turn_deg: float, end_radius_mm: float) -> Tree:
    """A trachea of 20 mm and one bronchus on an arc of 14 mm radius that tapers from 1.6 mm."""
    angle = np.linspace(0.0, np.radians(100.0), 200)
    arc = 14.0 * np.stack([1.0 - np.cos(angle), np.zeros(200), -np.sin(angle)], axis=1)
    turn = np.radians(turn_deg)
    across = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    trachea, bronchus = resample_polyline(np.array([[0, 0, 20.0], [0, 0, 0]]), 0.5), resample_polyline(arc @ across.T, 0.5)
    taper = np.interp(np.linspace(0.0, 1.0, len(bronchus)), [0.0, 0.5, 1.0], [1.6, end_radius_mm, end_radius_mm])
    return Tree({0: branch(0, None, (1,), trachea, np.full(len(trachea), 4.0)), 1: branch(1, 0, (), bronchus, taper)}, 0)


def voxels(tree: Tree, strays_mm: float = 1.4) -> LabelMap:
    """Paint 1 mm voxels: all of a tube where it is wide, where it is thin one here and there that strays from the centreline."""
    low = np.concatenate([item.points_lps_mm for item in tree]).min(axis=0) - 7.3
    high = np.concatenate([item.points_lps_mm for item in tree]).max(axis=0) + 7.0
    array = np.zeros(np.ceil(high - low).astype(int)[::-1], dtype=np.uint8)
    k, j, i = np.indices(array.shape)
    places = np.stack([i, j, k], axis=-1) + low
    for item in tree:
        for number, (centre, radius) in enumerate(zip(item.points_lps_mm, item.radius_mm, strict=True)):
            if radius > 1.0:
                array[((places - centre) ** 2).sum(axis=-1) <= radius**2] = 1
            else:
                stray = strays_mm * np.array([np.cos(0.8 * number), np.sin(0.8 * number), 0.0])
                met = np.rint(centre + stray - low).astype(int)
                array[met[2], met[1], met[0]] = 1
    affine = np.eye(4)
    affine[:3, 3] = low
    return LabelMap(array, affine)


def route_of(tree: Tree) -> Route:
    points, radii, _ = tree.path_points(1)
    return Route(1, (0, 1), points, radii, points[-1], 0.0, 5.0, 1.0, 1.0, "to the tip")


def planned(turn_deg: float, end_radius_mm: float) -> tuple[Tree, Surface, CameraPath]:
    tree = thin_tree(turn_deg, end_radius_mm)
    mask = voxels(tree)
    surface = lumen_surface(mask, tree=tree)
    return tree, surface, camera_path(route_of(tree), tree, LumenField.of(mask, tree=tree), surface=surface)


@pytest.mark.parametrize("turn_deg", [0.0, 45.0, 70.0])
def test_the_camera_stays_within_the_drawn_wall_without_jumps(turn_deg: float) -> None:
    tree, surface, path = planned(turn_deg, 0.8)
    inner = path.arc_mm > 4.0
    between = 0.5 * (path.positions_lps_mm[1:] + path.positions_lps_mm[:-1])
    wall = WallDistance(surface)
    assert wall.distance_mm(path.positions_lps_mm[inner]).min() >= 0.4
    assert wall.distance_mm(between[inner[1:]]).min() >= 0.3
    assert np.linalg.norm(np.diff(path.positions_lps_mm, axis=0), axis=1).max() < 0.8
    assert path.unseen_mm == 0.0
    assert path.arc_mm[-1] == pytest.approx(sum(item.length_mm for item in tree), abs=1.5)


def test_the_way_ends_where_the_lumen_gets_too_thin_for_a_view() -> None:
    tree, _, path = planned(25.0, 0.5)
    assert path.unseen_mm > 8.0
    assert path.radius_mm.min() >= 0.7
    assert len(path) == len(path.time_s) == len(path.up) == len(path.branch_ids)
    assert path.branch_ids[-1] == 1
    assert tree[1].length_mm > path.unseen_mm


@pytest.mark.slow
@pytest.mark.skipif(NO_RENDERING is not None, reason=NO_RENDERING or "")
@pytest.mark.parametrize("turn_deg", [45.0, 70.0])
def test_no_outside_shows_in_the_round_picture(turn_deg: float) -> None:
    _, surface, path = planned(turn_deg, 0.8)
    view = EndoluminalView(surface, size=96)
    view.renderer.set_background(OUTSIDE_RGB)
    seen = round_window(96).astype(bool)
    try:
        for time_s in np.arange(float(np.interp(15.0, path.arc_mm, path.time_s)), path.time_s[-1], 0.04):
            red, green, blue = np.moveaxis(view.frame(path.pose_at_time(float(time_s)))[seen].astype(int), -1, 0)
            assert not ((green > 200) & (red < 20) & (blue < 20)).any(), f"the outside shows at {time_s:.2f} s"
    finally:
        view.close()


def test_only_a_route_to_the_end_of_a_childless_branch_exits_at_a_tip() -> None:
    tree = thin_tree(0.0, 0.8)
    route = route_of(tree)
    assert exits_at_tip(route, tree)
    assert not exits_at_tip(replace(route, exit_point_lps_mm=tree[1].points_lps_mm[-8]), tree)
    points = tree[0].points_lps_mm
    assert not exits_at_tip(replace(route, branch_ids=(0,), points_lps_mm=points, exit_point_lps_mm=points[-1]), tree)
