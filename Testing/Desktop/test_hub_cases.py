"""The hub's cases: studies of the DICOM database, result folders, what can be done with them."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hub_data import AFFINE, volume, write_result, write_study


@pytest.fixture
def hub(desktop, tmp_path):
    """The hub's module, its results in a folder of the test; show it with ``show(desktop)``."""
    desktop.load_module("SenseCarePlanning")
    from SenseCarePlanningWidgets import cases

    cases.set_cases_folder(tmp_path / "cases")
    return desktop


def show(desktop):
    panel = desktop.show_module("SenseCarePlanning")
    desktop.process_events(until=lambda: not panel.caseList.filling)
    return panel


def rows(panel):
    table = panel.ui.casesTable
    return [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount)]


def test_without_any_case_the_hub_says_what_to_do(hub):
    panel = show(hub)
    assert rows(panel) == []
    assert panel.ui.caseLabel.text == "Choose a case above."
    for button in (panel.ui.openButton, panel.ui.reportButton, panel.ui.exportButton, panel._planButtons["LungAirway"]):
        assert not button.enabled


def local(text):
    """Return a time as the list shows it, on this machine's clock."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")


def test_studies_and_results_are_listed_and_searched(hub, tmp_path):
    times = [f"2026-03-0{day}T05:06:07+00:00" for day in (1, 2, 3)]
    write_result(tmp_path / "cases" / "Bronchoscopy 1a2b" / "002", patient="Roe^Richard", created=times[0])
    write_result(tmp_path / "cases" / "Early", target="none", created=times[2])
    write_result(tmp_path / "cases" / "Bronchoscopy 3c4d" / "001", patient="Doe^Jane", created=times[1])
    (tmp_path / "cases" / "Bronchoscopy 3c4d" / "001" / "report.html").unlink()
    hub.add_dicom(write_study(tmp_path / "dicom"))
    panel = show(hub)
    assert rows(panel) == [
        ["Airways", "Early", "", local(times[2])],
        ["Plan", "Doe, Jane", "2024-01-31 · Chest", local(times[1])],
        ["Report", "Roe, Richard", "2024-01-31 · Chest", local(times[0])],
        ["CT", "Doe, Jane", "Chest", "2024-01-31"],
    ]
    panel.ui.casesTable.selectRow(1)
    assert panel.ui.caseLabel.text == f"<b>Doe, Jane</b><br>2024-01-31 · Chest<br>Plan, no report yet · {local(times[1])}"
    panel.ui.searchEdit.text = "jane"
    assert [row[:2] for row in rows(panel)] == [["Plan", "Doe, Jane"], ["CT", "Doe, Jane"]]
    panel.ui.searchEdit.text = ""
    assert len(rows(panel)) == 4


def test_a_name_that_looks_like_markup_is_shown_as_it_is(hub, tmp_path):
    write_result(tmp_path / "cases" / "One", patient="<i>Doe^Jane")
    panel = show(hub)
    panel.ui.casesTable.selectRow(0)
    assert "&lt;i&gt;Doe, Jane" in panel.ui.caseLabel.text


def test_no_log_and_no_path_names_the_patient(hub, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        write_result(tmp_path / "cases" / "One", patient="Doe^Jane")
        panel = show(hub)
        panel.ui.casesTable.selectRow(0)
        hub.click(panel.ui.refreshButton)
        hub.process_events(until=lambda: not panel.caseList.filling)
    assert "Doe" not in caplog.text
    assert "Doe" not in repr(panel.caseList.current().result)
    assert [one for one in (tmp_path / "cases").rglob("*") if "Doe" in one.name] == []


def test_many_studies_are_listed_without_filling_the_table_anew(hub, tmp_path, monkeypatch):
    from SenseCarePlanningWidgets import case_list
    from SenseCarePlanningWidgets.cases import Case

    every = [Case(f"study:{at}", "study", f"Name {at}", "Chest", "", "CT", study_uid=str(at)) for at in range(70)]
    monkeypatch.setattr(case_list, "study_cases", lambda: iter(every))
    write_result(tmp_path / "cases" / "One")
    panel = hub.show_module("SenseCarePlanning")
    added = []
    kept = panel.caseList._add_rows
    monkeypatch.setattr(panel.caseList, "_add_rows", lambda cases: (added.append(len(cases)), kept(cases)))
    panel.refresh()  # while the first reading goes on
    hub.process_events(until=lambda: not panel.caseList.filling)
    assert [row[1] for row in rows(panel)] == ["One", *(one.name for one in every)]
    assert sum(added) <= 2 * len(every) + 2
    panel.ui.casesTable.selectRow(70)
    panel.refresh()
    hub.process_events(until=lambda: not panel.caseList.filling)
    assert panel.caseList.current().name == "Name 69"


def test_a_study_that_comes_later_appears_by_itself(hub, tmp_path):
    panel = show(hub)
    hub.add_dicom(write_study(tmp_path / "dicom"))
    hub.process_events(until=lambda: len(rows(panel)) == 1)
    assert panel.ui.casesTable.item(0, 1).text() == "Doe, Jane"


def test_an_import_of_many_reads_the_list_once(hub, tmp_path, monkeypatch):
    import slicer

    panel = show(hub)
    read = []
    kept = panel.caseList.refresh
    monkeypatch.setattr(panel.caseList, "refresh", lambda *wanted: (read.append(1), kept(*wanted)))
    for _ in range(5):
        slicer.dicomDatabase.databaseChanged()
    hub.process_events(until=lambda: bool(read))
    assert read == [1]


def test_a_chosen_study_is_loaded_once(hub, tmp_path):
    import slicer

    hub.add_dicom(write_study(tmp_path / "dicom"))
    panel = show(hub)
    panel.ui.casesTable.selectRow(0)
    assert panel.ui.seriesSelector.currentText == "Lung (6 images)"
    assert "Doe, Jane" in panel.ui.caseLabel.text
    hub.click(panel.ui.openButton)
    hub.click(panel.ui.openButton)
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert len(nodes) == 1
    assert np.array_equal(slicer.util.arrayFromVolume(nodes[0]), volume().array_kji)
    assert not panel.ui.reportButton.enabled


def test_the_choice_outlives_a_refresh_and_a_return_to_the_module(hub, tmp_path):
    write_result(tmp_path / "cases" / "One")
    write_result(tmp_path / "cases" / "Two")
    panel = show(hub)
    panel.caseList.choose(f"folder:{tmp_path / 'cases' / 'Two'}")
    hub.click(panel.ui.refreshButton)
    hub.process_events(until=lambda: not panel.caseList.filling)
    assert panel.caseList.current().name == "Two"
    hub.leave_module()
    panel = show(hub)
    assert panel.caseList.current().name == "Two"


def test_a_report_is_shown_saved_and_opened(hub, tmp_path):
    folder = write_result(tmp_path / "cases" / "One")
    panel = show(hub)
    panel.ui.casesTable.selectRow(0)
    hub.click(panel.ui.reportButton)
    view = panel.reportView
    assert view.folder == folder
    hub.click(view.print_button)
    hub.click(view.folder_button)
    assert [Path(url.removeprefix("file://")) for url in hub.opened_urls] == [folder / "report.pdf", folder]
    hub.expect_dialog("QFileDialog.getSaveFileName", str(tmp_path / "copy"))
    hub.click(view.save_button)
    assert (tmp_path / "copy.pdf").read_bytes() == b"%PDF-1.4 a report"
    hub.click(view.large_button)
    assert view._window.isVisible() and "One" in view._window.windowTitle


def test_a_report_whose_folder_went_is_a_sentence(hub, tmp_path, caplog):
    import shutil

    folder = write_result(tmp_path / "cases" / "One")
    panel = show(hub)
    panel.ui.casesTable.selectRow(0)
    hub.click(panel.ui.reportButton)
    shutil.rmtree(folder)
    with caplog.at_level(logging.ERROR):
        hub.click(panel.reportView.print_button)
    assert "no longer there" in caplog.text


def test_a_case_is_exported_and_never_over_another(hub, tmp_path, caplog):
    write_result(tmp_path / "cases" / "Bronchoscopy 1a2b" / "001", patient="Doe^Jane")
    panel = show(hub)
    panel.ui.casesTable.selectRow(0)
    panel.ui.reportCollapsibleButton.collapsed = False
    (tmp_path / "usb").mkdir()
    for _ in range(2):
        hub.expect_dialog("QFileDialog.getExistingDirectory", str(tmp_path / "usb"))
        with caplog.at_level(logging.ERROR):
            hub.click(panel.ui.exportButton)
    assert (tmp_path / "usb" / "Bronchoscopy 1a2b 001" / "report.pdf").is_file()
    assert "is there already" in caplog.text


def test_a_result_elsewhere_is_opened_and_remembered_and_another_folder_refused(hub, tmp_path, caplog):
    folder = write_result(tmp_path / "elsewhere" / "Guest")
    panel = show(hub)
    hub.expect_dialog("QFileDialog.getExistingDirectory", str(folder))
    hub.click(panel.ui.addFolderButton)
    hub.process_events(until=lambda: not panel.caseList.filling)
    assert panel.caseList.current().name == "Guest"
    hub.click(panel.ui.refreshButton)
    assert [row[1] for row in rows(panel)] == ["Guest"]
    hub.expect_dialog("QFileDialog.getExistingDirectory", str(tmp_path))
    with caplog.at_level(logging.ERROR):
        hub.click(panel.ui.addFolderButton)
    assert "holds no result" in caplog.text


def test_the_scene_of_a_result_is_shown_beside_what_is_there(hub, tmp_path):
    import slicer

    write_result(tmp_path / "cases" / "One", with_scene=True)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "mine")
    panel = show(hub)
    panel.ui.casesTable.selectRow(0)
    hub.click(panel.ui.openButton)
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1
    assert slicer.util.getNode("mine") is not None


def test_the_ct_of_a_result_is_found_by_its_grid_or_taken_from_its_scene(hub, tmp_path):
    import slicer

    from SenseCarePlanningLib.errors import InputError
    from SenseCarePlanningLib.volume import Volume
    from SenseCarePlanningMRML.volume_nodes import add_volume
    from SenseCarePlanningWidgets.result_volume import volume_of_result

    show(hub)
    bare = write_result(tmp_path / "cases" / "Bare")
    whole = write_result(tmp_path / "cases" / "Whole", with_scene=True)
    moved = AFFINE.copy()
    moved[0, 3] += 0.5
    add_volume(slicer.mrmlScene, Volume(volume().array_kji, moved), "another CT")
    with pytest.raises(InputError, match="not open"):
        volume_of_result(bare)
    taken = volume_of_result(whole)
    assert np.array_equal(slicer.util.arrayFromVolume(taken), volume().array_kji)
    assert volume_of_result(bare).GetID() == taken.GetID()
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 2


def test_the_ct_of_a_result_is_its_own_among_those_of_the_same_grid(hub, tmp_path):
    import slicer

    from SenseCarePlanningWidgets.cases import load_series
    from SenseCarePlanningWidgets.result_volume import volume_of_result

    show(hub)
    uids = []
    for seed, name in enumerate(("Doe^Jane", "Roe^Richard"), 1):
        folder = write_study(tmp_path / name, name, seed)
        hub.add_dicom(folder)
        uids.append(slicer.dicomDatabase.seriesForFile(next(folder.rglob("*.dcm")).as_posix()))
    assert uids[0] != uids[1]
    other = load_series(uids[0])
    result = write_result(tmp_path / "cases" / "One", with_scene=True, series_uid=uids[1])
    own = volume_of_result(result)  # not the other patient's, though its grid is the same, and not the nameless one of the scene
    assert own.GetID() != other.GetID()
    assert own.GetAttribute("DICOM.instanceUIDs").split()[0] in slicer.dicomDatabase.instancesForSeries(uids[1])
    assert volume_of_result(result).GetID() == own.GetID()
    assert volume_of_result(write_result(tmp_path / "cases" / "Two", series_uid=uids[0])).GetID() == other.GetID()


def test_closing_the_scene_keeps_the_panel_whole(hub, tmp_path):
    write_result(tmp_path / "cases" / "One")
    panel = show(hub)
    panel.ui.casesTable.selectRow(0)
    hub.scene.Clear(0)
    hub.process_events()
    hub.click(panel.ui.refreshButton)
    hub.process_events(until=lambda: not panel.caseList.filling)
    assert [row[1] for row in rows(panel)] == ["One"]
    panel.ui.searchEdit.text = "nothing like it"
    assert panel.logic.getParameterNode().search == "nothing like it"


def test_search_and_choice_are_saved_with_the_scene(hub, tmp_path):
    write_result(tmp_path / "cases" / "One")
    panel = show(hub)
    panel.ui.casesTable.selectRow(0)
    panel.ui.searchEdit.text = "one"
    hub.save_scene(tmp_path / "scene.mrb")
    hub.scene.Clear(0)
    assert panel.ui.searchEdit.text == ""
    hub.open_scene(tmp_path / "scene.mrb")
    hub.leave_module()
    panel = show(hub)
    assert panel.ui.searchEdit.text == "one"
    assert panel.caseList.current().name == "One"


def test_the_modules_own_test_class_passes(hub):
    import sys

    sys.modules["SenseCarePlanning"].SenseCarePlanningTest().runTest()


def test_report_and_segmentation_go_into_the_dicom_database(hub, tmp_path):
    import pydicom
    import slicer

    from SenseCarePlanningLib.dicomio.report_pdf import write_report_dicom
    from SenseCarePlanningLib.dicomio.study import StudyInfo

    folder = write_result(tmp_path / "cases" / "One")
    write_result(tmp_path / "cases" / "Without")
    study = StudyInfo(patient_name="Doe^Jane", patient_id="ID1", study_uid="2.25.77")
    assert write_report_dicom(folder / "report.pdf", study, folder / "report.dcm") is None
    panel = show(hub)
    names = [row[1] for row in rows(panel)]
    panel.ui.casesTable.selectRow(names.index("Without"))
    assert not panel.ui.toDicomButton.enabled
    panel.ui.casesTable.selectRow(names.index("One"))
    panel.ui.reportCollapsibleButton.collapsed = False
    hub.click(panel.ui.toDicomButton)
    files = slicer.dicomDatabase.allFiles()
    assert [pydicom.dcmread(one).SOPClassUID.name for one in files] == ["Encapsulated PDF Storage"]
    assert slicer.dicomDatabase.studiesForPatient(slicer.dicomDatabase.patients()[0]) == ("2.25.77",)
