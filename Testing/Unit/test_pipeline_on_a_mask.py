"""The whole pipeline on an analytic airway mask, without a CT; its folder holds the result without loss."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from LungAirwayLib.pipeline import AirwayOptions, replan, run
from LungAirwayLib.plan import Reach
from LungAirwayLib.result import AirwayResult
from LungAirwayLib.result_io import load_result, save_result
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.edit import cut
from SenseCarePlanningLib.volume import LabelMap

SPACING_MM = 0.8


def painted_tree(segments: list[tuple[tuple[float, float, float], tuple[float, float, float], float]]) -> LabelMap:
    """Paint straight tubes (start, end, radius; LPS mm) on a grid that is an axial CT's, feet first in k."""
    low, high = np.array([-60.0, -30, -110]), np.array([60.0, 30, 70])
    shape_ijk = np.ceil((high - low) / SPACING_MM).astype(int)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = low
    axes = [low[axis] + SPACING_MM * np.arange(shape_ijk[axis]) for axis in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).transpose(2, 1, 0, 3)
    lumen = np.zeros(points.shape[:3], bool)
    for start, end, radius in segments:
        a, b = np.array(start), np.array(end)
        share = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        lumen |= np.linalg.norm(points - a - share[..., None] * (b - a), axis=-1) <= radius
    return LabelMap(lumen.astype(np.uint8), affine)


@pytest.fixture(scope="module")
def airway() -> LabelMap:
    return painted_tree([
        ((0, 0, 65), (0, 0, 0), 8),
        ((0, 0, 0), (-25, 0, -22), 6), ((0, 0, 0), (32, 0, -28), 5.5),
        ((-25, 0, -22), (-48, 4, -18), 4), ((-25, 0, -22), (-28, 4, -50), 4.5),
        ((32, 0, -28), (50, -6, -18), 4), ((32, 0, -28), (38, 6, -62), 4),
        ((-28, 4, -50), (-42, -10, -75), 3), ((-28, 4, -50), (-24, 14, -85), 3),
        ((38, 6, -62), (52, -4, -85), 2.5), ((38, 6, -62), (34, 14, -92), 2.5),
    ])  # fmt: skip


@pytest.fixture(scope="module")
def result(airway: LabelMap) -> AirwayResult:
    return run(None, AirwayOptions(airway_mask=airway, target_lps_mm=(-50.0, -14.0, -88.0)))


def differences(first: Any, second: Any, path: str = "") -> list[str]:  # noqa: PLR0911 - one return a kind of value
    """Name every place in which two results differ; arrays must be equal to the bit."""
    if dataclasses.is_dataclass(first):
        if type(first) is not type(second):
            return [path]
        names = [field.name for field in dataclasses.fields(first)]
        return [line for name in names for line in differences(getattr(first, name), getattr(second, name), f"{path}.{name}")]
    if isinstance(first, np.ndarray):
        return [] if np.array_equal(first, second) and first.dtype == second.dtype else [path]
    if isinstance(first, Mapping):
        if list(first) != list(second):
            return [path]
        return [line for key in first for line in differences(first[key], second[key], f"{path}[{key}]")]
    if isinstance(first, (list, tuple)):
        if type(first) is not type(second) or len(first) != len(second):
            return [path]
        return [line for n, (a, b) in enumerate(zip(first, second, strict=True)) for line in differences(a, b, f"{path}[{n}]")]
    return [] if first == second else [f"{path}: {first!r} != {second!r}"]


def test_the_tree_is_the_painted_one(result: AirwayResult) -> None:
    assert len(result.tree) == 11
    assert result.tree.root.label is not None
    assert result.tree.root.label.code == "trachea"
    assert result.tree.root.diameter_mm == pytest.approx(16.0, abs=0.8)


def test_the_best_route_leaves_by_the_branch_that_points_at_the_target(result: AirwayResult) -> None:
    assert result.plan is not None
    best = result.plan.routes[0]
    end = result.tree[best.exit_branch_id].points_lps_mm[-1]
    np.testing.assert_allclose(end, (-42, -10, -75), atol=4.0)
    assert result.plan.routes[0].confidence >= result.plan.routes[-1].confidence


def test_a_thin_scope_gets_further_than_a_thick_one(result: AirwayResult) -> None:
    assert result.plan is not None
    scopes = {scope.id: scope for scope in result.plan.scopes}
    rows = sorted(
        (row for row in result.plan.feasibility if row.route_rank == 1), key=lambda row: scopes[row.scope_id].tip_diameter_mm
    )
    remaining = [row.remaining_path.value for row in rows]
    assert all(a is not None and b is not None and a <= b + 1e-6 for a, b in itertools.pairwise(remaining))
    assert rows[0].reach in (Reach.REACHES, Reach.PROBABLY)


def test_what_needs_a_ct_is_not_measured_and_says_so(result: AirwayResult) -> None:
    assert result.lungs is None and result.lobes is None
    walls = [row for rows in result.branch_measurements.values() for row in rows if row.name == "wall_thickness"]
    assert walls and all(row.value is None and row.reason_missing for row in walls)
    assert any("CT" in sentence for sentence in result.not_measured)


def test_a_result_comes_back_from_its_folder_without_loss(result: AirwayResult, tmp_path: Path) -> None:
    save_result(result, tmp_path)
    assert differences(result, load_result(tmp_path)) == []


def test_the_comparison_itself_sees_a_change(result: AirwayResult) -> None:
    changed = dataclasses.replace(result, warnings=("x",))
    assert differences(result, changed) != []


def test_plan_json_is_strict_json_with_units_in_its_names(result: AirwayResult, tmp_path: Path) -> None:
    save_result(result, tmp_path)
    text = (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert "NaN" not in text and "Infinity" not in text
    assert json.loads(text)["plan"]["routes"][0]["gap_mm"] > 0


@pytest.mark.parametrize("name", ["plan.json", "tree.json", "airway.nii.gz", "airway_surface.vtp"])
def test_a_missing_or_damaged_part_is_named(result: AirwayResult, tmp_path: Path, name: str) -> None:
    save_result(result, tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(InputError):
        load_result(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match="no airway result"):
        load_result(tmp_path)


def test_an_edited_tree_gives_a_new_plan(result: AirwayResult) -> None:
    assert result.plan is not None
    exit_branch = result.plan.routes[0].exit_branch_id
    shorter = cut(result.tree, exit_branch, result.tree[exit_branch].length_mm / 2).tree
    again = replan(result, shorter, None, AirwayOptions(target_lps_mm=(-50.0, -14.0, -88.0)))
    assert again.plan is not None
    assert again.tree.total_length_mm < result.tree.total_length_mm
    same = [route for route in again.plan.routes if route.exit_branch_id == exit_branch]
    assert same and same[0].gap_mm > result.plan.routes[0].gap_mm


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "neither a CT nor an airway mask"),
        ({"target_lps_mm": (900.0, 0.0, 0.0)}, "outside the image"),
        ({"target_lps_mm": (1.0, 2.0)}, "not three numbers"),
        ({"target_lps_mm": ("a", 2.0, 3.0)}, "not three numbers"),
        ({"target_lps_mm": (float("nan"), 0.0, 0.0)}, "three numbers"),
        ({"scope_ids": ("no such scope",)}, "no such scope"),
        ({"route_count": 0}, "at least 1"),
        ({"orientation": "sideways"}, "orientation"),
    ],
)
def test_contradicting_options_are_refused_before_any_work(options: dict[str, Any], sentence: str, airway: LabelMap) -> None:
    given = {} if not options else {"airway_mask": airway, **options}
    with pytest.raises(InputError, match=sentence):
        run(None, AirwayOptions(**given))


def test_a_point_in_the_air_of_a_bronchus_is_warned_about(airway: LabelMap) -> None:
    found = run(None, AirwayOptions(airway_mask=airway, target_lps_mm=(-12.0, 0.0, -11.0)))
    assert any(text.startswith("The target point lies in the air inside RMB") for text in found.warnings[:2])
    assert not any("in the air inside" in text for text in run(None, AirwayOptions(airway_mask=airway)).warnings)


@pytest.mark.parametrize(("target", "warned"), [((-24.0, 14.0, -105.0), False), ((58.0, -28.0, 40.0), True)])
def test_a_route_that_ends_far_from_its_target_is_warned_about(
    airway: LabelMap, target: tuple[float, float, float], warned: bool
) -> None:
    found = run(None, AirwayOptions(airway_mask=airway, target_lps_mm=target))
    assert found.plan is not None
    assert (30.0 < found.plan.routes[0].gap_mm < 80.0) == warned
    assert any("farther than an instrument is led" in text for text in found.warnings) == warned


def test_all_contradictions_are_told_at_once(airway: LabelMap) -> None:
    with pytest.raises(InputError) as caught:
        run(None, AirwayOptions(airway_mask=airway, route_count=0, target_lps_mm=(900.0, 0.0, 0.0)))
    assert len(caught.value.problems) == 2


def test_an_empty_mask_is_refused(airway: LabelMap) -> None:
    empty = LabelMap(np.zeros_like(airway.array_kji), airway.affine_ijk_to_lps)
    with pytest.raises(InputError, match="empty"):
        run(None, AirwayOptions(airway_mask=empty))


def test_loose_pieces_are_left_out_and_told() -> None:
    mask = painted_tree([((0, 0, 65), (0, 0, 0), 8), ((0, 0, 0), (-25, 0, -22), 6), ((0, 0, 0), (32, 0, -28), 5.5)])
    mask.array_kji[5:8, 5:8, 5:8] = 1
    found = run(None, AirwayOptions(airway_mask=mask))
    assert any("2 pieces" in sentence for sentence in found.warnings)
    assert found.plan is None
