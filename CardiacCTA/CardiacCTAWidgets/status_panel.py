"""Where things stand: the line under the button of step 1, what may be pressed, and the report of step 8."""

from pathlib import Path
from typing import Any

from CardiacCTALib.report_pages.summary import said_warnings
from SenseCarePlanningLib.case_folder import REPORT_HTML, is_outdated
from SenseCarePlanningWidgets.texts import tr as _

MOST_WARNINGS = 4
"""So many warnings are told in the line; all of them when the mouse rests on it."""


class StatusPanel:
    """Enables what can be done, and says where things stand.

    Parameters
    ----------
    ui, session, report_view
        The form's widgets, what is worked on, and the view of the report.
    """

    def __init__(self, ui: Any, session: Any, report_view: Any) -> None:
        self.ui, self.session, self._report_view = ui, session, report_view

    def show(self, running: bool) -> None:
        """Show the state; ``running`` while a child process computes."""
        ui, session = self.ui, self.session
        busy = running or session.taking_up
        ui.runButton.enabled = session.case is not None and not busy
        ui.reportButton.enabled = session.result is not None and not busy
        ui.inputSelector.enabled = ui.calciumSelector.enabled = ui.knownBox.enabled = not busy
        ui.renameButton.enabled = ui.gradeButton.enabled = ui.stateButton.enabled = session.result is not None and not busy
        ui.statusLabel.toolTip = ""
        ui.statusLabel.text = "" if running and session.case is not None else self._text()

    def _text(self) -> str:
        session = self.session
        if session.case is None:
            return str(_("Choose a coronary CT angiogram."))
        if session.taking_up:
            return str(_("Opening the result ..."))
        if session.problem:
            return str(session.problem)
        if session.result is None:
            return str(_("Ready: press the button above."))
        result, words = session.result, session.words
        measured = sum(one.measured is not None for one in result.vessels)
        text = _("{measured} of {count} vessels measured, {lesions} lesions.").format(
            measured=measured, count=len(result.vessels), lesions=len(result.lesions)
        )
        warnings = said_warnings(result, words)
        self.ui.statusLabel.toolTip = "\n".join(warnings)
        return "\n".join([text, *(f"• {one}" for one in warnings[:MOST_WARNINGS])])

    def show_report(self) -> None:
        """Show the report of the result, or say what is missing; one that is older than the reader's last change is told."""
        session, view = self.session, self._report_view
        folder = Path(session.case.folder) if session.case is not None and session.case.folder else None
        if folder is None or not (folder / REPORT_HTML).is_file():
            view.clear()
            view.widget.visible = self.ui.archiveBox.visible = False
            self.ui.reportLabel.text = _("Not made yet.") if session.result is not None else _("Analyse a scan first.")
            return
        view.show_folder(folder)
        view.widget.visible = self.ui.archiveBox.visible = True
        self.ui.reportLabel.text = _("The report is older than the last change; make it again.") if is_outdated(folder) else ""
