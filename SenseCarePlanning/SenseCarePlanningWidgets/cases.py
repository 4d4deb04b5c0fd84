"""The cases that the hub lists: CT studies of Slicer's DICOM database and finished result folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import qt
import slicer

from SenseCarePlanningLib.case_folder import REPORT_HTML, CaseFolder, find_cases, is_case
from SenseCarePlanningLib.errors import InputError

from .dicom_database import opened_database, require_database
from .texts import tr as _

CASES_SETTING = "SenseCarePlanning/CasesFolder"
OPENED_SETTING = "SenseCarePlanning/OpenedFolders"
MOST_OPENED = 40
MODALITY = "CT"


@dataclass(frozen=True)
class Series:
    """One CT series of a study."""

    uid: str
    title: str
    image_count: int


@dataclass(frozen=True)
class Case:
    """A row of the list.

    Parameters
    ----------
    key
        Tells cases apart: ``study:<uid>`` or ``folder:<path>``.
    kind
        ``study`` or ``result``.
    name
        The patient; the result folder's name where the CT stated none.
    study
        What was scanned, with its date for a result.
    date
        ISO date of the scan; date and time of a result's run; empty where it is unknown.
    state
        ``CT``, or in one word what a result holds so far.
    held
        The same as a sentence, for a result.
    study_uid, result
        Where the case comes from.
    """

    key: str
    kind: str
    name: str
    study: str
    date: str
    state: str
    held: str = ""
    study_uid: str = ""
    result: CaseFolder | None = None


def cases_folder() -> Path:
    """Return the folder that new results go into, as the user set it or in the documents; it may not exist yet."""
    documents = qt.QStandardPaths.writableLocation(qt.QStandardPaths.DocumentsLocation) or str(Path.home())
    return Path(str(slicer.util.settingsValue(CASES_SETTING, str(Path(documents) / "SenseCare Planning"))))


def set_cases_folder(folder: Path) -> None:
    """Let new results go into another folder."""
    qt.QSettings().setValue(CASES_SETTING, str(folder))


def opened_folders() -> list[Path]:
    """Return the result folders elsewhere that the user opened, newest first; those that are gone are left out."""
    text = str(slicer.util.settingsValue(OPENED_SETTING, "[]"))
    try:
        listed = json.loads(text)
    except ValueError:
        listed = []
    return [Path(one) for one in listed if isinstance(one, str) and is_case(Path(one))]


def remember_folder(folder: Path) -> None:
    """List a result folder from now on, wherever it lies.

    Raises
    ------
    InputError
        If it is no finished result.
    """
    if not is_case(folder):
        raise InputError(
            _("The folder {name} holds no result of SenseCare Planning; choose a folder with a plan.").format(name=folder.name)
        )
    kept = [folder, *(one for one in opened_folders() if one != folder)][:MOST_OPENED]
    qt.QSettings().setValue(OPENED_SETTING, json.dumps([str(one) for one in kept]))


def result_places() -> list[Path]:
    """Return the folders where results are looked for."""
    return [cases_folder(), *opened_folders()]


def read_results(places: list[Path]) -> list[CaseFolder]:
    """Return the finished results in folders, newest first; touches neither Qt nor the scene."""
    found = {str(one.folder): one for place in places for one in find_cases(place)}
    return sorted(found.values(), key=lambda one: one.created.timestamp() if one.created else 0.0, reverse=True)


def result_case(result: CaseFolder) -> Case:
    """Return the row of a result."""
    if result.organ == "heart" and REPORT_HTML in result.files:
        state, held = _("Report"), _("Coronary analysis with report")
    elif result.organ == "heart":
        state, held = _("Coronaries"), _("Coronary analysis, no report yet")
    elif not result.has_target:
        state, held = _("Airways"), _("No target yet")
    elif REPORT_HTML in result.files:
        state, held = _("Report"), _("Plan with report")
    else:
        state, held = _("Plan"), _("Plan, no report yet")
    study = result.study
    name = readable_name(study.patient_name) if study.patient_name else result.name
    scanned = " · ".join(one for one in (study.study_date, study.study_description) if one)
    date = result.created.strftime("%Y-%m-%d %H:%M") if isinstance(result.created, datetime) else ""
    return Case(f"folder:{result.folder}", "result", name, scanned, date, state, held, result=result)


def study_cases() -> Iterator[Case]:
    """Yield the studies of Slicer's DICOM database that hold CT images; slow where there are many, so take them by and by."""
    database = opened_database()
    if database is None:
        return
    for patient in database.patients():
        name = readable_name(database.nameForPatient(patient))
        for study in database.studiesForPatient(patient):
            if any(database.fieldForSeries("Modality", one) == MODALITY for one in database.seriesForStudy(study)):
                yield Case(
                    f"study:{study}",
                    "study",
                    name,
                    database.descriptionForStudy(study) or _("CT"),
                    str(database.fieldForStudy("StudyDate", study)),
                    _("CT"),
                    study_uid=study,
                )


def ct_series(study_uid: str) -> list[Series]:
    """Return a study's CT series, most images first: the first is usually the one to plan on."""
    database = opened_database()
    if database is None:
        return []
    found = []
    for uid in database.seriesForStudy(study_uid):
        if database.fieldForSeries("Modality", uid) != MODALITY:
            continue
        count = len(database.filesForSeries(uid))
        title = database.descriptionForSeries(uid) or _("Series without a name")
        found.append(Series(uid, _("{title} ({count} images)").format(title=title, count=count), count))
    return sorted(found, key=lambda one: one.image_count, reverse=True)


def readable_name(name: str) -> str:
    """Return a DICOM person name as people write it: ``Doe^Jane`` as ``Doe, Jane``."""
    parts = [part.strip() for part in str(name).split("=")[0].split("^") if part.strip()]
    return ", ".join(parts[:2]) if parts else _("Name unknown")


def load_series(uid: str) -> Any:
    """Return the volume of a series: the one in the scene, or loaded now (which Slicer does while the window waits).

    Raises
    ------
    InputError
        If it cannot be loaded.
    """
    from DICOMLib import DICOMUtils

    wanted = set(require_database().instancesForSeries(uid))
    if not wanted:
        raise InputError(_("This series is no longer in the DICOM database; press Refresh and choose again."))
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        held = set((node.GetAttribute("DICOM.instanceUIDs") or "").split())
        if held and held <= wanted:
            return node
    ids = DICOMUtils.loadSeriesByUID([uid])
    nodes = [slicer.mrmlScene.GetNodeByID(one) for one in ids or ()]
    volumes = [one for one in nodes if one is not None and one.IsA("vtkMRMLScalarVolumeNode")]
    if not volumes:
        raise InputError(_("This series could not be loaded; open it in the DICOM module and look at its messages."))
    return volumes[0]
