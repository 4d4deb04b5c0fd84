"""Exit cost, routes and extensions on trees whose answer is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy.ndimage import binary_dilation, generate_binary_structure
from scipy.spatial import cKDTree

from LungAirwayLib.bronchus_sign import relate
from LungAirwayLib.constants import RLL, RUL
from LungAirwayLib.exit_benchmark import evaluate_exit_branch, evaluate_tree, trials, visible_tree
from LungAirwayLib.exit_cost import ExitCostParameters, exit_candidates, exit_costs, shares
from LungAirwayLib.extension import BENDS_TOO_MUCH
from LungAirwayLib.plan import ExtensionModel, Target, TsuboiType
from LungAirwayLib.route import plan_routes
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray, resample_polyline
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap


def straight_branch(
    key: int, parent: int | None, children: tuple[int, ...], ends: ArrayLike, radius: float, generation: int
) -> Branch:
    points = resample_polyline(ends, 0.5)
    count = len(points)
    return Branch(
        id=key,
        parent_id=parent,
        child_ids=children,
        points_lps_mm=points,
        radius_mm=np.full(count, radius),
        radius_interval_mm=np.tile([radius - 0.3, radius + 0.3], (count, 1)),
        frames=np.zeros((count, 3, 3)),
        generation=generation,
    )


@pytest.fixture
def forked_tree() -> Tree:
    """Trachea down, main bronchus, then a fork: one branch to the patient's right (-x), one to the left (+x)."""
    branches = [
        straight_branch(0, None, (1,), [[0, 0, 100], [0, 0, 60]], 8.0, 0),
        straight_branch(1, 0, (2, 3), [[0, 0, 60], [0, 0, 40]], 5.0, 1),
        straight_branch(2, 1, (), [[0, 0, 40], [-20, 0, 20]], 2.0, 2),
        straight_branch(3, 1, (), [[0, 0, 40], [20, 0, 20]], 2.0, 2),
    ]
    return Tree({item.id: item for item in branches}, 0)


def _prongs(tree: Tree) -> Tree:
    """The fork with both branches turned down, so that each tip looks at what lies far below."""
    left = straight_branch(3, 1, (), [[0, 0, 40], [20, 0, 20], [20, 0, 0]], 2.0, 2)
    right = straight_branch(2, 1, (), [[0, 0, 40], [-20, 0, 20], [-20, 0, 0]], 2.0, 2)
    return tree.with_branches({2: right, 3: left})


def ball(centre: ArrayLike, radius: float, count: int = 400) -> Target:
    """Fibonacci points on a sphere."""
    at = np.arange(count) + 0.5
    polar, turn = np.arccos(1.0 - 2.0 * at / count), np.pi * (1.0 + 5.0**0.5) * at
    unit_points = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    middle = np.asarray(centre, dtype=np.float64)
    return Target(middle, middle + radius * unit_points, "mask")


def point_target(centre: ArrayLike) -> Target:
    middle = np.asarray(centre, dtype=np.float64)
    return Target(middle, middle[None], "point")


def box_map(value_of: FloatArray | None, low: float, high: float, fill: int = 1) -> LabelMap:
    """A cube of 2 mm voxels from ``low`` to ``high`` on each axis."""
    size = round((high - low) / 2.0) + 1
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = low
    array = np.full((size, size, size), fill, dtype=np.uint8) if value_of is None else value_of.astype(np.uint8)
    return LabelMap(array, affine)


def test_the_branch_that_points_at_the_target_wins_although_the_other_tip_is_nearer(forked_tree: Tree) -> None:
    bent = straight_branch(3, 1, (), [[0, 0, 40], [-2, 0, 36], [-2, 30, 10]], 2.0, 2)
    tree = forked_tree.with_branches({3: bent})
    target = point_target([-33.0, 14.0, 8.0])
    nearest = min((2, 3), key=lambda key: float(np.linalg.norm(tree[key].points_lps_mm[-1] - target.centre_lps_mm)))
    routes = plan_routes(tree, target)
    assert nearest == 2
    assert routes[0].exit_branch_id == 2
    away = point_target([-2.0, 55.0, -12.0])
    assert plan_routes(tree, away)[0].exit_branch_id == 3


def test_cost_is_the_stated_formula_at_a_tip_and_beside_one(forked_tree: Tree) -> None:
    parameters = ExitCostParameters(
        direction_weight=2.0, not_tip_factor=1.5, side_branch_angle_deg=30.0, radius_exponent=0.5, temperature=0.1
    )
    found = exit_candidates(forked_tree)
    target = np.array([[-20.0, 0.0, 0.0]])
    costs = exit_costs(found, target, parameters)
    tip = np.flatnonzero(found.is_tip & (found.branch_ids == 2))[0]
    expected = 20.0 * (1.0 + 2.0 * (1.0 - np.cos(np.radians(45.0)))) / 2.0**0.5
    assert costs.cost[tip] == pytest.approx(expected, rel=1e-3)
    assert costs.angle_deg[tip] == pytest.approx(45.0, abs=0.5)
    middle = int(np.argmin(np.linalg.norm(found.points_lps_mm - [-10.0, 0.0, 30.0], axis=1)))
    distance = np.linalg.norm(found.points_lps_mm[middle] - target[0])
    angle = np.radians(costs.angle_deg[middle] - 30.0)
    beside = distance * (1.0 + 2.0 * (1.0 - np.cos(max(angle, 0.0)))) * 1.5 / 2.0**0.5
    assert costs.cost[middle] == pytest.approx(beside, rel=1e-6)


def test_candidates_leave_out_trachea_and_main_bronchi_unless_there_is_nothing_else(forked_tree: Tree) -> None:
    assert set(exit_candidates(forked_tree).branch_ids) == {2, 3}
    stem = Tree({0: replace(forked_tree[0], child_ids=())}, 0)
    assert set(exit_candidates(stem).branch_ids) == {0}
    assert plan_routes(stem, point_target([0, 0, 30]))[0].exit_branch_id == 0


def test_shares_sum_to_one_and_depend_on_cost_ratios_only() -> None:
    cost = np.array([10.0, 20.0, 40.0])
    assert shares(cost, 0.2).sum() == pytest.approx(1.0)
    np.testing.assert_allclose(shares(cost, 0.2), shares(3.0 * cost, 0.2))
    assert np.isfinite(shares(np.array([0.0, 5.0]), 0.05)).all()


def test_confidence_is_even_between_mirror_images_and_routes_end_at_their_exits(forked_tree: Tree) -> None:
    routes = plan_routes(_prongs(forked_tree), point_target([0.0, 0.0, -60.0]))
    assert {route.exit_branch_id for route in routes[:2]} == {2, 3}
    assert routes[0].confidence == pytest.approx(routes[1].confidence, abs=0.02)
    assert sum(route.confidence for route in routes) == pytest.approx(1.0, abs=1e-6)
    for route in routes:
        np.testing.assert_allclose(route.points_lps_mm[-1], route.exit_point_lps_mm)
        np.testing.assert_allclose(route.points_lps_mm[0], [0, 0, 100])
        assert len(route.points_lps_mm) == len(route.radius_mm)


@pytest.mark.parametrize("place", [[35.0, 0.0, 12.0], [20.0, 12.0, 10.0], [30.0, 0.0, -30.0]])
def test_routes_stand_in_the_order_of_their_likelihood_and_none_begins_as_another(forked_tree: Tree, place: list[float]) -> None:
    prongs = _prongs(forked_tree).branches
    further = {
        3: replace(prongs[3], child_ids=(4, 5)),
        4: straight_branch(4, 3, (), [[20, 0, 0], [30, 0, -10]], 1.5, 3),
        5: straight_branch(5, 3, (), [[20, 0, 0], [12, 0, -14]], 1.5, 3),
    }
    routes = plan_routes(Tree({**prongs, **further}, 0), point_target(place), count=5)
    assert len(routes) > 1
    likelihoods = [route.confidence for route in routes]
    assert likelihoods == sorted(likelihoods, reverse=True)
    ways = [route.branch_ids for route in routes]
    assert not [(one, other) for one in ways for other in ways if one is not other and one == other[: len(one)]]


def test_a_lumen_that_enters_the_target_needs_no_extension(forked_tree: Tree) -> None:
    route = plan_routes(forked_tree, ball([-21.0, 0.0, 19.0], 6.0))[0]
    assert route.exit_branch_id == 2
    assert route.bronchus_sign is True
    assert route.tsuboi is TsuboiType.II
    assert route.extensions == () and route.chosen_extension is None
    assert route.gap_mm == 0.0


def test_a_bronchus_that_ends_at_the_surface_leads_to_it_and_one_inside_is_contained(forked_tree: Tree) -> None:
    ahead = np.array([-1.0, 0.0, -1.0]) / 2**0.5
    tip = np.array([-20.0, 0.0, 20.0])
    assert relate(forked_tree, ball(tip + 6.0 * ahead, 5.0)).tsuboi is TsuboiType.I
    assert relate(forked_tree, ball(tip + 1.0 * ahead, 5.0)).tsuboi is TsuboiType.II


def test_a_bronchus_that_passes_by_is_compressed_only_where_its_lumen_is_narrowed(forked_tree: Tree) -> None:
    beside = np.array([-10.0, 0.0, 30.0]) + 5.3 * np.array([-1.0, 0.0, 1.0]) / 2**0.5
    plain = relate(forked_tree, ball(beside, 3.0))
    assert plain.bronchus_sign is True
    assert plain.tsuboi is TsuboiType.UNKNOWN
    branch = forked_tree[2]
    near = np.linalg.norm(branch.points_lps_mm - [-10.0, 0.0, 30.0], axis=1) < 4.0
    pressed = replace(branch, radius_mm=np.where(near, 1.2, 2.0))
    closer = np.array([-10.0, 0.0, 30.0]) + 4.5 * np.array([-1.0, 0.0, 1.0]) / 2**0.5
    relation = relate(forked_tree.with_branches({2: pressed}), ball(closer, 3.0))
    assert relation.tsuboi is TsuboiType.III


def test_signs_are_unknown_for_a_bare_point_and_false_for_a_surface_that_nothing_touches(forked_tree: Tree) -> None:
    assert relate(forked_tree, point_target([-40, 0, 0])).bronchus_sign is None
    relation = relate(forked_tree, ball([-45.0, 0.0, 0.0], 5.0))
    assert relation.bronchus_sign is False
    assert relation.tsuboi is TsuboiType.UNKNOWN


def test_another_lobe_doubles_the_cost_and_says_so(forked_tree: Tree) -> None:
    grid = box_map(None, -60.0, 100.0)
    x = grid.grid.lps_from_kji(np.moveaxis(np.indices(grid.array_kji.shape), 0, -1))[..., 0]
    lobes = LabelMap(np.where(x < 0, RUL, RLL).astype(np.uint8), grid.affine_ijk_to_lps)
    target = replace(point_target([-3.0, 0.0, -60.0]), lobe="RLL")
    tree = _prongs(forked_tree)
    plain = plan_routes(tree, target, lobes=None)
    judged = plan_routes(tree, target, lobes=lobes)
    assert plain[0].exit_branch_id == 2
    assert judged[0].exit_branch_id == 3
    assert "other_lobe" in next(route for route in judged if route.exit_branch_id == 2).warning_codes


def test_leaving_the_lung_is_penalised_and_said(forked_tree: Tree) -> None:
    grid = box_map(None, -60.0, 100.0)
    points = grid.grid.lps_from_kji(np.moveaxis(np.indices(grid.array_kji.shape), 0, -1))
    lungs = LabelMap(np.where(points[..., 2] > 10.0, 1, 0).astype(np.uint8), grid.affine_ijk_to_lps)
    route = plan_routes(forked_tree, point_target([-40.0, 0.0, -20.0]), lungs=lungs)[0]
    assert "leaves_lung" in route.warning_codes
    assert any("leaves the lung" in sentence for sentence in route.warnings)
    assert any("leaves the lung" in note for extension in route.extensions for note in extension.notes)


def test_without_images_only_the_straight_model_is_drawn(forked_tree: Tree) -> None:
    route = plan_routes(forked_tree, point_target([-40.0, 0.0, 0.0]))[0]
    assert [item.model for item in route.extensions] == [ExtensionModel.STRAIGHT]
    assert route.chosen_extension == 0
    assert route.extensions[0].length_mm == pytest.approx(np.hypot(20.0, 20.0), abs=0.5)


def test_the_companion_artery_is_followed_from_exit_to_target(forked_tree: Tree) -> None:
    step = 0.8
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = [-70.0, -20.0, -40.0]
    array = np.zeros((100, 50, 100), dtype=np.uint8)
    vessel = LabelMap(array, affine)
    arc = np.linspace(0.0, 1.0, 200)[:, None]
    walk = np.array([-20.0, 3.0, 20.0]) + arc * np.array([-30.0, 0.0, -30.0])
    walk[:, 1] += 6.0 * np.sin(np.pi * arc[:, 0])
    array[tuple(np.rint(vessel.grid.kji_from_lps(walk)).astype(int).T)] = 1
    array[:] = binary_dilation(array, generate_binary_structure(3, 2))
    route = plan_routes(forked_tree, ball([-53.0, 3.0, -13.0], 4.0), vessels=vessel)[0]
    models = {item.model: item for item in route.extensions}
    assert set(models) == set(ExtensionModel)
    followed = models[ExtensionModel.ARTERY_FOLLOWING].points_lps_mm
    assert followed[:, 1].max() > models[ExtensionModel.STRAIGHT].points_lps_mm[:, 1].max() + 1.5
    np.testing.assert_allclose(followed[0], route.exit_point_lps_mm)
    assert route.artery_sign is None  # it begins where the airway ends: nothing tells that it is its artery


def test_a_cost_path_goes_round_a_great_vessel(forked_tree: Tree) -> None:
    grid = box_map(None, -60.0, 40.0, fill=0)
    points = grid.grid.lps_from_kji(np.moveaxis(np.indices(grid.array_kji.shape), 0, -1))
    wall = (np.abs(points[..., 0] + 30.0) <= 5.0) & (np.abs(points[..., 1]) <= 5.0)
    vessels = LabelMap(wall.astype(np.uint8), grid.affine_ijk_to_lps)
    route = plan_routes(forked_tree, point_target([-42.0, 0.0, 0.0]), vessels=vessels)[0]
    models = {item.model: item for item in route.extensions}
    assert models[ExtensionModel.STRAIGHT].crosses_vessel_mm > 5.0
    assert models[ExtensionModel.MINIMUM_COST].crosses_vessel_mm < 2.0
    assert route.extensions[route.chosen_extension or 0].model is not ExtensionModel.STRAIGHT


@pytest.mark.parametrize("count", [0, -1])
def test_a_senseless_count_is_refused(forked_tree: Tree, count: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        plan_routes(forked_tree, point_target([0, 0, 0]), count=count)


def test_a_target_without_a_place_is_refused(forked_tree: Tree) -> None:
    with pytest.raises(ValueError, match="finite"):
        plan_routes(forked_tree, point_target([0, np.nan, 0]))


def test_a_visible_tree_shows_no_trace_of_hidden_bifurcations(forked_tree: Tree) -> None:
    visible, owner = visible_tree(forked_tree, frozenset({0, 1, 2}))
    assert len(visible) == 1
    assert owner == {0: 0, 1: 0, 2: 0}
    assert visible[0].length_mm == pytest.approx(40 + 20 + np.hypot(20, 20), abs=0.1)
    kept, same = visible_tree(forked_tree, frozenset({0, 1, 2}), merge=False)
    assert len(kept) == 3 and same == {0: 0, 1: 1, 2: 2}


def test_two_exits_at_one_carina_are_one_decision(forked_tree: Tree) -> None:
    """A target straight below the fork is left for at the fork itself, whichever child it is counted to."""
    routes = plan_routes(forked_tree, point_target([0.0, 0.0, 0.0]))
    assert len(routes) == 1
    assert routes[0].confidence == pytest.approx(1.0)


def spokes_tree() -> Tree:
    """A stem of six generations; at each fork a side branch leaves at a right angle and runs on to generation 7."""
    branches: dict[int, Branch] = {}
    for generation in range(6):
        top = np.array([0.0, 0.0, 120.0 - 20.0 * generation])
        below = top - [0.0, 0.0, 20.0]
        children = (generation + 1, 100 * (generation + 1)) if generation < 5 else (6,)
        branches[generation] = straight_branch(
            generation, generation - 1 if generation else None, children, [top, below], 4.0, generation
        )
        if generation < 5:
            turn = np.radians(72.0 * generation)
            aside = np.array([np.cos(turn), np.sin(turn), 0.0])
            for piece, depth in enumerate(range(generation + 1, 8)):
                key = 100 * (generation + 1) + piece
                ends = [below + 15.0 * piece * aside, below + 15.0 * (piece + 1) * aside]
                onward = (key + 1,) if depth < 7 else ()
                branches[key] = straight_branch(key, key - 1 if piece else generation, onward, ends, 3.0, depth)
    branches[6] = straight_branch(6, 5, (), [[0, 0, 0], [0, 0, -20.0]], 4.0, 6)
    return Tree(branches, 0)


def test_straight_hidden_continuations_are_found_and_a_main_bronchus_counts_as_missed() -> None:
    """Five of the six spokes are found; the first is of generation 1, where no exit is offered, and must count as wrong."""
    tree = spokes_tree()
    asked = [trial for trial in trials(tree) if trial.truncation == "generation 5"]
    assert len(asked) == len(tree.tips) == 6
    assert evaluate_tree(tree)["by_truncation"]["generation 5"]["top1"] == pytest.approx(5 / 6)


def test_the_benchmark_refuses_an_empty_mask() -> None:
    with pytest.raises((InputError, ValueError), match="empty"):
        evaluate_exit_branch(box_map(None, 0.0, 20.0, fill=0))


def test_confidence_adds_up_where_every_way_leaves_the_lung(forked_tree: Tree) -> None:
    """A penalty that all exits share must not hand the likelihood to branches that nobody looked at."""
    lungs = box_map(None, -60.0, 100.0, fill=0)
    with_images = plan_routes(_prongs(forked_tree), point_target([0.0, 0.0, -60.0]), lungs=lungs)
    assert sum(route.confidence for route in with_images) == pytest.approx(1.0, abs=1e-6)
    assert all("leaves_lung" in route.warning_codes for route in with_images)


def test_a_central_target_is_left_for_where_the_airway_touches_it(forked_tree: Tree) -> None:
    """A lesion beside the trachea is not a peripheral one: the trachea itself leads there."""
    route = plan_routes(forked_tree, ball([-14.0, 0.0, 80.0], 6.0))[0]
    assert route.branch_ids == (0,)
    assert route.extensions == ()
    assert abs(route.exit_point_lps_mm[2] - 80.0) < 8.0


def test_a_target_beside_the_trachea_is_reached_through_its_wall_and_the_report_says_so(forked_tree: Tree) -> None:
    target = ball([-18.0, 0.0, 80.0], 6.0)  # 4 mm beyond the wall
    route = plan_routes(forked_tree, target)[0]
    assert route.branch_ids == (0,)
    assert route.gap_mm == pytest.approx(4.0, abs=0.2)
    assert "through_the_wall" in route.warning_codes and "4 mm" in route.warnings[0]


@pytest.mark.parametrize("place", [[-28.0, 0.0, 80.0], [-22.0, 0.0, 30.0]])
def test_a_target_far_from_the_trachea_or_nearer_to_a_smaller_airway_is_not_approached_from_it(
    forked_tree: Tree, place: list[float]
) -> None:
    assert all(route.exit_branch_id in (2, 3) for route in plan_routes(forked_tree, ball(place, 6.0)))


def test_an_airway_that_passes_nearer_beyond_the_exit_is_said(forked_tree: Tree) -> None:
    """The branch points at the target, then turns away and still passes nearer by."""
    bent = straight_branch(2, 1, (), [[0, 0, 40], [-20, 0, 20], [-24, 25, 4]], 2.0, 2)
    target = ball([-36.0, 0.0, 4.0], 6.0)
    route = plan_routes(forked_tree.with_branches({2: bent}), target)[0]
    gaps = np.linalg.norm(bent.points_lps_mm[:, None] - target.surface_lps_mm[None], axis=2).min(axis=1)
    exit_at = int(np.argmin(np.linalg.norm(bent.points_lps_mm - route.exit_point_lps_mm, axis=1)))
    further = bent.arc_mm[np.argmin(gaps)] - bent.arc_mm[exit_at]
    assert route.warning_codes == ("comes_closer",)
    assert f"{further:.0f} mm beyond this exit it is {gaps.min():.0f} mm away" in route.warnings[0]
    straight = plan_routes(forked_tree, target)[0]
    assert "comes_closer" not in straight.warning_codes


def test_a_tree_without_length_still_gives_a_route() -> None:
    point = np.array([[0.0, 0.0, 40.0], [0.0, 0.0, 40.0]])
    branch = replace(straight_branch(0, None, (), [[0, 0, 41], [0, 0, 40]], 2.0, 0), points_lps_mm=point)
    branch = replace(branch, radius_mm=np.ones(2), radius_interval_mm=np.ones((2, 2)), frames=np.zeros((2, 3, 3)))
    route = plan_routes(Tree({0: branch}, 0), point_target([0.0, 0.0, 10.0]))[0]
    assert len(route.points_lps_mm) == 2
    assert route.gap_mm == pytest.approx(30.0)


def tubes_map(*lines: ArrayLike, radius_mm: float = 1.5) -> LabelMap:
    """Paint vessels along polylines on a grid of 1 mm."""
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = [-80.0, -30.0, -40.0]
    array = np.zeros((130, 60, 120), dtype=np.uint8)
    found = LabelMap(array, affine)
    points = found.grid.lps_from_kji(np.moveaxis(np.indices(array.shape), 0, -1).reshape(-1, 3))
    for line in lines:
        near = cKDTree(resample_polyline(line, 0.5)).query(points)[0] <= radius_mm
        array |= near.reshape(array.shape).astype(np.uint8)
    return found


COMPANION = [[-4.0, 5.0, 36.0], [-20.0, 5.0, 20.0], [-40.0, 0.0, 0.0]]
"""Beside the right branch of the fork, 5 mm behind its axis, and on to the target."""
CROSSING = [[-40.0, -20.0, 0.0], [-40.0, 20.0, 0.0]]
"""Past the target, far from both airways."""


def test_the_artery_sign_is_of_the_vessel_that_runs_with_the_routes_airway(forked_tree: Tree) -> None:
    target = ball([-45.0, 0.0, -3.0], 5.0)

    def signs(vessels: LabelMap) -> dict[int, bool | None]:
        return {route.exit_branch_id: route.artery_sign for route in plan_routes(forked_tree, target, vessels=vessels)}

    assert signs(tubes_map(COMPANION)) == {2: True, 3: None}  # nothing runs beside the left airway
    assert signs(tubes_map(CROSSING))[2] is None  # reaches the target, but is no airway's companion that could be told
    both = tubes_map(COMPANION[:2], CROSSING)
    assert signs(both)[2] is False  # a companion that ends, and another vessel at the target
    assert signs(tubes_map([[-80.0, 25.0, 80.0], [-60.0, 25.0, 80.0]]))[2] is None


def test_the_target_itself_is_no_vessel_and_a_bare_point_has_no_artery_sign(forked_tree: Tree) -> None:
    target = ball([-45.0, 0.0, -3.0], 5.0)
    nodule = tubes_map(COMPANION[:2], [[-45.0, 0.0, -3.1], [-45.0, 0.0, -2.9]], radius_mm=5.0)
    assert plan_routes(forked_tree, target, vessels=nodule)[0].artery_sign is not True
    point = point_target([-45.0, 0.0, -3.0])
    assert plan_routes(forked_tree, point, vessels=tubes_map(COMPANION))[0].artery_sign is None


def test_straight_on_is_chosen_where_nothing_bars_it_and_no_hook_ever(forked_tree: Tree) -> None:
    # A sheath beside a thin vessel makes the detour cheap; a needle does not follow it.
    hook = tubes_map([[-20.0, 3.0, 20.0], [-16.0, 12.0, 8.0], [-24.0, 4.0, 12.0]], radius_mm=0.8)
    lungs = box_map(None, -80.0, 80.0)
    route = plan_routes(forked_tree, ball([-27.0, 0.0, 10.0], 4.0), vessels=hook, lungs=lungs)[0]
    assert route.chosen_extension is not None
    assert route.extensions[route.chosen_extension].model is ExtensionModel.STRAIGHT
    for item in route.extensions:
        chord = float(np.linalg.norm(item.points_lps_mm[-1] - item.points_lps_mm[0]))
        assert item.length_mm < 1.5 * chord or BENDS_TOO_MUCH in item.notes
