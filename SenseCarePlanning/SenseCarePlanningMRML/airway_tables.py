"""The tables of a bronchoscopy plan: airways, scopes by route, and the turns of each route."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from LungAirwayLib.plan import Plan
from LungAirwayLib.result import AirwayResult

from .table_nodes import Cell, add_table


def airway_tables(scene: Any, result: AirwayResult) -> Iterator[Any]:
    """Add the airway table and, with a plan, the feasibility matrix and one table of instructions a route; yields each."""
    yield _airways(scene, result)
    if result.plan is not None:
        yield _feasibility(scene, result.plan)
        for rank in sorted(result.plan.instructions):
            yield _instructions(scene, result.plan, rank)


def _airways(scene: Any, result: AirwayResult) -> Any:
    branches = list(result.tree)
    intervals = [branch.minimum_diameter_interval_mm for branch in branches]
    columns: dict[str, Sequence[Cell]] = {
        "Branch": [branch.id for branch in branches],
        "Parent": [branch.parent_id for branch in branches],
        "Name": [None if branch.label is None else branch.label.code for branch in branches],
        "Name confidence": [None if branch.label is None else branch.label.confidence for branch in branches],
        "Generation": [branch.generation for branch in branches],
        "Length": [round(branch.length_mm, 1) for branch in branches],
        "Diameter": [round(branch.diameter_mm, 2) for branch in branches],
        "Smallest diameter": [round(branch.minimum_diameter_mm, 2) for branch in branches],
        "Smallest, low": [round(low, 2) for low, _high in intervals],
        "Smallest, high": [round(high, 2) for _low, high in intervals],
        "Flags": [", ".join(sorted(flag.value for flag in branch.flags)) for branch in branches],
    }
    units = dict.fromkeys(("Length", "Diameter", "Smallest diameter", "Smallest, low", "Smallest, high"), "mm")
    return add_table(scene, columns, "Airways", units)


def _feasibility(scene: Any, plan: Plan) -> Any:
    names = {scope.id: scope for scope in plan.scopes}
    cells = plan.feasibility
    columns: dict[str, Sequence[Cell]] = {
        "Route": [cell.route_rank for cell in cells],
        "Bronchoscope": [names[cell.scope_id].name if cell.scope_id in names else cell.scope_id for cell in cells],
        "Tip": [names[cell.scope_id].tip_diameter_mm if cell.scope_id in names else None for cell in cells],
        "Reach": [cell.reach.value for cell in cells],
        "Probability": [round(cell.probability, 3) for cell in cells],
        "Last branch": [cell.last_branch_id for cell in cells],
        "Limiting diameter": [cell.limiting_diameter.value for cell in cells],
        "Remaining path": [cell.remaining_path.value for cell in cells],
        "Straight distance": [cell.straight_distance.value for cell in cells],
        "Approach angle": [cell.approach_angle.value for cell in cells],
        "Radial ultrasound": [cell.within_radial_ultrasound for cell in cells],
        "Reason": [cell.reason for cell in cells],
    }
    units = dict.fromkeys(("Tip", "Limiting diameter", "Remaining path", "Straight distance"), "mm") | {"Approach angle": "deg"}
    return add_table(scene, columns, "Bronchoscopes", units)


def _instructions(scene: Any, plan: Plan, rank: int) -> Any:
    steps = plan.instructions[rank]
    columns: dict[str, Sequence[Cell]] = {
        "Step": [step.step for step in steps],
        "From": [step.label or f"branch {step.branch_id}" for step in steps],
        "Into": [step.next_label or f"branch {step.next_branch_id}" for step in steps],
        "Advance": [round(step.advance_mm, 1) for step in steps],
        "Depth": [round(step.depth_mm, 1) for step in steps],
        "Clock": [step.clock_hour for step in steps],
        "Rotate": [round(step.rotate_deg) for step in steps],
        "Flex": [round(step.flex_deg) for step in steps],
        "Diameter": [round(step.diameter_mm, 1) for step in steps],
        "Openings": ["; ".join(f"{hour} h {label or key}" for key, label, hour, _ in step.openings) for step in steps],
    }
    units = dict.fromkeys(("Advance", "Depth", "Diameter"), "mm") | dict.fromkeys(("Rotate", "Flex"), "deg")
    return add_table(scene, columns, f"Instructions, route {rank}", units)
