"""Which bronchoscope gets how far on which route."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Block, Cell, Column, DataTable, Heading, Matrix, Notice, Paragraph, Section, Tone

from ..plan import Feasibility, Plan, Reach, Scope
from ..result import AirwayResult
from .summary import REACH_NAMES
from .words import Words, percent

_LOOK = {Reach.REACHES: ("●", Tone.GOOD), Reach.PROBABLY: ("◐", Tone.CAUTION), Reach.NO: ("○", Tone.BAD)}
_ROUTES_PER_MATRIX = 4


def scopes_section(plan: Plan, result: AirwayResult, words: Words) -> Section:
    """Return the route x scope matrix."""
    title = words.say("Bronchoscopes")
    if not plan.feasibility or not plan.routes or not plan.scopes:
        return Section(title, (Notice(words.say("No bronchoscope was compared."), tone=Tone.INFO),))
    ranks = [route.rank for route in plan.routes]
    parts = [ranks[start : start + _ROUTES_PER_MATRIX] for start in range(0, len(ranks), _ROUTES_PER_MATRIX)]
    blocks: list[Block] = [_matrix(part, plan, result, words) for part in parts]
    blocks.append(Paragraph(_legend(words), small=True))
    return Section(title, tuple(blocks))


def _legend(words: Words) -> str:
    return words.say(
        "Exit: where the route leaves the airway, at the stated distance from the target; not the target itself. "
        "● reaches exit: probability of at least 90 %; ◐ probably: 50 to 90 %, or a bend at the scope's limit; ○ no: under 50 %. "
        "The probability is that the narrowest place is at least as wide as the tip, with the measurement's uncertainty. "
        "Each cell: how far the tip gets, the way still to go to the target, the straight distance and the approach angle; "
        "rEBUS: target within 10 mm of the tip."
    )


def _matrix(ranks: list[int], plan: Plan, result: AirwayResult, words: Words) -> Matrix:
    cells = {(cell.route_rank, cell.scope_id): cell for cell in plan.feasibility}
    exits = {route.rank: words.branch(result.tree[route.exit_branch_id], result.tree) for route in plan.routes}
    tips = [words.say("tip {size}", size=words.with_unit(scope.tip_diameter_mm, "mm")) for scope in plan.scopes]
    return Matrix(
        corner=words.say("Bronchoscope"),
        column_titles=tuple(words.say("Route {rank}: {exit}", rank=rank, exit=exits[rank]) for rank in ranks),
        row_titles=tuple(Cell(lead=words.sentence(scope.name), text=tip) for scope, tip in zip(plan.scopes, tips, strict=True)),
        cells=tuple(tuple(_cell(cells.get((rank, scope.id)), result, words) for rank in ranks) for scope in plan.scopes),
    )


def _cell(found: Feasibility | None, result: AirwayResult, words: Words) -> Cell:
    if found is None:
        return Cell("–")
    symbol, tone = _LOOK[found.reach]
    straight = words.measured(found.straight_distance, with_reason=False)
    if found.approach_angle.value is not None:
        straight = words.say("{straight} straight, {angle}", straight=straight, angle=words.measured(found.approach_angle))
    else:
        straight = words.say("{straight} straight", straight=straight)
    lines = [
        words.say("tip in {branch}", branch=words.branch(result.tree[found.last_branch_id], result.tree)),
        words.say("{way} to go", way=words.measured(found.remaining_path, with_reason=False)) + words.say("; ") + straight,
    ]
    if found.within_radial_ultrasound:
        lines.append(words.say("within reach of rEBUS"))
    return Cell("\n".join(lines), f"{symbol} {words.say(REACH_NAMES[found.reach])} {percent(found.probability)}", tone)


def _details(plan: Plan, words: Words) -> list[Block]:
    """Return the numbers behind the matrix for the best route."""
    rank = plan.routes[0].rank
    columns = (
        Column(words.say("Bronchoscope"), 2.7),
        Column(words.say("Bend, sum\n(°)"), 1.1, "right"),
        Column(words.say("Tightest radius\n(mm)"), 1.4, "right"),
        Column(words.say("Why"), 6.5),
    )
    rows = []
    for scope in plan.scopes:
        cells = [cell for cell in plan.feasibility if (cell.route_rank, cell.scope_id) == (rank, scope.id)]
        rows += [_detail_row(scope, cell, words) for cell in cells]
    if not rows:
        return []
    heading = words.say("Route {rank} in numbers", rank=rank)
    return [Heading(heading), DataTable(columns, tuple(rows), compact=True)]


def _detail_row(scope: Scope, found: Feasibility, words: Words) -> tuple[str | Cell, ...]:
    bend, radius = found.bend, found.minimum_curvature_radius
    return (
        Cell(lead=words.sentence(scope.name)),
        "–" if bend.value is None else words.number(bend.value, "deg"),
        "–" if radius.value is None else words.number(radius.value, "mm"),
        words.sentence(found.reason),
    )


def library_section(plan: Plan, words: Words) -> Section:
    """Return the scopes as their library describes them, and the numbers behind the matrix for the best route."""

    def number(value: float | None, unit: str) -> str:
        """Return a number with its unit, or a dash."""
        return "–" if value is None else words.number(value, unit)

    columns = (
        Column(words.say("Bronchoscope"), 2.6),
        Column(words.say("Tip\n(mm)"), 0.8, "right"),
        Column(words.say("Tube\n(mm)"), 0.9, "right"),
        Column(words.say("Channel\n(mm)"), 1.0, "right"),
        Column(words.say("Bend up / down\n(°)"), 1.5, "right"),
        Column(words.say("View\n(°)"), 0.9, "right"),
        Column(words.say("Source, date of check"), 4.3),
    )
    rows = tuple(
        (
            Cell(lead=words.sentence(scope.name)),
            number(scope.tip_diameter_mm, "mm"),
            number(scope.tube_diameter_mm, "mm"),
            number(scope.channel_mm, "mm"),
            f"{number(scope.bend_up_deg, 'deg')} / {number(scope.bend_down_deg, 'deg')}",
            number(scope.field_of_view_deg, "deg"),
            words.say("{source}; {date}", source=words.sentence(scope.source), date=words.sentence(scope.verified_on)),
        )
        for scope in plan.scopes
    )
    note = words.say(
        "The library of bronchoscopes can be edited; compare it with the data sheet of the instrument at hand. A dash: the "
        "source does not say."
    )
    table = DataTable(columns, rows, compact=True)
    return Section(words.say("Appendix: bronchoscopes compared"), (Paragraph(note), table, *_details(plan, words)))
