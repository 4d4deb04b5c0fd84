"""What must not go wrong in the LungAirway panel: runs that cannot start, other CTs, corrections and reports."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
from airway_patient import add_ct
from airway_steps import branch_called, press, settle, show_panel, show_plan


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
    from SenseCarePlanningLib.errors import SenseCareError
    from SenseCarePlanningWidgets import child_job

    def missing(*arguments):
        raise SenseCareError("Slicer's own Python program (PythonSlicer) was not found; install Slicer anew.")

    monkeypatch.setattr(child_job, "planning_command", missing)
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

    stop_now = clean


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


def cut(desktop, panel):
    """Take a branch off, without recomputing; returns how many branches are left."""
    panel.session.choose_branch(branch_called(panel, "RB6"))
    press(desktop, panel, panel.ui.cutOffButton)
    return len(panel.session.edits.tree)


def test_corrections_outlive_another_result_of_the_same_ct(desktop, planned, airway_plan, tmp_path):
    session, first = planned.session, planned.session.case.folder
    left = cut(desktop, planned)
    assert left < len(session.result.tree)
    session.take_result(first)  # as the hub shows it again
    assert len(session.edits.tree) == left and planned.ui.recomputeButton.enabled
    session.take_result(shutil.copytree(airway_plan, tmp_path / "cases" / "airway-1" / "002"))
    assert len(session.edits.tree) == len(session.result.tree)
    saved = desktop.save_scene(tmp_path / "case.mrb")
    desktop.open_scene(saved)
    settle(desktop, planned)
    press(desktop, planned, planned.ui.undoButton)
    assert session.case.folder == first and len(session.edits.tree) == left
    press(desktop, planned, planned.ui.undoButton)
    assert len(session.edits.tree) == len(session.result.tree)


@pytest.mark.parametrize("name", ["usePaintButton", "runButton"])
def test_corrections_are_asked_about_before_they_are_left_behind(desktop, planned, monkeypatch, name):
    import slicer

    from LungAirwayWidgets import jobs

    asked, started = [], []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, **_options: asked.append(text) or len(asked) > 1)
    job = EndedJob(None)
    monkeypatch.setattr(jobs, "run_job", lambda *_given: started.append(1) or job)
    monkeypatch.setattr(jobs, "replan_job", lambda *_given: started.append(1) or job)
    button = getattr(planned.ui, name)
    cut(desktop, planned)
    desktop.click(button)
    assert not started and asked[0].startswith("1 corrections are not recomputed yet")
    assert planned.session.edits.changed and button.enabled
    desktop.click(button)
    assert started == [1]


def test_no_report_is_made_of_another_target_or_an_uncorrected_tree(desktop, planned, airway_patient):
    ui, node, (r, a, s) = planned.ui, planned.session.case.target, airway_patient.target_ras
    assert ui.reportButton.enabled and ui.reportLabel.text == "Not made yet."
    node.SetNthControlPointPositionWorld(0, r, a + 9.0, s)
    node.InvokeEvent(node.PointEndInteractionEvent)
    assert not ui.reportButton.enabled
    assert ui.reportLabel.text == "The target was changed since: press Plan the routes in step 4, then make the report."
    node.SetNthControlPointPositionWorld(0, r, a, s)
    node.InvokeEvent(node.PointEndInteractionEvent)
    assert ui.reportButton.enabled
    cut(desktop, planned)
    assert not ui.reportButton.enabled
    assert ui.reportLabel.text.startswith("Corrections are not recomputed yet: press Recompute or Undo in step 3")
    press(desktop, planned, ui.undoButton)
    assert ui.reportButton.enabled and ui.reportLabel.text == "Not made yet."


def test_a_ct_deleted_in_another_module_closes_its_case(desktop, planned):
    desktop.leave_module()
    desktop.scene.RemoveNode(planned.session.case.volume)
    desktop.show_module("LungAirway")
    assert planned.session.case is None and planned.session.result is None
    assert not planned.ui.runButton.enabled
    assert planned.ui.statusLabel.text == "Choose a chest CT."


def interaction():
    import slicer

    return slicer.app.applicationLogic().GetInteractionNode()


@pytest.mark.parametrize("name", ["placeTargetButton", "drawBridgeButton"])
def test_escape_and_leaving_the_module_end_the_placing(desktop, planned, name):
    button, node = getattr(planned.ui, name), interaction()
    desktop.click(button)
    assert button.checked and node.GetCurrentInteractionMode() == node.Place
    node.SwitchToViewTransformMode()  # as Escape does
    desktop.process_events()
    assert not button.checked
    desktop.click(button)
    node.SetCurrentInteractionMode(node.AdjustWindowLevel)  # another tool, which the user keeps
    assert not button.checked and node.GetCurrentInteractionMode() == node.AdjustWindowLevel
    desktop.click(button)
    desktop.leave_module()
    assert not button.checked and node.GetCurrentInteractionMode() != node.Place


def test_only_one_button_places_at_a_time(desktop, planned):
    desktop.click(planned.ui.placeTargetButton)
    desktop.click(planned.ui.drawBridgeButton)
    assert planned.ui.drawBridgeButton.checked and not planned.ui.placeTargetButton.checked
    assert interaction().GetCurrentInteractionMode() == interaction().Place


def test_a_click_that_sets_a_point_chooses_no_branch(desktop, planned, tmp_path):
    desktop.screenshot_window(tmp_path / "window.png")
    picker, picked = planned.treePanel.picker, []
    picker._on_pick = lambda *found: picked.append(found)
    branch = planned.session.edits.tree[branch_called(planned, "LMB")]
    picker._view.forceRender()
    renderer = picker._view.renderWindow().GetRenderers().GetFirstRenderer()
    renderer.SetWorldPoint(*(branch.points_lps_mm[len(branch.points_lps_mm) // 2] * (-1, -1, 1)), 1.0)
    renderer.WorldToDisplay()
    x, y, _depth = renderer.GetDisplayPoint()
    mouse = SimpleNamespace(GetEventPosition=lambda: (int(x), int(y)))
    desktop.click(planned.ui.placeTargetButton)
    picker._on_down(mouse, "")
    interaction().SwitchToViewTransformMode()  # the point is set before the button is released
    picker._on_up(mouse, "")
    assert picked == []
    picker._on_down(mouse, "")
    picker._on_up(mouse, "")
    assert [one[0] for one in picked] == [branch.id]


def test_the_old_target_stays_until_the_new_one_is_set(desktop, planned, airway_patient):
    node, (r, a, s) = planned.session.case.target, airway_patient.target_ras
    desktop.click(planned.ui.placeTargetButton)
    assert node.GetNumberOfDefinedControlPoints() == 1
    interaction().SwitchToViewTransformMode()  # Escape: nothing is lost
    desktop.process_events()
    assert list(node.GetNthControlPointPositionWorld(0)) == pytest.approx([r, a, s])
    desktop.click(planned.ui.placeTargetButton)
    node.AddControlPointWorld(r, a + 20.0, s)
    desktop.process_events(until=lambda: node.GetNumberOfControlPoints() == 1)
    assert list(node.GetNthControlPointPositionWorld(0)) == pytest.approx([r, a + 20.0, s])
    assert node.GetMaximumNumberOfControlPoints() == 1
    assert "lead to another one" in planned.ui.targetLabel.text


def test_after_a_reload_clicks_choose_branches(desktop, planned):
    import slicer

    slicer.util.reloadScriptedModule("LungAirway")
    desktop.process_events()
    reloaded = slicer.util.getModuleWidget("LungAirway")
    settle(desktop, reloaded)
    assert reloaded is not planned
    assert reloaded.treePanel.picker._interactor is not None and planned.treePanel.picker._interactor is None
    assert reloaded.flyPanel._shortcuts


def test_the_users_crosshair_comes_back(desktop, planned):
    import slicer

    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    node.SetCrosshairMode(node.ShowIntersection)
    desktop.leave_module()
    assert node.GetCrosshairMode() == node.ShowIntersection
    desktop.show_module("LungAirway")
    planned.flyPanel.fly.go_to(50.0)
    planned.flyPanel.fly.go_to(60.0)
    assert node.GetCrosshairMode() == node.ShowSmallBasic
    desktop.leave_module()
    assert node.GetCrosshairMode() == node.ShowIntersection


def test_a_film_that_is_stopped_leaves_no_folder(desktop, planned):
    from LungAirwayWidgets import jobs
    from SenseCarePlanningWidgets.process_runner import RunOutcome

    def film():
        made = jobs.video_job(planned.session.case, 1)
        made.out.mkdir()
        (made.out / "flythrough.mp4").write_bytes(b"half a film")
        return made

    stopped = film()
    stopped._finish(RunOutcome(ok=False, cancelled=True, message="Stopped; nothing was written."))
    ended = film()
    ended.stop_now()  # Slicer ends
    done = film()
    done._finish(RunOutcome(ok=True, folder=str(done.out)))
    assert not stopped.out.exists() and not ended.out.exists()
    assert (done.out / "flythrough.mp4").is_file()
    result = jobs.Job(planned.session.case.folder)
    result._finish(RunOutcome(ok=False, message="no"))
    assert result.out.is_dir()


def test_a_scene_opened_while_another_module_is_shown_is_there_on_return(desktop, planned, tmp_path):
    saved = desktop.save_scene(tmp_path / "case.mrb")
    desktop.leave_module()
    desktop.open_scene(saved)
    desktop.show_module("LungAirway")
    settle(desktop, planned)
    assert planned.ui.inputSelector.currentNode() is planned.session.case.volume is not None
    assert planned.session.plan is not None
