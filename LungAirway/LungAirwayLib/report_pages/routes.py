"""The routes side by side, and the three guesses past the visible tree."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Block, Cell, Column, DataTable, Figure, FigureRow, Notice, Paragraph, Section, Tone
from SenseCarePlanningLib.tubes.tree import Tree

from ..camera_path import exits_at_tip
from ..plan import ExtensionModel, Plan, Route, TsuboiType
from ..result import AirwayResult
from .summary import ball_note
from .words import Pictures, Words, label_of, percent

MODEL_NAMES = {
    ExtensionModel.STRAIGHT: label_of("straight on from the airway's end"),
    ExtensionModel.MINIMUM_COST: label_of("least cost through the lung"),
    ExtensionModel.ARTERY_FOLLOWING: label_of("beside the vessel"),
}
TSUBOI_NAMES = {
    TsuboiType.I: label_of("I: bronchus leads to the lesion"),
    TsuboiType.II: label_of("II: bronchus runs within the lesion"),
    TsuboiType.III: label_of("III: bronchus compressed by the lesion"),
    TsuboiType.IV: label_of("IV: bronchus narrowed on the way there"),
    TsuboiType.NONE: label_of("no bronchus at the lesion"),
    TsuboiType.UNKNOWN: label_of("not known"),
}
SIDES = {
    "back": label_of("Seen from behind: the patient's right is on the right."),
    "left": label_of("Seen from the patient's left."),
    "right": label_of("Seen from the patient's right."),
}
"""How a view of the tree is named; one from the front is what a reader expects."""

LEAST_SHARE = 0.75
"""Pictures may be printed this much smaller to fill a page."""


def routes_section(plan: Plan, result: AirwayResult, pictures: Pictures, words: Words) -> Section:
    """Return the table of routes with their reasons, and oblique slices along them."""
    if not plan.routes:
        return Section(words.say("Routes"), (Notice(words.say("No route to the target was found in this tree."), tone=Tone.BAD),))
    columns = (
        Column(words.say("Route"), 1.1, "center"),
        Column(words.say("Leaves the airway in"), 2.2),
        Column(words.say("Likeli-\nhood"), 1.1, "right"),
        Column(words.say("Off axis\n(°)"), 1.1, "right"),
        Column(words.say("Gap\n(mm)"), 1.0, "right"),
        Column(words.say("Bronchus\nsign"), 1.4),
        Column(words.say("Artery\nsign"), 1.2),
        Column(words.say("Tsuboi type"), 2.2),
        Column(words.say("Why, and what to beware of"), 3.9),
    )
    rows = tuple(_route_row(route, result, words) for route in plan.routes)
    blocks: list[Block] = [DataTable(columns, rows)]
    blocks += [
        Paragraph(words.path(route.branch_ids, result.tree), words.say("Route {rank}:", rank=route.rank)) for route in plan.routes
    ]
    if plan.expected_motion is not None:
        blocks.append(Paragraph(words.measured(plan.expected_motion), words.measurement_name("expected_motion") + ":"))
    blocks += _picture_rows(plan, result, pictures, words)
    note = words.say(
        "Likelihood: the share of all exit branches' likelihood that falls on this one. Off axis: angle between the airway "
        "and the direction to the target. Gap: from the exit to the target's surface, or to the point where only a point was "
        "given. Signs and Tsuboi type are estimates from the segmentation; check them on the CT."
    )
    return Section(words.say("Routes"), (*blocks, Paragraph(note, small=True)))


def _route_row(route: Route, result: AirwayResult, words: Words) -> tuple[str | Cell, ...]:
    warnings = "\n".join(f"⚠ {text}" for text in words.sentences(route.warnings))
    return (
        Cell(lead=str(route.rank)),
        Cell(lead=words.branch(result.tree[route.exit_branch_id], result.tree)),
        percent(route.confidence),
        words.number(route.exit_angle_deg, "deg"),
        words.number(route.gap_mm, "mm"),
        words.yes_no(route.bronchus_sign),
        words.yes_no(route.artery_sign),
        words.say(TSUBOI_NAMES[route.tsuboi]),
        Cell(text=words.sentence(route.reason) + (f"\n{warnings}" if warnings else "")),
    )


def _picture_rows(plan: Plan, result: AirwayResult, pictures: Pictures, words: Words) -> list[FigureRow]:
    """Return the end of the best route, the oblique slices of all, and the trees of the others (its own stands with the tree)."""
    best, ball = plan.routes[0].rank, ball_note(plan.target, words)
    trees = [
        (f"route_{route.rank}_tree", words.say("Route {rank} in the airway tree.", rank=route.rank) + ball)
        for route in plan.routes
        if route.rank != best
    ]
    obliques = [
        (f"route_{route.rank}_oblique", words.say("Route {rank}: slice that holds the exit and the target.", rank=route.rank))
        for route in plan.routes
    ]
    zoomed = _zoom_caption(plan.routes[0], result, words) + ball if pictures.get("route_zoom") is not None else ""
    zoom = figure_rows([("route_zoom", zoomed)], pictures, 1, 92.0)
    return [*zoom, *figure_rows(obliques, pictures), *figure_rows(trees, pictures, 2, 80.0)]


def _zoom_caption(route: Route, result: AirwayResult, words: Words) -> str:
    """Return what the picture of a route's end shows, and from which side where that is not the front."""
    from ..pictures import zoom_view  # a report without pictures needs no renderer

    said = words.say("Route {rank}: the last bifurcations and the target.", rank=route.rank)
    seen = SIDES.get(zoom_view(result, route))
    return f"{said} {words.say(seen)}" if seen is not None else said


def figure_rows(wanted: list[tuple[str, str]], pictures: Pictures, per_row: int = 3, height_mm: float = 66.0) -> list[FigureRow]:
    """Return the pictures that exist, side by side, from keys with their captions."""
    figures = [
        Figure(picture, caption, caption, "", height_mm) for key, caption in wanted if (picture := pictures.get(key)) is not None
    ]
    return [FigureRow(tuple(figures[start : start + per_row]), LEAST_SHARE) for start in range(0, len(figures), per_row)]


def _past_the_airway(plan: Plan, tree: Tree, words: Words) -> str:
    """Return what is to be said about the last piece: only past a tip is no airway to be seen."""
    leaving = [
        words.say("Route {rank}", rank=route.rank) for route in plan.routes if route.extensions and not exits_at_tip(route, tree)
    ]
    if not leaving:
        return words.say(
            "No airway is visible on this last piece. Up to three models guess where one may run (the third needs a vessel "
            "beside the bronchus); where they agree, trust them more."
        )
    return words.say(
        "No airway is visible on this last piece; a route may leave its airway before the visible end (here: {routes}). Up to "
        "three models guess the way from there to the target (the third needs a vessel beside the bronchus); where they agree, "
        "trust them more.",
        routes=words.say(", ").join(leaving),
    )


def extensions_sections(plan: Plan, tree: Tree, pictures: Pictures, words: Words) -> list[Section]:
    """Return the extension models of each route; nothing when every route's lumen reaches the target."""
    rows: list[tuple[str | Cell, ...]] = []
    for route in plan.routes:
        for number, extension in enumerate(route.extensions):
            chosen = number == route.chosen_extension
            rows.append(
                (
                    Cell(lead=str(route.rank)) if number == 0 else "",
                    words.say(MODEL_NAMES[extension.model]),
                    words.number(extension.length_mm, "mm"),
                    words.number(extension.crosses_vessel_mm, "mm"),
                    Cell(lead="● " + words.say("chosen"), tone=Tone.GOOD) if chosen else "–",
                    words.say("; ").join(words.sentences(extension.notes)) or "–",
                )
            )
    if not rows:
        return []
    columns = (
        Column(words.say("Route"), 1.0, "center"),
        Column(words.say("Model"), 3.7),
        Column(words.say("Length\n(mm)"), 1.0, "right"),
        Column(words.say("In vessels\n(mm)"), 1.2, "right"),
        Column(words.say("Choice"), 1.5),
        Column(words.say("Notes"), 4.2),
    )
    keys = [
        (f"extensions_{route.rank}", words.say("Route {rank}: the models past the visible airway.", rank=route.rank))
        for route in plan.routes
    ]
    blocks: list[Block] = [Paragraph(_past_the_airway(plan, tree, words)), DataTable(columns, tuple(rows))]
    blocks += figure_rows(keys, pictures)
    return [Section(words.say("Past the visible airway"), tuple(blocks))]
