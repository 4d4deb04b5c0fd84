"""The hub's other pages: models, self-check, sample data, languages."""

from __future__ import annotations

import ast
import logging
import re
import sys
import types
from pathlib import Path

import pytest
from hub_data import write_bundle, write_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hub(desktop, tmp_path):
    """The hub's module with nothing on this machine."""
    desktop.load_module("SenseCarePlanning")
    from SenseCarePlanningWidgets import cases

    cases.set_cases_folder(tmp_path / "cases")
    return desktop


def test_models_are_listed_with_licence_and_size_and_deleted_only_after_a_yes(hub, tmp_path, monkeypatch):
    import slicer

    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "none"))
    bundle = write_bundle(tmp_path / "airway_net")
    panel = hub.show_module("SenseCarePlanning")
    panel.ui.modelsCollapsibleButton.collapsed = False
    assert "needs none" in panel.ui.modelsLabel.text
    hub.expect_dialog("QFileDialog.getExistingDirectory", str(bundle))
    hub.click(panel.ui.addModelButton)
    table = panel.ui.modelsTable
    assert [table.item(0, column).text() for column in range(4)] == ["Airway network 1.2", "CC-BY-4.0", "1.4 MB", "airway_net"]
    assert not panel.ui.deleteModelButton.enabled
    table.selectRow(0)
    asked = []
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: bool(asked.append(text)))
    hub.click(panel.ui.deleteModelButton)
    assert bundle.is_dir() and "Airway network" in asked[0] and str(bundle) in asked[0]
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: True)
    hub.click(panel.ui.deleteModelButton)
    assert not bundle.exists()
    assert table.rowCount == 0


def test_a_folder_that_is_no_model_is_refused(hub, tmp_path, caplog):
    panel = hub.show_module("SenseCarePlanning")
    panel.ui.modelsCollapsibleButton.collapsed = False
    hub.expect_dialog("QFileDialog.getExistingDirectory", str(tmp_path))
    with caplog.at_level(logging.ERROR):
        hub.click(panel.ui.addModelButton)
    assert "no MONAI bundle" in caplog.text


def test_the_self_check_names_what_is_missing_and_installs_it_after_a_yes(hub, monkeypatch):
    from slicer import packaging

    from SenseCarePlanningWidgets import dependency_installer

    for one in dependency_installer.PLANNING:
        hub.pretend_package(one.name, True)
    hub.pretend_package("reportlab", False)
    panel = hub.show_module("SenseCarePlanning")
    panel.ui.checkCollapsibleButton.collapsed = False
    table = panel.ui.checkTable
    shown = {table.item(row, 1).text(): table.item(row, 0).text() for row in range(table.rowCount)}
    assert shown["reportlab: report as PDF"] == "✗"
    assert shown["scikit-image: airway tree and lungs"] == "✓"
    assert panel.ui.installButton.enabled
    ensure = packaging.pip_ensure
    monkeypatch.setattr(packaging, "pip_ensure", lambda *args, **rest: ensure(*args, skip_in_testing=False, **rest))
    hub.click(panel.ui.installButton)
    assert [one["requirements"] for one in hub.pip_requests] == [["reportlab>=4.2"]]
    assert "SimpleITK" in hub.pip_requests[0]["skip_packages"]
    assert not panel.ui.installButton.enabled


def test_a_no_installs_nothing_and_is_said(hub, monkeypatch, caplog):
    from slicer import packaging

    hub.pretend_package("reportlab", False)
    hub.answer_install(False)
    panel = hub.show_module("SenseCarePlanning")
    panel.ui.checkCollapsibleButton.collapsed = False
    ensure = packaging.pip_ensure
    monkeypatch.setattr(packaging, "pip_ensure", lambda *args, **rest: ensure(*args, skip_in_testing=False, **rest))
    with caplog.at_level(logging.ERROR):
        hub.click(panel.ui.installButton)
    assert hub.pip_requests == []
    assert "Nothing was installed." in caplog.text
    assert panel.ui.installButton.enabled


def test_torch_comes_through_the_pytorch_extension_only(hub, monkeypatch):
    from SenseCarePlanningLib.errors import SenseCareError
    from SenseCarePlanningWidgets import dependency_installer

    for one in dependency_installer.ENGINES["bundle"]:
        hub.pretend_package(one.name, one.name != "torch")
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    with pytest.raises(SenseCareError, match="PyTorch extension"):
        dependency_installer.ensure("bundle")
    asked = []

    class Logic:
        def installTorch(self, **wishes):
            asked.append(wishes)
            hub.pretend_package("torch", True)
            return types

    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=Logic))
    dependency_installer.ensure("bundle")
    assert asked == [{"askConfirmation": True, "torchVersionRequirement": ">=2.6"}]
    assert hub.pip_requests == []


def test_an_older_slicer_asks_and_installs_one_by_one(hub, monkeypatch):
    import slicer

    from SenseCarePlanningWidgets import dependency_installer

    monkeypatch.setattr(dependency_installer, "_slicer_packaging", lambda: None)
    here = {one.name: "99.0" for one in dependency_installer.PLANNING} | {"av": "12.3", "Jinja2": ""}
    monkeypatch.setattr(dependency_installer, "installed_version", lambda name: here.get(name, ""))
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: True)
    here |= {"numpy": "2.0.2", "torch": "2.6.0+cu124"}
    held = []

    def pip_install(arguments):
        requirement, option, constraints = arguments
        assert option == "--constraint"
        held.append(Path(constraints).read_text(encoding="utf-8").split())
        here[requirement.partition(">=")[0]] = "99.0"

    monkeypatch.setattr(slicer.util, "pip_install", pip_install)
    assert [one.name for one in dependency_installer.missing("classical")] == ["Jinja2", "av"]
    dependency_installer.ensure("classical")
    assert dependency_installer.missing("classical") == []
    assert len(held) == 2 and {one.partition("==")[0].partition("<")[0] for one in held[0]} == set(
        dependency_installer.NEVER_REPLACED
    )
    assert {"numpy==2.0.2", "torch==2.6.0+cu124", "vtk<0"} <= set(held[0])


def test_an_older_slicer_says_when_a_package_would_replace_slicers_own(hub, monkeypatch):
    import subprocess

    import slicer

    from SenseCarePlanningLib.errors import SenseCareError
    from SenseCarePlanningWidgets import dependency_installer

    monkeypatch.setattr(dependency_installer, "_slicer_packaging", lambda: None)
    here = {one.name: "99.0" for one in dependency_installer.PLANNING} | {"av": ""}
    monkeypatch.setattr(dependency_installer, "installed_version", lambda name: here.get(name, ""))
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: True)

    def pip_install(arguments):
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(slicer.util, "pip_install", pip_install)
    with pytest.raises(SenseCareError, match=r"av>=13 could not be installed beside Slicer's own packages"):
        dependency_installer.ensure("classical")


@pytest.fixture
def quick_patient(hub, monkeypatch):
    """The digital patient's child process writes a small CT instead."""
    from SenseCarePlanningWidgets import digital_patient
    from SenseCarePlanningWidgets.process_runner import ProcessRunner

    started = []

    def quick(on_progress, on_log, on_finished):
        started.append(True)
        code = (
            f"import sys, json; sys.path[:0] = {sys.path!r}\nfrom pathlib import Path\nfrom hub_data import write_study\n"
            f"write_study(Path({str(digital_patient.patient_folder() / 'dicom')!r}), 'Phantom^Thorax')\n"
            "print(json.dumps({'event': 'progress', 'step': 'Anatomy', 'fraction': 1.0}))\n"
            "print(json.dumps({'event': 'done', 'folder': ''}))"
        )
        return ProcessRunner([sys.executable, "-c", code], on_progress, on_log, on_finished)

    monkeypatch.setattr(digital_patient, "runner", quick)
    return started


def press_digital_patient(hub):
    """Press the button and wait until the patient is there."""
    panel = hub.show_module("SenseCarePlanning")
    panel.ui.samplesCollapsibleButton.collapsed = False
    hub.click(panel.ui.digitalPatientButton)
    hub.process_events(until=lambda: panel.ui.digitalPatientButton.enabled, timeout=40)
    hub.process_events(until=lambda: not panel.caseList.filling)
    return panel


def test_the_digital_patient_is_made_by_a_child_process_shown_and_listed(hub, quick_patient):
    import slicer

    panel = hub.show_module("SenseCarePlanning")
    panel.ui.samplesCollapsibleButton.collapsed = False
    hub.click(panel.ui.digitalPatientButton)
    assert not panel.ui.digitalPatientButton.enabled
    hub.process_events(until=lambda: panel.ui.digitalPatientButton.enabled, timeout=40)
    hub.process_events(until=lambda: not panel.caseList.filling)
    assert panel.progressBox.step_label.text == "Done."
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1
    assert [case.name for case in panel.caseList.cases] == ["Phantom, Thorax"]


def test_a_new_slicer_without_a_database_is_asked_before_anything_is_computed(hub, quick_patient, monkeypatch):
    import slicer

    hub.close_dicom_database()
    asked = []
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: bool(asked.append(text)))
    panel = press_digital_patient(hub)
    assert len(asked) == 1 and "has none yet" in asked[0]
    assert quick_patient == [] and not slicer.dicomDatabase.isOpen
    assert panel.progressBox.widget.isHidden()
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []


def test_with_a_yes_slicer_makes_the_database_and_the_hub_goes_on(hub, quick_patient, tmp_path, monkeypatch):
    import slicer

    hub.close_dicom_database()
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: True)
    panel = press_digital_patient(hub)
    assert quick_patient == [True]
    assert Path(slicer.dicomDatabase.databaseDirectory) == tmp_path / "home" / "Documents" / "SlicerDICOMDatabase"
    assert slicer.util.selectedModule() == "SenseCarePlanning"
    assert [case.name for case in panel.caseList.cases] == ["Phantom, Thorax"]
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1


def test_a_package_that_the_patient_needs_is_installed_first(hub, quick_patient, monkeypatch, caplog):
    from slicer import packaging

    ensure = packaging.pip_ensure
    monkeypatch.setattr(packaging, "pip_ensure", lambda *args, **rest: ensure(*args, skip_in_testing=False, **rest))
    hub.pretend_package("scikit-image", False)
    hub.answer_install(False)
    with caplog.at_level(logging.ERROR):
        press_digital_patient(hub)
    assert "Nothing was installed." in caplog.text and quick_patient == []
    hub.answer_install(True)
    press_digital_patient(hub)
    assert [one["requirements"] for one in hub.pip_requests] == [["scikit-image>=0.25"]]
    assert quick_patient == [True]


def test_a_database_that_cannot_be_made_computes_nothing(hub, quick_patient, tmp_path, monkeypatch):
    import slicer

    hub.close_dicom_database()
    (tmp_path / "home" / "Documents").write_text("in the way", encoding="utf-8")
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: True)
    panel = hub.show_module("SenseCarePlanning")
    panel.ui.samplesCollapsibleButton.collapsed = False
    hub.click(panel.ui.digitalPatientButton)
    assert quick_patient == [] and not slicer.dicomDatabase.isOpen


def test_the_hub_can_be_the_first_module_that_slicer_shows(hub, monkeypatch):
    import slicer

    monkeypatch.delattr(slicer, "dicomDatabase")  # there only once the application has started
    panel = hub.show_module("SenseCarePlanning")
    hub.process_events(until=lambda: not panel.caseList.filling)
    assert panel.caseList.cases == ()


def test_the_real_patients_command_starts_and_is_really_stopped(hub, tmp_path):
    from SenseCarePlanningWidgets import digital_patient

    panel = hub.show_module("SenseCarePlanning")
    panel.ui.samplesCollapsibleButton.collapsed = False
    hub.click(panel.ui.digitalPatientButton)
    pid = panel._runner.pid
    hub.process_events(until=lambda: panel.progressBox.step_label.text == "Anatomy", timeout=60)
    hub.click(panel.progressBox.cancel_button)
    hub.process_events(until=lambda: panel._runner is None, timeout=20)
    assert not Path(f"/proc/{pid}").exists()
    assert "Stopped" in panel.progressBox.step_label.text
    assert not digital_patient.patient_folder().exists()
    assert [one for one in (tmp_path / "cases").rglob("*") if one.is_file()] == []


def sample_source():
    """Register the sample as Slicer's start does, and return it."""
    import SampleData

    for _ in range(2):  # as after a reload
        sys.modules["SenseCarePlanning"].registerSampleData()
    name = sys.modules["SenseCarePlanning"].SAMPLE_NAME
    every = SampleData.SampleDataLogic.sampleDataSourcesByCategory().values()
    (found,) = [one for sources in every for one in sources if one.sampleName == name]
    return found


def test_sample_data_are_registered_when_slicer_has_started(hub):
    import SampleData

    found = sample_source()
    assert found.sampleDescription == "Digital patient"
    assert Path(found.thumbnailFileName).is_file()
    from SenseCarePlanningWidgets import digital_patient

    hub.add_dicom(write_study(digital_patient.patient_folder() / "dicom"))
    assert SampleData.downloadSample(found.sampleName).GetName() == "1: Lung"


def test_the_sample_is_named_in_the_users_language(hub):
    import SampleData

    hub.language("zh_CN")
    hub.load_module("SenseCarePlanning")
    assert sample_source().sampleDescription == "数字患者"
    assert list(SampleData.SampleDataLogic.sampleDataSourcesByCategory()) == ["SenseCare 手术规划"]


def test_the_sample_is_made_while_the_application_lives(hub, quick_patient):
    import qt

    ticks = []
    timer = qt.QTimer()
    timer.interval = 5
    timer.connect("timeout()", lambda: ticks.append(1))
    timer.start()
    source = sample_source()
    assert [node.GetName() for node in source.customDownloader(source)] == ["1: Lung"]
    timer.stop()
    assert quick_patient == [True]
    assert len(ticks) > 3


def test_a_sample_that_cannot_be_made_says_so(hub, monkeypatch, caplog):
    from SenseCarePlanningLib.errors import SenseCareError
    from SenseCarePlanningWidgets import digital_patient
    from SenseCarePlanningWidgets.process_runner import ProcessRunner

    for command in ([sys.executable, "-c", "raise SystemExit(3)"], ["/no/such/program"]):
        monkeypatch.setattr(
            digital_patient, "runner", lambda progress, log, finished, run=command: ProcessRunner(run, progress, log, finished)
        )
        source = sample_source()
        caplog.clear()
        with caplog.at_level(logging.ERROR), pytest.raises(SenseCareError):
            source.customDownloader(source)
        assert "stopped unexpectedly" in caplog.text or "could not be started" in caplog.text


def test_nothing_is_downloaded_without_a_yes(hub, monkeypatch):
    import slicer

    panel = hub.show_module("SenseCarePlanning")
    panel.ui.samplesCollapsibleButton.collapsed = False
    asked = []
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: bool(asked.append(text)))
    hub.click(panel.ui.ctChestButton)
    assert len(asked) == 1 and "Download" in asked[0]


def visible_texts(panel):
    """Every text that the panel shows."""
    found = []
    for widget in (panel.parent, *panel.parent.findChildren("QWidget")):
        for name in ("text", "title", "toolTip", "placeholderText"):
            value = widget.property(name)
            if isinstance(value, str):
                found.append(value)
    return [re.sub(r"<.*?>", "", one).strip() for one in found]


def test_the_panel_is_chinese_in_a_chinese_slicer(hub):
    hub.language("zh_CN")
    module = hub.load_module("SenseCarePlanning")
    panel = hub.show_module("SenseCarePlanning")
    panel.ui.modelsCollapsibleButton.collapsed = False
    panel.ui.checkCollapsibleButton.collapsed = False
    assert module.title != "SenseCare Planning" or panel.ui.refreshButton.text != "Refresh"
    known = {"SenseCare Planning", "LungAirway", "3D Slicer", "TotalSegmentator", "Slicer", "DICOM", "PDF", "CT"}
    english = [one for one in visible_texts(panel) if re.search("[A-Za-z]{4}", one) and not re.search("[\u4e00-\u9fff]", one)]
    assert [one for one in english if one not in known and not one.startswith(("/", "qt_"))] == []


def texts_of_code(folders):
    """Every literal that the desktop's files hand to ``_``, and every text of the forms."""
    found = set()
    for folder in folders:
        for path in [*folder.glob("*.py")]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_" and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant) and isinstance(first.value, str):
                        found.add(first.value)
        for path in (folder / "Resources" / "UI").glob("*.ui"):
            found |= set(re.findall(r"<string>([^<]+)</string>", path.read_text(encoding="utf-8")))
    return {re.sub("&apos;", "'", one) for one in found if re.search("[A-Za-z]{3}", one)}


@pytest.mark.parametrize("module", ["SenseCarePlanning", "LungAirway"])
def test_every_text_of_a_module_has_a_translation(module):
    from SenseCarePlanningLib.i18n import translator

    folders = [ROOT / module, ROOT / module / f"{module}Widgets"]
    names = {"search", "engine", "TotalSegmentator", "3D Slicer", "LungAirway"}
    zh = translator("zh")
    left = [one for one in texts_of_code(folders) if one not in names and not one.startswith("vtk") and not zh.knows(one)]
    assert sorted(left) == []
