"""The box that is read first: target, best route, best scope, what to beware of."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Block, KeyValueTable, Notice, Section, Tone

from ..plan import Feasibility, Plan, Reach, Route, Scope, Target
from ..result import AirwayResult
from .words import Words, label_of, percent

DENSITY_NAMES = {
    "solid": label_of("solid"),
    "part_solid": label_of("part-solid"),
    "ground_glass": label_of("ground glass"),
    "unknown": label_of("density not determined"),
}
SOURCE_NAMES = {
    "point": label_of("a point given by the user; nothing was segmented there"),
    "click": label_of("segmented around a click"),
    "mask": label_of("mask given by the user"),
}
REACH_NAMES = {
    Reach.REACHES: label_of("REACHES EXIT"),
    Reach.PROBABLY: label_of("PROBABLY"),
    Reach.NO: label_of("NO"),
}
LEAST_LIKELIHOOD = 0.1
"""Of a route on which a bronchoscope is named first. A design choice: at most one plan in ten would go that way."""
KEY_WARNINGS = 5
"""So many warnings stand in the box; all of them follow under quality."""


def best_scope(plan: Plan) -> tuple[Feasibility, Scope] | None:
    """Return the cell and scope to name first: on the first likely route that some scope reaches, else on the best route.

    Routes with a likelihood under :data:`LEAST_LIKELIHOOD` are no way to go, however wide they are.

    Among the scopes that reach it is the widest (the larger channel takes more tools), among those that probably do the
    likeliest, and where none does the one that comes nearest.
    """
    if not plan.routes:
        return None
    scopes = {scope.id: scope for scope in plan.scopes}
    known = [cell for cell in plan.feasibility if cell.scope_id in scopes]
    likely = [route.rank for route in plan.routes if route.confidence >= LEAST_LIKELIHOOD or route is plan.routes[0]]
    reached = [rank for rank in likely if any(cell.route_rank == rank and cell.reach is not Reach.NO for cell in known)]
    rank = reached[0] if reached else plan.routes[0].rank
    cells = [cell for cell in known if cell.route_rank == rank]
    if not cells:
        return None

    def order(cell: Feasibility) -> tuple[int, float, float]:
        """Rank a scope: those that reach first, the widest of them first, then those that most likely do."""
        rest = cell.straight_distance.value if cell.straight_distance.value is not None else float("inf")
        if cell.reach is Reach.REACHES:
            return (0, -scopes[cell.scope_id].tip_diameter_mm, rest)
        if cell.reach is Reach.NO:
            return (2, rest, scopes[cell.scope_id].tip_diameter_mm)
        return (1, -round(cell.probability, 2), rest)

    best = min(cells, key=order)
    return best, scopes[best.scope_id]


def target_line(target: Target, words: Words) -> str:
    """Return the target in one line."""
    parts = []
    long_axis, short_axis = target.measurements.get("long_axis"), target.measurements.get("short_axis")
    if long_axis is not None and long_axis.value is not None:
        size = words.number(long_axis.value, "mm")
        if short_axis is not None and short_axis.value is not None:
            size = f"{size} × {words.number(short_axis.value, 'mm')}"
        parts.append(f"{size} mm")
    parts.append(words.say(DENSITY_NAMES[target.density.value]))
    parts.append(words.code(target.lobe) if target.lobe else words.say("outside the lobes or lobe not determined"))
    pleura = target.measurements.get("distance_to_pleura")
    if pleura is not None and pleura.value is not None:
        parts.append(words.say("{distance} from the pleura", distance=words.with_unit(pleura.value, "mm")))
    return words.say(", ").join(parts)


def ball_note(target: Target, words: Words) -> str:
    """Return what the ball in a picture of the tree stands for where nothing was segmented, to follow a caption; else nothing."""
    if not target.is_point:
        return ""
    return " " + words.say("Ball: the point given; its size was not measured.")


def route_line(route: Route, result: AirwayResult, words: Words) -> str:
    """Return a route in one line."""
    path = words.path(route.branch_ids, result.tree)
    confidence = percent(route.confidence)
    if route.chosen_extension is None and route.gap_mm == 0.0:
        return words.say(
            "{path}; the lumen reaches the target; {confidence} of the likelihood among the visible exits",
            path=path,
            confidence=confidence,
        )
    return words.say(
        "{path}; from there {gap} to the target, {angle} off axis; {confidence} of the likelihood among the visible exits",
        path=path,
        gap=words.with_unit(route.gap_mm, "mm"),
        angle=words.with_unit(route.exit_angle_deg, "deg"),
        confidence=confidence,
    )


def scope_line(plan: Plan, result: AirwayResult, words: Words) -> str:
    """Return the first scope to take, in one line."""
    found = best_scope(plan)
    if found is None:
        return words.say("no bronchoscope was compared")
    cell, scope = found
    if cell.reach is Reach.NO:
        return words.say(
            "none to the exit of a likely route; nearest is {scope} (tip {tip}) on route {rank}: tip in {branch}, {rest} from "
            "the target",
            scope=words.sentence(scope.name),
            rank=cell.route_rank,
            tip=words.with_unit(scope.tip_diameter_mm, "mm"),
            branch=words.branch(result.tree[cell.last_branch_id], result.tree),
            rest=words.measured(cell.straight_distance, with_reason=False),
        )
    return words.say(
        "{scope} (tip {tip}) on route {rank}: {reach}, probability {probability} %; tip in {branch}, {rest} from the target",
        scope=words.sentence(scope.name),
        rank=cell.route_rank,
        tip=words.with_unit(scope.tip_diameter_mm, "mm"),
        reach=words.say(REACH_NAMES[cell.reach]),
        probability=percent(cell.probability).removesuffix(" %"),
        branch=words.branch(result.tree[cell.last_branch_id], result.tree),
        rest=words.measured(cell.straight_distance, with_reason=False),
    )


def all_warnings(result: AirwayResult, words: Words) -> tuple[str, ...]:
    """Return what to beware of, most important first, each once."""
    from ..grave_warnings import gravest_first  # here: a panel uses these words in a Slicer that has no scikit-image yet

    plan = result.plan
    if plan is None:
        return tuple(dict.fromkeys(words.sentences(result.warnings)))
    of_route = plan.routes[0].warnings if plan.routes else ()
    found = gravest_first((*of_route, *plan.target.notes, *result.warnings, *plan.notes))
    return tuple(dict.fromkeys(words.sentences(found)))


def summary_section(result: AirwayResult, words: Words) -> Section:
    """Return the summary box."""
    warnings = all_warnings(result, words)
    plan = result.plan
    blocks: list[Block] = []
    if plan is None:
        blocks.append(Notice(words.say("No target was given: this report describes the airway tree only."), tone=Tone.INFO))
    else:
        rows = [(words.say("Target"), target_line(plan.target, words))]
        if plan.routes:
            rows.append((words.say("Best route"), route_line(plan.routes[0], result, words)))
            rows.append((words.say("First instrument"), scope_line(plan, result, words)))
        else:
            rows.append((words.say("Best route"), words.say("none found")))
        blocks.append(KeyValueTable(tuple(rows), pairs_per_line=1))
    if warnings:
        rest = len(warnings) - KEY_WARNINGS
        more = (words.say("and {count} more, see the quality section", count=rest),) if rest > 0 else ()
        blocks.append(Notice("", words.say("Beware"), Tone.CAUTION, (*warnings[:KEY_WARNINGS], *more)))
    return Section(words.say("Summary"), tuple(blocks))
