"""The handle that tests have in a real Slicer, driven here on the stand-in: it uses only what module code may use."""

from __future__ import annotations

from pathlib import Path

import pytest
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


@pytest.mark.parametrize("name", ["language", "dark", "pretend_package", "press"])
def test_what_slicer_cannot_do_skips(inside, name):
    with pytest.raises(pytest.skip.Exception):
        getattr(inside, name)(None, "")
