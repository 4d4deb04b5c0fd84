"""CardiacCTA: from a coronary CT angiogram to graded arteries, step by step, in the Slicer desktop."""

import logging
import unittest
from pathlib import Path

import slicer
import vtk
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from SenseCarePlanningWidgets.texts import planning_category, translate_form
from SenseCarePlanningWidgets.texts import tr as _


class CardiacCTA(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cardiac CTA")
        self.parent.categories = [planning_category()]
        self.parent.dependencies = ["Volumes", "Markups"]
        self.parent.contributors = ["SenseCare Planning contributors"]
        self.parent.helpText = _(
            "Analyses a coronary CT angiogram: arteries with names, stenoses with intervals, plaque, calcium score, CAD-RADS "
            "with its rules and a printable report. For research; not a medical device."
        )
        self.parent.acknowledgementText = _("Anatomy, measurements and rules are cited in the documentation and in each report.")


@parameterNodeWrapper
class CardiacCTAParameterNode:
    """What the user chose in the panel; what belongs to one CT is a ``CoronaryCase`` of its own.

    inputVolume - the coronary CT worked on.
    calciumVolume - the series for the calcium score, or none.
    """

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    calciumVolume: slicer.vtkMRMLScalarVolumeNode


class CardiacCTAWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: nine steps. What each step does is in ``CardiacCTAWidgets``; here the parts are wired."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._guiTag = None

    def setup(self):
        """Load the form and put its parts to work."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/CardiacCTA.ui"))
        translate_form(uiWidget)
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.ui.inputSelector.noneDisplay = _("Choose a coronary CT")
        self.ui.calciumSelector.noneDisplay = _("No calcium series")
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = CardiacCTALogic()
        self._makePanels()
        self.ui.runButton.connect("clicked()", self.onRunButton)
        self.ui.reportButton.connect("clicked()", self.onReportButton)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def _makePanels(self):
        from CardiacCTAWidgets.cut_panel import CutPanel
        from CardiacCTAWidgets.draw_panel import DrawPanel
        from CardiacCTAWidgets.film_panel import FilmPanel
        from CardiacCTAWidgets.findings_panel import FindingsPanel
        from CardiacCTAWidgets.known_panel import KnownPanel
        from CardiacCTAWidgets.marks_panel import MarksPanel
        from CardiacCTAWidgets.runs import Runs
        from CardiacCTAWidgets.session import Session
        from CardiacCTAWidgets.status_panel import StatusPanel
        from CardiacCTAWidgets.vessel_panel import VesselPanel
        from CardiacCTAWidgets.vessel_picker import VesselPicker
        from SenseCarePlanningWidgets.dicom_node import archive_sender
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
        self.runs = Runs(self.session, self.logic, self.progressBox, self._showState)
        self.drawPanel = DrawPanel(ui, self.session)
        self.vesselPanel = VesselPanel(ui, self.session, CutPanel(ui, self.session), self.drawPanel)
        self.vesselPicker = VesselPicker(self.session)
        self.findingsPanel = FindingsPanel(ui, self.session)
        self.knownPanel = KnownPanel(ui, self.session, self._calciumVolume)
        self.filmPanel = FilmPanel(ui, self.session)
        self.marksPanel = MarksPanel(ui, self.session)
        self.statusPanel = StatusPanel(ui, self.session, self.reportView)
        self.session.listeners.append(self._onSession)
        self.session.tell("case")

    def cleanup(self):
        """Slicer ends, or the module is reloaded: nothing of it may go on."""
        self.runs.stop_now()
        self.session.listeners.clear()
        self.session.close()
        self.drawPanel.close()
        self.vesselPanel.close()
        self.vesselPicker.detach()
        self.filmPanel.close()
        self.marksPanel.close()
        self.archive.close()
        self.reportView.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """Shown: take up the scene as it is now."""
        self.initializeParameterNode()
        self.vesselPicker.attach()

    def exit(self):
        """Left: the scene may be changed by others."""
        self.marksPanel.release()
        self.vesselPicker.detach()

    def onSceneStartClose(self, caller, event):
        """Let go of the scene; what is computed for it is stopped."""
        self.onCancel()
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
        """Follow the chosen CT."""
        from CardiacCTAWidgets.views import use_layout
        from SenseCarePlanningWidgets.error_message import shown_failures

        if slicer.mrmlScene.IsImporting() or slicer.mrmlScene.IsClosing():
            return  # the CT may be there before its case; the end of the import takes both up
        chosen = self._parameterNode.inputVolume
        shown = self.session.case.volume if self.session.case is not None else None
        if chosen is not shown:
            with shown_failures():
                self.session.open(chosen)
                if chosen is not None and chosen.GetImageData() is not None:
                    use_layout()
                    slicer.util.setSliceViewerLayers(background=chosen, fit=True)
        self.knownPanel.show_told()  # a calibration factor needs the calcium series
        self._showState()

    def _calciumVolume(self):
        return self._parameterNode.calciumVolume if self._parameterNode is not None else None

    def _onSession(self, what):
        from CardiacCTAWidgets.views import look_at_arteries

        if what in ("case", "change"):
            self.statusPanel.show_report()
        if what == "shown":
            look_at_arteries()
            if self.parent.isEntered:
                self.vesselPicker.attach()  # the view may be one of another layout now
        self._showState()

    def _showState(self):
        self.statusPanel.show(self.runs.busy)

    def onRunButton(self):
        """Analyse the chosen CT, with the calcium series if one is chosen and what is known from elsewhere."""
        from SenseCarePlanningWidgets.error_message import shown_failures

        with shown_failures():
            self.marksPanel.release()
            self.runs.analyse(self._parameterNode.calciumVolume, self.marksPanel.clicks(), self.knownPanel.known())

    def onReportButton(self):
        """Write the report and the film."""
        from SenseCarePlanningWidgets.error_message import shown_failures

        with shown_failures():
            self.runs.report(self._onReport)

    def _onReport(self):
        """Show the report that was made; its pictures can stand on a film now."""
        self.statusPanel.show_report()
        self.filmPanel.show()

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


class CardiacCTALogic(ScriptedLoadableModuleLogic):
    """What the module computes, usable from Slicer's console without the panel."""

    def getParameterNode(self):
        """Return the panel's parameters, typed."""
        return CardiacCTAParameterNode(super().getParameterNode())

    def ensurePackages(self):
        """Install the Python packages that Slicer lacks, after the user's yes."""
        from SenseCarePlanningWidgets import dependency_installer

        dependency_installer.ensure("classical", _("Cardiac CTA"))

    def resultsFolder(self):
        """Return the folder that results are kept in."""
        from SenseCarePlanningWidgets.cases import cases_folder

        return cases_folder()

    def run(self, volumeNode, calcium=None, engine="auto", clicks=(), **options):
        """Analyse at once, in this process, and return the result; the window waits meanwhile.

        Parameters
        ----------
        volumeNode
            The coronary CT angiogram.
        calcium
            A series without contrast for the calcium score, or None.
        engine, clicks, options
            As :class:`CardiacCTALib.pipeline.CoronaryOptions`, such as ``calcium_calibration=0.78``.

        Returns
        -------
        CardiacCTALib.result.CoronaryResult
            The same as from ``CardiacCTALib.pipeline.run``.
        """
        from CardiacCTAWidgets.console import analyse

        return analyse(volumeNode, calcium, engine=engine, clicks=tuple(clicks), **options)

    def process(self, volumeNode, onFinished, calcium=None, onProgress=None, known=None):
        """Analyse in a child process; the window stays alive. Returns the job, which has ``cancel()``.

        Parameters
        ----------
        onFinished
            Called with the ``RunOutcome``; its ``folder`` holds the result, see :meth:`load`.
        calcium
            As for :meth:`run`.
        known
            What is known from elsewhere: :class:`CardiacCTALib.known.Known`, or None.
        """
        from CardiacCTAWidgets.console import start

        return start(volumeNode, onFinished, calcium, onProgress, self.resultsFolder(), known)

    def load(self, folder):
        """Return the result in a folder, as :meth:`run` does, with the reader's changes applied."""
        from CardiacCTALib.reader_changes import load_shown

        return load_shown(Path(folder))[1]

    def show(self, volumeNode, folder, wait=True):
        """Show a result folder in the scene as the result of a CT; a panel that is open follows.

        Returns the result, or, without ``wait`` and with an open panel, None: the result appears by and by, beside the window.
        """
        from CardiacCTAWidgets.console import show

        return show(volumeNode, folder, wait)

    def save(self, result, folder):
        """Write a result into a new folder."""
        from CardiacCTALib.result_io import save_result

        Path(folder).mkdir(parents=True, exist_ok=True)
        save_result(result, Path(folder))


class CardiacCTATest(ScriptedLoadableModuleTest):
    """Runs in Slicer and on the project's stand-in: the panel opens, and what cannot be analysed is refused in a sentence."""

    def setUp(self):
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        """Run all; what cannot run here is skipped, and the log says why."""
        for test in (self.test_panel_opens, self.test_volume_without_image_is_refused):
            self.setUp()
            try:
                test()
            except unittest.SkipTest as reason:
                logging.getLogger(__name__).warning("%s skipped: %s", test.__name__, reason)

    def test_panel_opens(self):
        """The panel opens and asks for a CT."""
        widget = slicer.util.getModuleWidget("CardiacCTA")
        self.assertFalse(widget.ui.runButton.enabled)
        self.assertTrue(widget.ui.statusLabel.text)

    def test_volume_without_image_is_refused(self):
        """A volume without an image is a sentence."""
        from SenseCarePlanningLib.errors import InputError
        from SenseCarePlanningWidgets import dependency_installer

        lacking = dependency_installer.missing("classical")
        if lacking:
            self.skipTest(f"these packages are not installed: {', '.join(one.name for one in lacking)}")
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        with self.assertRaises(InputError):
            CardiacCTALogic().run(node)
