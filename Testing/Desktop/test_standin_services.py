"""What the application offers besides widgets: files, settings, languages, packages, processes, DICOM, sample data."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest

SAMPLE = Path(__file__).parent / "sample" / "Sample" / "Sample.py"


def add_volume(name):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    return node


def test_a_scene_is_saved_and_opened_again(desktop, tmp_path):
    import slicer

    desktop.load_module("Sample", SAMPLE)
    panel = desktop.show_module("Sample")
    panel.ui.inputSelector.setCurrentNode(add_volume("CT"))
    desktop.save_scene(tmp_path / "case.mrb")
    desktop.scene.Clear(0)
    assert panel.ui.inputSelector.currentNode() is None
    desktop.open_scene(tmp_path / "case.mrb")
    assert slicer.util.arrayFromVolume(slicer.util.getNode("CT")).sum() == 1770
    assert panel.ui.inputSelector.nodeCount() == 1


def test_a_volume_file_is_loaded_by_name(desktop, tmp_path):
    import slicer

    node = add_volume("CT")
    assert slicer.util.saveNode(node, str(tmp_path / "ct.nrrd"))
    loaded = slicer.util.loadVolume(str(tmp_path / "ct.nrrd"), {"name": "Again"})
    assert loaded.GetName() == "Again"
    assert np.array_equal(slicer.util.arrayFromVolume(loaded), slicer.util.arrayFromVolume(node))
    with pytest.raises(RuntimeError, match="Failed to load"):
        slicer.util.loadVolume(str(tmp_path / "absent.nrrd"))


def test_settings_are_the_tests_own(desktop):
    import qt
    import slicer

    assert slicer.util.settingsValue("SenseCare/engine", "auto") == "auto"
    qt.QSettings().setValue("SenseCare/engine", "bundle")
    assert slicer.util.settingsValue("SenseCare/engine", "auto") == "bundle"
    assert str(desktop.folder) in slicer.app.temporaryPath


def test_forms_and_texts_follow_the_language(desktop):
    words = {"Apply": "应用", "Volume:": "图像：", "Sample": "样例"}
    seen = set()

    def look_up(context, text):
        seen.add((context, text))
        return words.get(text, text)

    desktop.language("zh_CN", look_up)
    module = desktop.load_module("Sample", SAMPLE)
    panel = desktop.show_module("Sample")
    assert module.title == "样例"
    assert panel.ui.applyButton.text == "应用"
    assert panel.ui.label.text == "图像："
    assert ("Sample", "Apply") in seen
    desktop.language("en_US")
    import slicer

    slicer.util.reloadScriptedModule("Sample")
    assert slicer.util.getModuleWidget("Sample").ui.applyButton.text == "Apply"


def test_errors_are_logged_in_testing_mode_and_shown_otherwise(desktop, caplog):
    import slicer

    with caplog.at_level(logging.ERROR):
        slicer.util.errorDisplay("The CT could not be read.")
    assert "The CT could not be read." in caplog.text
    desktop.testing = False
    desktop.expect_dialog("ctkMessageBox", lambda box: box.accept())
    slicer.util.errorDisplay("The CT could not be read.")
    with pytest.raises(ZeroDivisionError), slicer.util.tryWithErrorDisplay("Failed."):
        _ = 1 / 0
    assert len(desktop.take_faults("unexpected dialog")) == 1


def test_nothing_is_installed_but_recorded(desktop):
    from slicer import packaging

    assert packaging.pip_check("numpy>=1")
    packaging.pip_ensure(["absent-package>=2"], requester="Sample")
    assert desktop.pip_requests == []
    desktop.answer_install(False)
    with pytest.raises(RuntimeError, match="declined"):
        packaging.pip_ensure(["absent-package>=2"], skip_in_testing=False)
    desktop.answer_install(True)
    packaging.pip_ensure(["absent-package>=2", "numpy"], requester="Sample", skip_in_testing=False)
    assert [one["requirements"] for one in desktop.pip_requests] == [["absent-package>=2"]]
    desktop.pretend_package("numpy", False)
    assert not packaging.pip_check("numpy")


def test_a_console_process_tells_through_the_event_loop(desktop):
    import slicer

    lines, ended = [], []
    process = slicer.util.launchConsoleProcess(
        [sys.executable, "-c", "print('one'); print('two'); raise SystemExit(3)"],
        blocking=False,
        logCallback=lines.append,
        completedCallback=ended.append,
    )
    desktop.process_events(until=lambda: bool(ended))
    assert (lines, ended, process.returncode) == (["one", "two"], [3], 3)


def test_sample_data_come_from_their_own_downloader(desktop):
    import SampleData

    with pytest.raises(TypeError):  # Slicer's own takes no source without lists
        SampleData.SampleDataLogic.registerCustomSampleDataSource(sampleName="Patient", customDownloader=add_volume)
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="Planning",
        sampleName="Patient",
        uris=[],
        fileNames=[],
        customDownloader=lambda source: [add_volume(source.sampleName)],
    )
    assert SampleData.downloadSample("Patient").GetName() == "Patient"
    SampleData.SampleDataLogic.registerCustomSampleDataSource(sampleName="Far", uris=["https://example.org/x"], fileNames=["x"])
    with pytest.raises(RuntimeError, match="no network"):
        SampleData.downloadSample("Far")


def test_the_case_list_comes_from_dicom_files(desktop, tmp_path):
    import SimpleITK
    import slicer
    from DICOMLib import DICOMUtils

    for at in range(3):
        image = SimpleITK.GetImageFromArray(np.full((1, 8, 8), at, np.int16))
        image.SetOrigin((0.0, 0.0, 2.0 * at))
        for key, value in {
            "0010|0010": "Doe^Jane",
            "0010|0020": "7",
            "0008|0060": "CT",
            "0020|000d": "1.2.3",
            "0020|000e": "1.2.3.4",
            "0008|103e": "Chest/lung",
            "0020|0011": "4",
            "0008|0020": "20240131",
            "0020|0032": f"0\\0\\{2.0 * at}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(at + 1),
        }.items():
            image.SetMetaData(key, value)
        writer = SimpleITK.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(tmp_path / f"{at}.dcm"))
        writer.Execute(image)
    changes = []
    slicer.dicomDatabase.connect("databaseChanged()", lambda: changes.append(1))
    desktop.add_dicom(tmp_path)
    database = slicer.dicomDatabase
    assert changes == [1]
    patient = database.patients()[0]
    study = database.studiesForPatient(patient)[0]
    series = database.seriesForStudy(study)[0]
    assert (database.nameForPatient(patient), study, series) == ("Doe^Jane", "1.2.3", "1.2.3.4")
    assert database.fieldForStudy("StudyDate", study) == "2024-01-31"
    assert len(database.filesForSeries(series)) == 3
    assert database.fileValue(database.filesForSeries(series)[0], "0008,0060") == "CT"
    node = slicer.mrmlScene.GetNodeByID(DICOMUtils.loadSeriesByUID([series])[0])
    assert node.GetName() == "4: Chest-lung"
    assert slicer.util.arrayFromVolume(node).shape == (3, 8, 8)
    assert len(node.GetAttribute("DICOM.instanceUIDs").split()) == 3
