"""Whose CT an image file is, by the DICOM files it was made from; and the report as a DICOM object of that study."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from SenseCarePlanningLib.dicomio.load import LoadedImage
from SenseCarePlanningLib.dicomio.report_pdf import NO_STUDY, write_report_dicom
from SenseCarePlanningLib.dicomio.seg import SegmentDescription, write_seg
from SenseCarePlanningLib.dicomio.source import NOT_ONE, NOT_READ, read_file_list, with_source
from SenseCarePlanningLib.dicomio.study import SeriesInfo, StudyInfo
from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import LabelMap, Volume

STUDY = StudyInfo(patient_name="Doe^Jane", patient_id="ID7", birth_date="1950-02-03", sex="F", study_date="2024-01-31")


@pytest.fixture
def volume() -> Volume:
    array = np.random.default_rng(4).integers(-1000, 400, (12, 20, 24)).astype(np.int16)
    affine = np.array([[0.7, 0.0, 0.0, -11.0], [0.0, 0.7, 0.0, -22.0], [0.0, 0.0, 1.5, -33.0], [0.0, 0.0, 0.0, 1.0]])
    return Volume(array, affine)


@pytest.fixture
def files(volume: Volume, tmp_path: Path) -> tuple[Path, ...]:
    return write_ct_series(volume, tmp_path / "dicom", STUDY, kvp=120, kernel="LUNG")


def from_a_file(volume: Volume) -> LoadedImage:
    """As an NRRD file of the same voxels comes: without a study."""
    return LoadedImage(volume, StudyInfo(), SeriesInfo(uid=""))


def test_a_file_gets_the_study_and_can_have_a_segmentation(volume: Volume, files: tuple[Path, ...], tmp_path: Path) -> None:
    named = with_source(from_a_file(volume), files[::-1])
    assert (named.study.patient_name, named.study.patient_id, named.study.birth_date) == ("Doe^Jane", "ID7", "1950-02-03")
    assert (named.volume.acquisition.kvp, named.volume.acquisition.kernel) == (120.0, "LUNG")
    assert named.is_dicom and named.files == files
    labels = LabelMap((volume.array_kji > 0).astype(np.uint8), volume.affine_ijk_to_lps, {1: "airway"})
    assert write_seg([(SegmentDescription(1, "Airway"), labels)], named, tmp_path / "seg.dcm") is None
    assert pydicom.dcmread(tmp_path / "seg.dcm").PatientID == "ID7"


def test_a_moved_or_cropped_image_keeps_the_name_but_has_no_segmentation(volume: Volume, files: tuple[Path, ...]) -> None:
    moved = volume.affine_ijk_to_lps.copy()
    moved[0, 3] += 0.2
    for other in (replace(volume, affine_ijk_to_lps=moved), replace(volume, array_kji=volume.array_kji[1:])):
        named = with_source(from_a_file(other), files)
        assert named.study.patient_id == "ID7"
        assert not named.is_dicom


def test_two_patients_give_no_name(volume: Volume, files: tuple[Path, ...], tmp_path: Path) -> None:
    other = write_ct_series(volume, tmp_path / "other", replace(STUDY, patient_id="ID8"), seed=2)
    named = with_source(from_a_file(volume), (*files[:6], *other[6:]))
    assert named.study == StudyInfo() and NOT_ONE in named.warnings


def test_files_that_are_gone_give_no_name(volume: Volume, files: tuple[Path, ...]) -> None:
    files[3].unlink()
    named = with_source(from_a_file(volume), files)
    assert named.study == StudyInfo() and NOT_READ in named.warnings


def test_the_list_of_files_is_checked(tmp_path: Path) -> None:
    listed = tmp_path / "dicom.json"
    listed.write_text(json.dumps(["/a", "/b"]))
    assert read_file_list(listed) == (Path("/a"), Path("/b"))
    for text in ("{", '{"a": 1}', "[1]"):
        listed.write_text(text)
        with pytest.raises(InputError, match=r"dicom\.json"):
            read_file_list(listed)


def test_a_report_becomes_a_dicom_object_of_its_study(tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(b"%PDF-1.4 odd")
    study = replace(STUDY, study_uid="2.25.5", study_time="10:11:12")
    assert write_report_dicom(pdf, study, tmp_path / "report.dcm") is None
    data = pydicom.dcmread(tmp_path / "report.dcm")
    assert data.SOPClassUID.name == "Encapsulated PDF Storage"
    assert (str(data.PatientName), data.PatientID, data.PatientBirthDate) == ("Doe^Jane", "ID7", "19500203")
    assert (data.StudyInstanceUID, data.StudyDate, data.StudyTime) == ("2.25.5", "20240131", "101112")
    assert data.EncapsulatedDocument[: data.EncapsulatedDocumentLength] == pdf.read_bytes()
    assert len(data.EncapsulatedDocument) % 2 == 0


def test_without_a_study_there_is_no_dicom_report(tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(b"%PDF-1.4")
    assert write_report_dicom(pdf, StudyInfo(), tmp_path / "report.dcm") == NO_STUDY
    assert not (tmp_path / "report.dcm").exists()
