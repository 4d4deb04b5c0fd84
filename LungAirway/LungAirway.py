"""LungAirway: from a chest CT to a bronchoscopy plan, step by step, in the Slicer desktop."""

import logging
from enum import Enum
from pathlib import Path
from typing import Annotated

import slicer
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from SenseCarePlanningWidgets.texts import tr as _
from SenseCarePlanningWidgets.texts import translate_form

logger = logging.getLogger(__name__)


class LungAirway(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Lung Airway")
        self.parent.categories = [_("Planning")]
        self.parent.dependencies = ["Markups", "Segmentations", "SubjectHierarchy"]
        self.parent.contributors = ["SenseCare Planning contributors"]
        self.parent.helpText = _(
            "Plans a bronchoscopy on a chest CT: airway tree with names and diameters, ways to a target, what each bronchoscope "
            "reaches, fly-through and a printable report. For research; not a medical device."
        )
        self.parent.acknowledgementText = _("Anatomy, measurements and rules are cited in the documentation and in each report.")


class Engine(Enum):
    """How the airways are found; the names are kept in scenes."""

    AUTO = "auto"
    CLASSICAL = "classical"
    BUNDLE = "bundle"
    TOTALSEGMENTATOR = "totalsegmentator"

    def label(self):
        """Return what the user reads."""
        return {
            Engine.AUTO: _("Best available"),
            Engine.CLASSICAL: _("Region growing (no network)"),
            Engine.BUNDLE: _("Network (MONAI bundle)"),
            Engine.TOTALSEGMENTATOR: _("TotalSegmentator"),
        }[self]


class Orientation(Enum):
    """What lies at 12 o'clock in the trachea; the names are kept in scenes."""

    ANTERIOR_12 = "anterior_12"
    POSTERIOR_12 = "posterior_12"

    def label(self):
        """Return what the user reads."""
        return _("Front of the patient") if self is Orientation.ANTERIOR_12 else _("Back of the patient")


class ColorBy(Enum):
    """What the colours of the airway mean; the names are kept in scenes."""

    LOBE = "lobe"
    GENERATION = "generation"
    DIAMETER = "diameter"

    def label(self):
        """Return what the user reads."""
        return {ColorBy.LOBE: _("Lobe"), ColorBy.GENERATION: _("Generation"), ColorBy.DIAMETER: _("Diameter")}[self]


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
    """The panel: seven steps, each usable alone."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._guiTag = None
        self._job = None
        self._planned = self._corrected = False
        self._videoFile = None

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
        self.ui.recordButton.connect("clicked()", self.onRecordButton)
        # The box shows all that it holds when it is opened, what was hidden meanwhile too.
        self.ui.optionsBox.connect("toggled(bool)", self._showModel)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def _makePanels(self):
        from LungAirwayWidgets.fly_panel import FlyPanel
        from LungAirwayWidgets.model_chooser import ModelChooser
        from LungAirwayWidgets.plan_panel import PlanPanel
        from LungAirwayWidgets.session import Session
        from LungAirwayWidgets.tree_panel import TreePanel
        from SenseCarePlanningWidgets.progress_box import ProgressBox
        from SenseCarePlanningWidgets.report_view import ReportView

        self.session = Session()
        self.progressBox = ProgressBox(self.onCancel)
        self.ui.progressHolder.layout().addWidget(self.progressBox.widget)
        self.ui.progressHolder.layout().setContentsMargins(0, 0, 0, 0)
        self.reportView = ReportView()
        self.ui.reportHolder.layout().addWidget(self.reportView.widget)
        self.ui.reportHolder.layout().setContentsMargins(0, 0, 0, 0)
        self.modelChooser = ModelChooser(self.ui, Path(self.resourcePath("Models")), self.onModelFolder)
        self.treePanel = TreePanel(self.ui, self.session, self.recompute)
        self.planPanel = PlanPanel(self.ui, self.session, self.planRoutes)
        self.flyPanel = FlyPanel(self.ui, self.session, self.treePanel.attach)
        self.session.listeners.append(self._onSession)
        self.session.tell("case")

    def cleanup(self):
        """Slicer ends, or the module is reloaded: nothing of it may go on."""
        if self._job is not None:
            self._job.stop_now()
            self._job = None
        self.session.close()
        self.flyPanel.close()
        self.treePanel.detach()
        self.treePanel.stop()
        self.planPanel.unwatch()
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
        self.treePanel.detach()
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self._guiTag = None

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
        """A scene was loaded: its case comes back."""
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
        """Bind the form to a parameter node, or to none."""
        if self._parameterNode is not None:
            if self._guiTag is not None:
                self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, self._modifiedEvent(), self._onParameters)
        self._parameterNode, self._guiTag = node, None
        if node is not None:
            self._guiTag = node.connectGui(self.ui)
            self.addObserver(node, self._modifiedEvent(), self._onParameters)
            self._onParameters()

    @staticmethod
    def _modifiedEvent():
        import vtk

        return vtk.vtkCommand.ModifiedEvent

    def _onParameters(self, caller=None, event=None):
        """Follow the chosen CT and colours."""
        from SenseCarePlanningWidgets.error_message import shown_failures

        if slicer.mrmlScene.IsImporting() or slicer.mrmlScene.IsClosing():
            return  # the CT may be there before its case; the end of the import takes both up
        chosen = self._parameterNode.inputVolume
        shown = self.session.case.volume if self.session.case is not None else None
        if chosen is not shown:
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
            self._showReport()
        self._showState()
        if self._planned and not self.session.taking_up:
            self._planned = False
            if self.session.result is not None:
                self._lead()

    def _showState(self):
        """Enable what can be done, and say where things stand."""
        from LungAirwayWidgets.case import has_moved
        from LungAirwayWidgets.jobs import has_target

        ui, case = self.ui, self.session.case
        busy = self._job is not None or self.session.taking_up
        ui.runButton.enabled = case is not None and not busy
        ui.recordButton.enabled = bool(self.session.camera_paths) and not busy
        ui.reportButton.enabled = self.session.result is not None and not busy
        ui.inputSelector.enabled = not busy
        self.planPanel.enable(busy)
        if busy:
            ui.recomputeButton.enabled = ui.usePaintButton.enabled = ui.undoButton.enabled = False
        if case is None:
            ui.statusLabel.text = _("Choose a chest CT.")
            return
        ui.runButton.text = _("Find the airways and plan") if has_target(case) else _("Find the airways")
        if self._job is not None:
            ui.statusLabel.text = ""
        elif busy:
            ui.statusLabel.text = _("Opening the result ...") if self.session.result is None else _("Correcting the tree ...")
        elif self.session.problem:
            ui.statusLabel.text = self.session.problem
        elif self.session.result is None:
            ui.statusLabel.text = _("Ready: press the button above. A target may be set before or afterwards.")
        elif has_moved(case):
            ui.statusLabel.text = _("The CT was moved since the airways were found; find them again.")
        else:
            self._showFindings()

    def _showFindings(self):
        result = self.session.result
        text = _("{count} branches found, to generation {deepest}.").format(
            count=len(result.tree), deepest=max(branch.generation for branch in result.tree)
        )
        warnings = self.treePanel.warnings()
        self.ui.statusLabel.text = "\n".join([text, *(f"• {one}" for one in warnings[:4])])
        self.ui.statusLabel.toolTip = "\n".join(warnings)

    def _showReport(self):
        folder = Path(self.session.case.folder) if self.session.case is not None and self.session.case.folder else None
        if folder is None or not (folder / "report.html").is_file():
            self.reportView.clear()
            self.reportView.widget.visible = False
            self.ui.reportLabel.text = _("Not made yet.") if self.session.result is not None else _("Find the airways first.")
            return
        self.reportView.show_folder(folder)
        self.reportView.widget.visible = True
        self.ui.reportLabel.text = ""

    def onModelFolder(self, folder):
        """Keep the chosen model with the scene."""
        if self._parameterNode is not None:
            self._parameterNode.modelFolder = folder

    def onRunButton(self):
        """Find the airways and, with a target, plan."""
        from LungAirwayWidgets import jobs
        from SenseCarePlanningWidgets.error_message import shown_failures

        with shown_failures():
            engine = self._parameterNode.engine.value
            bundle = self.modelChooser.needed() if engine == "bundle" else ""
            self.logic.ensurePackages(engine)
            self._corrected = False
            self._start(jobs.run_job(self.session.case, self._nextFolder(), self._choices(engine, bundle)), self._onPlanned)

    def planRoutes(self):
        """Plan on the tree as it is, for the target as it is now."""
        self.recompute()

    def recompute(self, tree=None, painted=None):
        """Plan again in a child process: on a corrected tree, a painted airway, or for another target."""
        from LungAirwayWidgets import jobs

        self.logic.ensurePackages("classical")
        self._corrected = tree is not None or painted is not None
        if tree is None and painted is None and self.session.edits.changed:
            tree = self.session.edits.tree
        job = jobs.replan_job(self.session.case, self._nextFolder(), self._choices(), tree, painted)
        self._start(job, self._onPlanned)

    def onReportButton(self):
        """Write the report and everything beside it."""
        from LungAirwayWidgets import jobs
        from SenseCarePlanningWidgets.error_message import shown_failures

        with shown_failures():
            self.logic.ensurePackages("classical")
            video = self._parameterNode.makeVideo
            self._start(jobs.report_job(self.session.case, self.session.case.folder, video), self._onReported)

    def onRecordButton(self):
        """Film the shown route."""
        import qt

        from LungAirwayWidgets import jobs
        from SenseCarePlanningWidgets.error_message import shown_failures

        with shown_failures():
            name = f"{self.session.case.volume.GetName()} {_('Route {rank}').format(rank=self.session.rank)}.mp4"
            chosen = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), _("Save the video"), name, "MP4 (*.mp4)")
            if not chosen:
                return
            self.logic.ensurePackages("classical")
            self._videoFile = Path(chosen) if chosen.lower().endswith(".mp4") else Path(chosen + ".mp4")
            self._start(jobs.video_job(self.session.case, self.session.rank), self._onFilmed)

    def _choices(self, engine=None, bundle=""):
        from LungAirwayWidgets import jobs

        node = self._parameterNode
        return jobs.choices(engine, bundle, node.routeCount, node.orientation.value)

    def _nextFolder(self):
        from LungAirwayWidgets.case import next_folder

        return next_folder(self.session.case, self.logic.resultsFolder())

    def _start(self, job, done):
        """Start a child process; one at a time."""
        if self._job is not None:
            job.clean()
            return
        caseId = self.session.case.parameterNode.GetID()
        scene = slicer.mrmlScene
        self._job = job
        self.progressBox.start()
        self._showState()

        def finished(outcome):
            self._job = None
            self.progressBox.finish(outcome)
            there = scene.GetNodeByID(caseId)
            mine = self.session.case is not None and there is not None and self.session.case.parameterNode is there
            if outcome.ok and mine:
                done(outcome, job)
            elif not outcome.ok and not outcome.cancelled:
                self._tell(outcome)
            self._showState()

        job.start(self.progressBox.show_progress, self.progressBox.add_log, finished)

    def _tell(self, outcome):
        from SenseCarePlanningWidgets.error_message import show_failure

        show_failure(outcome)

    def onCancel(self):
        """Stop the child process."""
        if self._job is not None:
            self._job.cancel()

    def _onPlanned(self, outcome, job):
        self._planned = True
        self.session.take_result(job.out, at_once=False)

    def _lead(self):
        """A new result is in the scene: open what comes next, and look at the tree."""
        import qt

        if self.session.plan is not None:
            if not self._corrected:  # who corrects the tree goes on correcting, or takes it back
                self._fold("treeSection", "editSection", "targetSection")
            self._open("routeSection", "flySection")
        else:
            self._open("treeSection", "targetSection")
        self.flyPanel.show_views()
        qt.QTimer.singleShot(0, self._lookAtTree)  # once the views have their new shape

    def _onFilmed(self, outcome, job):
        import shutil

        from SenseCarePlanningLib.case_folder import VIDEO
        from SenseCarePlanningWidgets.error_message import shown_failures

        with shown_failures():
            shutil.move(str(job.out / VIDEO), str(self._videoFile))
            slicer.util.showStatusMessage(_("Video saved: {file}").format(file=self._videoFile), 5000)
        shutil.rmtree(job.out, ignore_errors=True)

    def _onReported(self, outcome, job):
        self._showReport()
        self._open("reportSection")

    def _open(self, *names):
        for name in names:
            getattr(self.ui, name).collapsed = False

    def _fold(self, *names):
        for name in names:
            getattr(self.ui, name).collapsed = True

    def _lookAtTree(self):
        """Turn the overview to the tree and the target: from the front, or from where the target is not hidden."""
        from LungAirwayWidgets import layout
        from LungAirwayWidgets.case import result_node

        if self.session.case is None:
            return
        models = [result_node(self.session.case, role) for role in ("surface", "target ball")]
        side = layout.FRONT
        if self.session.plan is not None:
            x, y, z = self.session.plan.target.centre_lps_mm
            side = layout.side_of((-x, -y, z), models[0])
        layout.look_at_models(models, side)

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
        from LungAirwayLib import pipeline
        from LungAirwayWidgets.ct_export import ct_of, own_grid, point_of_target, segment_on

        volume = ct_of(volumeNode) if volumeNode is not None else None
        options = {"engine": engine, "route_count": routes, "orientation": orientation, "scope_ids": tuple(scopes)}
        grid = volume.grid if volume is not None else None
        if airway is not None:
            here = point_of_target(target)
            options["airway_mask"] = segment_on(grid, *airway) if grid is not None else own_grid(*airway, here)
            grid = options["airway_mask"].grid
        options.update(self._target(target, grid))
        return pipeline.run(volume, pipeline.AirwayOptions(**options))

    @staticmethod
    def _target(target, grid):
        from LungAirwayWidgets.ct_export import point_of_target, segment_on

        point = point_of_target(target)
        if point is not None:
            return {"target_lps_mm": point}
        if target is None or hasattr(target, "GetNthControlPointPositionWorld"):
            return {}
        return {"target_mask": segment_on(grid, *target)}

    def process(self, volumeNode, onFinished, target=None, onProgress=None, engine="auto", routes=3, orientation="anterior_12"):
        """Plan in a child process; the window stays alive. Returns the job, which has ``cancel()``.

        Parameters
        ----------
        onFinished
            Called with the ``RunOutcome``; its ``folder`` holds the result, see :meth:`load`.
        target
            A markups node; None takes the case's own target.
        """
        from LungAirwayWidgets import jobs
        from LungAirwayWidgets.case import case_of, next_folder

        case = case_of(volumeNode)
        if target is not None:
            case.target = target
        out = next_folder(case, self.resultsFolder())
        job = jobs.run_job(case, out, jobs.choices(engine, "", routes, orientation))
        return job.start(onProgress, None, onFinished)

    def load(self, folder):
        """Return the result in a folder, as :meth:`run` does."""
        from LungAirwayWidgets.jobs import result_of

        return result_of(folder)

    def show(self, volumeNode, folder, wait=True):
        """Show a result folder in the scene as the result of a CT; a panel that is open follows.

        Returns the result, or, without ``wait`` and with an open panel, None: the result appears by and by, beside the window.
        """
        from LungAirwayWidgets.session import Session

        panel = getattr(slicer.modules, "LungAirwayWidget", None)
        session = panel.session if panel is not None else Session()
        at_once = wait or panel is None
        if session.case is None or session.case.volume is not volumeNode:
            session.open(volumeNode, at_once)
        session.take_result(folder, at_once)
        return session.result

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
        """Run all."""
        for test in (self.test_panel_opens, self.test_volume_without_image_is_refused, self.test_painted_airway_becomes_a_plan):
            self.setUp()
            test()

    def test_panel_opens(self):
        """The panel opens and asks for a CT."""
        widget = slicer.util.getModuleWidget("LungAirway")
        self.assertFalse(widget.ui.runButton.enabled)
        self.assertTrue(widget.ui.statusLabel.text)

    def test_volume_without_image_is_refused(self):
        """A volume without an image is a sentence."""
        from SenseCarePlanningLib.errors import InputError

        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        with self.assertRaises(InputError):
            LungAirwayLogic().run(node)

    def test_painted_airway_becomes_a_plan(self):
        """A trachea, two main bronchi and four branches are a tree of seven, with a route to a point beyond one of them."""
        from SenseCarePlanningWidgets import dependency_installer

        lacking = dependency_installer.missing("classical")
        if lacking:
            self.skipTest(f"these packages are not installed: {', '.join(one.name for one in lacking)}")
        result = LungAirwayLogic().run(None, target=(48.0, -4.0, -88.0), airway=(self._paintedAirway(), "airway"))
        self.assertEqual(len(result.tree), 7)
        self.assertEqual(result.tree.root.generation, 0)
        self.assertGreater(len(result.plan.routes), 0)

    @staticmethod
    def _paintedAirway():
        """Paint straight tubes (start, end, radius; LPS mm) into a segmentation node."""
        import numpy as np

        from SenseCarePlanningLib.report.model import Code
        from SenseCarePlanningLib.volume import LabelMap
        from SenseCarePlanningMRML.segmentation_nodes import ANATOMY, SegmentLayer, SegmentStyle, add_segmentation

        low, shape = np.array([-60.0, -20.0, -90.0]), (122, 42, 156)
        points = low + np.moveaxis(np.indices(shape[::-1])[::-1], 0, -1)
        lumen = np.zeros(points.shape[:3], dtype=np.uint8)
        for start, end, radius in (
            ((0, 0, 60), (0, 0, 0), 8.0),
            ((0, 0, 0), (-25, 0, -22), 6.0),
            ((0, 0, 0), (32, 0, -28), 5.5),
            ((-25, 0, -22), (-48, 4, -30), 4.0),
            ((-25, 0, -22), (-28, 4, -70), 4.5),
            ((32, 0, -28), (54, -6, -34), 4.0),
            ((32, 0, -28), (38, 6, -70), 4.0),
        ):
            along = np.subtract(end, start)
            share = np.clip((points - start) @ along / (along @ along), 0.0, 1.0)
            lumen[np.linalg.norm(points - start - share[..., None] * along, axis=-1) <= radius] = 1
        affine = np.eye(4)
        affine[:3, 3] = low
        style = SegmentStyle("airway", ANATOMY, Code("89187006", "SCT", "Airway structure"))
        return add_segmentation(slicer.mrmlScene, [SegmentLayer(LabelMap(lumen, affine), {1: ("airway", style)})], "painted")
