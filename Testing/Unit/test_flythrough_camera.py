"""The camera's way on trees made by hand: in the lumen, upright, paced; and the tip steered by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from LungAirwayLib.camera_path import CameraOptions, CameraPath, camera_path, carried
from LungAirwayLib.flythrough import endoscopy_attributes
from LungAirwayLib.free_navigation import Motion, step
from LungAirwayLib.instructions import instruct
from LungAirwayLib.openings import openings_at
from LungAirwayLib.plan import Route
from SenseCarePlanningLib.geometry import resample_polyline, unit
from SenseCarePlanningLib.render.camera_pose import CameraPose, clock_angle_deg, project
from SenseCarePlanningLib.render.lumen_field import LumenField
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap


def branch(key: int, parent: int | None, children: tuple[int, ...], ends: list[list[float]], radius: float) -> Branch:
    points = resample_polyline(np.array(ends), 0.5)
    count = len(points)
    interval = np.tile([0.9 * radius, 1.1 * radius], (count, 1))
    return Branch(
        key, parent, children, points, np.full(count, radius), interval, np.zeros((count, 3, 3)), 0 if parent is None else 1
    )


def carina() -> Tree:
    """A trachea of 60 mm straight down, the right main bronchus (-x) and the left one (+x), both 40 mm."""
    return Tree(
        {
            0: branch(0, None, (1, 2), [[0, 0, 60], [0, 0, 0]], 7.0),
            1: branch(1, 0, (), [[0, 0, 0], [-25, 0, -31]], 5.0),
            2: branch(2, 0, (), [[0, 0, 0], [25, 0, -31]], 4.5),
        },
        0,
    )


def painted(tree: Tree, spacing: tuple[float, float, float] = (0.8, 0.8, 1.0)) -> LabelMap:
    points = np.concatenate([item.points_lps_mm for item in tree])
    radii = np.concatenate([item.radius_mm for item in tree])
    low = points.min(axis=0) - 9.0
    shape = np.ceil((points.max(axis=0) + 9.0 - low) / spacing).astype(int)
    array = np.zeros(shape[::-1], dtype=np.uint8)
    k, j, i = np.indices(array.shape)
    places = np.stack([i, j, k], axis=-1) * spacing + low
    for centre, radius in zip(points[::2], radii[::2], strict=True):
        array[((places - centre) ** 2).sum(axis=-1) <= radius**2] = 1
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low
    return LabelMap(array, affine)


def route_to(tree: Tree, key: int) -> Route:
    points, radii, _ = tree.path_points(key)
    return Route(1, tree.path_to(key), points, radii, points[-1], 0.0, 5.0, 1.0, 1.0, "to the tip")


@pytest.fixture(scope="module")
def tree() -> Tree:
    return carina()


@pytest.fixture(scope="module")
def field(tree: Tree) -> LumenField:
    return LumenField.of(painted(tree))


@pytest.fixture(scope="module")
def path(tree: Tree, field: LumenField) -> CameraPath:
    return camera_path(route_to(tree, 1), tree, field)


def test_every_sample_lies_in_the_lumen_without_a_jump_of_roll(tree: Tree, field: LumenField) -> None:
    for key in (1, 2):
        path = camera_path(route_to(tree, key), tree, field)
        assert field.is_inside(path.positions_lps_mm).all()
        assert (field.distance_mm(path.positions_lps_mm) >= 0.29).all()
        assert np.abs(path.roll_step_deg).max() <= 20.0
        np.testing.assert_allclose(np.linalg.norm(path.up, axis=1), 1.0, atol=1e-9)
        np.testing.assert_allclose(np.einsum("ij,ij->i", path.up, path.forward), 0.0, atol=1e-9)


def test_anterior_stays_up_and_the_right_main_bronchus_is_on_the_right(tree: Tree, path: CameraPath) -> None:
    assert (path.up[:, 1] < -0.99).all(), "the route lies in the coronal plane: anterior is up all along"
    before = path.pose(int(np.searchsorted(path.arc_mm, 45.0)))
    right, left = (tree[key].points_lps_mm[10] for key in (1, 2))
    pixels, depth = project(before, np.stack([right, left]), 640, 115.0)
    assert (depth > 0).all()
    assert pixels[0, 0] > 320.0 + 10.0 and pixels[1, 0] < pixels[0, 0] - 20.0


def test_posterior_up_turns_the_picture_upside_down(tree: Tree, field: LumenField) -> None:
    path = camera_path(route_to(tree, 1), tree, field, options=CameraOptions(orientation="posterior_12"))
    assert (path.up[:, 1] > 0.99).all()
    with pytest.raises(ValueError, match="orientation"):
        camera_path(route_to(tree, 1), tree, field, options=CameraOptions(orientation="sideways"))


def test_clock_hours_of_the_instructions_fit_the_picture(tree: Tree, path: CameraPath) -> None:
    (only,) = instruct(route_to(tree, 1), tree)
    pose = path.pose(int(np.searchsorted(path.arc_mm, 35.0)))
    openings = {opening.branch_id: opening for opening in openings_at(tree, 0, 1, {})}
    assert openings[1].wanted and not openings[2].wanted
    difference = (clock_angle_deg(pose, openings[1].direction) - only.clock_angle_deg + 180.0) % 360.0 - 180.0
    assert abs(difference) < 10.0
    assert only.clock_hour == 3


def test_the_camera_slows_at_the_bifurcation_and_pauses_when_asked(tree: Tree, field: LumenField, path: CameraPath) -> None:
    assert [(event.branch_id, event.next_branch_id) for event in path.events] == [(0, 1)]
    speed = np.diff(path.arc_mm) / np.diff(path.time_s)
    at = path.events[0].index
    assert speed[at] < 0.7 * speed[30]
    assert (np.diff(path.time_s) > 0).all() and speed.max() <= 60.0 + 1e-6
    waiting = camera_path(route_to(tree, 1), tree, field, options=CameraOptions(pause_s=2.0))
    assert waiting.time_s[-1] == pytest.approx(path.time_s[-1] + 2.0)


def test_a_zigzag_of_single_voxels_never_leaves_the_mask() -> None:
    array = np.zeros((30, 24, 24), dtype=np.uint8)
    corners = [(k, 6 + (k * 5) % 11, 6 + (k * 3) % 7) for k in range(2, 28)]
    cells = [corners[0]]
    for corner in corners:
        while cells[-1] != corner:
            cells.append(tuple(int(a + np.sign(b - a)) for a, b in zip(cells[-1], corner, strict=True)))
    for cell in cells:
        array[cell] = 1
    mask = LabelMap(array, np.diag([0.7, 0.7, 1.25, 1.0]))
    points = mask.grid.lps_from_kji(np.array(cells, dtype=np.float64))
    count = len(points)
    only = Branch(0, None, (), points, np.full(count, 0.4), np.tile([0.3, 0.5], (count, 1)), np.zeros((count, 3, 3)))
    tree = Tree({0: only}, 0)
    path = camera_path(route_to(tree, 0), tree, mask)
    assert LumenField.of(mask).is_inside(path.positions_lps_mm).all()
    assert np.abs(path.roll_step_deg).max() <= 20.0


def test_carrying_turns_the_old_axis_into_the_new_one_and_keeps_what_is_across() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        before, after = unit(rng.normal(size=3)), unit(rng.normal(size=3))
        np.testing.assert_allclose(carried(before, before, after), after, atol=1e-12)
        across = np.cross(before, after)
        np.testing.assert_allclose(carried(across, before, after), across, atol=1e-12)


def test_slicers_attributes_turn_back_into_the_same_camera(path: CameraPath) -> None:
    from scipy.spatial.transform import Rotation

    attributes = endoscopy_attributes(path)
    keys = json.loads(attributes["Endoscopy.Path.CameraOrientations"])
    assert 30.0 <= float(attributes["Endoscopy.Path.ViewAngle"]) <= 180.0
    assert "0.0" in keys and float(list(keys)[-1]) == pytest.approx(path.arc_mm[-1], abs=1e-3)
    for arc, (angle, *axis) in keys.items():
        at = int(np.argmin(np.abs(path.arc_mm - float(arc))))
        matrix = Rotation.from_rotvec(angle * np.array(axis)).as_matrix()
        to_ras = np.array([-1.0, -1.0, 1.0])
        np.testing.assert_allclose(matrix[:, 2], path.forward[at] * to_ras, atol=1e-6)
        np.testing.assert_allclose(matrix[:, 1], path.up[at] * to_ras, atol=1e-6)
        assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_pushing_into_the_wall_slides_and_never_leaves(field: LumenField) -> None:
    camera = CameraPose(np.array([0.0, 0.0, 40.0]), np.array([5.0, 0.0, 36.0]), np.array([0.0, -1.0, 0.0]))
    for _ in range(40):
        camera = step(camera, Motion(advance_mm=1.0), field)
        assert field.is_inside(camera.position_lps_mm)[0]
    assert camera.position_lps_mm[2] < 30.0, "it slides down along the wall"
    jumped = step(camera, Motion(advance_mm=500.0), field)
    assert field.is_inside(jumped.position_lps_mm)[0]


def test_rolling_clockwise_brings_the_right_side_up_and_flexing_lifts_the_view(field: LumenField) -> None:
    camera = CameraPose(np.array([0.0, 0.0, 40.0]), np.array([0.0, 0.0, 30.0]), np.array([0.0, -1.0, 0.0]))
    rolled = step(camera, Motion(rotate_deg=90.0), field)
    np.testing.assert_allclose(rolled.up, camera.axes[0], atol=1e-9)
    flexed = step(camera, Motion(flex_deg=30.0), field)
    assert flexed.axes[2] @ camera.axes[1] == pytest.approx(0.5)
    turned = step(camera, Motion(turn_deg=30.0), field)
    assert turned.axes[2] @ camera.axes[0] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="finite"):
        step(camera, Motion(advance_mm=float("nan")), field)
