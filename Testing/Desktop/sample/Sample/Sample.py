"""A small scripted module as Slicer's template makes them: what the stand-in's own tests work on."""

import numpy as np
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class Sample(ScriptedLoadableModule):
    """The module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Sample")
        self.parent.categories = ["Testing"]


class SampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Its panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.calls = []

    def setup(self):
        """Load the form."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/Sample.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = SampleLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onVolume)

    def enter(self):
        """Shown."""
        self.calls.append("enter")

    def exit(self):
        """Left."""
        self.calls.append("exit")

    def cleanup(self):
        """The application ends, or the module is reloaded."""
        self.calls.append("cleanup")
        self.removeObservers()

    def onSceneStartClose(self, caller, event):
        """The scene is about to be emptied."""
        self.calls.append("close")

    def onVolume(self, node):
        """Another volume."""
        self.ui.applyButton.enabled = node is not None

    def onApplyButton(self):
        """Compute."""
        count = self.logic.run(self.ui.inputSelector.currentNode(), self.ui.thresholdSlider.value)
        self.ui.resultLabel.text = _("{count} voxels above the threshold").format(count=count)


class SampleLogic(ScriptedLoadableModuleLogic):
    """Its computation."""

    def run(self, volumeNode, threshold):
        """Count voxels above a threshold."""
        return int((slicer.util.arrayFromVolume(volumeNode) > threshold).sum())


class SampleTest(ScriptedLoadableModuleTest):
    """Its test, as it runs in Slicer."""

    def test_nothing_is_above(self):
        """No voxel is above the largest."""
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        slicer.util.updateVolumeFromArray(node, np.ones((2, 2, 2)))
        self.assertEqual(SampleLogic().run(node, 1), 0)
