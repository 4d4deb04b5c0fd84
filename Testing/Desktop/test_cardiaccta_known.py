"""What is known from elsewhere in the CardiacCTA panel: into the next analysis, and as a signed statement of the shown result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from coronary_steps import WAIT_S, settle

CHECKED, UNCHECKED = 2, 0


def choose_in(box, value):
    box.setCurrentIndex(box.findData(value))


def set_ticks(box, *wanted):
    for at in range(box.count):
        box.item(at).setCheckState(CHECKED if box.item(at).data(256) in wanted else UNCHECKED)


def ticked(box):
    return {box.item(at).data(256) for at in range(box.count) if box.item(at).checkState() == CHECKED}


def add_calcium(desktop, kept):
    """Put a series into the scene that may be chosen for the calcium score."""
    from SenseCarePlanningMRML.volume_nodes import add_volume

    return add_volume(desktop.scene, replace(kept.volume, array_kji=np.rint(kept.volume.array_kji).astype(np.int16)), "Calcium")


def changes_kept(panel):
    path = Path(panel.session.case.folder) / "reader_changes.json"
    return json.loads(path.read_text(encoding="utf-8"))["changes"] if path.is_file() else []


def test_what_is_known_goes_to_the_child(desktop, panel, kept):
    from SenseCarePlanningLib.cli import build_parser

    ui = panel.ui
    assert ui.knownLabel.isHidden()
    ui.calciumSelector.setCurrentNode(add_calcium(desktop, kept))
    choose_in(ui.ischaemiaComboBox, "I-")
    set_ticks(ui.exceptionList, "anomalous origin", "fistula")
    set_ticks(ui.stentList, "pLAD", "mRCA")
    ui.calibrationEdit.text = "0,78"
    desktop.process_events()
    assert "no ischaemia; anomalous origin; fistula; stents in mRCA, pLAD; calibration 0.78" in ui.knownLabel.text
    desktop.click(ui.runButton)
    arguments = build_parser("coronary").parse_args([*panel.runs.job.arguments, "--out", "x"])
    assert (arguments.ischaemia, set(arguments.exception)) == ("-", {"anomalous-origin", "fistula"})
    assert (set(arguments.stent), arguments.calcium_calibration) == ({"pLAD", "mRCA"}, 0.78)
    panel.onCancel()
    desktop.process_events(until=lambda: not panel.runs.busy, timeout=WAIT_S)


def test_a_factor_that_cannot_be_is_refused_before_anything_starts(desktop, panel, kept, caplog):
    panel.ui.calibrationEdit.text = "0.78"
    desktop.process_events()
    assert "needs the calcium series" in panel.ui.knownLabel.text
    panel.ui.calciumSelector.setCurrentNode(add_calcium(desktop, kept))
    desktop.process_events()
    assert "calibration 0.78" in panel.ui.knownLabel.text
    for text, said in (("780", "0.2 to 2"), ("much", "a number such as 0.78"), ("nan", "0.2 to 2")):
        panel.ui.calibrationEdit.text = text
        caplog.clear()
        desktop.click(panel.ui.runButton)
        assert said in caplog.text and said in panel.ui.knownLabel.text
        assert panel.runs.job is None


def test_a_statement_of_a_result_is_signed_kept_and_graded_at_once(desktop, shown):
    ui = shown.ui
    choose_in(ui.statedIschaemiaComboBox, "I+")
    set_ticks(ui.statedExceptionList, "dissection")
    ui.readerEdit.text, ui.remarkEdit.text = "Dr. Li", "CT-FFR 0.71"
    desktop.click(ui.stateButton)
    settle(desktop, shown)
    assert shown.session.result.grade.modifiers[-2:] == ("I+", "E")
    assert "I+" in ui.gradeLabel.text and ui.remarkEdit.text == ""
    told = [(one["kind"], one["before"], one["after"], one["reader"], one["remark"]) for one in changes_kept(shown)]
    assert told == [
        ("ischaemia", "not stated", "I+", "Dr. Li", "CT-FFR 0.71"),
        ("exception", "not stated", "dissection", "Dr. Li", "CT-FFR 0.71"),
    ]
    assert ui.changesTable.rowCount == 2
    # a further analysis is told the same
    assert shown.knownPanel.known().ischaemia.value == "I+" and ticked(ui.exceptionList) == {"dissection"}
    choose_in(ui.statedIschaemiaComboBox, "not stated")
    desktop.click(ui.stateButton)
    settle(desktop, shown)
    assert shown.session.result.grade.modifiers[-1] == "E" and len(changes_kept(shown)) == 3
    assert shown.knownPanel.known().ischaemia is None


def test_an_unsigned_or_repeated_statement_is_a_sentence(desktop, shown, caplog):
    choose_in(shown.ui.statedIschaemiaComboBox, "I+")
    shown.ui.readerEdit.text = ""
    desktop.click(shown.ui.stateButton)
    assert "nobody signed" in caplog.text and changes_kept(shown) == []
    choose_in(shown.ui.statedIschaemiaComboBox, "not stated")
    shown.ui.readerEdit.text = "Dr. Li"
    desktop.click(shown.ui.stateButton)
    assert "nothing was stated" in caplog.text and changes_kept(shown) == []


def test_another_change_keeps_a_choice_that_is_not_stated_yet(desktop, shown):
    from CardiacCTALib.reader_changes import grade_change

    choose_in(shown.ui.statedIschaemiaComboBox, "I+")
    set_ticks(shown.ui.exceptionList, "fistula")
    shown.session.change(lambda result: grade_change(result, "pLAD", "5", "Dr. Li"))
    settle(desktop, shown)
    assert shown.ui.statedIschaemiaComboBox.currentData == "I+" and ticked(shown.ui.exceptionList) == {"fistula"}


def test_another_ct_begins_without_any_and_a_result_brings_its_own(desktop, shown, kept):
    ui = shown.ui
    choose_in(ui.statedIschaemiaComboBox, "I±")
    ui.readerEdit.text = "Dr. Li"
    desktop.click(ui.stateButton)
    settle(desktop, shown)
    set_ticks(ui.stentList, "pLAD")
    own = ui.inputSelector.currentNode()
    ui.inputSelector.setCurrentNode(add_calcium(desktop, kept))
    settle(desktop, shown)
    assert ui.ischaemiaComboBox.currentData == "not stated" and ticked(ui.stentList) == set() and ui.knownLabel.isHidden()
    assert ui.statedIschaemiaComboBox.currentData == "not stated" and not ui.stateButton.enabled
    ui.inputSelector.setCurrentNode(own)
    settle(desktop, shown)
    assert ui.ischaemiaComboBox.currentData == ui.statedIschaemiaComboBox.currentData == "I±"


def with_calcium(result, factor):
    """The result with two calcified lesions scored, by a calibration factor or none."""
    from CardiacCTALib.calcium import CalciumScore, LesionScore
    from CardiacCTALib.calcium_series import NOTE_MASS, CalciumRule
    from CardiacCTALib.segments import Artery

    notes = () if factor else (NOTE_MASS,)
    rule = CalciumRule((130, 200, 300, 400), 1.0, factor, "given by the user" if factor else "", notes)
    lesions = tuple(
        LesionScore(
            number, artery, 40.0 * number, 25.0 * number, factor and 0.45 * factor * 25.0 * number, 450.0, 2, (0.0, 0.0, 0.0)
        )
        for number, artery in ((1, Artery.LAD), (2, Artery.RCA))
    )
    return replace(result, calcium=CalciumScore(lesions, rule))


def test_the_calcium_table_has_the_mass_or_why_there_is_none(desktop, shown):
    table, session = shown.ui.calciumTable, shown.session
    for factor, cells in ((0.8, ["0.0", "9.0", "0.0", "18.0", "27.0"]), (None, ["–"] * 5)):
        session.result = with_calcium(session.result, factor)
        session.tell("change")
        settle(desktop, shown)
        assert table.horizontalHeaderItem(4).text() == "Mass\n(mg)"
        assert [table.item(row, 4).text() for row in range(table.rowCount)] == cells
        assert [table.item(row, 1).text() for row in range(table.rowCount)] == ["0", "1", "0", "1", "2"]
        assert ("0.8 mg/cm³ per HU, given by the user" in shown.ui.calciumLabel.text) is (factor is not None)
    assert "calibration factor of the scanner is not known" in table.item(4, 4).toolTip()
    assert "step 1" in table.item(4, 4).toolTip()


def test_a_stent_is_stated_of_a_result_and_taken_back(desktop, shown):
    ui = shown.ui
    offered = [ui.statedStentList.item(row).data(256) for row in range(ui.statedStentList.count)]
    assert offered == ["pLAD", "mLAD", "D1"]
    set_ticks(ui.statedStentList, "mLAD")
    ui.readerEdit.text = "Dr. Li"
    desktop.click(ui.stateButton)
    settle(desktop, shown)
    assert "/S" in ui.gradeLabel.text
    (kept,) = changes_kept(shown)
    assert (kept["kind"], kept["before"], kept["after"], kept["reader"]) == ("stent", "not stated", "mLAD", "Dr. Li")
    assert shown.knownPanel.known().stents == {"mLAD"} == ticked(ui.stentList) == ticked(ui.statedStentList)
    set_ticks(ui.statedStentList)
    desktop.click(ui.stateButton)
    settle(desktop, shown)
    assert "/S" not in ui.gradeLabel.text and len(changes_kept(shown)) == 2
    assert shown.knownPanel.known().stents == frozenset()
