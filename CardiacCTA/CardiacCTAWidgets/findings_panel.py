"""Steps 5 to 7: calcium score, CAD-RADS with the rules that led to it, and the reader's changes."""

from typing import Any

import qt
import slicer

from CardiacCTALib.reader_change import AS_MEASURED, GRADE_WORDS, GRADES, NOT_ASSESSED
from CardiacCTALib.reader_changes import grade_change, grade_of, label_change
from CardiacCTALib.report_pages.plaque import calibration_words, faint_words
from CardiacCTALib.report_pages.summary import CATEGORY_WORDS
from CardiacCTALib.segments import SEGMENTS
from SenseCarePlanningWidgets.error_message import shown_failures
from SenseCarePlanningWidgets.texts import tr as _

from .tables import fill_calcium, fill_changes, fit

READER_SETTING = "SenseCarePlanning/Reader"


class FindingsPanel:
    """Shows what follows from all vessels together, and takes the reader's changes.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    """

    def __init__(self, ui: Any, session: Any) -> None:
        self.ui, self.session = ui, session
        for table in (ui.calciumTable, ui.changesTable):
            table.verticalHeader().visible = False
            table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        for section in (ui.calciumSection, ui.changeSection):
            section.connect("contentsCollapsed(bool)", self._fit_soon)
        ui.readerEdit.text = str(slicer.util.settingsValue(READER_SETTING, ""))
        ui.readerEdit.connect("editingFinished()", self._keep_reader)
        ui.segmentComboBox.connect("currentIndexChanged(int)", self._show_segment)
        ui.renameButton.connect("clicked()", self._on_rename)
        ui.gradeButton.connect("clicked()", self._on_grade)
        for grade in (*GRADES, NOT_ASSESSED, AS_MEASURED):
            ui.gradeComboBox.addItem(session.words.say(GRADE_WORDS[grade]), grade)
        for segment in SEGMENTS:
            ui.nameComboBox.addItem(session.words.segment(segment.code), segment.code)
        session.listeners.append(self._on_session)

    def _on_session(self, what: str) -> None:
        if what not in ("case", "change"):
            return
        ui, session = self.ui, self.session
        fill_calcium(ui.calciumTable, session)
        ui.calciumLabel.text = self._calcium_text()
        ui.gradeLabel.text = session.result.grade.text if session.result is not None else ""
        ui.gradeLabel.visible = session.result is not None
        ui.traceLabel.text = self._trace_text()
        fill_changes(ui.changesTable, session)
        self._fit()
        self._fill_segments()

    def _fit_soon(self, collapsed: bool) -> None:
        if not collapsed:
            qt.QTimer.singleShot(0, self._fit)

    def _fit(self) -> None:
        fit(self.ui.calciumTable, 320, 0)
        fit(self.ui.changesTable, 240)

    def _calcium_text(self) -> str:
        session, words = self.session, self.session.words
        if session.result is None:
            return str(_("Analyse a scan first."))
        score = session.result.calcium
        if score is None:
            item = session.result.examination.get("agatston_score")
            return str(words.measured(item)) if item is not None else str(_("No calcium series was given."))
        text = words.say(
            "Category {category}. Threshold {threshold} HU, lesions of 1 mm² and more.",
            category=score.category, threshold=score.rule.threshold_hu,
        )  # fmt: skip
        factor = [] if score.rule.calibration_mg_per_cm3_hu is None else [calibration_words(score, words)]
        return "\n".join([text, *faint_words(score, words), *factor, *(words.sentence(note) for note in score.rule.notes)])

    def _trace_text(self) -> str:
        session, words = self.session, self.session.words
        if session.result is None:
            return str(_("Analyse a scan first."))
        grade = session.result.grade
        lines = [words.say(CATEGORY_WORDS[grade.category])]
        if not grade.certain:
            possible = words.say(", ").join(one.value for one in grade.possible)
            lines.append(words.say("Not certain: within the intervals the category may be {categories}.", categories=possible))
        lines += [_("Rules that fired:"), *(f"• {one.say(words.code)}" for one in grade.trace)]
        if grade.what_if:
            lines += [_("What would change it:"), *(f"• {one.say(words.code)}" for one in grade.what_if)]
        return "\n".join(lines)

    def _fill_segments(self) -> None:
        """List the segments of the result, the chosen one kept where it is still there."""
        box, session = self.ui.segmentComboBox, self.session
        kept = box.currentData
        blocked = box.blockSignals(True)
        box.clear()
        findings = session.result.findings.segments if session.result is not None else ()
        order = [one.code for one in SEGMENTS]
        for finding in sorted(findings, key=lambda one: order.index(one.code)):
            box.addItem(session.words.segment(finding.code), finding.code)
        box.setCurrentIndex(max(box.findData(kept), 0) if findings else -1)
        box.blockSignals(blocked)
        self._show_segment()

    def _finding(self) -> Any:
        code = self.ui.segmentComboBox.currentData
        findings = self.session.result.findings.segments if self.session.result is not None else ()
        return next((one for one in findings if one.code == code), None)

    def _show_segment(self, index: int = 0) -> None:
        """Let both choices begin with what the segment has."""
        ui, finding = self.ui, self._finding()
        if finding is not None:
            ui.nameComboBox.setCurrentIndex(ui.nameComboBox.findData(finding.code))
            ui.gradeComboBox.setCurrentIndex(ui.gradeComboBox.findData(grade_of(finding)))

    def _keep_reader(self) -> None:
        qt.QSettings().setValue(READER_SETTING, self.ui.readerEdit.text)

    def _on_rename(self) -> None:
        ui = self.ui
        before, after = ui.segmentComboBox.currentData, ui.nameComboBox.currentData
        with shown_failures():
            self.session.change(lambda result: label_change(result, before, after, ui.readerEdit.text, ui.remarkEdit.text))
            ui.remarkEdit.text = ""

    def _on_grade(self) -> None:
        ui = self.ui
        code, after = ui.segmentComboBox.currentData, ui.gradeComboBox.currentData
        with shown_failures():
            self.session.change(lambda result: grade_change(result, code, after, ui.readerEdit.text, ui.remarkEdit.text))
            ui.remarkEdit.text = ""
