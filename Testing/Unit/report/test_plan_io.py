"""plan.json holds a plan without loss, never a NaN, and refuses what is no plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import pytest

from LungAirwayLib.plan_io import document_from_dict, measurement_from_dict, measurement_to_dict, plan_from_dict, plan_to_dict
from LungAirwayLib.result import AirwayResult
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.plain_data import from_plain, to_plain
from SenseCarePlanningLib.report.model import Code, Evidence, Measurement

Case = Callable[..., AirwayResult]


def same(one: Any, two: Any) -> bool:
    """Compare values with their types, arrays and NaN included."""
    if isinstance(one, np.ndarray):
        return isinstance(two, np.ndarray) and one.shape == two.shape and bool(np.array_equal(one, two, equal_nan=True))
    if type(one) is not type(two):
        return False
    if is_dataclass(one):
        return all(same(getattr(one, item.name), getattr(two, item.name)) for item in fields(one))
    if isinstance(one, Mapping):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two) or (isinstance(one, float) and np.isnan(one) and np.isnan(two))


def written(result: AirwayResult) -> Any:
    return json.loads(json.dumps(plan_to_dict(result), allow_nan=False))


@pytest.mark.parametrize("with_target", [True, False])
def test_a_plan_comes_back_as_it_was(case: Case, with_target: bool) -> None:
    result = case(branch_count=60, with_target=with_target)
    document = document_from_dict(written(result))
    for item in fields(document):
        assert same(getattr(result, item.name), getattr(document, item.name)), item.name
    assert (plan_from_dict(written(result)) is None) == (not with_target)


def test_no_nan_reaches_the_file_and_it_comes_back(case: Case) -> None:
    result = case(branch_count=60)
    assert result.plan is not None
    first = result.plan.instructions[1][0]
    odd = replace(first, diameter_interval_mm=(float("nan"), float("inf")))
    plan = replace(result.plan, instructions={1: (odd,)})
    back = plan_from_dict(written(replace(result, plan=plan)))
    assert back is not None
    low, high = back.instructions[1][0].diameter_interval_mm
    assert np.isnan(low)
    assert high == float("inf")


def test_the_file_states_schema_frame_and_units(case: Case) -> None:
    content = written(case(branch_count=40))
    assert (content["schema"], content["schema_version"], content["frame"]) == ("sensecare-bronchoscopy-plan", 1, "LPS")
    assert content["plan"]["target"]["density"] == "part_solid"
    assert content["plan"]["target"]["measurements"]["long_axis"]["unit"] == "mm"
    assert "review by a clinician" in content["intended_use"]


def test_a_measurement_comes_back_with_code_and_evidence() -> None:
    whole = Measurement(
        "volume",
        3.5,
        "mm3",
        (3.0, 4.0),
        "voxels",
        code=Code("118565006", "SCT", "Volume"),
        evidence=Evidence((1.0, 2.0, 3.0), "a.png"),
    )
    for item in (whole, replace(whole, value=None, interval=None, reason_missing="no CT")):
        assert measurement_from_dict(json.loads(json.dumps(measurement_to_dict(item)))) == item


def test_other_content_is_refused_with_the_place(case: Case) -> None:
    content = written(case(branch_count=40))
    with pytest.raises(InputError, match="no bronchoscopy plan"):
        plan_from_dict([])
    with pytest.raises(InputError, match="another version"):
        plan_from_dict({**content, "schema_version": 99})
    with pytest.raises(InputError, match="another version"):
        plan_from_dict({**content, "schema_version": True})
    content["plan"]["routes"][0]["gap_mm"] = "wide"
    with pytest.raises(InputError) as caught:
        plan_from_dict(content)
    assert "routes[0].gap_mm" in caught.value.problems[0]
    del content["plan"]["routes"][0]["gap_mm"]
    with pytest.raises(InputError, match="gap_mm"):
        plan_from_dict(content)


class Grade(Enum):
    HIGH = "high"


@dataclass(frozen=True, eq=False)
class Sample:
    """One field of every kind."""

    grade: Grade
    flag: bool
    count: int
    pairs: tuple[tuple[int, str], ...]
    table: dict[int, float]
    grades: frozenset[Grade]
    points: np.ndarray[Any, np.dtype[np.float64]]
    either: int | str | None = None


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.array([1.5, np.nan]), np.ones((2, 2, 2)), np.zeros(0)])
def test_each_kind_of_value_survives(points: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    for either in (None, 3, "three"):
        sample = Sample(Grade.HIGH, True, 7, ((1, "a"),), {4: float("-inf")}, frozenset({Grade.HIGH}), points, either)
        assert same(from_plain(Sample, json.loads(json.dumps(to_plain(sample), allow_nan=False))), sample)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("grade", "low", "none of"),
        ("flag", 1, "expected bool"),
        ("count", True, "whole number"),
        ("count", "7", "expected int"),
        ("pairs", [[1]], "expected 2 values"),
        ("table", {"x": 1.0}, "x"),
        ("table", [], "expected dict"),
        ("points", ["a"], "array of numbers"),
        ("points", {}, "array of numbers"),
    ],
)
def test_what_does_not_fit_is_named(field: str, value: object, message: str) -> None:
    content = to_plain(Sample(Grade.HIGH, True, 7, (), {}, frozenset(), np.zeros(3)))
    with pytest.raises(ValueError, match=message):
        from_plain(Sample, {**content, field: value})


def test_an_unknown_kind_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="complex"):
        to_plain((1j,))
