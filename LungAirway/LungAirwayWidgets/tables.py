"""The panel's tables: branches, routes side by side, bronchoscopes by route."""

from collections.abc import Callable
from typing import Any

import qt

from LungAirwayLib.plan import Reach
from LungAirwayLib.report_pages.routes import TSUBOI_NAMES
from LungAirwayLib.report_pages.summary import REACH_NAMES
from LungAirwayLib.report_pages.words import percent
from SenseCarePlanningLib.tubes.tree import BranchFlag
from SenseCarePlanningWidgets.table_cells import set_headers, text_cell
from SenseCarePlanningWidgets.texts import tr as _

REACH_COLORS = {
    False: {Reach.REACHES: "#2e7d32", Reach.PROBABLY: "#945700", Reach.NO: "#b3261e"},
    True: {Reach.REACHES: "#81c784", Reach.PROBABLY: "#ffb74d", Reach.NO: "#ef9a9a"},
}
"""On light and on dark, each with a contrast of 4.5 and more to the table (WCAG 2.2, 1.4.3)."""
MIDDLE_LIGHTNESS = 128
REACH_SIGNS = {Reach.REACHES: "●", Reach.PROBABLY: "◐", Reach.NO: "○"}
LONG_NAME = 26
"""A branch's name of more letters takes two lines."""
BRANCH_ID = 256
"""Qt::UserRole: where a row keeps its branch."""


def flag_texts() -> Any:
    """Return what the flags of a branch mean to the reader."""
    return {
        BranchFlag.BRIDGED: _("gap bridged"),
        BranchFlag.LEAK_SUSPECTED: _("leak suspected"),
        BranchFlag.LOOP_REMOVED: _("loop opened"),
        BranchFlag.MANUALLY_EDITED: _("edited"),
    }


def is_dark(table: Any) -> bool:
    """Tell whether a table's ground is dark."""
    return int(table.palette.color(qt.QPalette.Base).lightness()) < MIDDLE_LIGHTNESS


def begin_branches(table: Any, tree: Any) -> None:
    """Give the branch table its columns and rows, empty."""
    blocked = table.blockSignals(True)
    set_headers(
        table,
        (_("Branch"), _("Gen."), _("Diameter\n(mm)"), _("Length\n(mm)"), _("Remark")),
        (
            _("Name of the branch; a question mark where it is uncertain."),
            _("Number of divisions from the trachea (0)."),
            _("Median inner diameter over the middle half, mm."),
            _("Length along the centreline, mm."),
            _("What to check: suspected leaks, bridged gaps, edits."),
        ),
    )
    table.clearContents()
    table.setRowCount(len(tree))
    table.blockSignals(blocked)


def fill_branches(table: Any, tree: Any, words: Any) -> Any:
    """Fill the branch table, parents first, a row at a time."""
    flags = flag_texts()
    for row, branch in enumerate(tree):
        blocked = table.blockSignals(True)
        text = words.branch(branch, tree)
        name = text_cell(text, text)
        name.setData(BRANCH_ID, branch.id)
        table.setItem(row, 0, name)
        numbers = (str(branch.generation), words.number(branch.diameter_mm, "mm"), words.number(branch.length_mm, "mm"))
        for column, number in enumerate(numbers, start=1):
            table.setItem(row, column, text_cell(number, right=True))
        if branch.flags:
            remark = _(", ").join(flags[flag] for flag in sorted(branch.flags, key=lambda one: one.value))
            table.setItem(row, 4, text_cell(remark, remark))
        if branch.flags or len(text) > LONG_NAME:
            table.resizeRowToContents(row)
        table.blockSignals(blocked)
        yield


def fill_routes(table: Any, result: Any, words: Any) -> None:
    """Fill the routes side by side: one column a route, one row a property."""
    plan, tree = result.plan, result.tree
    routes = plan.routes if plan is not None else ()
    blocked = table.blockSignals(True)
    table.clear()
    set_headers(table, [_("Route {rank}").format(rank=route.rank) for route in routes])
    rows: list[tuple[str, Callable[[Any], str]]] = [
        (_("Leaves the airway in"), lambda r: words.branch(tree[r.exit_branch_id], tree)),
        (_("Likelihood"), lambda r: percent(r.confidence)),
        (_("Smallest diameter"), lambda r: narrowest_text(r, tree, words)),
        (_("Gap to the target"), lambda r: words.with_unit(r.gap_mm, "mm")),
        (_("Off axis"), lambda r: words.with_unit(r.exit_angle_deg, "deg")),
        (_("Bifurcations"), lambda r: str(len(plan.instructions.get(r.rank, ())))),
        (_("Bronchus sign"), lambda r: words.yes_no(r.bronchus_sign)),
        (_("Artery sign"), lambda r: words.yes_no(r.artery_sign)),
        (_("Tsuboi type"), lambda r: words.say(TSUBOI_NAMES[r.tsuboi])),
        (_("Warnings"), lambda r: str(len(r.warnings)) if r.warnings else "–"),
    ]
    table.setRowCount(len(rows))
    table.setVerticalHeaderLabels([title for title, _make in rows])
    for column, route in enumerate(routes):
        for row, (_title, make) in enumerate(rows):
            text = make(route)
            tip = [text, words.sentence(route.reason), *words.sentences(route.warnings)]
            table.setItem(row, column, text_cell(text, "\n".join(tip)))
    table.blockSignals(blocked)


def narrowest_text(route: Any, tree: Any, words: Any) -> Any:
    """Return the narrowest branch's smallest inner diameter on a route, the one that the bronchoscopes are judged by."""
    narrowest = min((tree[branch_id] for branch_id in route.branch_ids), key=lambda branch: branch.minimum_diameter_mm)
    return words.lumen(narrowest.minimum_diameter_mm, narrowest.minimum_diameter_interval_mm, "mm")


def fill_scopes(table: Any, result: Any, words: Any) -> None:
    """Fill the bronchoscopes by route: how far each gets."""
    plan, tree = result.plan, result.tree
    blocked = table.blockSignals(True)
    table.clear()
    routes = plan.routes if plan is not None else ()
    scopes = plan.scopes if plan is not None else ()
    set_headers(table, [_("Bronchoscope"), *(_("Route {rank}").format(rank=route.rank) for route in routes)])
    table.setRowCount(len(scopes))
    colors = REACH_COLORS[is_dark(table)]
    cells = {(cell.scope_id, cell.route_rank): cell for cell in plan.feasibility} if plan is not None else {}
    for row, scope in enumerate(scopes):
        name = words.sentence(scope.name)
        tip = _("tip {size} mm").format(size=words.number(scope.tip_diameter_mm, "mm"))
        table.setItem(row, 0, text_cell(f"{name}\n{tip}", name))
        for column, route in enumerate(routes, start=1):
            found = cells.get((scope.id, route.rank))
            if found is None:
                table.setItem(row, column, text_cell("–"))
                continue
            left = found.straight_distance.value
            text = f"{REACH_SIGNS[found.reach]} {percent(found.probability)}"
            if left is not None:
                text += f"\n{left:.0f} mm"
            reached = _("Tip gets to {branch}.").format(branch=words.branch(tree[found.last_branch_id], tree))
            told = [words.say(REACH_NAMES[found.reach]), reached, words.sentence(found.reason)]
            if left is not None:
                told.insert(2, _("{distance} mm left").format(distance=f"{left:.0f}"))
            item = text_cell(text, "\n".join(told))
            item.setForeground(qt.QBrush(qt.QColor(colors[found.reach])))
            table.setItem(row, column, item)
    table.blockSignals(blocked)


def fit_height(table: Any, most: Any = 320) -> None:
    """Give a table the height of its rows, so that nothing is cut and nothing is empty; beyond ``most`` it scrolls."""
    table.resizeRowsToContents()
    height = sum(table.rowHeight(row) for row in range(table.rowCount)) + 2 * table.frameWidth
    if not table.horizontalHeader().isHidden():
        height += table.horizontalHeader().sizeHint.height()
    table.setFixedHeight(int(min(max(height + 2, 60), most)))
