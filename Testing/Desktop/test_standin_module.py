"""A scripted module is loaded, shown, used and left as in the desktop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

SAMPLE = Path(__file__).parent / "sample" / "Sample" / "Sample.py"


def add_volume(desktop, name="CT"):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    return node


@pytest.fixture
def panel(desktop):
    desktop.load_module("Sample", SAMPLE)
    return desktop.show_module("Sample")


def test_a_click_computes_on_the_chosen_volume(desktop, panel, tmp_path):
    assert not panel.ui.applyButton.enabled
    panel.ui.inputSelector.setCurrentNode(add_volume(desktop))
    panel.ui.thresholdSlider.value = 49.0
    desktop.click(panel.ui.applyButton)
    assert panel.ui.resultLabel.text == "10 voxels above the threshold"
    picture = desktop.screenshot(tmp_path / "panel.png")
    assert picture.stat().st_size > 1000


def test_the_module_is_entered_left_and_told_of_the_scene(desktop, panel):
    desktop.leave_module()
    desktop.show_module("Sample")
    desktop.scene.Clear(0)
    assert panel.calls == ["enter", "exit", "enter", "close"]


def test_reload_makes_a_new_panel(desktop, panel):
    import slicer

    slicer.util.reloadScriptedModule("Sample")
    new = slicer.util.getModuleWidget("Sample")
    assert new is not panel
    assert panel.calls[-1] == "cleanup"
    assert new.ui.applyButton.text == "Apply"
    assert slicer.modules.SampleWidget is new
    assert slicer.util.getModuleLogic("Sample") is new.logic


def test_an_exception_in_a_slot_is_recorded_and_not_raised(desktop, panel):
    desktop.click(panel.ui.applyButton) if panel.ui.applyButton.enabled else panel.ui.applyButton.setEnabled(True)
    desktop.click(panel.ui.applyButton)
    assert len(desktop.take_faults("slot exception")) == 1


def test_the_modules_own_test_class_runs(desktop, panel):
    desktop.run_self_test("Sample")


def test_pictures_in_light_and_dark(desktop, panel, tmp_path):
    from PySide6.QtGui import QImage

    light = QImage(str(desktop.screenshot(tmp_path / "light.png")))
    desktop.dark()
    dark = QImage(str(desktop.screenshot(tmp_path / "dark.png")))
    assert light.size() == dark.size()
    assert light.pixelColor(3, 3).lightness() > 150 > dark.pixelColor(3, 3).lightness()


def test_a_slow_slot_is_noted(desktop, panel):
    import time

    panel.ui.applyButton.enabled = True
    panel.ui.applyButton.disconnect("clicked(bool)")
    panel.ui.applyButton.connect("clicked(bool)", lambda: time.sleep(0.15))
    desktop.click(panel.ui.applyButton)
    assert desktop.slow_slots[0][0] >= 0.15
