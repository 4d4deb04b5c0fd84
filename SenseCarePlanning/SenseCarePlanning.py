"""The hub: cases, what can be done with them, models, reports, a self-check and sample data."""

import enum
import html
import logging
import shutil
import tempfile
from pathlib import Path

import qt
import slicer
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from SenseCarePlanningLib.case_folder import DICOM_FILES, REPORT_HTML, SCENE, read_case
from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningWidgets import (
    cases,
    dependency_installer,
    dicom_database,
    digital_patient,
    result_volume,
    self_check,
)
from SenseCarePlanningWidgets.case_list import CaseList
from SenseCarePlanningWidgets.error_message import shown_failures
from SenseCarePlanningWidgets.model_list import ModelList
from SenseCarePlanningWidgets.progress_box import ProgressBox
from SenseCarePlanningWidgets.report_view import ReportView
from SenseCarePlanningWidgets.texts import planning_category, translate_form
from SenseCarePlanningWidgets.texts import tr as _

logger = logging.getLogger(__name__)

REFRESH_MS = 300
SAMPLE_NAME = "SenseCareDigitalPatient"
PLANNERS = {"LungAirway": "Plan a bronchoscopy", "CardiacCTA": "Grade the coronary arteries"}
"""Organ modules, which need not be present, and what they do with a CT."""
MODULE_OF = {"lung": "LungAirway", "heart": "CardiacCTA"}
"""Organ of a result and the module that shows it."""


class Engine(enum.Enum):
    """Ways to find the anatomy; the names are a file format."""

    classical = "classical"
    bundle = "bundle"
    totalsegmentator = "totalsegmentator"

    def label(self):
        """Return what the user reads."""
        return {
            "classical": _("Classical engine (needs no model)"),
            "bundle": _("Network models (PyTorch)"),
            "totalsegmentator": _("TotalSegmentator"),
        }[self.value]


class SenseCarePlanning(ScriptedLoadableModule):
    """The module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("SenseCare Planning")
        parent.categories = [planning_category()]
        parent.dependencies = []
        parent.contributors = ["SenseCare Planning contributors"]
        parent.helpText = _("Cases, models, reports and sample data of SenseCare Planning.") + (
            ' <a href="https://github.com/SenseCarePlanning/SlicerSenseCarePlanning/blob/main/Resources/Docs/SenseCarePlanning.md">'
            + _("Documentation")
            + "</a>"
        )
        parent.acknowledgementText = _("For research. Not a medical device: every plan needs a clinician's review.")
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """List the digital patient in the Sample Data module."""
    try:
        import SampleData
    except ImportError:  # a Slicer without that module
        return
    icon = Path(__file__).parent / "Resources" / "Icons" / f"{SAMPLE_NAME}.png"
    # The source, not registerCustomSampleDataSource: only it takes a name to show beside the one that scripts use. Its lists
    # must be there, though nothing is downloaded.
    source = SampleData.SampleDataSource(
        sampleName=SAMPLE_NAME,
        sampleDescription=_("Digital patient"),
        uris=[],
        fileNames=[],
        nodeNames=[],
        thumbnailFileName=str(icon),
        customDownloader=digital_patient.download,
    )
    sources = SampleData.SampleDataLogic.sampleDataSourcesByCategory().setdefault(_("SenseCare Planning"), [])
    if all(one.sampleName != SAMPLE_NAME for one in sources):
        sources.append(source)


@parameterNodeWrapper
class SenseCarePlanningParameterNode:
    """What the hub keeps with the scene.

    chosenCase - key of the chosen case
    search - text that the list is narrowed by
    engine - engine that the self-check looks at
    """

    chosenCase: str = ""
    search: str = ""
    engine: Engine = Engine.classical


class SenseCarePlanningWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._runner = None
        self._database = None
        self._refreshTimer = None
        self._planButtons = {}

    def setup(self):
        """Load the form and connect it."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/SenseCarePlanning.ui"))
        self.layout.addWidget(uiWidget)
        translate_form(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = SenseCarePlanningLogic()
        self.caseList = CaseList(self.ui.casesTable, self.onCaseChosen)
        self.modelList = ModelList(self.ui.modelsTable, self.logic.shippedModelFolders())
        self.reportView = ReportView()
        self.ui.reportFrame.layout().addWidget(self.reportView.widget)
        self.progressBox = ProgressBox(self.onCancel)
        self.ui.progressFrame.layout().addWidget(self.progressBox.widget)
        self._addPlanButtons()
        self._connect()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.initializeParameterNode()
        self.onCaseChosen(None)

    def _addPlanButtons(self):
        for name, text in PLANNERS.items():
            button = qt.QPushButton(_(text))
            button.objectName = f"plan{name}Button"
            button.connect("clicked()", lambda module=name: self.onPlan(module))
            self.ui.planFrame.layout().addWidget(button)
            self._planButtons[name] = button

    def _connect(self):
        for button, slot in {
            self.ui.refreshButton: self.refresh,
            self.ui.importButton: self.onImport,
            self.ui.addFolderButton: self.onAddFolder,
            self.ui.casesFolderButton: self.onCasesFolder,
            self.ui.openButton: self.onOpen,
            self.ui.reportButton: self.onReport,
            self.ui.exportButton: self.onExport,
            self.ui.toDicomButton: self.onToDicom,
            self.ui.digitalPatientButton: self.onDigitalPatient,
            self.ui.ctChestButton: self.onCTChest,
            self.ui.addModelButton: self.onAddModel,
            self.ui.openModelButton: self.modelList.open_folder,
            self.ui.deleteModelButton: self.onDeleteModel,
            self.ui.installButton: self.onInstall,
        }.items():
            button.connect("clicked()", slot)
        self.ui.searchEdit.connect("textChanged(QString)", self.caseList.search)
        self.ui.engineSelector.connect("currentIndexChanged(int)", self.onEngine)
        self.ui.modelsTable.connect("itemSelectionChanged()", self.onModelChosen)
        self.ui.casesTable.connect("cellDoubleClicked(int,int)", self.onOpen)
        self.ui.modelsCollapsibleButton.connect("contentsCollapsed(bool)", self.onModelsCollapsed)
        self.ui.checkCollapsibleButton.connect("contentsCollapsed(bool)", self.onCheckCollapsed)
        self._refreshTimer = qt.QTimer()
        self._refreshTimer.setSingleShot(True)
        self._refreshTimer.interval = REFRESH_MS
        self._refreshTimer.connect("timeout()", self.onRefreshTimer)
        self._database = dicom_database.application_database()
        if self._database:
            self._database.connect("databaseChanged()", self.onDatabaseChanged)

    def cleanup(self):
        """Slicer ends, or the module is reloaded."""
        self._refreshTimer.stop()
        self.caseList.stop()
        self.reportView.close()
        if self._runner is not None:
            self._runner.stop_now()
        if self._database:
            self._database.disconnect("databaseChanged()", self.onDatabaseChanged)
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """The module is shown."""
        self.initializeParameterNode()
        self.refresh()

    def onSceneStartClose(self, caller, event):
        """The scene is about to be emptied."""
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        """The scene was emptied."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Bind the scene's parameters to the form."""
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        """Bind parameters, or None.

        They stay bound while the module is not shown: in Slicer 5.10 every ``disconnectGui`` leaves connections behind.
        """
        bound = self._parameterNode
        if parameterNode is not None and bound is not None and parameterNode.parameterNode is bound.parameterNode:
            return
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)

    def refresh(self):
        """Read cases again."""
        self.caseList.refresh(self._parameterNode.chosenCase if self._parameterNode is not None else "")

    def onDatabaseChanged(self):
        """DICOM studies came or went; an import tells so for each of them."""
        self._refreshTimer.start()

    def onRefreshTimer(self):
        """The database has been quiet for a moment."""
        if self.parent.isEntered:
            self.refresh()

    def onCaseChosen(self, case):
        """Show what can be done with a case."""
        if case is not None and self._parameterNode is not None and self._parameterNode.chosenCase != case.key:
            self._parameterNode.chosenCase = case.key
        isResult = case is not None and case.kind == "result"
        self.ui.seriesSelector.clear()
        self.ui.seriesSelector.visible = case is not None and case.kind == "study"
        if self.ui.seriesSelector.visible or (case is not None and case.kind == "study"):
            for series in cases.ct_series(case.study_uid):
                self.ui.seriesSelector.addItem(series.title, series.uid)
        self.ui.caseLabel.text = self._describe(case)
        self.ui.openButton.enabled = case is not None
        self.ui.reportButton.enabled = isResult and REPORT_HTML in case.result.files
        self.ui.exportButton.enabled = isResult
        self.ui.toDicomButton.enabled = isResult and not case.result.files.isdisjoint(DICOM_FILES)
        for name, button in self._planButtons.items():
            present = self.logic.isPresent(name)
            button.enabled = case is not None and present
            title = getattr(slicer.modules, name.lower()).title if present else name
            button.text = _("Continue in {module}").format(module=title) if isResult else _(PLANNERS[name])
            button.toolTip = "" if present else _("The module {module} is not installed.").format(module=name)
            button.visible = not isResult or MODULE_OF[case.result.organ] == name

    @staticmethod
    def _describe(case):
        if case is None:
            return _("Choose a case above.")
        scanned = (case.study, case.date) if case.kind == "study" else (case.study,)
        made = () if case.kind == "study" else (case.held, case.date)
        lines = (" · ".join(one for one in parts if one) for parts in (scanned, made))
        return "<br>".join([f"<b>{html.escape(case.name)}</b>", *(html.escape(line) for line in lines if line)])

    def onImport(self):
        """Go to the DICOM module."""
        with shown_failures():
            slicer.util.selectModule("DICOM")

    def onAddFolder(self):
        """List a result that lies elsewhere."""
        with shown_failures():
            chosen = qt.QFileDialog.getExistingDirectory(
                slicer.util.mainWindow(), _("Choose a result folder"), str(cases.cases_folder())
            )
            if chosen:
                cases.remember_folder(Path(chosen))
                self.caseList.refresh(f"folder:{Path(chosen)}")

    def onCasesFolder(self):
        """Choose where new results are kept."""
        chosen = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Choose the folder for results"), str(cases.cases_folder())
        )
        if chosen:
            cases.set_cases_folder(Path(chosen))
            self.refresh()

    def onOpen(self):
        """Load the chosen case into the scene."""
        case = self.caseList.current()
        if case is None:
            return
        with shown_failures(), slicer.util.WaitCursor():
            if case.kind == "study":
                self._loadChosenSeries()
            else:
                self.logic.showResult(case.result.folder)

    def _loadChosenSeries(self):
        volume = cases.load_series(str(self.ui.seriesSelector.currentData))
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        return volume

    def onPlan(self, module):
        """Go to an organ's module with the chosen case."""
        case = self.caseList.current()
        if case is None:
            return
        with shown_failures(), slicer.util.WaitCursor():
            if case.kind == "study":
                self.logic.handOver(module, volume=self._loadChosenSeries())
            else:
                self.logic.handOver(module, folder=case.result.folder)

    def onReport(self):
        """Show the chosen case's report."""
        case = self.caseList.current()
        if case is not None and case.result is not None:
            self.ui.reportCollapsibleButton.collapsed = False
            self.reportView.show_folder(case.result.folder)

    def onExport(self):
        """Copy the chosen case's files."""
        case = self.caseList.current()
        if case is None or case.result is None:
            return
        with shown_failures():
            chosen = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Choose a folder for the copy"), "")
            if chosen:
                copy = self.logic.copyCase(case.result.folder, Path(chosen))
                slicer.util.showStatusMessage(_("Copied to {folder}").format(folder=copy), 5000)

    def onToDicom(self):
        """Put segmentation and report into the DICOM database."""
        case = self.caseList.current()
        if case is None or case.result is None:
            return
        with shown_failures():
            if not dicom_database.offer_database():
                return
            with slicer.util.WaitCursor():
                self.logic.addToDicomDatabase(case.result.folder)
            slicer.util.showStatusMessage(_("Segmentation and report are in the DICOM database."), 5000)

    def onDigitalPatient(self):
        """Make the digital patient, or load it."""
        with shown_failures():
            if not digital_patient.prepare():
                return
            if digital_patient.is_made():
                self._showDigitalPatient()
                return
            box = self.progressBox
            self._runner = digital_patient.runner(box.show_progress, box.add_log, self.onDigitalPatientMade)
            self.ui.digitalPatientButton.enabled = False
            box.start(_("Making the digital patient ..."))
            self._runner.start()

    def onDigitalPatientMade(self, outcome):
        """The child process ended."""
        self._runner = None
        self.ui.digitalPatientButton.enabled = True
        self.progressBox.finish(outcome)
        if outcome.ok:
            self._showDigitalPatient()

    def _showDigitalPatient(self):
        with shown_failures(), slicer.util.WaitCursor():
            volume = digital_patient.load()
            slicer.util.setSliceViewerLayers(background=volume, fit=True)
            self.refresh()

    def onCancel(self):
        """Stop making the digital patient."""
        if self._runner is not None:
            self._runner.cancel()

    def onCTChest(self):
        """Load Slicer's own chest CT, which is downloaded from its servers."""
        with shown_failures():
            question = _("Download the chest CT of Slicer's sample data from the internet?")
            if slicer.util.confirmYesNoDisplay(question, windowTitle=_("Sample data")):
                import SampleData

                with slicer.util.WaitCursor():
                    SampleData.SampleDataLogic().downloadSample("CTChest")

    def onModelsCollapsed(self, collapsed):
        """Read the models when they are looked at."""
        if not collapsed:
            self.modelList.refresh()
            self._tellModels()
            self.onModelChosen()

    def _tellModels(self):
        if self.modelList.models:
            self.ui.modelsLabel.text = _("Network models that find the anatomy. Without any, the classical engine is used.")
        else:
            self.ui.modelsLabel.text = _("No network model is on this computer; the classical engine needs none.")

    def onAddModel(self):
        """List another model."""
        self.modelList.add()
        self._tellModels()

    def onModelChosen(self):
        """Another model."""
        model = self.modelList.current()
        self.ui.deleteModelButton.enabled = model is not None and not self.modelList.is_shipped(model)

    def onDeleteModel(self):
        """Delete the chosen model after a yes."""
        self.modelList.delete()
        self._tellModels()
        self.onModelChosen()

    def onCheckCollapsed(self, collapsed):
        """Check when it is looked at."""
        if not collapsed:
            self.check()

    def onEngine(self):
        """Another engine to check for."""
        if not self.ui.checkCollapsibleButton.collapsed:
            self.check()

    def check(self):
        """Look which packages and models are here."""
        if self._parameterNode is None:
            return
        engine = self._parameterNode.engine.value
        self.modelList.refresh()
        lines = self_check.findings(engine, len(self.modelList.models), cases.cases_folder())
        self_check.fill_table(self.ui.checkTable, lines)
        lacking = dependency_installer.missing(engine)
        self.ui.installButton.enabled = bool(lacking)
        missed = sum(not line.enough for line in lines)
        self.ui.checkLabel.text = (
            _("{count} of {all} are missing.").format(count=missed, all=len(lines)) if missed else _("All is present.")
        )

    def onInstall(self):
        """Install what the engine lacks, after a yes."""
        with shown_failures():
            dependency_installer.ensure(self._parameterNode.engine.value, _("SenseCare Planning"))
        self.check()


class SenseCarePlanningLogic(ScriptedLoadableModuleLogic):
    """What the hub does without its panel."""

    def getParameterNode(self):
        """Return the scene's parameters, typed."""
        return SenseCarePlanningParameterNode(super().getParameterNode())

    @staticmethod
    def isPresent(module):
        """Tell whether an organ's module is installed."""
        return hasattr(slicer.modules, module.lower())

    @staticmethod
    def shippedModelFolders():
        """Return where the organ modules that are present keep the models they came with."""
        found = []
        for name in PLANNERS:
            module = getattr(slicer.modules, name.lower(), None)
            models = Path(module.path).parent / "Resources" / "Models" if module is not None else None
            if models is not None and models.is_dir():
                found.append(models)
        return found

    def showResult(self, folder):
        """Show a result in the views: by the organ's module where it is present, else from the result's scene file.

        Raises
        ------
        SenseCareError
            If there is neither, or the result cannot be read.
        """
        module = MODULE_OF[read_case(Path(folder)).organ]
        if self.isPresent(module):
            return self.handOver(module, folder=folder, stay=True)
        path = Path(folder) / SCENE
        if not path.is_file():
            raise SenseCareError(_("This result has no scene file; continue it in the module that made it."))
        if not slicer.app.ioManager().loadNodes("SceneFile", {"fileName": str(path), "clear": False}):
            raise SenseCareError(_("The scene of this result could not be read; make the plan again."))
        return None

    @staticmethod
    def handOver(module, volume=None, folder=None, stay=False):
        """Give an organ's module a volume, or a result and its CT, and go there; returns the volume node.

        A result goes through the module's logic, ``show(volumeNode, folder, wait=False)``: it appears by and by, beside the
        window. Then the panel takes the volume as every module does that Slicer opens for a node: ``setEditedNode(node, role,
        context)``.

        Raises
        ------
        InputError
            If the CT of the result is not at hand.
        """
        node = volume if folder is None else result_volume.volume_of_result(Path(folder))
        panel = slicer.util.getModuleWidget(module)
        if folder is not None:
            slicer.util.getModuleLogic(module).show(node, str(folder), wait=False)
            slicer.util.setSliceViewerLayers(background=node)
        if not stay:
            slicer.util.selectModule(module)
            panel.setEditedNode(node, "", "")
        return node

    @staticmethod
    def copyCase(folder, place):
        """Copy a result into a place, under a name without the patient's, and return the copy.

        Raises
        ------
        SenseCareError
            If something of that name is there.
        """
        target = Path(place) / read_case(Path(folder)).name
        if target.exists():
            raise SenseCareError(_("{name} is there already; choose another folder.").format(name=target.name))
        shutil.copytree(folder, target)
        return target

    @staticmethod
    def addToDicomDatabase(folder):
        """Copy a result's DICOM segmentation and report, those that it has, into Slicer's database.

        Raises
        ------
        SenseCareError
            If there is no database.
        """
        from DICOMLib import DICOMUtils

        dicom_database.require_database()
        # The importer takes a folder; the result's own holds files that are no DICOM.
        with tempfile.TemporaryDirectory(dir=slicer.app.temporaryPath) as scratch:
            for name in DICOM_FILES:
                if (Path(folder) / name).is_file():
                    shutil.copyfile(Path(folder) / name, Path(scratch) / name)
            DICOMUtils.importDicom(scratch, copyFiles=True)


class SenseCarePlanningTest(ScriptedLoadableModuleTest):
    """Clicks through the hub; the same in Slicer and in the project's stand-in."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all."""
        self.setUp()
        self.test_panel_follows_the_scene()
        self.setUp()
        self.test_self_check_names_what_is_here()

    def test_panel_follows_the_scene(self):
        """The search text lives in the scene and goes with it."""
        slicer.util.selectModule("SenseCarePlanning")
        widget = slicer.util.getModuleWidget("SenseCarePlanning")
        widget.ui.searchEdit.text = "nobody of this name"
        self.assertEqual(SenseCarePlanningLogic().getParameterNode().search, "nobody of this name")
        self.assertFalse(widget.ui.openButton.enabled)
        slicer.mrmlScene.Clear()
        self.assertEqual(widget.ui.searchEdit.text, "")

    def test_self_check_names_what_is_here(self):
        """The check lists Slicer, packages and room for results."""
        slicer.util.selectModule("SenseCarePlanning")
        widget = slicer.util.getModuleWidget("SenseCarePlanning")
        widget.ui.checkCollapsibleButton.collapsed = False
        self.assertGreater(widget.ui.checkTable.rowCount, len(dependency_installer.PLANNING))
        self.assertEqual(widget.ui.checkTable.item(0, 1).text(), "3D Slicer")
        self.assertNotEqual(widget.ui.checkLabel.text, "")
