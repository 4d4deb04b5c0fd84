"""Scope library and route x scope matrix."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from LungAirwayLib.feasibility import assess, pass_probability
from LungAirwayLib.plan import Reach, Route, Scope, Target
from LungAirwayLib.route import plan_routes
from LungAirwayLib.scopes import load_scopes
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.tubes.tree import Branch, Tree

RADII = (8.0, 5.0, 2.5, 1.6)


@pytest.fixture
def tapering_tree() -> Tree:
    """Four branches in a line down the z axis, 20 mm each, diameters 16, 10, 5 and 3.2 mm, known to +-0.4 mm."""
    branches = {}
    for key, radius in enumerate(RADII):
        points = resample_polyline([[0.0, 0.0, 100.0 - 20.0 * key], [0.0, 0.0, 80.0 - 20.0 * key]], 0.5)
        count = len(points)
        branches[key] = Branch(
            id=key,
            parent_id=key - 1 if key else None,
            child_ids=(key + 1,) if key < 3 else (),
            points_lps_mm=points,
            radius_mm=np.full(count, radius),
            radius_interval_mm=np.tile([radius - 0.2, radius + 0.2], (count, 1)),
            frames=np.zeros((count, 3, 3)),
            generation=key,
        )
    return Tree(branches, 0)


@pytest.fixture
def target_below() -> Target:
    place = np.array([0.0, 0.0, 10.0])
    return Target(place, place[None], "point")


@pytest.fixture
def route(tapering_tree: Tree, target_below: Target) -> Route:
    return plan_routes(tapering_tree, target_below, count=1)[0]


def scope_of(diameter: float, bend_radius: float | None = None) -> Scope:
    return Scope("s", "s", diameter, None, None, None, None, None, bend_radius, None, None, "test", "unverified")


@pytest.mark.parametrize(
    ("diameter", "reach", "last", "remaining"),
    [
        (2.8, Reach.REACHES, 3, 10.0),
        (3.1, Reach.PROBABLY, 3, 10.0),
        (3.3, Reach.NO, 2, 30.0),
        (4.0, Reach.NO, 2, 30.0),
        (6.0, Reach.NO, 1, 50.0),
    ],
)
def test_a_scope_stops_where_the_airway_gets_too_narrow(
    tapering_tree: Tree, route: Route, target_below: Target, diameter: float, reach: Reach, last: int, remaining: float
) -> None:
    cell = assess([route], tapering_tree, target_below, [scope_of(diameter)])[0]
    assert cell.reach is reach
    assert cell.last_branch_id == last
    assert cell.remaining_path.value == pytest.approx(remaining, abs=0.6)
    assert cell.straight_distance.value == pytest.approx(remaining, abs=0.6)
    assert cell.within_radial_ultrasound is (cell.straight_distance.value is not None and cell.straight_distance.value <= 10.0)


def test_lumen_beyond_an_exit_in_mid_branch_stops_no_scope(tapering_tree: Tree, route: Route, target_below: Target) -> None:
    last = tapering_tree[3]
    radius = np.where(last.arc_mm <= 12.0, 1.6, 1.0)
    narrowing = replace(last, radius_mm=radius, radius_interval_mm=np.stack([radius - 0.2, radius + 0.2], axis=1))
    tree = tapering_tree.with_branches({3: narrowing})
    whole = assess([route], tree, target_below, [scope_of(2.8)])[0]
    assert whole.reach is Reach.NO
    beyond = int(np.count_nonzero(last.arc_mm > 10.0))
    early = replace(
        route,
        points_lps_mm=route.points_lps_mm[:-beyond],
        radius_mm=route.radius_mm[:-beyond],
        exit_point_lps_mm=route.points_lps_mm[-beyond - 1],
    )
    assert assess([early], tree, target_below, [scope_of(2.8)])[0].reach is Reach.REACHES
    assert narrowing.narrowest_until(0.0)[0] == pytest.approx(3.2)
    assert narrowing.narrowest_until(20.0) == (narrowing.minimum_diameter_mm, narrowing.minimum_diameter_interval_mm)


def test_the_limiting_branch_comes_with_its_interval(tapering_tree: Tree, route: Route, target_below: Target) -> None:
    cell = assess([route], tapering_tree, target_below, [scope_of(4.0)])[0]
    assert cell.limiting_diameter.value == pytest.approx(3.2)
    assert cell.limiting_diameter.interval == pytest.approx((2.8, 3.6))


def test_probability_follows_the_interval() -> None:
    assert pass_probability(3.0, (2.5, 3.5), 3.0) == pytest.approx(0.5)
    assert pass_probability(3.5, (3.0, 4.0), 3.0) == pytest.approx(0.975, abs=1e-3)
    assert pass_probability(3.0, (3.0, 3.0), 3.1) == 0.0
    assert pass_probability(3.0, (float("nan"), 3.0), 2.9) == 1.0


def test_a_bend_too_tight_for_the_scope_takes_certainty_away() -> None:
    turn = np.linspace(0.0, np.pi / 2.0, 60)
    arc = np.stack([10.0 * (1.0 - np.cos(turn)), np.zeros(60), -10.0 * np.sin(turn)], axis=1)
    points = resample_polyline(np.concatenate([[[0.0, 0.0, 30.0]], arc, [[40.0, 0.0, -10.0]]]), 0.5)
    count = len(points)
    branch = Branch(
        0, None, (), points, np.full(count, 4.0), np.tile([3.8, 4.2], (count, 1)), np.zeros((count, 3, 3)), generation=0
    )
    tree = Tree({0: branch}, 0)
    place = np.array([50.0, 0.0, -10.0])
    target = Target(place, place[None], "point")
    way = plan_routes(tree, target, count=1)
    free = assess(way, tree, target, [scope_of(3.0)])[0]
    stiff = assess(way, tree, target, [scope_of(3.0, bend_radius=25.0)])[0]
    assert free.reach is Reach.REACHES
    assert stiff.reach is Reach.PROBABLY
    assert "bends tighter" in stiff.reason
    assert free.minimum_curvature_radius.value == pytest.approx(10.0, rel=0.25)
    assert free.bend.value == pytest.approx(90.0, abs=6.0)


def test_a_centreline_that_trembles_within_a_wide_lumen_is_no_bend() -> None:
    arc = np.arange(0.0, 120.0, 0.5)
    points = np.stack([1.5 * np.sin(arc / 4.0), 1.5 * np.cos(arc / 5.0), -arc], axis=1)
    count = len(points)
    wide = Branch(
        0, None, (), points, np.full(count, 8.0), np.tile([7.8, 8.2], (count, 1)), np.zeros((count, 3, 3)), generation=0
    )
    tree = Tree({0: wide}, 0)
    place = points[-1] + [0.0, 0.0, -10.0]
    target = Target(place, place[None], "point")
    cell = assess(plan_routes(tree, target, count=1), tree, target, [scope_of(3.0)])[0]
    assert cell.bend.value == pytest.approx(0.0, abs=1.0)


def test_the_matrix_has_a_cell_for_every_route_and_scope(tapering_tree: Tree, target_below: Target) -> None:
    routes = plan_routes(tapering_tree, target_below, count=3)
    cells = assess(routes, tapering_tree, target_below, [scope_of(3.0), scope_of(5.0)])
    assert [cell.route_rank for cell in cells] == [route.rank for route in routes for _ in range(2)]


def test_every_shipped_scope_names_its_source() -> None:
    scopes = load_scopes()
    assert len(scopes) >= 4
    assert len({scope.id for scope in scopes}) == len(scopes)
    assert all(2.0 <= scope.tip_diameter_mm <= 7.0 and scope.source for scope in scopes)


def test_scopes_are_picked_in_the_order_asked_for() -> None:
    ids = [scope.id for scope in load_scopes()][:2][::-1]
    assert [scope.id for scope in load_scopes(ids=[*ids, ids[0]])] == ids


def test_an_unknown_scope_lists_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        load_scopes(ids=["nonesuch"])
    assert "nonesuch" in caught.value.problems[0]
    assert load_scopes()[0].id in caught.value.problems[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "line 1"),
        ("[]", "expected"),
        ('{"scopes": []}', "expected"),
        ('{"scopes": [3]}', "row 1"),
        ('{"scopes": [{"id": "a"}]}', "tip_diameter_mm is required"),
    ],
)
def test_a_damaged_library_is_a_clear_error(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "scopes.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_scopes(path)
    assert any(said in problem for problem in caught.value.problems)


def test_all_problems_of_a_library_are_told_at_once(tmp_path: Path) -> None:
    row = {"id": "a", "name": "A", "source": "s", "verified_on": "unverified", "tip_diameter_mm": 3.0}
    rows = [row, row, {**row, "id": "b", "tip_diameter_mm": -1}, {**row, "id": "c", "colour": "red"}]
    path = tmp_path / "scopes.json"
    path.write_text(json.dumps({"scopes": rows}), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_scopes(path)
    text = "\n".join(caught.value.problems)
    assert "used twice" in text and "-1" in text and "colour" in text


def test_a_missing_library_and_a_binary_one_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_scopes(tmp_path / "none.json")
    path = tmp_path / "scopes.json"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError):
        load_scopes(path)


@pytest.mark.parametrize("text", ['{"scopes": [' + "[" * 100_000, '{"scopes": [{"tip_diameter_mm": ' + "9" * 6000 + "}]}"])
def test_absurdly_deep_or_long_scope_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "scopes.json").write_text(text)
    with pytest.raises(InputError):
        load_scopes(tmp_path / "scopes.json")
