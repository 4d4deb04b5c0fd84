"""The LungAirway panel with real child processes: run, cancel, killed child, recompute, target, report, scene closed mid-run."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from airway_patient import add_ct

pytestmark = pytest.mark.slow
LONG = 300.0


@pytest.fixture
def panel(desktop, airway_patient, tmp_path):
    """The panel with the patient's CT chosen, by the engine that needs no network."""
    import slicer

    slicer.app.settings().setValue("SenseCarePlanning/CasesFolder", str(tmp_path / "cases"))
    desktop.load_module("LungAirway")
    add_ct(desktop.scene, airway_patient)
    shown = desktop.show_module("LungAirway")
    shown._parameterNode.engine = type(shown._parameterNode.engine).CLASSICAL
    return shown


def set_target(panel, ras):
    node = panel.planPanel.target_node()
    node.RemoveAllControlPoints()
    node.AddControlPointWorld(*ras)


def wait(desktop, panel):
    def rests():
        return panel.runs.job is None and not panel.session.taking_up and not panel.treePanel.filling

    desktop.process_events(until=rests, timeout=LONG)


def running(desktop, panel):
    desktop.process_events(until=lambda: panel.progressBox.bar.value > 0, timeout=LONG)
    return panel.runs.job.pid


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path(f"/proc/{pid}/stat").exists() else False


def test_run_with_a_target_then_recompute_a_cut_and_undo(desktop, panel, airway_patient):
    from LungAirwayWidgets.case import result_nodes

    set_target(panel, airway_patient.target_ras)
    assert panel.ui.runButton.text == "Find the airways and plan"
    desktop.click(panel.ui.runButton)
    assert not panel.ui.runButton.enabled
    wait(desktop, panel)
    session = panel.session
    assert session.plan is not None and session.plan.routes
    np.testing.assert_allclose(session.plan.target.centre_lps_mm[2], airway_patient.target_ras[2], atol=8.0)
    assert panel.ui.routeTable.columnCount == len(session.plan.routes)
    assert set(session.camera_paths) == {route.rank for route in session.plan.routes}
    shown, count = len(result_nodes(session.case)), len(session.result.tree)

    wanted = max(session.result.tree.tips, key=lambda one: one.length_mm).id
    session.choose_branch(wanted)
    panel.ui.editSection.collapsed = False
    desktop.click(panel.ui.cutOffButton)
    wait(desktop, panel)
    desktop.click(panel.ui.recomputeButton)
    wait(desktop, panel)
    assert len(session.result.tree) < count
    assert session.plan is not None
    assert len(list(session.case.earlierFolders)) == 1
    desktop.click(panel.ui.undoButton)
    wait(desktop, panel)
    assert len(session.result.tree) == count
    assert len(result_nodes(session.case)) == shown
    assert not list(Path(str(panel.logic.resultsFolder())).rglob("*.nrrd"))


def test_cancel_really_stops_it(desktop, panel):
    desktop.click(panel.ui.runButton)
    pid = running(desktop, panel)
    started = time.monotonic()
    panel.progressBox.cancel_button.click()
    wait(desktop, panel)
    assert time.monotonic() - started < 30.0
    assert not alive(pid)
    assert panel.session.result is None
    assert panel.ui.runButton.enabled
    assert "Stopped" in panel.progressBox.step_label.text
    assert not [path for path in Path(str(panel.logic.resultsFolder())).rglob("*") if path.is_file()]


def test_a_killed_child_is_a_sentence(desktop, panel, caplog):
    desktop.click(panel.ui.runButton)
    pid = running(desktop, panel)
    os.kill(pid, signal.SIGKILL)
    wait(desktop, panel)
    assert "ended from outside" in caplog.text
    assert panel.ui.runButton.enabled


def test_closing_the_scene_mid_run_is_safe(desktop, panel):
    desktop.click(panel.ui.runButton)
    pid = running(desktop, panel)
    desktop.scene.Clear(0)
    wait(desktop, panel)
    assert not alive(pid)
    assert panel.session.case is None
    assert not panel.ui.runButton.enabled


def test_an_image_that_is_no_chest_is_a_sentence(desktop, panel, caplog):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Noise")
    slicer.util.updateVolumeFromArray(node, np.random.default_rng(1).integers(0, 50, (40, 40, 40)).astype(np.int16))
    node.CreateDefaultDisplayNodes()
    panel.ui.inputSelector.setCurrentNode(node)
    desktop.click(panel.ui.runButton)
    wait(desktop, panel)
    assert panel.session.result is None
    assert "Traceback" not in caplog.text
    assert panel.progressBox.step_label.text


def from_the_database(desktop, panel, patient):
    """Choose the patient's CT as Slicer loads it from its DICOM database."""
    import slicer
    from DICOMLib import DICOMUtils

    desktop.add_dicom(patient.dicom)
    uid = slicer.dicomDatabase.seriesForFile(slicer.dicomDatabase.allFiles()[0])
    node = slicer.mrmlScene.GetNodeByID(DICOMUtils.loadSeriesByUID([uid])[0])
    panel.ui.inputSelector.setCurrentNode(node)
    assert panel.session.case.volume is node
    return node


def test_the_files_of_a_ct_are_found_before_slicer_has_told_of_its_database(desktop, panel, airway_patient, monkeypatch):
    import slicer

    from LungAirwayWidgets.ct_export import dicom_files_of

    node = from_the_database(desktop, panel, airway_patient)
    monkeypatch.delattr(slicer, "dicomDatabase")  # it comes only at the end of the application's start
    assert len(dicom_files_of(node)) == slicer.util.arrayFromVolume(node).shape[0]
    desktop.close_dicom_database()
    assert dicom_files_of(node) == ()


def show_plan(panel, plan, folder):
    """Show a copy of the patient's plan as the result of the chosen CT."""
    shutil.copytree(plan, folder)
    panel.session.take_result(folder)


def test_another_target_and_the_report_of_the_patient(desktop, panel, airway_patient, airway_plan, tmp_path):
    import pydicom

    from_the_database(desktop, panel, airway_patient)
    show_plan(panel, airway_plan, tmp_path / "cases" / "airway-1" / "001")
    before = panel.session.plan.target.centre_lps_mm
    r, a, s = airway_patient.target_ras
    set_target(panel, (r, a + 12.0, s - 14.0))
    panel.ui.targetSection.collapsed = False
    desktop.click(panel.ui.planButton)
    wait(desktop, panel)
    moved = panel.session.plan.target.centre_lps_mm - before
    assert np.linalg.norm(moved) > 5.0
    panel.ui.reportSection.collapsed = False
    desktop.click(panel.ui.reportButton)
    wait(desktop, panel)
    folder = Path(panel.session.case.folder)
    assert (folder / "report.pdf").stat().st_size > 20000
    view = panel.reportView
    assert view.folder == folder
    assert not view.widget.isHidden()
    header = pydicom.dcmread(next(one for one in airway_patient.dicom.rglob("*") if one.is_file()), stop_before_pixels=True)
    family = str(header.PatientName.family_name)
    assert family and family in (folder / "report.html").read_text(encoding="utf-8")
    desktop.expect_dialog("QFileDialog.getExistingDirectory", str(tmp_path))
    desktop.click(view.dicom_button)
    for name in ("seg", "report"):
        saved = pydicom.dcmread(tmp_path / f"{folder.parent.name} {folder.name}-{name}.dcm", stop_before_pixels=True)
        assert (saved.PatientID, saved.StudyInstanceUID) == (header.PatientID, header.StudyInstanceUID)
    desktop.expect_dialog("QFileDialog.getSaveFileName", str(tmp_path / "saved.pdf"))
    desktop.click(view.save_button)
    assert (tmp_path / "saved.pdf").read_bytes() == (folder / "report.pdf").read_bytes()
    desktop.click(view.print_button)
    assert desktop.opened_urls[-1].endswith("report.pdf")


def test_the_target_is_a_segment(desktop, panel, airway_patient, airway_plan, tmp_path):
    import slicer

    show_plan(panel, airway_plan, tmp_path / "cases" / "airway-1" / "001")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Lesions")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(panel.session.case.volume)
    ball = vtk_ball(airway_patient.target_ras, 9.0)
    node.AddSegmentFromClosedSurfaceRepresentation(ball, "Lesion", [1.0, 0.0, 0.0])
    node.CreateBinaryLabelmapRepresentation()
    panel.ui.targetSection.collapsed = False
    assert not panel.ui.planButton.enabled
    panel.ui.targetSegmentSelector.setCurrentNode(node)
    panel.ui.targetSegmentSelector.setCurrentSegmentID(node.GetSegmentation().GetNthSegmentID(0))
    assert panel.ui.targetLabel.text == "The target is the segment."
    desktop.click(panel.ui.planButton)
    wait(desktop, panel)
    target = panel.session.plan.target
    np.testing.assert_allclose(target.centre_lps_mm * (-1, -1, 1), airway_patient.target_ras, atol=2.0)
    assert target.radius_mm == pytest.approx(9.0, abs=1.5)
    assert panel.session.result.run.options["target"] == "mask"


def vtk_ball(ras, radius):
    import vtk

    source = vtk.vtkSphereSource()
    source.SetCenter(*ras)
    source.SetRadius(radius)
    source.SetThetaResolution(24)
    source.SetPhiResolution(24)
    source.Update()
    return source.GetOutput()


def test_a_package_that_the_child_misses_is_named(desktop, panel, tmp_path, monkeypatch, caplog):
    stub = tmp_path / "stub" / "skimage"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'skimage'\", name='skimage')")
    monkeypatch.setenv("PYTHONPATH", str(stub.parent))
    desktop.click(panel.ui.runButton)
    wait(desktop, panel)
    assert "The Python package skimage is missing; install it" in caplog.text
    assert "skimage is missing" in panel.progressBox.step_label.text
    assert panel.ui.runButton.enabled and panel.session.result is None


def test_a_scene_opened_mid_run_is_whole_and_the_run_is_over(desktop, panel, airway_plan, tmp_path):
    show_plan(panel, airway_plan, tmp_path / "cases" / "airway-1" / "001")
    count = len(panel.session.result.tree)
    saved = desktop.save_scene(tmp_path / "case.mrb")
    desktop.click(panel.ui.runButton)
    pid = running(desktop, panel)
    desktop.open_scene(saved)
    wait(desktop, panel)
    desktop.process_events(until=lambda: not alive(pid), timeout=30)
    assert len(panel.session.result.tree) == count
    assert panel.ui.runButton.enabled


def test_a_run_cancelled_before_its_child_starts_leaves_nothing(desktop, panel):
    panel.ui.runButton.click()
    job = panel.runs.job
    assert job is not None
    panel.progressBox.cancel_button.click()
    wait(desktop, panel)
    assert "Stopped" in panel.progressBox.step_label.text
    desktop.process_events(until=lambda: not job.scratch.exists(), timeout=30)


def test_a_painted_airway_is_taken(desktop, panel, airway_plan, tmp_path):
    import slicer

    from LungAirwayWidgets.case import result_node

    show_plan(panel, airway_plan, tmp_path / "cases" / "airway-1" / "001")
    segmentation = result_node(panel.session.case, "segmentation")
    volume = panel.session.case.volume
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "airway", volume)
    array[:, :, : array.shape[2] // 2 - 12] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, segmentation, "airway", volume)
    count = len(panel.session.result.tree)
    panel.ui.editSection.collapsed = False
    desktop.click(panel.ui.usePaintButton)
    wait(desktop, panel)
    assert 3 < len(panel.session.result.tree) < count


def test_the_report_comes_with_a_video_when_that_is_ticked(desktop, panel, airway_plan, tmp_path):
    import av

    show_plan(panel, airway_plan, tmp_path / "cases" / "airway-1" / "001")
    panel.ui.reportSection.collapsed = False
    panel.ui.videoCheckBox.checked = True
    desktop.click(panel.ui.reportButton)
    desktop.process_events(until=lambda: panel.runs.job is None, timeout=2.0 * LONG)
    folder = Path(panel.session.case.folder)
    assert not panel.reportView.widget.isHidden()
    with av.open(str(folder / "flythrough.mp4")) as film:
        assert float(film.streams.video[0].duration * film.streams.video[0].time_base) > 5.0
