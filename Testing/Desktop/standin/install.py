"""Puts the stand-in's modules in place of the desktop's, and takes them away again."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import slicer
import slicer.util

from . import (
    application,
    ctk_buttons,
    ctk_numbers,
    dicom_database,
    i18n,
    io_manager,
    markups_widgets,
    modules,
    mrml_widgets,
    packaging,
    parameter_node,
    process,
    qt_module,
    sample_data,
    scripted,
    selectors,
    ui_file,
    web_widget,
)
from .emulation import CTK, SLICER
from .wrapping import wrap, wrapper_class

LOADED = (ctk_buttons, ctk_numbers, mrml_widgets, selectors, markups_widgets, io_manager, web_widget)
"""Imported for the classes that they register."""
_saved: dict[str, Any] = {}


def _module(name: str, source: Any = None, **values: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    if source is not None:
        made.__dict__.update({key: value for key, value in vars(source).items() if not key.startswith("__")})
    made.__dict__.update(values)
    return made


def install(folder: Path, with_window: bool = True) -> Any:
    """Start the stand-in with an empty scene and return the application object."""
    app = application.application()
    app.begin(folder, with_window)
    i18n.set_translators([])
    for recorded in (packaging.REQUESTS, packaging.PRETENDED):
        recorded.clear()
    packaging.CONSENT[0] = True
    _saved.clear()
    _saved["slicer"] = dict(vars(slicer))
    _saved["util"] = dict(vars(slicer.util))
    _saved["modules"] = dict(sys.modules)
    _saved["path"] = list(sys.path)
    sys.modules["qt"] = qt_module.make()
    sys.modules["ctk"] = _module("ctk", **{name: wrapper_class(made) for name, made in CTK.items()})
    for name, made in SLICER.items():
        setattr(slicer, name, wrapper_class(made))
    slicer.app, slicer.mrmlScene, slicer.selfTests = wrap(app), app.mrmlScene(), {}
    slicer.modules = modules.Modules(app.module_manager)
    for name, source in {
        "i18n": i18n,
        "ScriptedLoadableModule": scripted,
        "parameterNodeWrapper": parameter_node,
        "packaging": packaging,
    }.items():
        sys.modules[f"slicer.{name}"] = _module(f"slicer.{name}", source)
        setattr(slicer, name, sys.modules[f"slicer.{name}"])
    slicer.modules.sampleDataSources = {}
    slicer.dicomDatabase = wrap(app.dicom_database)
    utilities = _module(
        "DICOMLib.DICOMUtils",
        loadSeriesByUID=dicom_database.loadSeriesByUID,
        importDicom=dicom_database.importDicom,
        openDatabase=dicom_database.openDatabase,
    )
    sys.modules["DICOM"] = _module("DICOM", DICOMFileDialog=dicom_database.DICOMFileDialog)
    sys.modules["SampleData"] = _module("SampleData", sample_data)
    sys.modules["DICOMLib"] = _module("DICOMLib", DICOMUtils=utilities)
    sys.modules["DICOMLib.DICOMUtils"] = utilities
    slicer.util.launchConsoleProcess = process.launchConsoleProcess
    slicer.util.loadUI = lambda path: wrap(ui_file.load(str(path)))
    return app


def uninstall() -> None:
    """Give the interpreter back as it was."""
    process.end_all()
    i18n.set_translators([])
    for holder, key in ((slicer, "slicer"), (slicer.util, "util")):
        for name in set(vars(holder)) - set(_saved[key]):
            delattr(holder, name)
        for name, value in _saved[key].items():
            setattr(holder, name, value)
    for name in set(sys.modules) - set(_saved["modules"]):
        if name in {"qt", "ctk", "SampleData", "DICOM"} or name.startswith(("slicer.", "DICOMLib")) or _is_module_file(name):
            del sys.modules[name]
    sys.path[:] = _saved["path"]


def _is_module_file(name: str) -> bool:
    found = getattr(sys.modules[name], "__file__", None)
    return bool(found) and (Path(str(found)).parent / "Resources" / "UI").is_dir()
