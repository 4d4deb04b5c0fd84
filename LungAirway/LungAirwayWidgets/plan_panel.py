"""Steps 4 and 5 of the panel: the target, the routes side by side, what each bronchoscope reaches."""

from typing import Any

import qt
import slicer

from SenseCarePlanningLib.render.plan_colours import TARGET, as_fractions
from SenseCarePlanningWidgets.error_message import shown_failures
from SenseCarePlanningWidgets.placing_points import stop_placing
from SenseCarePlanningWidgets.texts import tr as _

from . import case_scene, tables
from .case import OWN_TARGET
from .ct_export import point_of
from .jobs import has_target
from .layout import shown_slice_nodes
from .planned_target import is_another, misses, planned_target, target_input

POINT_SIZE = 1.5
"""Of the target's point, in per cent of a view: the lesion is seen around it."""


class PlanPanel:
    """Target and routes.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    plan
        Called when the user asks for the routes.
    """

    def __init__(self, ui: Any, session: Any, plan: Any) -> None:
        self.ui, self.session, self._plan = ui, session, plan
        self._filling = False
        ui.targetSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._on_target)
        ui.placeTargetButton.connect("toggled(bool)", self._on_place)
        ui.targetSegmentSelector.connect("currentSegmentChanged(QString)", self._on_segment)
        ui.planButton.connect("clicked()", self.plan)
        ui.routeTable.connect("itemSelectionChanged()", self._on_route)
        for table in (ui.routeTable, ui.scopeTable):
            table.wordWrap = True
            table.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAsNeeded)
            for header in (table.horizontalHeader(), table.verticalHeader()):
                header.highlightSections = False
        ui.scopeTable.verticalHeader().hide()
        ui.routeSection.connect("contentsCollapsed(bool)", self._on_folded)
        session.listeners.append(self.update)
        self._watched: Any = None
        self._tags: list[int] = []

    def _on_folded(self, folded: bool) -> None:
        if not folded:
            qt.QTimer.singleShot(0, self.fit)

    def update(self, what: Any) -> None:
        """Show what changed."""
        if what == "case":
            self._show_target()
        if what in ("case", "theme"):
            self._fill()
        if what in ("case", "route", "theme"):
            self._show_route()
        self.enable()

    def enable(self, busy: Any = False) -> None:
        """Enable what can be done."""
        ui, case = self.ui, self.session.case
        ui.placeTargetButton.enabled = ui.targetSelector.enabled = ui.targetSegmentSelector.enabled = case is not None
        ui.planButton.enabled = not busy and self.session.result is not None and case is not None and has_target(case)
        if case is None:
            ui.targetLabel.text = ""
        elif not has_target(case):
            ui.targetLabel.text = _("Click the target in a slice, or choose a segment.")
        else:
            outdated = " " + _("The routes lead to another one: press Plan the routes.") if self.is_outdated() else ""
            ui.targetLabel.text = self._target_text() + outdated
        if case is not None and self.session.plan is not None and self.session.plan.routes:
            ui.routeHintLabel.text = self._route_hint()

    def _target_text(self) -> Any:
        point = point_of(self.session.case.target)
        if self.session.case.targetSegmentation is not None and self.session.case.targetSegment:
            return _("The target is the segment.")
        return _("Target at R {r}, A {a}, S {s} mm.").format(r=f"{-point[0]:.0f}", a=f"{-point[1]:.0f}", s=f"{point[2]:.0f}")

    def is_outdated(self) -> bool:
        """Tell whether the shown routes lead to another target than the one that is set."""
        session = self.session
        if session.plan is None or session.case is None:
            return False
        given = target_input(session.case, session.result_lps)
        planned = planned_target(session.case)
        if not given:
            return False
        return is_another(planned, given) if planned else misses(session.plan.target, given)

    def _show_target(self) -> None:
        case = self.session.case
        self._filling = True
        self.ui.targetSelector.setCurrentNode(case.target if case is not None else None)
        self.ui.targetSegmentSelector.setCurrentNode(case.targetSegmentation if case is not None else None)
        if case is not None and case.targetSegment:
            self.ui.targetSegmentSelector.setCurrentSegmentID(case.targetSegment)
        self._filling = False
        self._watch(case.target if case is not None else None)

    def _watch(self, node: Any) -> None:
        self.unwatch()
        if node is not None:
            self._watched = node
            events = (node.PointPositionDefinedEvent, node.PointPositionUndefinedEvent, node.PointEndInteractionEvent)
            self._tags = [node.AddObserver(event, self._on_point) for event in events]

    def unwatch(self) -> None:
        """Listen to no point any more."""
        if self._watched is not None:
            for tag in self._tags:
                self._watched.RemoveObserver(tag)
        self._watched, self._tags = None, []

    def _on_point(self, caller: Any, event: Any) -> None:
        self.ui.placeTargetButton.checked = False
        if caller.GetAttribute(OWN_TARGET) and caller.GetNumberOfDefinedControlPoints() > 1:
            # Not within the very click: what placed the point still counts on it.
            qt.QTimer.singleShot(0, lambda: self._keep_newest(caller))
            return
        self._tell_point(caller)

    def _keep_newest(self, node: Any) -> None:
        """The new point is there: the one before goes."""
        if node is not self._watched:
            return
        while node.GetNumberOfControlPoints() > 1:
            node.RemoveNthControlPoint(0)
        self._limit_points(node)
        self._tell_point(node)

    @staticmethod
    def _limit_points(node: Any) -> None:
        if node.GetAttribute(OWN_TARGET):
            node.SetMaximumNumberOfControlPoints(1)

    def _tell_point(self, node: Any) -> None:
        point = point_of(node)
        if point is not None:  # seen in all three planes
            for view in shown_slice_nodes():
                view.JumpSliceByOffsetting(-point[0], -point[1], point[2])
        self.session.tell("target")

    def _on_target(self, node: Any) -> None:
        if not self._filling and self.session.case is not None:
            self.session.case.target = node
            case_scene.show_target(self.session.case)
            self._watch(node)
            self.session.tell("target")

    def _on_segment(self, segment_id: Any) -> None:
        if self._filling or self.session.case is None:
            return
        self.session.case.targetSegmentation = self.ui.targetSegmentSelector.currentNode() if segment_id else None
        self.session.case.targetSegment = str(segment_id or "")
        self.session.tell("target")

    def target_node(self) -> Any:
        """Return the case's target point, made when there is none."""
        case = self.session.case
        if case.target is None:
            points = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
            is_second = any(one.GetAttribute(OWN_TARGET) for one in points)
            name = _("Target in {name}").format(name=case.volume.GetName()) if is_second else _("Target point")
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
            node.SetAttribute(OWN_TARGET, "1")
            node.CreateDefaultDisplayNodes()
            node.SetMaximumNumberOfControlPoints(1)
            display = node.GetDisplayNode()
            display.SetSelectedColor(*as_fractions(TARGET))
            display.SetPointLabelsVisibility(False)
            display.SetGlyphScale(POINT_SIZE)
            case.target = node
            self._show_target()
        return case.target

    def _on_place(self, on: Any) -> None:
        with shown_failures():
            if not on:
                stop_placing()
                if self._watched is not None and self._watched.GetNumberOfControlPoints() <= 1:
                    self._limit_points(self._watched)
                return
            node = self.target_node()
            if node.GetAttribute(OWN_TARGET):
                node.SetMaximumNumberOfControlPoints(2)  # the point before stays until the new one is there
            logic = slicer.modules.markups.logic()
            logic.SetActiveList(node)
            logic.StartPlaceMode(False)

    def plan(self) -> None:
        """Plan the routes."""
        with shown_failures():
            self._plan()

    def _fill(self) -> None:
        ui, session = self.ui, self.session
        has_plan = session.plan is not None and bool(session.plan.routes)
        for widget in (ui.routeTable, ui.scopeTable, ui.scopeHintLabel):
            widget.visible = has_plan
        ui.routeWarningLabel.visible = False
        if session.plan is not None and not has_plan:
            ui.routeHintLabel.text = _("No route to the target was found in this tree.")
        elif not has_plan:
            ui.routeHintLabel.text = _("Set a target and plan the routes.")
        else:
            ui.routeHintLabel.text = self._route_hint()
            tables.fill_routes(ui.routeTable, session.result, session.words)
            tables.fill_scopes(ui.scopeTable, session.result, session.words)
            for table in (ui.routeTable, ui.scopeTable):
                table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
            ui.scopeTable.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Interactive)
            ui.scopeTable.setColumnWidth(0, 196)
            self.fit()

    def _route_hint(self) -> str:
        if self.is_outdated():
            return _("The target was changed since: press Plan the routes in step 4.")
        return _("Click a column to see and fly that route.")

    def fit(self, folded: bool = False) -> None:
        """Fit the tables' heights to their rows; the rows' heights are known when the section is open."""
        if folded or self.session.plan is None:
            return
        for table in (self.ui.routeTable, self.ui.scopeTable):
            tables.fit_height(table, 520)

    def _show_route(self) -> None:
        session, table = self.session, self.ui.routeTable
        if session.plan is None or not session.plan.routes:
            return
        ranks = [route.rank for route in session.plan.routes]
        blocked = table.blockSignals(True)
        table.selectColumn(ranks.index(session.rank))
        table.blockSignals(blocked)
        warnings = session.words.sentences(session.route.warnings)
        self.ui.routeWarningLabel.text = "\n".join(f"⚠ {one}" for one in warnings)
        self.ui.routeWarningLabel.visible = bool(warnings)

    def _on_route(self) -> None:
        items = self.ui.routeTable.selectedItems()
        if items and self.session.plan is not None:
            self.session.choose_route(self.session.plan.routes[items[0].column()].rank)
