"""What a test holds in its hands in a real Slicer: the same as the stand-in's ``Desktop``, by what Slicer itself offers.

What a running Slicer cannot do for a test (another language, other colours, a package that is absent only for the test) skips it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

SHORTCUTS = "keys reach shortcuts only from the window system"


def running() -> bool:
    """Tell whether this Python is a real Slicer's."""
    return "PythonQt" in sys.modules


def keep_settings(settings: Any) -> Callable[[], None]:
    """Return what puts application settings back as they are now."""
    kept = {key: settings.value(key) for key in settings.allKeys()}

    def restore() -> None:
        for key in settings.allKeys():
            if key not in kept:
                settings.remove(key)
        for key, value in kept.items():
            if not settings.contains(key) or settings.value(key) != value:
                settings.setValue(key, value)
        settings.sync()

    return restore


def own_database(slicer: Any, folder: Path) -> Callable[[], None]:
    """Open an empty DICOM database in a folder, and return what opens the user's own again (or none, if none was open)."""
    from DICOMLib import DICOMUtils

    database = slicer.dicomDatabase
    before = str(database.databaseDirectory) if database.isOpen else ""

    def restore() -> None:
        database.closeDatabase()
        if before:
            DICOMUtils.openDatabase(before)

    folder.mkdir(parents=True, exist_ok=True)
    try:
        if not DICOMUtils.openDatabase(str(folder)):
            pytest.skip("this Slicer opens no DICOM database for a test")
    except BaseException:
        restore()
        raise
    return restore


class SlicerDesktop:
    """A running Slicer with an empty scene and an empty DICOM database; the user's own and all settings come back at the end.

    Made by the ``desktop`` fixture.
    """

    def __init__(self, folder: Path, with_window: bool = True) -> None:
        import slicer

        if not with_window:
            pytest.skip("this Slicer has a window; start it with --no-main-window for this test")
        self._slicer = slicer
        self.folder = folder
        self._answers: dict[str, list[Any]] = {}
        self._replaced: list[tuple[Any, str, Any]] = []
        # Called in reverse order, each of them even where one before it failed.
        with ExitStack() as undo:
            undo.callback(keep_settings(slicer.app.userSettings()))
            undo.callback(own_database(slicer, folder / "dicom of the test"))
            undo.callback(self.process_events)
            undo.callback(slicer.mrmlScene.Clear, 0)
            undo.callback(self._give_classes_back)
            slicer.mrmlScene.Clear(0)
            self._undo = undo.pop_all()

    @property
    def scene(self) -> Any:
        """The scene."""
        return self._slicer.mrmlScene

    @property
    def app(self) -> Any:
        """The application."""
        return self._slicer.app

    @property
    def testing(self) -> bool:
        """Whether message boxes are only logged."""
        return bool(self.app.testingEnabled())

    def load_module(self, name: str, path: Path | None = None) -> Any:
        """Return a module that Slicer has loaded; one that it has not skips the test."""
        found = getattr(self._slicer.modules, name.lower(), None)
        if found is None:
            pytest.skip(f"Slicer has not loaded the module {name}")
        return found

    def show_module(self, name: str) -> Any:
        """Switch to a module; returns its Python widget."""
        self._slicer.util.selectModule(name)
        self.process_events()
        return self._slicer.util.getModuleWidget(name)

    def leave_module(self) -> None:
        """Switch to another module."""
        self._slicer.util.selectModule("Data")
        self.process_events()

    def run_self_test(self, name: str) -> None:
        """Run a module's own test class."""
        getattr(self._slicer.modules, f"{name}Instance").runTest()

    def process_events(self, until: Callable[[], bool] | None = None, timeout: float = 10.0) -> None:
        """Let Qt work: one round, or until something holds."""
        self.app.processEvents()
        end = time.monotonic() + timeout
        while until is not None and not until():
            if time.monotonic() > end:
                raise TimeoutError(f"nothing happened within {timeout:g} s")
            self.app.processEvents()
            time.sleep(0.005)

    def click(self, widget: Any) -> None:
        """Click a button as the user does: it must be visible and enabled."""
        assert widget.enabled, f"{widget.objectName} is disabled"
        assert not widget.isHidden(), f"{widget.objectName} is hidden"
        widget.click()
        self.process_events()

    def click_in_view(self, view: Any, x: int, y: int) -> None:
        """Move to a pixel of a slice or 3D view (origin above left) and click there."""
        interactor = view.interactor()
        interactor.SetEventInformationFlipY(x, y)
        for event in ("MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent"):
            interactor.InvokeEvent(event)
        self.process_events()

    def press(self, widget: Any, key: str) -> None:
        """Skip."""
        pytest.skip(SHORTCUTS)

    def expect_dialog(self, kind: str, answer: Any) -> None:
        """Answer the next call of a static dialog function, such as ``QFileDialog.getExistingDirectory``."""
        import qt

        class_name, _dot, function = kind.partition(".")
        if not function:
            pytest.skip(f"a modal {kind} cannot be answered from within Slicer's event loop")
        self._answers.setdefault(kind, []).append(answer)
        if any(name == class_name for _holder, name, _kept in self._replaced):
            return
        kept, answers = getattr(qt, class_name), self._answers

        class Answering:
            """Stands for the dialog's class: expected functions are answered, all else is the class's own."""

            def __getattr__(self, name: str) -> Any:
                waiting = answers.get(f"{class_name}.{name}")
                return (lambda *_: waiting.pop(0)) if waiting else getattr(kept, name)

        self._replaced.append((qt, class_name, kept))
        setattr(qt, class_name, Answering())

    def take_faults(self, text: str = "") -> list[Any]:
        """Return nothing: Slicer prints what slots raise."""
        return []

    def save_scene(self, path: Path) -> Path:
        """Save the scene."""
        assert self._slicer.util.saveScene(str(path)), f"could not save {path}"
        return path

    def open_scene(self, path: Path) -> None:
        """Close the scene and open another."""
        self.scene.Clear(0)
        self._slicer.util.loadScene(str(path))
        self.process_events()

    def add_dicom(self, folder: Path) -> None:
        """Index a folder of DICOM files in the test's database."""
        from DICOMLib import DICOMUtils

        DICOMUtils.importDicom(str(folder))
        self.process_events()

    def screenshot_window(self, path: Path, width: int = 1600, height: int = 1000) -> Path:
        """Save a picture of the main window, which gives the views their size."""
        window = self._slicer.util.mainWindow()
        window.resize(width, height)
        self.process_events()
        path.parent.mkdir(parents=True, exist_ok=True)
        assert window.grab().save(str(path)), f"could not write {path}"
        return path

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"a running Slicer has no {name} for a test")

    def _give_classes_back(self) -> None:
        for holder, name, kept in self._replaced:
            setattr(holder, name, kept)
        self._replaced.clear()

    def stop(self) -> list[Any]:
        """Empty the scene, and give back Qt's classes, the user's database and settings."""
        self._undo.close()
        return []
