"""LungAirway: from a chest CT to a bronchoscopy plan, step by step, in the Slicer desktop."""

import logging
import unittest
from pathlib import Path
from typing import Annotated

import slicer
import vtk
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from LungAirwayWidgets.options import ColorBy, Engine, Orientation
from SenseCarePlanningWidgets.texts import planning_category, translate_form
from SenseCarePlanningWidgets.texts import tr as _


class LungAirway(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Lung Airway")
        self.parent.categories = [planning_category()]
        self.parent.dependencies = ["Markups", "Segmentations", "SubjectHierarchy"]
        self.parent.contributors = ["SenseCare Planning contributors"]
        self.parent.helpText = _(
            "Plans a bronchoscopy on a chest CT: airway tree with names and diameters, ways to a target, what each bronchoscope "
            "reaches, fly-through and a printable report. For research; not a medical device."
        )
        self.parent.acknowledgementText = _("Anatomy, measurements and rules are cited in the documentation and in each report.")
        slicer.app.connect("startupCompleted()", registerLayout)


def registerLayout():
    """Make the module's layout known before any scene is opened, one that was saved in it."""
    from LungAirwayWidgets.layout import register_layout

    register_layout()


@parameterNodeWrapper
class LungAirwayParameterNode:
    """What the user chose in the panel; what belongs to one CT is an ``AirwayCase`` of its own.

    inputVolume - the CT worked on.
    engine, routeCount, orientation - how to plan.
    modelFolder - the MONAI bundle of the network engine; empty for the first on this machine.
    colorBy - what the colours mean.
    slicesFollow, speed - the fly-through.
    makeVideo - whether the report comes with a video.
    """

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    engine: Engine = Engine.AUTO
    modelFolder: str = ""
    routeCount: Annotated[int, WithinRange(1, 20)] = 3
    orientation: Orientation = Orientation.ANTERIOR_12
    colorBy: ColorBy = ColorBy.LOBE
    slicesFollow: bool = True
    speed: Annotated[float, WithinRange(0.2, 5.0)] = 1.0
    makeVideo: bool = False


class LungAirwayWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: seven steps, each usable alone. What each step does is in ``LungAirwayWidgets``; here the parts are wired."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._guiTag = None

    def setup(self):
        """Load the form and put its parts to work."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/LungAirway.ui"))
        translate_form(uiWidget)
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.ui.inputSelector.noneDisplay = _("Choose a chest CT")
        self.ui.targetSelector.noneDisplay = _("No point")
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = LungAirwayLogic()
        self._makePanels()
        self.ui.runButton.connect("clicked()", self.onRunButton)
        self.ui.reportButton.connect("clicked()", self.onReportButton)
        # The box shows all that it holds when it is opened, what was hidden meanwhile too.
        self.ui.optionsBox.connect("toggled(bool)", self._showModel)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()
        if self.parent.isEntered:  # reloaded while it is shown: nobody enters it again
            self.treePanel.attach()
            self.flyPanel.bind_view()

    def _makePanels(self):
        from LungAirwayWidgets.fly_panel import FlyPanel
        from LungAirwayWidgets.guide import Guide
        from LungAirwayWidgets.model_chooser import ModelChooser
        from LungAirwayWidgets.plan_panel import PlanPanel
        from LungAirwayWidgets.runs import Runs
        from LungAirwayWidgets.session import Session
        from LungAirwayWidgets.status_panel import StatusPanel
        from LungAirwayWidgets.tree_panel import TreePanel
        from LungAirwayWidgets.video import VideoRecorder
        from SenseCarePlanningWidgets.dicom_node import archive_sender
        from SenseCarePlanningWidgets.placing_points import PlacingButtons
        from SenseCarePlanningWidgets.progress_box import ProgressBox
        from SenseCarePlanningWidgets.report_view import ReportView

        ui, self.session = self.ui, Session()
        self.progressBox = ProgressBox(self.onCancel)
        self.reportView = ReportView()
        self.archive = archive_sender(lambda: self.reportView.folder)
        placed = ((ui.progressHolder, self.progressBox), (ui.reportHolder, self.reportView), (ui.archiveHolder, self.archive))
        for holder, part in placed:
            holder.layout().addWidget(part.widget)
            holder.layout().setContentsMargins(0, 0, 0, 0)
        self.runs = Runs(self.session, self.logic, self.progressBox, self._choices, self._showState)
        self.modelChooser = ModelChooser(ui, Path(self.resourcePath("Models")), self.onModelFolder)
        self.treePanel = TreePanel(ui, self.session, self.runs.replan)
        self.planPanel = PlanPanel(ui, self.session, self.runs.replan)
        self.flyPanel = FlyPanel(ui, self.session, self.treePanel.attach)
        self.placingButtons = PlacingButtons(ui.placeTargetButton, ui.drawBridgeButton)
        self.videoRecorder = VideoRecorder(ui, self.session, self.runs)
        self.guide = Guide(ui, self.session, self.flyPanel.show_views)
        self.statusPanel = StatusPanel(ui, self.session, self.treePanel, self.planPanel, self.reportView)
        self.session.listeners.append(self._onSession)
        self.session.tell("case")

    def cleanup(self):
        """Slicer ends, or the module is reloaded: nothing of it may go on."""
        self.runs.stop_now()
        self.session.close()
        self.flyPanel.close()
        self.treePanel.detach()
        self.treePanel.stop()
        self.placingButtons.release()
        self.placingButtons.close()
        self.planPanel.unwatch()
        self.archive.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """Shown: take up the scene as it is now."""
        self.initializeParameterNode()
        self.treePanel.attach()
        self.planPanel.update("theme")

    def exit(self):
        """Left: the fly-through stops; the scene may be changed by others."""
        self.ui.playButton.checked = False
        self.placingButtons.release()
        self.flyPanel.fly.unmark()
        self.treePanel.detach()

    def onSceneStartClose(self, caller, event):
        """Let go of the scene; what is computed for it is stopped."""
        self.ui.playButton.checked = False
        self.onCancel()
        self.planPanel.unwatch()
        self.setParameterNode(None)
        self.session.close()

    def onSceneEndClose(self, caller, event):
        """Begin anew."""
        self.progressBox.hide()
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller, event):
        """A scene was loaded: its case comes back; the form is bound anew, to nodes that are there only now."""
        self.setParameterNode(None)
        if self.parent.isEntered:
            self.session.close()
            self.initializeParameterNode()
            self.flyPanel.show_views()

    def initializeParameterNode(self):
        """Take the scene's parameter node; with one CT in the scene, it is the choice."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            if len(volumes) == 1 and volumes[0].GetImageData() is not None:
                self._parameterNode.inputVolume = volumes[0]

    def setParameterNode(self, node):
        """Bind the form to a parameter node, or to none.

        It stays bound while the module is not shown: in Slicer 5.10 every ``disconnectGui`` leaves connections behind.
        """
        if node is not None and self._guiTag is not None and node.parameterNode is self._parameterNode.parameterNode:
            self._onParameters()
            return
        if self._parameterNode is not None:
            if self._guiTag is not None:
                self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParameters)
        self._parameterNode, self._guiTag = node, None
        if node is not None:
            self._guiTag = node.connectGui(self.ui)
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onParameters)
            self._onParameters()

    def _onParameters(self, caller=None, event=None):
        """Follow the chosen CT and colours."""
        from SenseCarePlanningWidgets.error_message import shown_failures

        if slicer.mrmlScene.IsImporting() or slicer.mrmlScene.IsClosing():
            return  # the CT may be there before its case; the end of the import takes both up
        chosen = self._parameterNode.inputVolume
        case = self.session.case
        shown = case.volume if case is not None else None
        if chosen is not shown or (case is not None and shown is None):  # None of a CT that was deleted elsewhere
            with shown_failures():
                self.session.open(chosen)
                if chosen is not None and chosen.GetImageData() is not None:
                    slicer.util.setSliceViewerLayers(background=chosen, fit=True)
        self.session.set_color_mode(self._parameterNode.colorBy.name)
        self._showModel()
        self._showState()

    def _showModel(self, opened=True):
        if opened and self._parameterNode is not None:
            self.modelChooser.show(self._parameterNode.modelFolder, self._parameterNode.engine is Engine.BUNDLE)

    def _onSession(self, what):
        if what == "case":
            self.statusPanel.show_report()
        self._showState()
        if self.runs.planned and not self.session.taking_up:
            self.runs.planned = False
            if self.session.result is not None:
                self.guide.lead(self.runs.corrected)

    def _showState(self):
        self.statusPanel.show(self.runs.busy)

    def _choices(self, engine=None, bundle=""):
        from LungAirwayWidgets import jobs

        return jobs.choices(engine, bundle, self._parameterNode.routeCount, self._parameterNode.orientation.value)

    def onModelFolder(self, folder):
        """Keep the chosen model with the scene."""
        if self._parameterNode is not None:
            self._parameterNode.modelFolder = folder

    def onRunButton(self):
        """Find the airways and, with a target, plan."""
        from SenseCarePlanningWidgets.error_message import shown_failures

        with shown_failures():
            if not self.treePanel.may_leave_corrections():
                return
            engine = self._parameterNode.engine.value
            self.runs.plan(engine, self.modelChooser.needed() if engine == "bundle" else "")

    def onReportButton(self):
        """Write the report and everything beside it."""
        from SenseCarePlanningWidgets.error_message import shown_failures

        with shown_failures():
            self.runs.report(self._parameterNode.makeVideo, self._onReported)

    def _onReported(self):
        self.statusPanel.show_report()
        self.guide.open("reportSection")

    def onCancel(self):
        """Stop the child process."""
        self.runs.cancel()

    def setEditedNode(self, node, role="", context=""):
        """Work on a CT that another module hands over."""
        if node is None or not node.IsA("vtkMRMLScalarVolumeNode"):
            return False
        self.initializeParameterNode()
        self._parameterNode.inputVolume = node
        return True


class LungAirwayLogic(ScriptedLoadableModuleLogic):
    """What the module computes, usable from Slicer's console without the panel."""

    def getParameterNode(self):
        """Return the panel's parameters, typed."""
        return LungAirwayParameterNode(super().getParameterNode())

    def ensurePackages(self, engine="classical"):
        """Install the Python packages that an engine lacks, after the user's yes."""
        from SenseCarePlanningWidgets import dependency_installer

        dependency_installer.ensure("classical" if engine == "auto" else engine, _("Lung Airway"))

    def resultsFolder(self):
        """Return the folder that results are kept in."""
        from SenseCarePlanningWidgets.cases import cases_folder

        return cases_folder()

    def run(self, volumeNode, target=None, airway=None, engine="auto", routes=3, orientation="anterior_12", scopes=()):
        """Plan at once, in this process, and return the result; the window waits meanwhile.

        Parameters
        ----------
        volumeNode
            The CT; None to plan on ``airway`` alone.
        target
            A markups node, (r, a, s) in mm as Slicer shows it, or (segmentation node, segment id); None for the tree alone.
        airway
            An airway segmentation of your own as (segmentation node, segment id).
        engine, routes, orientation, scopes
            As :class:`LungAirwayLib.pipeline.AirwayOptions`.

        Returns
        -------
        LungAirwayLib.result.AirwayResult
            The same as from ``LungAirwayLib.pipeline.run``.
        """
        from LungAirwayWidgets.console import plan

        return plan(
            volumeNode, target, airway, engine=engine, route_count=routes, orientation=orientation, scope_ids=tuple(scopes)
        )

    def process(self, volumeNode, onFinished, target=None, onProgress=None, engine="auto", routes=3, orientation="anterior_12"):
        """Plan in a child process; the window stays alive. Returns the job, which has ``cancel()``.

        Parameters
        ----------
        onFinished
            Called with the ``RunOutcome``; its ``folder`` holds the result, see :meth:`load`.
        target
            A markups node; None takes the case's own target.
        """
        from LungAirwayWidgets.console import start

        return start(volumeNode, onFinished, target, onProgress, self.resultsFolder(), (engine, "", routes, orientation))

    def load(self, folder):
        """Return the result in a folder, as :meth:`run` does."""
        from LungAirwayWidgets.jobs import result_of

        return result_of(folder)

    def show(self, volumeNode, folder, wait=True):
        """Show a result folder in the scene as the result of a CT; a panel that is open follows.

        Returns the result, or, without ``wait`` and with an open panel, None: the result appears by and by, beside the window.
        """
        from LungAirwayWidgets.console import show

        return show(volumeNode, folder, wait)

    def save(self, result, folder):
        """Write a result into a new folder."""
        from LungAirwayLib.result_io import save_result

        Path(folder).mkdir(parents=True, exist_ok=True)
        save_result(result, Path(folder))


class LungAirwayTest(ScriptedLoadableModuleTest):
    """Runs in Slicer and on the project's stand-in: the panel opens, and an airway painted into the scene becomes a plan."""

    def setUp(self):
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        """Run all; what cannot run here is skipped, and the log says why."""
        for test in (self.test_panel_opens, self.test_volume_without_image_is_refused, self.test_painted_airway_becomes_a_plan):
            self.setUp()
            try:
                test()
            except unittest.SkipTest as reason:
                logging.getLogger(__name__).warning("%s skipped: %s", test.__name__, reason)

    def _needPackages(self):
        from SenseCarePlanningWidgets import dependency_installer

        lacking = dependency_installer.missing("classical")
        if lacking:
            self.skipTest(f"these packages are not installed: {', '.join(one.name for one in lacking)}")

    def test_panel_opens(self):
        """The panel opens and asks for a CT."""
        widget = slicer.util.getModuleWidget("LungAirway")
        self.assertFalse(widget.ui.runButton.enabled)
        self.assertTrue(widget.ui.statusLabel.text)

    def test_volume_without_image_is_refused(self):
        """A volume without an image is a sentence."""
        from SenseCarePlanningLib.errors import InputError

        self._needPackages()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        with self.assertRaises(InputError):
            LungAirwayLogic().run(node)

    def test_painted_airway_becomes_a_plan(self):
        """A trachea, two main bronchi and four branches are a tree of seven, with a route to a point beyond one of them."""
        from LungAirwayWidgets.painted_airway import painted_airway

        self._needPackages()
        result = LungAirwayLogic().run(None, target=(48.0, -4.0, -88.0), airway=(painted_airway(slicer.mrmlScene), "airway"))
        self.assertEqual(len(result.tree), 7)
        self.assertEqual(result.tree.root.generation, 0)
        self.assertGreater(len(result.plan.routes), 0)
