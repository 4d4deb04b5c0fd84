"""Identity and acquisition facts from one DICOM header; what it does not say stays None."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from ..volume import Acquisition
from .headers import TagReader
from .study import StudyInfo


def _dataset(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, stop_before_pixels=True, force=True)


def iso_date(text: str | None) -> str | None:
    """Turn a DICOM date (YYYYMMDD, or the old YYYY.MM.DD) into ISO; None for anything else."""
    found = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})", text or "")
    return "-".join(found.groups()) if found else None


def iso_time(text: str | None) -> str | None:
    """Turn a DICOM time (HHMM or HHMMSS with fraction) into HH:MM:SS; None for anything else."""
    found = re.fullmatch(r"(\d{2}):?(\d{2}):?(\d{2})?(?:\.\d*)?", text or "")
    return f"{found.group(1)}:{found.group(2)}:{found.group(3) or '00'}" if found else None


def read_study(path: Path) -> StudyInfo:
    """Read the identity of patient, study and series from one file."""
    reader = TagReader(_dataset(path))
    text = reader.text
    return StudyInfo(
        patient_name=text("PatientName"),
        patient_id=text("PatientID"),
        birth_date=iso_date(text("PatientBirthDate")),
        sex=text("PatientSex"),
        age=text("PatientAge"),
        study_date=iso_date(text("StudyDate")),
        study_time=iso_time(text("StudyTime")),
        series_date=iso_date(text("SeriesDate")),
        series_time=iso_time(text("SeriesTime")),
        accession_number=text("AccessionNumber"),
        study_id=text("StudyID"),
        institution=text("InstitutionName"),
        referring_physician=text("ReferringPhysicianName"),
        study_uid=text("StudyInstanceUID"),
        series_uid=text("SeriesInstanceUID"),
        frame_of_reference_uid=text("FrameOfReferenceUID"),
        study_description=text("StudyDescription"),
        series_description=text("SeriesDescription"),
    )


def read_acquisition(path: Path) -> Acquisition:
    """Read the acquisition facts that matter for measuring from one file, single- or multi-frame."""
    data = _dataset(path)
    reader = TagReader(data)
    shared = TagReader(reader.item("SharedFunctionalGroupsSequence"))
    measures = TagReader(shared.item("PixelMeasuresSequence"))
    beam = TagReader(shared.item("CTXRayDetailsSequence"))
    exposure = TagReader(shared.item("CTExposureSequence"))
    reconstruction = TagReader(shared.item("CTReconstructionSequence"))
    agent = reader.text("ContrastBolusAgent")
    kernels = reader.texts("ConvolutionKernel") or reconstruction.texts("ConvolutionKernel")
    return Acquisition(
        kvp=_first(reader.number("KVP"), beam.number("KVP")),
        tube_current_ma=_first(reader.number("XRayTubeCurrent"), exposure.number("XRayTubeCurrentInmA")),
        kernel="/".join(kernels) or None,
        slice_thickness_mm=_first(reader.number("SliceThickness"), measures.number("SliceThickness")),
        manufacturer=reader.text("Manufacturer"),
        model=reader.text("ManufacturerModelName"),
        # The absence of an agent does not say that none was given; its presence says that one was.
        contrast=True if agent else None,
        patient_position=reader.text("PatientPosition"),
    )


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
