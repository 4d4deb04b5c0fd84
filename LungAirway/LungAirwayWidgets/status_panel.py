"""Where things stand: the line under the button of step 1, what may be pressed, and the report of step 7."""

from pathlib import Path
from typing import Any

from SenseCarePlanningLib.case_folder import REPORT_HTML
from SenseCarePlanningWidgets.texts import tr as _

from .jobs import has_target

MOST_WARNINGS = 4
"""So many warnings are told in the line; all of them when the mouse rests on it."""


class StatusPanel:
    """Enables what can be done, and says where things stand.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    tree_panel, plan_panel, report_view
        The parts of the panel that are told, or shown.
    """

    def __init__(self, ui: Any, session: Any, tree_panel: Any, plan_panel: Any, report_view: Any) -> None:
        self.ui, self.session = ui, session
        self._tree_panel, self._plan_panel, self._report_view = tree_panel, plan_panel, report_view

    def show(self, running: bool) -> None:
        """Show the state; ``running`` while a child process computes."""
        ui, case = self.ui, self.session.case
        busy = running or self.session.taking_up
        ui.runButton.enabled = case is not None and not busy
        ui.recordButton.enabled = bool(self.session.camera_paths) and not busy
        reason = self._no_report_reason()
        ui.reportButton.enabled = self.session.result is not None and not busy and not reason
        ui.reportLabel.text = reason or self._report_text()
        ui.inputSelector.enabled = not busy
        self._plan_panel.enable(busy)
        if busy:
            ui.recomputeButton.enabled = ui.usePaintButton.enabled = ui.undoButton.enabled = False
        if case is not None:
            ui.runButton.text = _("Find the airways and plan") if has_target(case) else _("Find the airways")
        ui.statusLabel.toolTip = ""
        ui.statusLabel.text = "" if running and case is not None else self._text(busy)

    def _text(self, busy: bool) -> str:
        session = self.session
        if session.case is None:
            return _("Choose a chest CT.")
        if busy:
            return _("Opening the result ...") if session.result is None else _("Correcting the tree ...")
        if session.problem:
            return str(session.problem)
        if session.result is None:
            return _("Ready: press the button above. A target may be set before or afterwards.")
        if session.placing is None:
            return _("The CT was changed since the airways were found; find them again.")
        return self._findings()

    def _findings(self) -> str:
        result = self.session.result
        text = _("{count} branches found, to generation {deepest}.").format(
            count=len(result.tree), deepest=max(branch.generation for branch in result.tree)
        )
        warnings = self._tree_panel.warnings()
        self.ui.statusLabel.toolTip = "\n".join(warnings)
        return "\n".join([text, *(f"• {one}" for one in warnings[:MOST_WARNINGS])])

    def _no_report_reason(self) -> str:
        """Return why no report is made now: it would be of something else than what is set or corrected; empty when it may be."""
        edits = self.session.edits
        if edits is not None and edits.changed:
            return _("Corrections are not recomputed yet: press Recompute or Undo in step 3, then make the report.")
        if self._plan_panel.is_outdated():
            return _("The target was changed since: press Plan the routes in step 4, then make the report.")
        return ""

    def _report_folder(self) -> Path | None:
        """Return the result's folder when it holds a report."""
        case = self.session.case
        folder = Path(case.folder) if case is not None and case.folder else None
        return folder if folder is not None and (folder / REPORT_HTML).is_file() else None

    def _report_text(self) -> str:
        if self._report_folder() is not None:
            return ""
        return _("Not made yet.") if self.session.result is not None else _("Find the airways first.")

    def show_report(self) -> None:
        """Show the report of the result, or say what is missing."""
        folder, view = self._report_folder(), self._report_view
        view.widget.visible = folder is not None
        if folder is None:
            view.clear()
        else:
            view.show_folder(folder)
        self.ui.reportLabel.text = self._no_report_reason() or self._report_text()
