"""What a result folder holds, read quickly and without opening images: for a list of cases."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .dicomio.study import StudyInfo
from .errors import InputError
from .whole_folder import MANIFEST, PROGRAM, SIGNED

RUN_RECORD, PLAN, REPORT_HTML, REPORT_PDF, REPORT_DICOM, MEASUREMENTS_DICOM, SCENE, SEGMENTATION, VIDEO = (
    "run.json",
    "plan.json",
    "report.html",
    "report.pdf",
    "report.dcm",
    "sr.dcm",
    "scene.mrb",
    "seg.dcm",
    "flythrough.mp4",
)
FILM_PDF = "film.pdf"
CORONARY = "coronary.json"
"""The result of a coronary analysis; without it a result is one of the lung."""
DICOM_FILES = (SEGMENTATION, REPORT_DICOM, MEASUREMENTS_DICOM)
PICTURES, FILM_PDF = "pictures", "film.pdf"
STUDY = "study.json"
"""Whose result it is, for a list of cases: apart from the other records, so that they can be shown to anybody."""
STUDY_KEYS = ("patient_name", "study_date", "study_description", "series_uid")
DEPTH = 2
"""Cases lie in the folder for results, or one folder deeper."""


@dataclass(frozen=True)
class CaseFolder:
    """A finished result.

    Parameters
    ----------
    folder
        Where it lies.
    study
        Name of the patient, date and description of the study, UID of the series, as far as the CT stated them.
    created
        When the run began, local time, or None where the record does not say.
    engine
        Name of the engine that made the segmentation.
    has_target
        Whether a target was given, so that there is a plan.
    files
        Names of the files at its top.
    """

    folder: Path
    created: datetime | None
    engine: str
    has_target: bool
    files: frozenset[str]
    study: StudyInfo = field(default_factory=StudyInfo)

    @property
    def organ(self) -> str:
        """``heart`` or ``lung``: which module the result is continued in."""
        return "heart" if CORONARY in self.files else "lung"

    @property
    def name(self) -> str:
        """A name without the patient's: the folder's, or what numbers it within its parent (``Case/002`` is ``Case 002``)."""
        return f"{self.folder.parent.name} {self.folder.name}" if self.folder.name.isdigit() else self.folder.name


def is_case(folder: Path) -> bool:
    """Tell whether a folder is a finished result of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(manifest, dict) or manifest.get("program") != PROGRAM:
        return False
    return (folder / RUN_RECORD).is_file() or (folder / PLAN).is_file()


def read_case(folder: Path) -> CaseFolder:
    """Read what the list shows of a result; what its record does not say stays empty."""
    record = _record(folder / RUN_RECORD)
    engine = record.get("engine")
    options = record.get("options")
    return CaseFolder(
        folder=folder,
        created=_local_time(record.get("created")),
        engine=str(engine.get("name", "")) if isinstance(engine, dict) else "",
        has_target=isinstance(options, dict) and options.get("target", "none") != "none",
        files=frozenset(path.name for path in folder.iterdir() if path.is_file()),
        study=_study(_record(folder / STUDY)),
    )


def write_study(study: StudyInfo, folder: Path) -> None:
    """Write whose result it is into a result's folder; nothing when the CT does not say."""
    told = {key: getattr(study, key) for key in STUDY_KEYS if getattr(study, key)}
    if told:
        (folder / STUDY).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def is_outdated(folder: Path) -> bool:
    """Tell whether the report of a result, and with it its pictures, is older than the reader's last change."""
    changes, report = folder / SIGNED, folder / REPORT_HTML
    return changes.is_file() and report.is_file() and changes.stat().st_mtime > report.stat().st_mtime


def check_same_series(folder: Path, study: StudyInfo) -> None:
    """Refuse images of another series than a result was made on: a grid alone does not tell patients or phases apart.

    Raises
    ------
    InputError
        When both say which series they are, and differ.
    """
    known = _study(_record(folder / STUDY)).series_uid
    if known and study.series_uid and known != study.series_uid:
        raise InputError("These images are another series than the one that the result was made on; name that one.")


def _study(record: dict[str, Any]) -> StudyInfo:
    return StudyInfo(**{key: record[key] for key in STUDY_KEYS if isinstance(record.get(key), str)})


def find_cases(folder: Path) -> list[CaseFolder]:
    """Return the results in a folder, newest first.

    The folder itself if it is one, else those in it and, as modules keep several runs of a case, in the folders in it;
    nothing if it is absent.
    """
    if not folder.is_dir():
        return []
    found = [read_case(one) for one in _places(folder, DEPTH)]
    return sorted(found, key=lambda case: (case.created.timestamp() if case.created else 0.0, case.name), reverse=True)


def _places(folder: Path, depth: int) -> list[Path]:
    if is_case(folder):
        return [folder]
    if depth == 0:
        return []
    try:
        inside = [one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")]
    except OSError:  # a folder that the user may not read holds no case of theirs
        return []
    return [place for one in inside for place in _places(one, depth - 1)]


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _local_time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone()
    except ValueError:
        return None
