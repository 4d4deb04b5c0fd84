"""From the hub to the airway module and back: a CT is handed over, a finished plan is shown and continued."""

from __future__ import annotations

import re
import shutil

import pytest

pytestmark = pytest.mark.slow


def test_a_plan_is_shown_and_continued_with_its_ct(desktop, tmp_path, airway_patient, airway_plan):
    import slicer
    from airway_patient import add_ct

    desktop.load_module("LungAirway")
    desktop.load_module("SenseCarePlanning")
    from SenseCarePlanningWidgets import cases

    cases.set_cases_folder(tmp_path)
    shutil.copytree(airway_plan, tmp_path / "airway-demo" / "001")
    volume = add_ct(desktop.scene, airway_patient)
    panel = desktop.show_module("SenseCarePlanning")
    desktop.process_events(until=lambda: not panel.caseList.filling)
    panel.ui.casesTable.selectRow(0)
    assert panel.caseList.current().name == "Phantom, Thorax"
    desktop.click(panel.ui.openButton)
    airway = slicer.util.getModuleWidget("LungAirway")
    desktop.process_events(until=lambda: not airway.session.taking_up, timeout=60)
    assert slicer.util.getNodesByClass("vtkMRMLModelNode")
    desktop.click(panel._planButtons["LungAirway"])
    desktop.process_events(until=lambda: not airway.session.taking_up, timeout=60)
    assert airway.session.case.volume.GetID() == volume.GetID()
    assert airway.session.problem == ""
    assert airway.session.plan is not None
    assert airway.session.plan.routes


def test_a_study_is_handed_over(desktop, tmp_path, airway_patient):
    import slicer

    desktop.load_module("LungAirway")
    desktop.load_module("SenseCarePlanning")
    from SenseCarePlanningWidgets import cases

    cases.set_cases_folder(tmp_path)
    desktop.add_dicom(airway_patient.dicom)
    panel = desktop.show_module("SenseCarePlanning")
    desktop.process_events(until=lambda: not panel.caseList.filling)
    panel.ui.casesTable.selectRow(0)
    desktop.click(panel._planButtons["LungAirway"])
    airway = slicer.util.getModuleWidget("LungAirway")
    assert airway.session.case.volume.GetID() == slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")[0].GetID()
    from LungAirwayWidgets.case import next_folder

    first = next_folder(airway.session.case, tmp_path)
    assert re.fullmatch(r"Bronchoscopy \d{4}-\d\d-\d\d [0-9a-f]{6}", first.parent.name), "no patient's name in a path"
    first.mkdir(parents=True)
    assert (first.name, next_folder(airway.session.case, tmp_path).name) == ("001", "002")
