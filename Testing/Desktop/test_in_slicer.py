"""The handle that tests have in a real Slicer, driven here on the stand-in: it uses only what module code may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_data import write_study
from in_slicer import SlicerDesktop, running

SAMPLE = Path(__file__).parent / "sample" / "Sample" / "Sample.py"


@pytest.fixture
def inside(desktop, tmp_path):
    """The handle, as in a Slicer that has loaded the sample module."""
    if running():
        return desktop
    desktop.load_module("Sample", SAMPLE)
    made = SlicerDesktop(tmp_path)
    yield made
    made.stop()


def test_a_module_is_shown_clicked_and_left(inside):
    import numpy as np
    import slicer

    inside.load_module("Sample")
    panel = inside.show_module("Sample")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    slicer.util.updateVolumeFromArray(node, np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    with pytest.raises(AssertionError, match="disabled"):
        inside.click(panel.ui.applyButton)
    panel.ui.inputSelector.setCurrentNode(node)
    panel.ui.thresholdSlider.value = 49.0
    inside.click(panel.ui.applyButton)
    inside.process_events(until=lambda: panel.ui.resultLabel.text == "10 voxels above the threshold")
    with pytest.raises(TimeoutError):
        inside.process_events(until=lambda: False, timeout=0.05)
    inside.run_self_test("Sample")


def test_static_dialogs_are_answered_once_and_given_back(inside):
    import qt

    kept = qt.QFileDialog
    inside.expect_dialog("QFileDialog.getExistingDirectory", "/somewhere")
    inside.expect_dialog("QFileDialog.getSaveFileName", "/file.pdf")
    assert qt.QFileDialog.getExistingDirectory(None, "title", "") == "/somewhere"
    assert qt.QFileDialog.getSaveFileName(None, "title", "", "PDF (*.pdf)") == "/file.pdf"
    assert qt.QFileDialog.Accepted == kept.Accepted
    inside.stop()
    assert qt.QFileDialog is kept


def test_scenes_are_saved_and_opened_and_the_scene_begins_empty(inside, tmp_path):
    import slicer

    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "note")
    path = inside.save_scene(tmp_path / "scene.mrb")
    inside.open_scene(path)
    assert [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLTextNode")] == ["note"]
    inside.stop()
    assert slicer.util.getNodesByClass("vtkMRMLTextNode") == []


def patients():
    import slicer

    return [slicer.dicomDatabase.nameForPatient(one) for one in slicer.dicomDatabase.patients()]


@pytest.fixture
def users(desktop, tmp_path):
    """A user with a study in the DICOM database and settings of their own."""
    import slicer

    desktop.add_dicom(write_study(tmp_path / "user", "Own^Patient"))
    slicer.app.userSettings().setValue("SenseCarePlanning/CasesFolder", "/mine")
    slicer.app.userSettings().setValue("Other/Changed", "1")
    return desktop


def assert_the_users_things_are_back():
    import slicer

    assert patients() == ["Own^Patient"]
    settings = slicer.app.userSettings()
    assert settings.value("SenseCarePlanning/CasesFolder") == "/mine"
    assert settings.value("Other/Changed") == "1"
    assert not settings.contains("Other/New")


@pytest.mark.skipif(running(), reason="in Slicer the handle is at work already")
@pytest.mark.parametrize("fails", [False, True], ids=["ends well", "fails at its end"])
def test_the_users_database_and_settings_are_left_alone_whatever_happens(users, tmp_path, monkeypatch, fails):
    import slicer

    made = SlicerDesktop(tmp_path / "test")
    assert patients() == []
    made.add_dicom(write_study(tmp_path / "study", "Test^Patient"))
    assert patients() == ["Test^Patient"]
    settings = slicer.app.userSettings()
    settings.setValue("Other/Changed", "2")
    settings.setValue("Other/New", "3")
    settings.remove("SenseCarePlanning/CasesFolder")
    if fails:
        made._undo.callback(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            made.stop()
    else:
        made.stop()
    assert_the_users_things_are_back()


@pytest.mark.skipif(running(), reason="in Slicer the handle is at work already")
def test_they_are_left_alone_when_the_handle_cannot_be_made(users, tmp_path, monkeypatch):
    import slicer

    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("no scene")

    with monkeypatch.context() as changed, pytest.raises(RuntimeError):
        changed.setattr(slicer, "mrmlScene", Broken())
        SlicerDesktop(tmp_path / "test")
    assert_the_users_things_are_back()


def test_a_slicer_without_pytest_skips_with_what_to_do(monkeypatch):
    import sys
    import unittest

    from SenseCareDesktopTest import SenseCareDesktopTest

    monkeypatch.setitem(sys.modules, "pytest", None)
    outcome = unittest.TestResult()
    SenseCareDesktopTest("test_widgets").run(outcome)
    ((_test, reason),) = outcome.skipped
    assert "pip_install('pytest')" in reason
    assert outcome.wasSuccessful()


@pytest.mark.parametrize("name", ["language", "dark", "pretend_package", "press"])
def test_what_slicer_cannot_do_skips(inside, name):
    with pytest.raises(pytest.skip.Exception):
        getattr(inside, name)(None, "")
