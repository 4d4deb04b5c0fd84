"""What is known from elsewhere: before a run as its options (step 1), afterwards as the reader's signed statement (step 7)."""

from typing import Any

from CardiacCTALib.findings import Ischaemia, NotAtherosclerotic
from CardiacCTALib.known import ISCHAEMIA_WORDS, Known, known_of, read_calibration
from CardiacCTALib.reader_change import NOT_STATED
from CardiacCTALib.reader_statements import statement_changes
from CardiacCTALib.segments import SEGMENTS
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningWidgets.error_message import sentence_of, shown_failures
from SenseCarePlanningWidgets.texts import tr as _

from .check_list import fill_list, keep_low, tick, ticked

EXCEPTIONS_PX, STENTS_PX = 150, 100


class Statement:
    """Two fields of the form: what CT-FFR or stress perfusion showed, and what is not atherosclerotic."""

    def __init__(self, ischaemia_box: Any, exception_list: Any, words: Any) -> None:
        self._test, self._exceptions = ischaemia_box, exception_list
        self._test.addItem(words.say(NOT_STATED), NOT_STATED)
        for value, text in ISCHAEMIA_WORDS.items():
            self._test.addItem(words.say(text), value.value)
        fill_list(self._exceptions, [(one.value, words.say(one.value)) for one in NotAtherosclerotic])
        keep_low(self._exceptions, EXCEPTIONS_PX)

    @property
    def ischaemia(self) -> Any:
        """The test's result; None where none is stated."""
        chosen = self._test.currentData
        return Ischaemia(chosen) if chosen != NOT_STATED else None

    @property
    def exceptions(self) -> frozenset[NotAtherosclerotic]:
        """All findings that are ticked."""
        return frozenset(NotAtherosclerotic(one) for one in ticked(self._exceptions))

    def show(self, ischaemia: Any, exceptions: Any) -> None:
        """Show a statement without telling anybody."""
        blocked = self._test.blockSignals(True)
        self._test.setCurrentIndex(self._test.findData(NOT_STATED if ischaemia is None else ischaemia.value))
        self._test.blockSignals(blocked)
        tick(self._exceptions, [one.value for one in exceptions])


class KnownPanel:
    """Takes what is known from elsewhere.

    The fields of step 1 go into the next analysis; those of a result come back with it, and another CT begins without any. What
    step 7 states of a result is kept with who and when, and stands in step 1 from then on: a further analysis has it too.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    calcium_node
        Called for the calcium series that is chosen, or None.
    """

    def __init__(self, ui: Any, session: Any, calcium_node: Any) -> None:
        self.ui, self.session, self._calcium_node = ui, session, calcium_node
        words = session.words
        self._before = Statement(ui.ischaemiaComboBox, ui.exceptionList, words)
        self._after = Statement(ui.statedIschaemiaComboBox, ui.statedExceptionList, words)
        self._segment_words = {one.code: f"{one.code} – {words.say(one.name)}" for one in SEGMENTS}
        fill_list(ui.stentList, list(self._segment_words.items()))
        for box in (ui.stentList, ui.statedStentList):
            keep_low(box, STENTS_PX)
        self._case: Any = None
        self._stated: Any = (None, frozenset(), frozenset())
        ui.ischaemiaComboBox.connect("currentIndexChanged(int)", self._on_field)
        for box in (ui.exceptionList, ui.stentList):
            box.connect("itemChanged(QListWidgetItem*)", self._on_field)
        ui.calibrationEdit.connect("textChanged(QString)", self._on_field)
        ui.stateButton.connect("clicked()", self._on_state)
        session.listeners.append(self._on_session)
        self.show_told()

    def known(self) -> Known:
        """Return what the next analysis is told.

        Raises
        ------
        InputError
            When the calibration factor is refused.
        """
        factor = read_calibration(str(self.ui.calibrationEdit.text), self._calcium_node() is not None)
        return Known(self._before.ischaemia, self._before.exceptions, frozenset(ticked(self.ui.stentList)), factor)

    def show_told(self) -> None:
        """Say below the closed box what the next analysis is told, or why it cannot be."""
        try:
            told = self.known().say(self.session.words.translate)
        except InputError as refused:
            text = "\n".join([sentence_of(refused), *(f"• {self.session.words.sentence(one)}" for one in refused.problems)])
        else:
            text = _("Known from elsewhere: {told}").format(told=told) if told else ""
        self.ui.knownLabel.text = text
        self.ui.knownLabel.visible = bool(text)

    def _show(self, known: Known) -> None:
        ui = self.ui
        self._before.show(known.ischaemia, known.exceptions)
        tick(ui.stentList, known.stents)
        blocked = ui.calibrationEdit.blockSignals(True)
        usable = known.calcium_calibration is not None and self._calcium_node() is not None
        ui.calibrationEdit.text = f"{known.calcium_calibration:g}" if usable else ""
        ui.calibrationEdit.blockSignals(blocked)
        self.show_told()

    def _on_field(self, value: Any = None) -> None:
        self.show_told()

    def _on_session(self, what: str) -> None:
        session, result = self.session, self.session.result
        if what == "case":
            case = session.case.parameterNode.GetID() if session.case is not None else None
            if result is not None:
                self._show(known_of(result))
            elif self._case is not None and case != self._case:
                self._show(Known())  # of another patient
            self._case = case
        if what in ("case", "change"):
            known = known_of(result) if result is not None else Known()
            stated = (known.ischaemia, known.exceptions, known.stents)
            self._offer_stents(result)
            if what == "case" or stated != self._stated:
                self._after.show(*stated[:2])
                tick(self.ui.statedStentList, known.stents)
                if what == "change":
                    self._before.show(*stated[:2])
                    tick(self.ui.stentList, known.stents)
                    self.show_told()
            self._stated = stated

    def _offer_stents(self, result: Any) -> None:
        """Offer the segments that the result has by the names of now; what is ticked there stays."""
        box, before = self.ui.statedStentList, ticked(self.ui.statedStentList)
        known = known_of(result).stents if result is not None else frozenset()
        codes = {one.code for one in result.findings.segments} | known if result is not None else known
        fill_list(box, [(code, text) for code, text in self._segment_words.items() if code in codes])
        tick(box, before)

    def _on_state(self) -> None:
        ui, said = self.ui, self._after
        with shown_failures():
            test, exceptions, reader, remark = said.ischaemia, said.exceptions, ui.readerEdit.text, ui.remarkEdit.text
            stents = ticked(ui.statedStentList)
            self.session.change_all(lambda result: statement_changes(result, test, exceptions, reader, remark, stents))
            ui.remarkEdit.text = ""
