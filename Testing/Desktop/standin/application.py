"""``slicer.app``: the application object over the stand-in's scene, settings and main window."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import shiboken6
from PySide6 import QtCore, QtWidgets

from . import i18n, look, main_window, modules, none_stock, vtk_view, watch
from .dicom_database import DATABASE, ctkDICOMDatabase
from .emulation import Emits, emulated
from .io_manager import qSlicerIOManager
from .layout import qSlicerLayoutManager
from .scene import ApplicationScene


@emulated
class qSlicerCoreApplication(QtWidgets.QApplication, Emits):
    """The part of the application without windows."""

    application_scene: ApplicationScene
    module_manager: Any

    def begin(self, folder: Path, with_window: bool = True) -> None:
        """Start anew: an empty scene, no module, empty settings; files go to a folder of the test."""
        self.folder = folder
        look.set_dark(self, False)
        (folder / "cache").mkdir(exist_ok=True)
        self.application_scene = ApplicationScene(str(folder / "cache"))
        self.module_manager = modules.qSlicerModuleManager()
        modules.add_core_modules(self.module_manager, self.application_scene.logics)
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, str(folder / "settings"))
        self._settings = QtCore.QSettings(str(folder / "settings" / "Slicer.ini"), QtCore.QSettings.Format.IniFormat)
        self.layout_manager: Any = None
        self.dicom_database: Any = ctkDICOMDatabase()
        (folder / "dicom database").mkdir(exist_ok=True)
        self.dicom_database.openDatabase(f"{folder / 'dicom database'}/{DATABASE}")
        self.io_manager = qSlicerIOManager()
        self.testing = True
        self.overrides: list[Any] = []
        values = {
            "temporaryPath": str(folder / "temporary"),
            "cachePath": str(folder / "cache"),
            "slicerHome": str(folder / "home"),
            "extensionsInstallPath": str(folder / "extensions"),
            "revision": "34645",
            "repositoryRevision": "stand-in",
            "majorVersion": 5,
            "minorVersion": 12,
            "os": "linux",
            "platform": "linux-amd64",
            "arch": "amd64",
            "applicationLocaleName": "en_US",
            "slicerUserSettingsFilePath": str(folder / "settings" / "Slicer.ini"),
            "documentationBaseUrl": "https://slicer.readthedocs.io",
            "documentationVersion": "latest",
            "documentationLanguage": "en",
            "mainApplicationName": "Slicer",
        }
        for key in ("temporaryPath", "cachePath", "slicerHome"):
            Path(str(values[key])).mkdir(parents=True, exist_ok=True)
        self.__dict__["_values"] = values
        self.main_window: Any = None
        if with_window:
            self.layout_manager = qSlicerLayoutManager()
            self.layout_manager.begin(self.application_scene)
            self.main_window = main_window.qSlicerMainWindow()
            self.main_window.setCentralWidget(self.layout_manager.viewport_widget)

    def end(self) -> None:
        """Let go of the scene and the windows."""
        watch.clear_all()
        if self.main_window is not None:
            self.main_window.drop_panel()
            self.layout_manager.end()
        vtk_view.end_all()
        if self.main_window is not None:
            self.main_window.close()
            shiboken6.delete(self.main_window)
            self.main_window = self.layout_manager = None
        self.application_scene.end()

    def mrmlScene(self) -> Any:
        """Return the scene."""
        return self.application_scene.scene

    def applicationLogic(self) -> Any:
        """Return the application logic."""
        return self.application_scene.logic

    def moduleLogic(self, name: str) -> Any:
        """Return a C++ module's logic."""
        return self.application_scene.logics.get(name)

    def moduleManager(self) -> Any:
        """Return the module manager."""
        return self.module_manager

    def settings(self) -> Any:
        """Return the settings."""
        return self._settings

    userSettings = revisionUserSettings = settings

    def testingEnabled(self) -> bool:
        """Tell whether message boxes are skipped."""
        return self.testing

    def coreIOManager(self) -> Any:
        """Return what reads and writes files."""
        return self.io_manager

    def loadTranslations(self, folder: str) -> None:
        """Install the translators of a folder for the current language."""
        code = str(self.property("applicationLocaleName"))
        i18n.set_translators([*i18n._INSTALLED, *i18n.files(Path(folder), code)])

    def translationFolders(self) -> list[str]:
        """Return no folder of the application's own."""
        return []

    def moduleDocumentationUrl(self, name: str) -> str:
        """Return a module's page."""
        return f"https://slicer.readthedocs.io/en/latest/user_guide/modules/{name.lower()}.html"

    def dicomDatabase(self) -> Any:
        """Return the DICOM database."""
        return self.dicom_database

    def startupEnvironment(self) -> Any:
        """Return the environment that child processes start with."""
        return QtCore.QProcessEnvironment.systemEnvironment()

    environment = startupEnvironment

    def logUsageEvent(self, component: str, event: str) -> None:
        """Count nothing."""

    def toSlicerHomeAbsolutePath(self, path: str) -> str:
        """Return an absolute path."""
        return path if os.path.isabs(path) else str(Path(self.property("slicerHome")) / path)

    def setRenderPaused(self, paused: bool) -> None:
        """Stop or go on drawing the views."""
        if self.layout_manager is not None:
            self.layout_manager.setRenderPaused(paused)

    def pauseRender(self) -> None:
        """Stop drawing."""
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        """Go on drawing."""
        self.setRenderPaused(False)


@emulated
class qSlicerApplication(qSlicerCoreApplication):
    """The application with windows."""

    def layoutManager(self) -> Any:
        """Return the layout manager (None without a main window)."""
        return self.layout_manager

    def commandOptions(self) -> Any:
        """Return the command line's options."""
        return None

    def ioManager(self) -> Any:
        """Return what reads and writes files."""
        return self.io_manager

    def openNodeModule(self, node: Any, *_: Any) -> None:
        """Show the module that edits a node; recorded."""
        self.__dict__.setdefault("opened_nodes", []).append(node)

    def setOverrideCursor(self, cursor: Any) -> None:  # type: ignore[override]
        """Show a cursor everywhere."""
        self.overrides.append(cursor)

    def restoreOverrideCursor(self) -> None:  # type: ignore[override]
        """Show the cursor before."""
        if self.overrides:
            self.overrides.pop()


def application() -> Any:
    """Return the one application object of the process."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    none_stock.fill()
    found = QtWidgets.QApplication.instance()
    if found is None:
        found = qSlicerApplication(sys.argv[:1])
        found.setApplicationName("Slicer")
        found.setOrganizationName("SenseCareStandIn")
        found.setApplicationVersion("5.12.3")
        found.setQuitOnLastWindowClosed(False)
        found.setStyle("Fusion")
        look.set_fonts(found)
    return found


def temporary_folder() -> Path:
    """Return a new folder for files of one run."""
    return Path(tempfile.mkdtemp(prefix="standin-"))


def wait(until: Callable[[], bool] | None, timeout_s: float) -> bool:
    """Let events pass until something holds, or for one round without a condition."""
    application().processEvents()
    if until is None:
        return True
    timer = QtCore.QElapsedTimer()
    timer.start()
    while not until():
        if timer.elapsed() > timeout_s * 1000:
            return False
        application().processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 20)
        QtCore.QThread.msleep(2)
    return True
