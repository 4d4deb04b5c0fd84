"""The content of ``plan.json``: the plan and all numbers of a result as plain data, and back without loss.

Coordinates are LPS mm, distances mm, angles degrees, as the names of the fields say; a measurement carries its UCUM unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.plain_data import from_plain, is_version, to_plain
from SenseCarePlanningLib.report.model import Measurement

from .plan import Plan
from .result import AirwayResult, EngineInfo, RunInfo

SCHEMA_NAME = "sensecare-bronchoscopy-plan"
SCHEMA_VERSION = 1
"""Raised when a field is renamed, removed or changes its meaning; a new field with a default does not raise it."""


@dataclass(frozen=True, eq=False)
class PlanDocument:
    """What ``plan.json`` holds: a result without its label maps, tree and surface."""

    plan: Plan | None
    branch_measurements: dict[int, tuple[Measurement, ...]]
    quality: dict[str, Measurement]
    engine: EngineInfo
    run: RunInfo
    warnings: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()


def measurement_to_dict(measurement: Measurement) -> dict[str, Any]:
    """Return a measurement as JSON values."""
    content: dict[str, Any] = to_plain(measurement)
    return content


def measurement_from_dict(content: dict[str, Any]) -> Measurement:
    """Return the measurement that :func:`measurement_to_dict` wrote.

    Raises
    ------
    ValueError
        When the content is no measurement.
    """
    return from_plain(Measurement, content)


def plan_to_dict(result: AirwayResult) -> dict[str, Any]:
    """Return the content of ``plan.json``; ``json.dumps(..., allow_nan=False)`` accepts it."""
    document = PlanDocument(
        plan=result.plan,
        branch_measurements=result.branch_measurements,
        quality=result.quality,
        engine=result.engine,
        run=result.run,
        warnings=result.warnings,
        not_measured=result.not_measured,
    )
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "frame": "LPS",
        "intended_use": "For review by a clinician; research use, not a medical device.",
        **to_plain(document),
    }


def document_from_dict(content: object) -> PlanDocument:
    """Return all that :func:`plan_to_dict` wrote.

    Raises
    ------
    InputError
        When the content is no plan, is of a newer version, or is damaged.
    """
    if not isinstance(content, dict) or content.get("schema") != SCHEMA_NAME:
        raise InputError("The file holds no bronchoscopy plan; choose the plan.json of a result folder.")
    version = content.get("schema_version")
    if not is_version(version, (SCHEMA_VERSION,)):
        problem = f"schema_version is {version!r}, expected {SCHEMA_VERSION}"
        raise InputError("The plan was written by another version of the program; make it again.", [problem])
    try:
        return from_plain(PlanDocument, content)
    except ValueError as error:
        raise InputError("The plan file is damaged; make the plan again.", [str(error)]) from error


def plan_from_dict(content: object) -> Plan | None:
    """Return the plan that :func:`plan_to_dict` wrote, None for a result without a target.

    Raises
    ------
    InputError
        As :func:`document_from_dict`.
    """
    return document_from_dict(content).plan
