"""What must not go wrong in the LungAirway panel: runs that cannot start, other CTs, corrections and reports."""

from __future__ import annotations

import shutil

import pytest
from airway_patient import add_ct
from airway_steps import settle, show_panel, show_plan


@pytest.fixture
def panel(desktop, airway_patient, tmp_path):
    """The panel with the patient's CT chosen, by the engine that needs no network."""
    shown = show_panel(desktop, airway_patient, tmp_path / "cases")
    shown._parameterNode.engine = type(shown._parameterNode.engine).CLASSICAL
    return shown


@pytest.fixture
def planned(desktop, panel, airway_patient, airway_plan, tmp_path):
    """The panel with the patient's plan shown, the target set as a point."""
    return show_plan(desktop, panel, airway_patient, airway_plan, tmp_path / "cases" / "airway-1" / "001")


def rests(panel):
    return panel.runs.job is None and not panel.session.taking_up


def test_a_results_folder_that_cannot_be_made_ends_the_run(desktop, panel, tmp_path, monkeypatch, caplog):
    (tmp_path / "in the way").write_text("a file lies where the folder should be")
    monkeypatch.setattr(panel.logic, "resultsFolder", lambda: tmp_path / "in the way")
    panel.ui.runButton.click()
    scratch = panel.runs.job.scratch
    desktop.process_events(until=lambda: rests(panel), timeout=60)
    assert panel.ui.runButton.enabled and not scratch.exists()
    assert panel.progressBox.step_label.text.startswith("A file could not be read or written (")
    assert "A file could not be read or written" in caplog.text


def test_a_missing_python_ends_the_run(desktop, panel, monkeypatch):
    from LungAirwayWidgets import jobs
    from SenseCarePlanningLib.errors import SenseCareError

    def missing(*arguments):
        raise SenseCareError("Slicer's own Python program (PythonSlicer) was not found; install Slicer anew.")

    monkeypatch.setattr(jobs, "planning_command", missing)
    panel.ui.runButton.click()
    desktop.process_events(until=lambda: rests(panel), timeout=60)
    assert panel.ui.runButton.enabled
    assert "PythonSlicer" in panel.progressBox.step_label.text


def test_a_clicked_target_is_seen_on_its_own_ct_only(desktop, planned, airway_patient):
    import slicer

    first, target = planned.session.case.volume, planned.session.case.target
    other = add_ct(desktop.scene, airway_patient, "Another CT")
    brought = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "of the user")
    brought.CreateDefaultDisplayNodes()
    planned.ui.inputSelector.setCurrentNode(other)
    settle(desktop, planned)
    assert not target.GetDisplayNode().GetVisibility()
    assert brought.GetDisplayNode().GetVisibility()
    planned.ui.inputSelector.setCurrentNode(first)
    settle(desktop, planned)
    assert target.GetDisplayNode().GetVisibility()
    planned.ui.inputSelector.setCurrentNode(other)
    planned.ui.targetSelector.setCurrentNode(target)  # as the user may wish, who knows what it is
    assert target.GetDisplayNode().GetVisibility()


class EndedJob:
    """A job whose child is as good as ended: the test says when."""

    def __init__(self, out):
        self.out, self.ended, self.passing = out, None, False

    def start(self, on_progress, on_log, on_finished):
        self.ended = on_finished
        return self

    def clean(self):
        """Nothing is left behind."""


def test_a_run_that_ends_while_another_ct_is_shown_belongs_to_its_own(desktop, planned, airway_patient, airway_plan, tmp_path):
    from LungAirwayWidgets.case import result_nodes
    from SenseCarePlanningWidgets.process_runner import RunOutcome

    session, first = planned.session, planned.session.case.volume
    job = EndedJob(shutil.copytree(airway_plan, tmp_path / "cases" / "airway-1" / "002"))
    planned.runs._start_plan(job, {"point": True, "at": [1.0, 2.0, 3.0]})
    planned._parameterNode.inputVolume = other = add_ct(desktop.scene, airway_patient, "Another CT")
    settle(desktop, planned)
    job.ended(RunOutcome(ok=True, folder=str(job.out)))
    assert planned.progressBox.step_label.text == "Ready for Chest CT: it is shown when that CT is chosen."
    assert session.case.volume is other and session.result is None and result_nodes(session.case) == []
    planned._parameterNode.inputVolume = first
    settle(desktop, planned)
    assert session.case.folder == str(job.out) and session.result is not None
    assert [one.endswith("001") for one in session.case.earlierFolders] == [True]
    assert result_nodes(session.case, "surface")
    assert "lead to another one" in planned.ui.targetLabel.text
