"""Clock hours and turns on trees where they are known by construction (LPS: +x patient's left, +y posterior, +z head)."""

from __future__ import annotations

import numpy as np
import pytest

from LungAirwayLib.instructions import camera_path, clock_hour, instruct
from LungAirwayLib.plan import Route, Target
from LungAirwayLib.route import plan_routes
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.tubes.tree import Branch, Tree

SIDES = {"right": (-1.0, 0.0), "left": (1.0, 0.0), "anterior": (0.0, -1.0), "posterior": (0.0, 1.0)}


def branch(key: int, parent: int | None, children: tuple[int, ...], ends: object, radius: float, generation: int) -> Branch:
    points = resample_polyline(np.asarray(ends, dtype=np.float64), 0.5)
    count = len(points)
    interval = np.tile([radius - 0.25, radius + 0.25], (count, 1))
    return Branch(key, parent, children, points, np.full(count, radius), interval, np.zeros((count, 3, 3)), generation=generation)


def carina_tree(first: str, second: str, tilt_deg: float = 40.0) -> Tree:
    """A trachea straight down and two bronchi that leave to the named sides."""
    trachea = branch(0, None, (1, 2), [[0, 0, 100], [0, 0, 0]], 8.0, 0)
    children = {}
    for key, side in ((1, first), (2, second)):
        across = np.sin(np.radians(tilt_deg)) * np.array(SIDES[side])
        end = 50.0 * np.array([across[0], across[1], -np.cos(np.radians(tilt_deg))])
        children[key] = branch(key, 0, (), [[0, 0, 0], end], 5.0, 1)
    return Tree({0: trachea, **children}, 0)


def route_to(tree: Tree, key: int) -> Route:
    end = tree[key].points_lps_mm[-1]
    heading = end - tree[key].points_lps_mm[-5]
    place = end + 10.0 * heading / np.linalg.norm(heading)
    found = plan_routes(tree, Target(place, place[None], "point"))
    return next(item for item in found if item.exit_branch_id == key)


@pytest.mark.parametrize(("side", "hour"), [("right", 3), ("left", 9), ("anterior", 12), ("posterior", 6)])
def test_seen_from_the_head_with_anterior_up_the_patients_right_is_on_the_right(side: str, hour: int) -> None:
    other = {"right": "left", "left": "right", "anterior": "posterior", "posterior": "anterior"}[side]
    tree = carina_tree(side, other)
    step = instruct(route_to(tree, 1), tree)[0]
    assert step.clock_hour == hour
    assert {item[0]: item[2] for item in step.openings} == {1: hour, 2: (hour + 5) % 12 + 1}


@pytest.mark.parametrize(("side", "hour"), [("right", 9), ("left", 3), ("anterior", 6), ("posterior", 12)])
def test_with_posterior_up_the_picture_is_upside_down(side: str, hour: int) -> None:
    other = {"right": "left", "left": "right", "anterior": "posterior", "posterior": "anterior"}[side]
    tree = carina_tree(side, other)
    assert instruct(route_to(tree, 1), tree, "posterior_12")[0].clock_hour == hour


def test_distance_bend_and_diameter_are_those_of_the_tree() -> None:
    tree = carina_tree("right", "left", tilt_deg=35.0)
    step = instruct(route_to(tree, 1), tree)[0]
    assert step.advance_mm == pytest.approx(100.0, abs=0.1)
    assert abs(step.flex_deg) == pytest.approx(35.0, abs=1.0)
    assert step.rotate_deg == pytest.approx(90.0, abs=1.0)
    assert step.diameter_mm == pytest.approx(10.0)
    assert step.diameter_interval_mm == pytest.approx((9.5, 10.5))
    assert step.carina_lps_mm == pytest.approx((0.0, 0.0, 0.0))


def test_an_opening_behind_is_reached_by_flexing_down_instead_of_rolling_over() -> None:
    tree = carina_tree("posterior", "anterior")
    step = instruct(route_to(tree, 1), tree)[0]
    assert step.clock_hour == 6
    assert abs(step.rotate_deg) == pytest.approx(0.0, abs=1.0)
    assert step.flex_deg == pytest.approx(-40.0, abs=1.0)


def test_the_second_turn_is_counted_from_the_first() -> None:
    """Right at the carina (roll 90), then an opening to the patient's anterior side: roll back by 90."""
    tree = carina_tree("right", "left", tilt_deg=60.0)
    first = tree[1].points_lps_mm
    heading = (first[-1] - first[0]) / np.linalg.norm(first[-1] - first[0])
    front, back = np.array([0.0, -1.0, 0.0]), np.array([0.0, 1.0, 0.0])
    parent = branch(1, 0, (3, 4), [first[0], first[-1]], 5.0, 1)
    children = {
        key: branch(key, 1, (), [first[-1], first[-1] + 30.0 * (heading + aside) / 2**0.5], 3.0, 2)
        for key, aside in ((3, front), (4, back))
    }
    tree = Tree({0: tree[0], 1: parent, 2: tree[2], **children}, 0)
    steps = instruct(route_to(tree, 3), tree)
    assert [step.clock_hour for step in steps] == [3, 12]
    assert steps[1].rotate_deg == pytest.approx(-90.0, abs=8.0)
    assert steps[1].advance_mm == pytest.approx(50.0, abs=0.1)
    assert steps[1].depth_mm == pytest.approx(150.0, abs=0.1)


def test_a_branch_with_one_child_is_no_bifurcation() -> None:
    tree = carina_tree("right", "left")
    upper = branch(0, None, (9,), [[0, 0, 100], [0, 0, 60]], 8.0, 0)
    lower = branch(9, 0, (1, 2), [[0, 0, 60], [0, 0, 0]], 8.0, 0)
    below = {key: branch(key, 9, (), tree[key].points_lps_mm, 5.0, 1) for key in (1, 2)}
    tree = Tree({0: upper, 9: lower, **below}, 0)
    steps = instruct(route_to(tree, 1), tree)
    assert len(steps) == 1
    assert steps[0].advance_mm == pytest.approx(100.0, abs=0.1)


def test_a_tree_of_one_branch_needs_no_instruction() -> None:
    tree = Tree({0: branch(0, None, (), [[0, 0, 100], [0, 0, 0]], 8.0, 0)}, 0)
    assert instruct(route_to(tree, 0), tree) == ()


def test_an_unknown_orientation_is_refused() -> None:
    tree = carina_tree("right", "left")
    with pytest.raises(ValueError, match="anterior_12"):
        instruct(route_to(tree, 1), tree, "left_12")


@pytest.mark.parametrize(
    ("angle", "hour"), [(0.0, 12), (14.9, 12), (15.1, 1), (90.0, 3), (180.0, 6), (344.9, 11), (345.1, 12), (359.9, 12)]
)
def test_clock_hours_round_to_the_nearest(angle: float, hour: int) -> None:
    assert clock_hour(angle) == hour


def test_the_picture_frame_does_not_twist_round_a_helix_and_stays_orthonormal() -> None:
    turn = np.linspace(0.0, 4.0 * np.pi, 400)
    helix = np.stack([10.0 * np.cos(turn), 10.0 * np.sin(turn), -6.0 * turn], axis=1)
    camera = camera_path(helix, np.array([0.0, -1.0, 0.0]))
    gram = np.stack([camera.forward, camera.up, camera.right], axis=1)
    np.testing.assert_allclose(gram @ gram.transpose(0, 2, 1), np.tile(np.eye(3), (len(gram), 1, 1)), atol=1e-6)
    change = np.diff(camera.up, axis=0)
    sideways = np.abs(np.einsum("ij,ij->i", change, camera.right[:-1]))
    assert sideways.max() < 1e-3


def test_a_route_that_starts_along_the_up_vector_still_has_a_frame() -> None:
    camera = camera_path(np.array([[0.0, 0.0, 0.0], [0.0, -40.0, 0.0]]), np.array([0.0, -1.0, 0.0]))
    np.testing.assert_allclose(camera.up, np.tile([0.0, 0.0, 1.0], (len(camera.up), 1)), atol=1e-9)


@pytest.mark.parametrize("lean_deg", [-6.0, -3.0, 0.0, 3.0, 6.0])
def test_an_opening_nearly_straight_ahead_keeps_its_side_of_the_carina(lean_deg: float) -> None:
    """The trachea leans a little forwards or back: the main bronchus that goes nearly straight on stays at 3 o'clock."""
    lean = np.radians(lean_deg)
    start = np.array([0.0, 60.0 * np.sin(lean), 60.0 * np.cos(lean)])
    right = np.array([-np.sin(np.radians(8.0)), 0.0, -np.cos(np.radians(8.0))])
    left = np.array([np.sin(np.radians(50.0)), 0.0, -np.cos(np.radians(50.0))])
    tree = Tree(
        {
            0: branch(0, None, (1, 2), [start, [0, 0, 0]], 8.0, 0),
            1: branch(1, 0, (), [[0, 0, 0], 30.0 * right], 6.0, 1),
            2: branch(2, 0, (), [[0, 0, 0], 30.0 * left], 6.0, 1),
        },
        0,
    )
    (step,) = instruct(route_to(tree, 1), tree)
    hours = {key: hour for key, _, hour, _ in step.openings}
    assert hours == {1: 3, 2: 9}
