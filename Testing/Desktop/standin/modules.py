"""Scripted modules: found by file, made at first use, entered, left and reloaded as the desktop does."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from .emulation import Emits, emulated
from .faults import RECORDER
from .mrml_widgets import qSlicerWidget
from .wrapping import wrap


@emulated
class qSlicerAbstractCoreModule(QtCore.QObject, Emits):
    """Base of the module objects: name, title, logic and widget."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._panel: Any = None

    def logic(self) -> Any:
        """Return the VTK logic of a C++ module."""
        return slicer.app._qt.application_scene.logics.get(self.property("name"))

    def widgetRepresentation(self) -> Any:
        """Return the panel; a scripted module makes it now."""
        return self._panel


@emulated
class qSlicerAbstractModule(qSlicerAbstractCoreModule):
    """A module with an icon."""


@emulated
class qSlicerLoadableModule(qSlicerAbstractModule):
    """A module from a library."""


@emulated
class qSlicerScriptedLoadableModule(qSlicerLoadableModule):
    """A module written in Python."""

    def load(self, path: Path) -> None:
        """Run the module file and make its module object."""
        self.source, self.file = _run(path), path
        self.setObjectName(f"{path.stem}Module")
        for key, value in {"name": path.stem, "title": path.stem, "path": str(path)}.items():
            self.__dict__.setdefault("_values", {})[key] = value
        self.instance = getattr(self.source, path.stem)(wrap(self))
        setattr(slicer.modules, f"{path.stem}Instance", self.instance)

    def widgetRepresentation(self) -> Any:
        """Return the panel, made and set up at the first call."""
        if self._panel is None and hasattr(self.source, f"{self.property('name')}Widget"):
            self._panel = qSlicerScriptedLoadableModuleWidget()
            self._panel.begin(self)
        return self._panel

    def createNewWidgetRepresentation(self) -> Any:
        """Return a second panel."""
        made = qSlicerScriptedLoadableModuleWidget()
        made.begin(self)
        return made


@emulated
class qSlicerAbstractModuleWidget(qSlicerWidget):
    """A module's panel."""

    def _get_isEntered(self) -> bool:
        return bool(getattr(self, "_entered", False))


@emulated
class qSlicerScriptedLoadableModuleWidget(qSlicerAbstractModuleWidget):
    """The panel of a scripted module; ``self()`` is the Python object."""

    def begin(self, module: Any) -> None:
        """Make the Python widget and set it up."""
        self._module, self._entered = module, self._get_isEntered()  # reloading does not leave the panel
        name = module.property("name")
        self.setObjectName(f"{name}ModuleWidget")
        if self.layout() is None:
            QtWidgets.QVBoxLayout(self)
        self._python: Any = None
        try:
            self._python = getattr(module.source, f"{name}Widget")(wrap(self))
            setattr(slicer.modules, f"{name}Widget", self._python)
            self._python.setup()
        except Exception:
            RECORDER.exception("module exception")

    def self(self) -> Any:
        """Return the Python object."""
        return self._python

    def reload(self) -> None:
        """Make a new Python widget from the module file's new source."""
        self._module.source = sys.modules[self._module.property("name")]
        self.begin(self._module)

    def _tell(self, what: str) -> None:
        if self._python is not None and hasattr(self._python, what):
            try:
                getattr(self._python, what)()
            except Exception:
                RECORDER.exception("module exception")

    def show_entered(self, entered: bool) -> None:
        """Tell the module that it is shown or left."""
        if entered != self._entered:
            self._entered = entered
            self._tell("enter" if entered else "exit")

    def unload(self) -> None:
        """Tell the module that the application ends."""
        self._tell("cleanup")


def _run(path: Path) -> types.ModuleType:
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@emulated
class qSlicerAbstractModuleFactoryManager(QtCore.QObject, Emits):
    """Knows the modules' names."""

    manager: Any = None

    def loadedModuleNames(self) -> list[str]:
        """Return the loaded modules."""
        return list(self.manager.loaded)

    registeredModuleNames = instantiatedModuleNames = loadedModuleNames

    def isLoaded(self, name: str) -> bool:
        """Tell whether a module is loaded."""
        return name in self.manager.loaded


@emulated
class qSlicerModuleFactoryManager(qSlicerAbstractModuleFactoryManager):
    """Knows the modules' names."""


@emulated
class qSlicerModuleManager(QtCore.QObject, Emits):
    """Knows the loaded modules."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.loaded: dict[str, Any] = {}
        self._factories = qSlicerModuleFactoryManager()
        self._factories.manager = self

    def factoryManager(self) -> Any:
        """Return what knows the modules' names."""
        return self._factories

    def module(self, name: str) -> Any:
        """Return a module object or None."""
        return self.loaded.get(name)

    def modulesNames(self) -> list[str]:
        """Return the names."""
        return list(self.loaded)

    def isLoaded(self, name: str) -> bool:
        """Tell whether a module is loaded."""
        return name in self.loaded


class Modules:
    """``slicer.modules``: one attribute per module, in lower case."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def __getattr__(self, name: str) -> Any:
        for module, found in self._manager.loaded.items():
            if module.lower() == name:
                return wrap(found)
        raise AttributeError(f"'modules' object has no attribute '{name}'")


def add_core_modules(manager: Any, logics: dict[str, Any]) -> None:
    """Register the C++ modules of the desktop whose logic slicer-core has."""
    for name in [*logics, "SegmentEditor", "DICOM", "Terminologies"]:
        module = qSlicerAbstractModule()
        module.__dict__.setdefault("_values", {}).update(name=name, title=name)
        manager.loaded[name] = module
