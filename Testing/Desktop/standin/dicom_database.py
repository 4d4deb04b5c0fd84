"""A small DICOM database over real files, and ``DICOMLib.DICOMUtils``: what a case list and loading need."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore

from .emulation import Emits, emulated

RENAMED = {
    "PatientsName": "PatientName",
    "PatientsBirthDate": "PatientBirthDate",
    "PatientsSex": "PatientSex",
    "PatientsAge": "PatientAge",
}
"""Columns of the database whose names differ from DICOM's keywords."""
DATABASE, DEFAULT_FOLDER = "ctkDICOM.sql", "SlicerDICOMDatabase"
NOT_IN_NAMES = str.maketrans({"|": "-", "/": "-", "\\": "-", "*": "(star)"})
"""What the plugin for scalar volumes replaces in a name (``cleanNodeName``)."""


@emulated
class ctkDICOMDatabase(QtCore.QObject, Emits):
    """Patients, studies, series and files."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._headers: dict[str, Any] = {}
        self._patients: list[tuple[str, str, str]] = []
        self._kept: dict[str, Any] = {}
        self._values: dict[str, Any] = {"isOpen": False, "databaseFilename": "", "databaseDirectory": ""}

    def openDatabase(self, path: str, connection: str = "") -> bool:
        """Open the database of a file; its folder must be there, a new file is an empty database."""
        folder = Path(path).parent
        if not folder.is_dir():
            return False
        self.closeDatabase()
        Path(path).touch()
        self._headers, self._patients = self._kept.setdefault(path, ({}, []))
        self._values.update(isOpen=True, databaseFilename=path, databaseDirectory=str(folder))
        self.send("opened()")
        return True

    def closeDatabase(self) -> None:
        """Close it; the place of the file stays known."""
        if self._values["isOpen"]:
            self._headers, self._patients = {}, []
            self._values["isOpen"] = False
            self.send("closed()")

    def initializeDatabase(self, schema: str = "") -> bool:
        """Forget all that was indexed."""
        self._headers.clear()
        self._patients.clear()
        return bool(self._values["isOpen"])

    def add(self, folder: Path) -> None:
        """Index the DICOM files of a folder."""
        import pydicom

        if not self._values["isOpen"]:
            raise RuntimeError("the DICOM database is not open")

        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            try:
                header = pydicom.dcmread(path, stop_before_pixels=True)
            except pydicom.errors.InvalidDicomError:
                continue
            self._headers[str(path)] = header
            identity = self._identity(header)
            if identity not in self._patients:
                self._patients.append(identity)
        self.send("databaseChanged()")

    @staticmethod
    def _identity(header: Any) -> tuple[str, str, str]:
        return tuple(str(getattr(header, key, "") or "") for key in ("PatientID", "PatientName", "PatientBirthDate"))  # type: ignore[return-value]

    def _some(self, keep: Callable[[Any], bool], key: str) -> list[str]:
        return list(dict.fromkeys(str(one.get(key, "")) for one in self._headers.values() if keep(one)))

    def _first(self, keep: Callable[[Any], bool]) -> Any:
        return next((one for one in self._headers.values() if keep(one)), {})

    def _patient(self, uid: str) -> Callable[[Any], bool]:
        place = int(uid) - 1 if uid.isdigit() else -1
        known = self._patients[place] if 0 <= place < len(self._patients) else None
        return lambda one: self._identity(one) == known

    @staticmethod
    def _by(key: str, uid: str) -> Callable[[Any], bool]:
        return lambda one: str(one.get(key, "")) == uid

    def patients(self) -> list[str]:
        """Return the patients' numbers."""
        return [str(at + 1) for at in range(len(self._patients))]

    def studiesForPatient(self, uid: str) -> list[str]:
        """Return a patient's studies."""
        return self._some(self._patient(uid), "StudyInstanceUID")

    def seriesForStudy(self, uid: str) -> list[str]:
        """Return a study's series."""
        return self._some(self._by("StudyInstanceUID", uid), "SeriesInstanceUID")

    def filesForSeries(self, uid: str, hits: int = -1) -> list[str]:
        """Return a series' files."""
        found = [path for path, one in self._headers.items() if str(one.SeriesInstanceUID) == uid]
        return found if hits < 0 else found[:hits]

    def instancesForSeries(self, uid: str, hits: int = -1) -> list[str]:
        """Return a series' instances."""
        found = self._some(self._by("SeriesInstanceUID", uid), "SOPInstanceUID")
        return found if hits < 0 else found[:hits]

    def studyForSeries(self, uid: str) -> str:
        """Return a series' study."""
        return str(self._first(self._by("SeriesInstanceUID", uid)).get("StudyInstanceUID", ""))

    def patientForStudy(self, uid: str) -> str:
        """Return a study's patient."""
        found = self._first(self._by("StudyInstanceUID", uid))
        return str(self._patients.index(self._identity(found)) + 1) if found else ""

    def fileForInstance(self, uid: str) -> str:
        """Return an instance's file."""
        return next((path for path, one in self._headers.items() if str(one.SOPInstanceUID) == uid), "")

    def instanceForFile(self, path: str) -> str:
        """Return a file's instance."""
        return str(self._headers[path].SOPInstanceUID) if path in self._headers else ""

    def seriesForFile(self, path: str) -> str:
        """Return a file's series."""
        return str(self._headers[path].SeriesInstanceUID) if path in self._headers else ""

    def nameForPatient(self, uid: str) -> str:
        """Return a patient's name."""
        return str(self._first(self._patient(uid)).get("PatientName", ""))

    displayedNameForPatient = nameForPatient

    def descriptionForStudy(self, uid: str) -> str:
        """Return a study's description."""
        return str(self._first(self._by("StudyInstanceUID", uid)).get("StudyDescription", ""))

    def descriptionForSeries(self, uid: str) -> str:
        """Return a series' description."""
        return str(self._first(self._by("SeriesInstanceUID", uid)).get("SeriesDescription", ""))

    def fieldForPatient(self, field: str, uid: str) -> str:
        """Return a column of the patients' table."""
        return self._field(field, self._patient(uid))

    def fieldForStudy(self, field: str, uid: str) -> str:
        """Return a column of the studies' table."""
        return self._field(field, self._by("StudyInstanceUID", uid))

    def fieldForSeries(self, field: str, uid: str) -> str:
        """Return a column of the series' table."""
        return self._field(field, self._by("SeriesInstanceUID", uid))

    def _field(self, field: str, keep: Callable[[Any], bool]) -> str:
        value = str(self._first(keep).get(RENAMED.get(field, field), ""))
        return f"{value[:4]}-{value[4:6]}-{value[6:]}" if field.endswith("Date") and len(value) == 8 else value

    def fileValue(self, path: str, group: Any, element: Any = None) -> str:
        """Return a tag's text of a file, given as ``"0010,0010"`` or as two numbers."""
        import pydicom

        if element is None:
            group, element = (int(one, 16) for one in str(group).split(","))
        header = self._headers.get(path) or pydicom.dcmread(path, stop_before_pixels=True)
        value = header[group, element].value if (group, element) in header else ""
        return "\\".join(str(one) for one in value) if isinstance(value, pydicom.multival.MultiValue) else str(value)

    def instanceValue(self, uid: str, group: Any, element: Any = None) -> str:
        """Return a tag's text of an instance."""
        return self.fileValue(self.fileForInstance(uid), group, element)

    def patientsCount(self) -> int:
        """Return how many patients there are."""
        return len(self._patients)

    def imagesCount(self) -> int:
        """Return how many files there are."""
        return len(self._headers)

    def allFiles(self) -> list[str]:
        """Return all files."""
        return list(self._headers)


def openDatabase(databaseDir: str) -> bool:
    """Open the database of a folder, which must be there."""
    return bool(slicer.dicomDatabase.openDatabase(f"{databaseDir}/{DATABASE}"))


class DICOMFileDialog:
    """The part of the DICOM module's file dialog that others use."""

    @staticmethod
    def createDefaultDatabase() -> bool:
        """Make sure that there is a database, in a folder of the user's documents; True when there is."""
        if slicer.dicomDatabase.isOpen:
            return True
        if slicer.util.mainWindow() is not None:
            slicer.util.selectModule("DICOM")  # its browser makes the database
        documents = QtCore.QStandardPaths.writableLocation(QtCore.QStandardPaths.StandardLocation.DocumentsLocation)
        folder = Path(documents) / DEFAULT_FOLDER
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            slicer.util.warningDisplay("Could not create a DICOM database with default settings.")
            return False
        return openDatabase(str(folder))


def importDicom(dicomDataDirectory: str, dicomDatabase: Any = None, copyFiles: bool = False) -> bool:
    """Index a folder in the database; with ``copyFiles`` the files are copied into it first."""
    database = dicomDatabase or slicer.dicomDatabase
    folder = Path(dicomDataDirectory)
    if copyFiles:
        folder = Path(str(slicer.app.temporaryPath)).parent / "dicom" / str(database.imagesCount())
        shutil.copytree(dicomDataDirectory, folder)
    database._qt.add(folder)
    return True


def loadSeriesByUID(seriesUIDs: list[str], messages: Any = None, *_: Any, **__: Any) -> list[str]:
    """Load series as volumes, each with its DICOM attributes; returns the node ids."""
    found = []
    for uid in seriesUIDs:
        files = slicer.dicomDatabase.filesForSeries(uid)
        if files:
            found.append(_load(uid, str(Path(files[0]).parent)).GetID())
        elif messages is not None:
            messages.append(f"no files of series {uid}")
    return found


def node_name(uid: str) -> str:
    """Return what Slicer calls the volume of a series: ``4: Chest``, as ``DICOMPlugin.defaultSeriesNodeName`` does."""
    file = next(iter(slicer.dicomDatabase.filesForSeries(uid, 1)), "")
    name = slicer.dicomDatabase.fileValue(file, "0008,103E") or "Unnamed Series"
    number = slicer.dicomDatabase.fileValue(file, "0020,0011")
    return (f"{number}: {name}" if number else name).translate(NOT_IN_NAMES)


def _load(uid: str, folder: str) -> Any:
    import numpy as np
    import SimpleITK
    import vtk

    reader = SimpleITK.ImageSeriesReader()
    ordered = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(folder, uid)
    reader.SetFileNames(ordered)
    image = reader.Execute()
    to_ras = np.eye(4)
    to_ras[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    to_ras[:3, 3] = image.GetOrigin()
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy((np.diag([-1.0, -1.0, 1.0, 1.0]) @ to_ras).ravel())
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", node_name(uid))
    node.SetIJKToRASMatrix(matrix)
    slicer.util.updateVolumeFromArray(node, SimpleITK.GetArrayFromImage(image))
    node.CreateDefaultDisplayNodes()
    node.SetAttribute("DICOM.instanceUIDs", " ".join(slicer.dicomDatabase.instanceForFile(one) for one in ordered))
    return node
