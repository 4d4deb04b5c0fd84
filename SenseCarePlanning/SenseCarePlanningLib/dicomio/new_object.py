"""What every DICOM object of ours shares: whose it is, who made it, and that its file appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from .. import __version__
from .study import StudyInfo

MANUFACTURER, MODEL = "SenseCare Planning (open source)", "SenseCare Planning"

# Type 2 attributes of a source's patient and study that derived objects copy: absent ones count as unknown.
_COPIED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)


def new_object(sop_class: str, study: StudyInfo, instance_uid: str) -> FileDataset:
    """Return an object of a study, explicit VR little endian, with patient, study and equipment filled in.

    Parameters
    ----------
    sop_class
        SOP Class UID.
    study
        Whose it is; must have a Study Instance UID.
    instance_uid
        SOP Instance UID.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = sop_class, instance_uid
    data.PatientName, data.PatientID = study.patient_name or "", study.patient_id or ""
    data.PatientBirthDate, data.PatientSex = (study.birth_date or "").replace("-", ""), study.sex or ""
    data.StudyInstanceUID, data.StudyID = study.study_uid, study.study_id or ""
    data.StudyDate, data.StudyTime = (study.study_date or "").replace("-", ""), (study.study_time or "").replace(":", "")
    data.AccessionNumber, data.ReferringPhysicianName = study.accession_number or "", study.referring_physician or ""
    if study.study_description:
        data.StudyDescription = study.study_description
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = MANUFACTURER, MODEL, __version__
    return data


def source_headers(files: Iterable[Path]) -> list[Dataset]:
    """Read the headers of the images that an object is made from, with every attribute that it copies."""
    paths = tuple(Path(file) for file in files)
    return list(_headers(paths, tuple(path.stat().st_mtime_ns for path in paths)))


@lru_cache(maxsize=1)
def _headers(files: tuple[Path, ...], _changed_ns: tuple[int, ...]) -> list[Dataset]:
    """Read headers; kept, because several objects are made of the same images."""
    found = []
    for file in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        for keyword in _COPIED:
            if keyword not in data:
                setattr(data, keyword, "")
        found.append(data)
    return found


def save_whole(data: Dataset, path: Path, rest: Iterable[bytes] = ()) -> None:
    """Write a DICOM file beside its place and move it there; a failure leaves nothing, or the old file.

    Parameters
    ----------
    rest
        Encoded elements that follow those of ``data``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", suffix=".dcm", dir=path.parent)
    os.close(handle)
    try:
        data.save_as(name, enforce_file_format=True)
        with open(name, "ab") as stream:
            stream.writelines(rest)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        if os.path.exists(name):
            os.unlink(name)
