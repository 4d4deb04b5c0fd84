"""Structured reports: read back with highdicom, dumped by dcmtk, taken by Orthanc; every code is the dictionary's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr._concepts_dict import concepts as DICTIONARY

from CardiacCTALib import dicom_codes
from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.segments import BY_CODE
from LungAirwayLib import structured_report as lung
from SenseCarePlanningLib import i18n
from SenseCarePlanningLib.dicomio.load import LoadedImage
from SenseCarePlanningLib.dicomio.store import send_files
from SenseCarePlanningLib.dicomio.structured_report import (
    LANGUAGES,
    NO_STUDY,
    NOTHING,
    Algorithm,
    Evaluation,
    MeasurementDocument,
    MeasurementGroup,
    Site,
    write_structured_report,
)
from SenseCarePlanningLib.dicomio.structured_report_items import Concept
from SenseCarePlanningLib.dicomio.study import SeriesInfo, StudyInfo
from SenseCarePlanningLib.report.model import Code, Evidence, Measurement, not_measured
from SenseCarePlanningLib.report.words import Words

from .conftest import HURRY
from .test_store import ask, needs_orthanc, start_orthanc

needs_dump = pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dcmtk (dsrdump) is not installed")
POINT_KJI = (4.0, 7.0, 11.0)


@pytest.fixture
def document(patient: LoadedImage) -> MeasurementDocument:
    """A stenosis of 63 % in the proximal LAD, with what could not be measured, and the assessment of the patient."""
    x, y, z = (float(value) for value in patient.volume.grid.lps_from_kji(np.array(POINT_KJI)))
    evidence = Evidence((x, y, z))
    lesion = MeasurementGroup(
        tracking_id="pLAD lesion 1",
        measurements=(
            Measurement("diameter_stenosis", 63.0, "%", (55.0, 70.0), "adjacent reference", evidence=evidence),
            Measurement("minimal_lumen_diameter", 1.1, "mm", (0.8, 1.35), evidence=evidence),
            Measurement("remodelling_index", 1.14, "1", method="no interval known"),
            Measurement("reference_length", 7.25, "mm"),
            not_measured("plaque_volume", "mm3", "the outer wall is not seen"),
            Measurement("minimal_lumen_area", None, "mm2", (0.0, 0.9), "", "below the resolution of the scan"),
        ),
        evaluations=(Evaluation(dicom_codes.PLAQUE, Code("26242008", "SCT", "Mixed")),),
        finding=dicom_codes.STENOSIS,
        sites=(Site(BY_CODE["pLAD"].meaning),),
        algorithm=Algorithm("Lumen of the tests", "2", ("order 4",)),
    )
    whole = MeasurementGroup(
        tracking_id="Patient",
        evaluations=(
            Evaluation(dicom_codes.ASSESSMENT, dicom_codes.ASSESSMENTS[Category.MODERATE]),
            Evaluation(dicom_codes.ASSESSMENT_MODIFIER, dicom_codes.MODIFIERS["HRP"]),
        ),
        finding=dicom_codes.CORONARY_DISEASE,
    )
    return MeasurementDocument(
        (whole, lesion), dicom_codes.CORONARY_CTA, concepts=dicom_codes.CONCEPTS, remarks=("For research.",),
        series_description="Coronary measurements",
    )  # fmt: skip


@pytest.fixture
def written(document: MeasurementDocument, patient: LoadedImage, tmp_path: Path) -> Path:
    path = tmp_path / "sr.dcm"
    assert write_structured_report(document, patient, path) is None
    return path


def lesion_of(path: Path) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    report = hd.sr.srread(path)
    groups = report.content.get_image_measurement_groups()
    (found,) = [group for group in groups if group.tracking_identifier == "pLAD lesion 1"]
    return found


def test_the_numbers_come_back_with_codes_and_units(written: Path) -> None:
    report = hd.sr.srread(written)
    assert isinstance(report, hd.sr.Comprehensive3DSR)
    assert report.content[0].name.value == "126000"
    lesion = lesion_of(written)
    assert lesion.finding_type.value == "415582006"
    assert [site.value.value for site in lesion.finding_sites] == ["68787002"]
    found = {(one.name.value, one.derivation.value if one.derivation else None): one for one in lesion.get_measurements()}
    assert set(found) == {("408715008", None), ("397413000", "255605001"), ("122345", None), ("reference_length", None)}
    assert found["408715008", None].value == 63.0 and found["408715008", None].unit.value == "%"
    assert found["397413000", "255605001"].unit == pydicom.sr.codedict.codes.UCUM.Millimeter
    assert found["reference_length", None].name.scheme_designator == "99SENSECARE"
    assert [(one.name.value, one.value.value) for one in lesion.get_qualitative_evaluations()] == [("plaque_type", "26242008")]


def test_intervals_are_uncertainties_with_the_units_of_the_number(written: Path) -> None:
    lesion = lesion_of(written)
    number = lesion.get_measurements(name=pydicom.sr.coding.Code("408715008", "SCT", "Lumen Diameter Stenosis"))[0][0]
    children = {str(child.name.value): child for child in number.ContentSequence}
    assert (children["371886008"].value, children["371886008"].unit.value) == (7.0, "%")
    assert (children["371885007"].value, children["371885007"].unit.value) == (8.0, "%")
    assert children["121106"].value == "95 % interval 55 to 70 %; Method: adjacent reference"


def test_the_evidence_is_the_place_in_space_and_on_its_slice(written: Path, patient: LoadedImage) -> None:
    number = lesion_of(written).get_measurements()[0][0]
    (space,) = [child for child in number.ContentSequence if child.ValueType == "SCOORD3D"]
    (place,) = [child for child in number.ContentSequence if child.ValueType == "SCOORD"]
    image = pydicom.dcmread(patient.files[4])
    point = patient.volume.grid.lps_from_kji(np.array(POINT_KJI))
    np.testing.assert_allclose(space.GraphicData, point, atol=1e-3)
    assert space.ReferencedFrameOfReferenceUID == image.FrameOfReferenceUID
    # Column and row count from the outer corner of the first pixel, so the centre of voxel (j, i) is at (i + 0.5, j + 0.5).
    np.testing.assert_allclose(place.GraphicData, (POINT_KJI[2] + 0.5, POINT_KJI[1] + 0.5), atol=1e-3)
    reference = place.ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID
    data = pydicom.dcmread(written)
    evidence = data.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert image.SOPInstanceUID in {item.ReferencedSOPInstanceUID for item in evidence.ReferencedSOPSequence}


def test_what_was_not_measured_says_why_and_is_no_number(written: Path) -> None:
    group = next(
        item
        for item in pydicom.dcmread(written).ContentSequence[-2].ContentSequence
        if item.ContentSequence[0].TextValue == "pLAD lesion 1"
    )
    texts = {
        item.ConceptNameCodeSequence[0].CodeValue: item.TextValue
        for item in group.ContentSequence
        if item.ValueType == "TEXT" and item.RelationshipType == "CONTAINS"
    }
    assert texts == {
        "122376": "Not measured: the outer wall is not seen",
        "397415007": "Not measured: below the resolution of the scan; 95 % interval 0 to 0.9 mm2",
    }
    names = [item.ConceptNameCodeSequence[0].CodeValue for item in group.ContentSequence if item.ValueType == "NUM"]
    assert "122376" not in names and "397415007" not in names


def test_the_report_belongs_to_the_study_and_is_preliminary(written: Path, patient: LoadedImage) -> None:
    data, source = pydicom.dcmread(written), pydicom.dcmread(patient.files[0])
    assert (data.StudyInstanceUID, data.PatientID, data.Modality) == (source.StudyInstanceUID, "SECRET7", "SR")
    assert (data.CompletionFlag, data.VerificationFlag, data.PreliminaryFlag) == ("COMPLETE", "UNVERIFIED", "PRELIMINARY")
    schemes = {item.CodingSchemeDesignator: item for item in data.CodingSchemeIdentificationSequence}
    assert schemes["99SENSECARE"].CodingSchemeName


def test_the_same_thing_keeps_its_number_in_the_next_report(
    document: MeasurementDocument, patient: LoadedImage, written: Path, tmp_path: Path
) -> None:
    assert write_structured_report(document, patient, tmp_path / "again.dcm") is None
    first, second = lesion_of(written), lesion_of(tmp_path / "again.dcm")
    assert first.tracking_uid == second.tracking_uid
    assert pydicom.dcmread(written).SOPInstanceUID != pydicom.dcmread(tmp_path / "again.dcm").SOPInstanceUID


@needs_dump
def test_dcmtk_reads_it_without_complaint(written: Path) -> None:
    done = subprocess.run(["dsrdump", "+Pl", "-Er", str(written)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The one remark of dcmtk 3.6.7 is on every text in UTF-8.
    complaints = [
        line for line in done.stderr.splitlines() if line and "does not support this Specific Character Set" not in line
    ]
    assert complaints == []
    assert 'Lumen Diameter Stenosis")="63.0" (%,UCUM,"percent")' in done.stdout
    assert "Not measured: the outer wall is not seen" in done.stdout


@needs_orthanc
def test_orthanc_takes_it(written: Path, patient: LoadedImage, tmp_path: Path, start_process: Callable[..., Path]) -> None:
    there, web = start_orthanc(tmp_path, start_process)
    found = send_files([*patient.files, written], there, allowed=True, patience=HURRY)
    assert [one.remark for one in found if not one.stored] == []
    (study,) = ask(web, "/studies")
    modalities = {series["MainDicomTags"]["Modality"] for series in ask(web, f"/studies/{study}/series")}
    assert modalities == {"CT", "SR"}


def test_without_a_study_or_content_there_is_none(document: MeasurementDocument, patient: LoadedImage, tmp_path: Path) -> None:
    bare = LoadedImage(patient.volume, StudyInfo(), SeriesInfo(uid=""))
    assert write_structured_report(document, bare, tmp_path / "sr.dcm") == NO_STUDY
    assert write_structured_report(replace(document, groups=()), patient, tmp_path / "sr.dcm") == NOTHING
    assert list(tmp_path.iterdir()) == []


def test_comments_are_in_the_language_of_the_document(
    document: MeasurementDocument, patient: LoadedImage, tmp_path: Path
) -> None:
    assert write_structured_report(replace(document, words=Words.of("zh")), patient, tmp_path / "sr.dcm") is None
    number = lesion_of(tmp_path / "sr.dcm").get_measurements(name=pydicom.sr.coding.Code("397413000", "SCT", "Lumen Diameter"))[0]
    children = {str(child.name.value): child for child in number[0].ContentSequence}
    assert children["121106"].value == "95% 区间 0.8 至 1.35 mm"
    assert number.name.meaning == "Vessel lumen diameter"
    assert set(LANGUAGES) == set(i18n.LANGUAGES)


def test_a_point_outside_the_scan_has_no_slice(document: MeasurementDocument, patient: LoadedImage, tmp_path: Path) -> None:
    far = Measurement("lumen_diameter", 2.0, "mm", evidence=Evidence((900.0, 0.0, 0.0)))
    group = MeasurementGroup("far", (far,))
    assert write_structured_report(replace(document, groups=(group,)), patient, tmp_path / "sr.dcm") is None
    number = hd.sr.srread(tmp_path / "sr.dcm").content.get_image_measurement_groups()[0].get_measurements()[0][0]
    assert [child.ValueType for child in number.ContentSequence if child.ValueType.startswith("SCOORD")] == ["SCOORD3D"]


def codes_in(module: object) -> list[Code]:
    """All codes of a module, in its constants, tuples, mappings and concepts."""
    found: list[Code] = []

    def gather(value: object) -> None:
        if isinstance(value, Code):
            found.append(value)
        elif isinstance(value, Concept):
            found.extend(code for code in (value.code, value.derivation) if code is not None)
        elif isinstance(value, tuple):
            for one in value:
                gather(one)
        elif isinstance(value, dict):
            for one in value.values():
                gather(one)

    for name, value in vars(module).items():
        if not name.startswith("_"):
            gather(value)
    return found


@pytest.mark.parametrize("module", [dicom_codes, lung], ids=["coronary", "airway"])
def test_every_standard_code_is_in_the_dictionary_under_its_name(module: object) -> None:
    known: dict[tuple[str, str], set[str]] = {}
    for scheme, entries in DICTIONARY.items():
        for meanings in entries.values():
            for value, (meaning, _) in meanings.items():
                known.setdefault((scheme, value), set()).add(meaning.lower())
    # The dictionary of pydicom 3.0.2 has this one with its first letter missing.
    known["DCM", "130721"].add("coronary artery disease assessment modifier")
    # Context group 7150 names these two otherwise than SNOMED CT does.
    known.setdefault(("SCT", "123037004"), set()).add("anatomical structure")
    known.setdefault(("SCT", "49755003"), set()).add("morphologically abnormal structure")
    codes = codes_in(module)
    assert len(codes) > 10
    for code in codes:
        if code.scheme != "99SENSECARE":
            assert code.meaning.lower() in known.get((code.scheme, code.value), set()), code
        assert len(code.value) <= 64 and len(code.meaning) <= 64
    private = [code.value for code in codes if code.scheme == "99SENSECARE"]
    assert len(set(private)) == len(private)
