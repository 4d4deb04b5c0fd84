"""What a test holds in its hands: the desktop with a scene, modules, a user's clicks and pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtTest

from . import application, dialogs, i18n, install, look, modules, packaging, signals, special
from .convert import unwrap
from .faults import RECORDER, Fault
from .main_window import PANEL_WIDTH

ROOT = Path(__file__).resolve().parents[3]


class Desktop:
    """A running stand-in. Made by the ``desktop`` fixture; see README.md."""

    def __init__(self, folder: Path, with_window: bool = True) -> None:
        self.folder = folder
        RECORDER.faults.clear()
        dialogs.EXPECTED.clear()
        dialogs.SHOWN.clear()
        special.DESKTOP_OPENED.clear()
        signals.SLOW.clear()
        self._app = install.install(folder, with_window)
        self._shown: Any = None
        self._started = False
        if self._app.main_window is not None:
            self._app.main_window.moduleSelector().show_module = self._show_if_scripted

    def _show_if_scripted(self, name: str) -> None:
        if isinstance(self._app.module_manager.loaded.get(name), modules.qSlicerScriptedLoadableModule):
            self.show_module(name)
        else:  # one of the desktop's own, which the stand-in has no panel of
            self.leave_module()

    @property
    def selected_modules(self) -> list[str]:
        """The modules that code asked to switch to (``slicer.util.selectModule``), the desktop's own included."""
        return list(self._app.main_window.moduleSelector().asked)

    def complete_startup(self) -> None:
        """Send ``startupCompleted()`` once, as after the modules are loaded; the first show_module does it too."""
        if not self._started:
            self._started = True
            self._app.send("startupCompleted()")
            self.process_events()

    @property
    def scene(self) -> Any:
        """The MRML scene."""
        return slicer.mrmlScene

    @property
    def app(self) -> Any:
        """The application as modules see it (``slicer.app``)."""
        return slicer.app

    def load_module(self, name: str, path: Path | None = None) -> Any:
        """Load a scripted module, by name from the checkout or from a file; returns ``slicer.modules.<name>``."""
        from .wrapping import wrap

        file = path or ROOT / name / f"{name}.py"
        module = modules.qSlicerScriptedLoadableModule()
        module.file = file
        self._app.module_manager.loaded[name] = module
        module.load(file)
        return wrap(module)

    def show_module(self, name: str) -> Any:
        """Switch to a module as the user does (leave the one before, set up, scene, enter); returns the Python widget."""
        self.complete_startup()
        module = self._app.module_manager.loaded[name]
        if self._shown is not None:
            self._shown.show_entered(False)
        panel = module.widgetRepresentation()
        panel.setMRMLScene(self.scene)
        if self._app.main_window is not None:
            self._app.main_window.moduleSelector().shown = name
            self._app.main_window.take_panel(panel, module.property("title"))
        else:
            panel.show()
        panel.show_entered(True)
        self._shown = panel
        self.process_events()
        return panel.self()

    def leave_module(self) -> None:
        """Switch away from the shown module."""
        if self._shown is not None:
            self._shown.show_entered(False)
            if self._app.main_window is not None:
                self._app.main_window.drop_panel()
            self._shown = None

    def process_events(self, until: Callable[[], bool] | None = None, timeout: float = 10.0) -> None:
        """Let Qt work: one round, or until something holds.

        Raises
        ------
        TimeoutError
            If it did not hold in time (seconds).
        """
        if not application.wait(until, timeout):
            raise TimeoutError(f"nothing happened within {timeout:g} s; faults: {RECORDER.faults}")

    def click(self, widget: Any) -> None:
        """Click a button as the user does: it must be visible and enabled."""
        raw = unwrap(widget)
        assert raw.isEnabled(), f"{raw.objectName()} is disabled"
        assert not raw.isHidden(), f"{raw.objectName()} is hidden"
        raw.click()
        self.process_events()

    def click_in_view(self, view: Any, x: int, y: int, button: Any = QtCore.Qt.MouseButton.LeftButton) -> None:
        """Move to a pixel of a slice or 3D view (origin above left) and click there."""
        raw, none = unwrap(view), QtCore.Qt.MouseButton.NoButton
        at = QtCore.QPointF(x, y)
        keys = QtCore.Qt.KeyboardModifier.NoModifier
        kinds = QtCore.QEvent.Type
        for kind, changed, held in (
            (kinds.MouseMove, none, none),
            (kinds.MouseButtonPress, button, button),
            (kinds.MouseButtonRelease, button, none),
        ):
            event = QtGui.QMouseEvent(kind, at, raw.mapToGlobal(at), changed, held, keys)
            QtCore.QCoreApplication.sendEvent(raw, event)
        self.process_events()

    def drag(self, widget: Any, *places: tuple[float, float], button: Any = QtCore.Qt.MouseButton.LeftButton) -> None:
        """Press a mouse button at the first place (pixels of the widget), move through the others, release at the last."""
        raw, none, kinds = unwrap(widget), QtCore.Qt.MouseButton.NoButton, QtCore.QEvent.Type
        steps = [(kinds.MouseButtonPress, button, button, places[0])]
        steps += [(kinds.MouseMove, none, button, place) for place in places[1:]]
        steps.append((kinds.MouseButtonRelease, button, none, places[-1]))
        for kind, changed, held, place in steps:
            at = QtCore.QPointF(*place)
            event = QtGui.QMouseEvent(kind, at, raw.mapToGlobal(at), changed, held, QtCore.Qt.KeyboardModifier.NoModifier)
            QtCore.QCoreApplication.sendEvent(raw, event)
        self.process_events()

    def press(self, widget: Any, key: str) -> None:
        """Press and release a key (``Space``, ``Ctrl+Z``, ...) on a widget; shortcuts of its window are tried first."""
        raw = unwrap(widget)
        raw.window().show()
        raw.window().activateWindow()
        raw.setFocus()
        self.process_events()
        QtTest.QTest.keySequence(raw, QtGui.QKeySequence(key))
        self.process_events()

    def expect_dialog(self, kind: str, answer: Any) -> None:
        """Answer the next modal dialog of a kind; see dialogs.py."""
        dialogs.expect(kind, answer)

    def take_faults(self, text: str = "") -> list[Fault]:
        """Return and forget the faults with a text; those left fail the test."""
        return RECORDER.take(text)

    def language(self, code: str, catalogue: Callable[[str, str], str] | None = None) -> None:
        """Choose the language (``en_US``, ``zh_CN``), as after a restart: load or reload modules afterwards.

        The catalogue gives the translation of (context, text); without one, modules bring their own translators.
        """
        self._app.__dict__["_values"]["applicationLocaleName"] = code
        self._app.settings().setValue("language", code.replace("_", "-"))
        i18n.set_translators([i18n.catalogue(catalogue)] if catalogue is not None else [])

    def dark(self, dark: bool = True) -> None:
        """Choose dark or light colours."""
        look.set_dark(self._app, dark)
        self.process_events()

    @property
    def slow_slots(self) -> list[tuple[float, str]]:
        """Slots that held up the window for more than 0.1 s: seconds and name. For benchmarks, not for asserts."""
        return signals.SLOW

    def run_self_test(self, name: str) -> None:
        """Run a module's own test class as ``Reload and Test`` and ctest do in Slicer; it raises what it raises."""
        self._app.module_manager.loaded[name].instance.runTest()

    @property
    def testing(self) -> bool:
        """Whether message boxes are only logged (``slicer.app.testingEnabled()``); True unless set."""
        return bool(self._app.testing)

    @testing.setter
    def testing(self, value: bool) -> None:
        self._app.testing = value

    @property
    def pip_requests(self) -> list[dict[str, Any]]:
        """What ``slicer.packaging`` was asked to install; nothing ever is."""
        return packaging.REQUESTS

    def pretend_package(self, name: str, present: bool) -> None:
        """Let ``slicer.packaging.pip_check`` find a package, or miss it."""
        packaging.PRETENDED[name.lower()] = present

    def answer_install(self, consent: bool) -> None:
        """Answer when ``slicer.packaging.pip_ensure`` asks (yes unless told otherwise)."""
        packaging.CONSENT[0] = consent

    def add_dicom(self, folder: Path) -> None:
        """Index a folder of DICOM files in ``slicer.dicomDatabase``."""
        self._app.dicom_database.add(folder)

    def close_dicom_database(self) -> None:
        """Be a Slicer that has no DICOM database yet."""
        self._app.dicom_database.closeDatabase()

    def save_scene(self, path: Path) -> Path:
        """Save the scene (``.mrb`` with its data)."""
        assert self._app.io_manager.saveScene(str(path)), f"could not save {path}"
        return path

    def open_scene(self, path: Path) -> None:
        """Close the scene and open another, as File > Open does."""
        self.scene.Clear(0)
        assert self._app.io_manager.loadNodes("SceneFile", {"fileName": str(path), "clear": True}), f"could not open {path}"
        self.process_events()

    @property
    def opened_urls(self) -> list[str]:
        """Addresses that modules asked the system to open; none ever is."""
        return special.DESKTOP_OPENED

    def screenshot(self, path: Path, widget: Any = None) -> Path:
        """Save a picture of a widget, or of the shown module's whole panel."""
        if widget is not None:
            return self._save(unwrap(widget), path)
        panel, window = self._shown, self._app.main_window
        if window is not None:
            window.drop_panel()
        panel.resize(PANEL_WIDTH, 10)
        panel.ensurePolished()
        panel.layout().activate()
        panel.resize(PANEL_WIDTH, max(panel.sizeHint().height(), panel.minimumSizeHint().height()))
        panel.show()
        try:
            return self._save(panel, path)
        finally:
            if window is not None:
                window.take_panel(panel, panel._module.property("title"))

    def screenshot_window(self, path: Path, width: int = 1600, height: int = 1000) -> Path:
        """Save a picture of the main window: module panel left, views right."""
        window = self._app.main_window
        window.resize(width, height)
        window.show()
        self.process_events()
        return self._save(window, path)

    def _save(self, raw: Any, path: Path) -> Path:
        raw.ensurePolished()
        self.process_events()
        path.parent.mkdir(parents=True, exist_ok=True)
        assert raw.grab().save(str(path)), f"could not write {path}"
        return path

    def stop(self) -> list[Fault]:
        """Unload all modules and give the interpreter back; returns the faults that no one expected."""
        self.leave_module()
        for module in self._app.module_manager.loaded.values():
            if isinstance(module, modules.qSlicerScriptedLoadableModule) and module._panel is not None:
                self._app.module_manager.send("moduleAboutToBeUnloaded(QString)", module.property("name"))
                module._panel.deleteLater()
        self.process_events()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
        self._app.end()
        install.uninstall()
        return RECORDER.take()
