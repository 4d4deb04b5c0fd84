"""The sheet to take into the room: one row for every bifurcation."""

from __future__ import annotations

from pathlib import Path

from SenseCarePlanningLib.report.model import (
    Block,
    Cell,
    CellContent,
    ClockFace,
    Column,
    DataTable,
    Notice,
    Paragraph,
    Section,
    Thumbnail,
    Tone,
)

from ..plan import Instruction, Plan, Route
from ..result import AirwayResult
from .words import Pictures, Words, label_of

_ORIENTATIONS = {
    "anterior_12": label_of(
        "In the trachea 12 o'clock is anterior (patient supine, operator at the head); deeper down the picture is the one that "
        "the scope carries along without being rolled."
    ),
    "posterior_12": label_of(
        "In the trachea 12 o'clock is posterior (operator in front of the patient); deeper down the picture is the one that "
        "the scope carries along without being rolled."
    ),
}
_SHEET_MM, LOWEST_ROW_MM, _HIGH_MM = 205.0, 18.7, 40.0
"""Height that the rows share on one page, and the limits of a thumbnail's height: the names in it are legible (7 points) at
the lower one. More steps than fit go on to a second page, with larger pictures."""
_LARGEST_CLOCK_MM = 15.0
_ROW_GAP_MM, _SHORT_MM = 1.6, 125.0


def step_sections(plan: Plan, result: AirwayResult, pictures: Pictures, words: Words) -> list[Section]:
    """Return one sheet for each route, on a page of its own unless it is short and fits below the one before."""
    return [_sheet(route, plan, result, pictures, words) for route in plan.routes]


def _sheet(route: Route, plan: Plan, result: AirwayResult, pictures: Pictures, words: Words) -> Section:
    title = words.say("Turn by turn, route {rank}", rank=route.rank)
    steps = plan.instructions.get(route.rank, ())
    if not steps:
        text = words.say("The route passes no bifurcation; there is nothing to turn at.")
        return Section(title, (Notice(text, tone=Tone.INFO),), new_page=True)
    height = row_height_mm(len(steps))
    columns = (
        Column(words.say("Step"), 1.25, "center"),
        Column(words.say("View"), 0.1 * height + 0.3, "center"),
        Column(words.say("Clock"), 1.8, "center"),
        Column(words.say("What to do"), 4.1),
        Column(words.say("Enter"), 4.4),
        Column(words.say("Other openings"), 4.9),
    )
    shown = [pictures.get(f"step_{route.rank}_{step.step}") for step in steps]
    rows = tuple(_row(step, picture, result, words, height) for step, picture in zip(steps, shown, strict=True))
    intro = words.say(
        "{orientation} Advance: from the carina before; depth: from the top of the airway tree. Rotation: from the "
        "position before, clockwise as seen. A name with ? is uncertain.",
        orientation=words.say(_ORIENTATIONS.get(plan.orientation, plan.orientation)),
    )
    blocks: list[Block] = [Paragraph(intro, small=True), DataTable(columns, rows), _arrival(route, result, words)]
    if not any(shown):
        blocks.append(Paragraph(words.picture_missing(pictures.reason), words.say("No pictures:"), small=True))
    short = len(steps) * (height + _ROW_GAP_MM) <= _SHORT_MM
    first = route.rank == plan.routes[0].rank
    return Section(title, tuple(blocks), new_page=first or not short, keep_together=short)


def row_height_mm(count: int) -> float:
    """Return the height of a thumbnail, so that the rows fill whole pages."""
    pages = 1
    while _SHEET_MM * pages / count - _ROW_GAP_MM < LOWEST_ROW_MM:
        pages += 1
    return min(_SHEET_MM * pages / count - _ROW_GAP_MM, _HIGH_MM)


def _row(
    step: Instruction, picture: Path | None, result: AirwayResult, words: Words, height_mm: float
) -> tuple[CellContent, ...]:
    hour = words.say("{hour} o'clock", hour=step.clock_hour)
    others = [opening for opening in step.openings if opening[0] != step.next_branch_id]
    face = ClockFace(
        step.clock_angle_deg, tuple(30.0 * other[2] for other in others), hour, min(height_mm - 4.5, _LARGEST_CLOCK_MM)
    )
    tree = result.tree
    at = words.branch(tree[step.branch_id], tree)
    alt = words.say("View before the carina at the end of {branch}", branch=at)
    return (
        Cell(lead=str(step.step)),
        Thumbnail(picture, alt, height_mm, "–"),
        face,
        Cell(_actions(step, words), words.say("Advance {advance} mm", advance=f"{step.advance_mm:.0f}")),
        Cell(_entry(step, result, words), words.short_branch(tree[step.next_branch_id])),
        Cell("\n".join(_opening(opening, result, words) for opening in others) or "–"),
    )


def _actions(step: Instruction, words: Words) -> str:
    turned = f"{abs(step.rotate_deg):.0f}"
    if turned == "0":
        turn = words.say("do not rotate")
    elif step.rotate_deg > 0:
        turn = words.say("rotate {angle}° clockwise", angle=turned)
    else:
        turn = words.say("rotate {angle}° anticlockwise", angle=turned)
    angle = f"{abs(step.flex_deg):.0f}"
    flex = words.say("flex {angle}° up", angle=angle) if step.flex_deg >= 0 else words.say("flex {angle}° down", angle=angle)
    return f"{turn}\n{flex}"


def _entry(step: Instruction, result: AirwayResult, words: Words) -> str:
    """Return lumen and depth; a branch without a name is placed by the nearest name above it."""
    branch = result.tree[step.next_branch_id]
    above = words.nearest_name(branch, result.tree) if branch.label is None else ""
    lines = [words.say("beyond {name}", name=above)] if above else []
    lines.append(words.say("lumen {diameter}", diameter=words.lumen(step.diameter_mm, step.diameter_interval_mm, "mm")))
    lines.append(words.say("depth {depth} mm", depth=f"{step.depth_mm:.0f}"))
    return "\n".join(lines)


def _opening(opening: tuple[int, str, int, float], result: AirwayResult, words: Words) -> str:
    branch_id, _, hour, diameter_mm = opening
    clock = words.say("{hour} o'clock", hour=hour)
    branch = result.tree[branch_id]
    bounded = branch.minimum_diameter_interval_mm if branch.minimum_diameter_interval_mm[0] <= 0.0 else None
    size = words.lumen(diameter_mm, bounded, "mm")
    return words.say("{clock}: {name}, {diameter}", clock=clock, name=words.short_branch(branch), diameter=size)


def _arrival(route: Route, result: AirwayResult, words: Words) -> Notice:
    """Return what waits at the end of the last airway."""
    exit_name = words.branch(result.tree[route.exit_branch_id], result.tree)
    if route.chosen_extension is None and route.gap_mm == 0.0:
        return Notice(words.say("The lumen of {branch} reaches the target.", branch=exit_name), tone=Tone.GOOD)
    values = {
        "branch": exit_name,
        "gap": words.with_unit(route.gap_mm, "mm"),
        "angle": words.with_unit(route.exit_angle_deg, "deg"),
    }
    if result.plan is not None and result.plan.target.is_point:
        text = words.say("At the exit in {branch}: the target point is {gap} ahead, {angle} off the airway's axis.", **values)
    else:
        text = words.say("At the exit in {branch}: the target's surface is {gap} ahead, {angle} off the airway's axis.", **values)
    return Notice(text, words.say("Arrival"), Tone.INFO)
