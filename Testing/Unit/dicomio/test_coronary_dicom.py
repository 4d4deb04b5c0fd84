"""A coronary result as DICOM: the numbers come back as they were, dcmtk and Orthanc take them, and a reader's hand is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr._concepts_dict import concepts as DICTIONARY
from pydicom.uid import Comprehensive3DSRStorage, EncapsulatedPDFStorage, SecondaryCaptureImageStorage, SegmentationStorage
from pynetdicom import evt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from coronary_results import one_lesion

from CardiacCTALib import dicom_codes, dicom_segments, structured_report
from CardiacCTALib.edited_result import VesselDrag
from CardiacCTALib.findings import Feature
from CardiacCTALib.high_risk import HighRiskFeature
from CardiacCTALib.measurements import calcium_measurements
from CardiacCTALib.reader_changes import changed, grade_change, load_changes, save_changes, vessel_changes
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.segment_map import SEGMENT_NAMES, segment_map
from CardiacCTALib.segments import BY_CODE, SEGMENTS, Artery
from CardiacCTALib.structured_report import CONCEPTS, measurement_document
from CardiacCTALib.vessel_edit import Wall
from SenseCarePlanningLib.case_folder import read_case
from SenseCarePlanningLib.cli import main
from SenseCarePlanningLib.commands.coronary import Output
from SenseCarePlanningLib.commands.coronary_outputs import NOT_DICOM, write_dicom_files, write_outputs
from SenseCarePlanningLib.dicomio.load import LoadedImage, load_image
from SenseCarePlanningLib.dicomio.network import Destination
from SenseCarePlanningLib.dicomio.seg import read_seg
from SenseCarePlanningLib.dicomio.store import VERIFICATION
from SenseCarePlanningLib.dicomio.structured_report import write_structured_report
from SenseCarePlanningLib.dicomio.structured_report_items import concept_of
from SenseCarePlanningLib.dicomio.study import SeriesInfo, StudyInfo
from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.report.model import Measurement
from SenseCarePlanningLib.run_info import run_info
from SenseCarePlanningLib.tubes.wall_edit import Anchor
from SenseCarePlanningLib.whole_folder import whole_folder

from .conftest import STUDY
from .printers import Printer
from .test_film_print import needs_printer, printed
from .test_store import ask, needs_orthanc, start_orthanc

needs_dump = pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dcmtk (dsrdump) is not installed")
SENT = [SegmentationStorage, EncapsulatedPDFStorage, Comprehensive3DSRStorage, SecondaryCaptureImageStorage]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[CoronaryResult, LoadedImage]:
    """A patient of one lesion, with a calcium score, whose scan is a DICOM series."""
    result, tube = one_lesion()
    volume = replace(tube.volume, array_kji=np.rint(tube.volume.array_kji).astype(np.int16))
    folder = tmp_path_factory.mktemp("scan") / "dicom"
    write_ct_series(volume, folder, STUDY, kvp=120, kernel="Bv40")
    loaded = load_image(folder, require_chest=False, body="heart")
    assert loaded.volume.grid.same_as(volume.grid, tolerance_mm=1e-3)
    calcium = {
        f"agatston_score_{artery.value}": Measurement(f"agatston_score_{artery.value}", 10.0 * number, "1")
        for number, artery in enumerate(Artery)
    }
    calcium["agatston_score"] = Measurement("agatston_score", 100.0, "1")
    grid = loaded.volume.grid
    labels = replace(result.heart, affine_ijk_to_lps=grid.affine_ijk_to_lps)
    arteries = segment_map((), result.vessels, grid)
    made = replace(
        result, heart=labels, segments=replace(arteries, names=SEGMENT_NAMES), examination={**result.examination, **calcium}
    )
    return replace(made, run=run_info(grid, loaded.volume, {}, Progress())), loaded


@pytest.fixture(scope="module")
def written(case: tuple[CoronaryResult, LoadedImage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "sr.dcm"
    assert write_structured_report(measurement_document(case[0]), case[1], path) is None
    return path


def groups_of(path: Path) -> dict[str, hd.sr.MeasurementsAndQualitativeEvaluations]:
    found = hd.sr.srread(path).content.get_image_measurement_groups()
    return {group.tracking_identifier: group for group in found}


def numbers_of(group: hd.sr.MeasurementsAndQualitativeEvaluations) -> dict[tuple[str, str], float]:
    found = [(one.name.value, one.derivation.value if one.derivation else "", one.value) for one in group.get_measurements()]
    numbers = {(name, derivation): float(value) for name, derivation, value in found}
    assert len(numbers) == len(found), "one code stands for two numbers"
    return numbers


def test_every_number_of_the_lesion_comes_back_under_a_code_of_its_own(
    case: tuple[CoronaryResult, LoadedImage], written: Path
) -> None:
    group = groups_of(written)["L1 pLAD"]
    assert group.finding_type.value == "415582006"
    assert [site.value.value for site in group.finding_sites] == [BY_CODE["pLAD"].meaning.value]
    back = numbers_of(group)
    measured = [one for one in case[0].lesion_measurements[0] if one.value is not None]
    assert len(back) == len(measured) >= 14
    for one in measured:
        concept = concept_of(one, CONCEPTS)
        key = (concept.code.value, concept.derivation.value if concept.derivation else "")
        assert back[key] == pytest.approx(one.value, rel=1e-5), one.name
    lesion = case[0].vessel("LAD").lesions[0]
    assert back["408715008", ""] == pytest.approx(lesion.narrowings[0].diameter_stenosis_percent.value, rel=1e-5)
    assert back["397413000", "255605001"] == pytest.approx(lesion.mld_mm.value, rel=1e-5)
    assert back["397415007", "255605001"] == pytest.approx(lesion.mla_mm2.value, rel=1e-5)


def test_the_interval_and_the_place_of_a_stenosis_are_there(case: tuple[CoronaryResult, LoadedImage], written: Path) -> None:
    name = pydicom.sr.coding.Code("408715008", "SCT", "Lumen Diameter Stenosis")
    number = groups_of(written)["L1 pLAD"].get_measurements(name=name)[0][0]
    percent = case[0].vessel("LAD").lesions[0].narrowings[0].diameter_stenosis_percent
    children = {str(child.name.value): child for child in number.ContentSequence if child.ValueType == "NUM"}
    assert float(children["371886008"].value) == pytest.approx(percent.high - percent.value, rel=1e-4)
    assert float(children["371885007"].value) == pytest.approx(percent.value - percent.low, rel=1e-4)
    (space,) = [child for child in number.ContentSequence if child.ValueType == "SCOORD3D"]
    point = case[0].vessel("LAD").measured.walls.points_lps_mm[case[0].vessel("LAD").lesions[0].narrowest]
    np.testing.assert_allclose(space.GraphicData, point, atol=1e-3)


def test_the_patient_has_category_modifiers_dominance_and_every_artery_its_calcium(
    case: tuple[CoronaryResult, LoadedImage], written: Path
) -> None:
    groups = groups_of(written)
    told = [(one.name.value, one.value.value) for one in groups["Patient"].get_qualitative_evaluations()]
    graded = case[0].grade
    assert ("130720", dicom_codes.ASSESSMENTS[graded.category].value) in told
    modifiers = {f"P{graded.burden.level}", *graded.modifiers} - {"PNone"}
    assert {value for name, value in told if name == "130721"} == {dicom_codes.MODIFIERS[one].value for one in modifiers}
    assert ("dominance", "253728007") in told
    assert numbers_of(groups["Patient"])["450360000", ""] == 100.0
    for number, artery in enumerate(Artery):
        group = groups[f"Calcium {artery.value}"]
        assert numbers_of(group) == {("450360000", ""): 10.0 * number}
        assert [site.value.value for site in group.finding_sites] == [structured_report.ARTERIES[artery].value]


def test_a_lesion_has_its_signs_of_high_risk_plaque_and_a_left_main_one_its_patients_category(
    case: tuple[CoronaryResult, LoadedImage],
) -> None:
    result = case[0]
    vessel, stenosis = result.vessel("LAD"), result.vessel("LAD").stenosis
    assert stenosis is not None
    signs = (
        HighRiskFeature(Feature.NAPKIN_RING, True, True, "seen", None),
        HighRiskFeature(Feature.LOW_ATTENUATION, True, False, "doubtful", None),
        HighRiskFeature(Feature.SPOTTY_CALCIUM, False, True, "none", None),
    )
    graver = replace(stenosis, lesions=(replace(stenosis.lesions[0], grades=("3",)), *stenosis.lesions[1:]))
    plaques = (replace(vessel.lesion_plaques[0], features=signs), *vessel.lesion_plaques[1:])
    changed_vessel = replace(vessel, stenosis=graver, lesion_plaques=plaques)
    others = tuple(changed_vessel if one is vessel else one for one in result.vessels)
    lesions = (replace(result.lesions[0], code="LM"), *result.lesions[1:])
    own = next(one for one in result.findings.segments if one.code == result.lesions[0].code)
    findings = replace(result.findings, segments=(replace(own, code="LM"), *result.findings.segments))
    document = measurement_document(replace(result, vessels=others, lesions=lesions, findings=findings))
    (group,) = [one for one in document.groups if one.tracking_id == "L1 LM"]
    told = {(one.name.value, one.value.value) for one in group.evaluations}
    assert ("high_risk_sign", "sign_napkin_ring") in told
    assert ("high_risk_sign_doubtful", "sign_low_attenuation") in told
    assert not any(value == "sign_spotty_calcium" for _, value in told)
    assert ("category_by_lesion", "130729") in told


def test_what_was_not_measured_says_why(case: tuple[CoronaryResult, LoadedImage], tmp_path: Path) -> None:
    result, loaded = case
    bare = {key: one for key, one in result.examination.items() if not key.startswith("agatston")}
    none = {one.name: one for one in calcium_measurements(None, "no calcium series was given")}
    assert (
        write_structured_report(measurement_document(replace(result, examination={**bare, **none})), loaded, tmp_path / "sr.dcm")
        is None
    )
    groups = groups_of(tmp_path / "sr.dcm")
    assert not any(name.startswith("Calcium") for name in groups)
    data = pydicom.dcmread(tmp_path / "sr.dcm")
    texts = [str(item.value) for item in data.iterall() if item.keyword == "TextValue"]
    assert "Not measured: no calcium series was given" in texts
    assert "Not measured: motion" in texts, "a segment that cannot be assessed"
    told = [(one.name.value, one.value.value) for one in groups["Segment 9 D1"].get_qualitative_evaluations()]
    assert told == [("assessability", "not_assessable")]


def items_of(data: pydicom.Dataset) -> list[pydicom.Dataset]:
    """All content items of a report, from the top down."""
    return [one for item in data.get("ContentSequence", []) for one in (item, *items_of(item))]


def dumped(path: Path) -> str:
    """What dcmtk reads in a report; it may complain only that it does not check letters in UTF-8."""
    done = subprocess.run(["dsrdump", "+Pl", "-Er", str(path)], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    complaints = [
        line for line in done.stderr.splitlines() if line and "does not support this Specific Character Set" not in line
    ]
    assert complaints == []
    return done.stdout


@needs_dump
def test_dcmtk_reads_it_without_complaint(written: Path) -> None:
    shown = dumped(written)
    assert "Lumen Diameter Stenosis" in shown and "CT angiography of coronary arteries" in shown


def test_sentences_are_in_the_readers_language_and_names_are_those_of_their_schemes(
    case: tuple[CoronaryResult, LoadedImage], written: Path, tmp_path: Path
) -> None:
    path = tmp_path / "sr.dcm"
    read = grade_change(case[0], "D1", "2", "张医生", "运动伪影")
    chinese = changed(case[0], (read,))
    assert write_structured_report(measurement_document(chinese, "zh"), case[1], path) is None
    data = pydicom.dcmread(path)
    assert data.SpecificCharacterSet == "ISO_IR 192"
    (language,) = [one for one in items_of(data) if one.ConceptNameCodeSequence[0].get("CodeValue") == "121049"]
    assert language.ConceptCodeSequence[0].CodeValue == "zh-Hans"
    names = {"Tracking Identifier", "Algorithm Name", "Algorithm Version"}
    texts = [
        str(one.TextValue)
        for one in items_of(data)
        if one.get("ValueType") == "TEXT" and one.ConceptNameCodeSequence[0].CodeMeaning not in names
    ]
    assert len(texts) > 30
    left = {text for text in texts if re.search("[a-z]{4,}", text.replace("SenseCare Planning", "").replace("(open source)", ""))}
    assert left == set(), "nothing is left in English"
    assert any(text.startswith("阅片者更改：") and "张医生" in text and "运动伪影" in text for text in texts)
    english, translated = groups_of(written), groups_of(path)
    assert list(english) == list(translated)
    for name, group in english.items():
        assert numbers_of(group) == numbers_of(translated[name]) or name in ("Patient", "Segment 9 D1")
        assert group.tracking_uid == translated[name].tracking_uid
    if shutil.which("dsrdump"):
        assert "仅供研究使用，并非医疗器械" in dumped(path)


def test_every_standard_code_is_in_the_dictionary_under_its_name() -> None:
    known: dict[tuple[str, str], set[str]] = {}
    for scheme, entries in DICTIONARY.items():
        for meanings in entries.values():
            for value, (meaning, _) in meanings.items():
                known.setdefault((scheme, value), set()).add(meaning.lower())
    codes = [*structured_report.ARTERIES.values(), structured_report.CORONARY_ARTERY, structured_report.CALCIFICATION]
    codes += [one.type for one in dicom_segments.STRUCTURES.values()]
    codes += [one.code for one in CONCEPTS.values()]
    for code in codes:
        if code.scheme != "99SENSECARE":
            assert code.meaning.lower() in known.get((code.scheme, code.value), set()), code


def test_heart_and_arteries_are_segments_that_do_not_overlap(case: tuple[CoronaryResult, LoadedImage], tmp_path: Path) -> None:
    result, loaded = case
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    assert write_dicom_files(result, loaded, tmp_path, Progress()) == []
    found = {one.label: (one, label_map) for one, label_map in read_seg(tmp_path / "seg.dcm", loaded.volume.grid)}
    assert set(found) == {"Aorta", "Proximal LAD (pLAD)", "Mid LAD (mLAD)"}
    number = next(one.number for one in SEGMENTS if one.code == "pLAD")
    np.testing.assert_array_equal(found["Proximal LAD (pLAD)"][1].array_kji > 0, result.segments.array_kji == number)
    aorta = (result.heart.array_kji == 6) & (result.segments.array_kji == 0)
    np.testing.assert_array_equal(found["Aorta"][1].array_kji > 0, aorta)
    assert found["Proximal LAD (pLAD)"][0].type.value == BY_CODE["pLAD"].meaning.value
    title = pydicom.dcmread(tmp_path / "report.dcm").DocumentTitle
    assert title == "Coronary CT angiography"


def test_a_scan_that_is_no_dicom_has_none_and_says_so(case: tuple[CoronaryResult, LoadedImage], tmp_path: Path) -> None:
    result, loaded = case
    bare = LoadedImage(loaded.volume, StudyInfo(), SeriesInfo(uid=""))
    assert write_dicom_files(result, bare, tmp_path, Progress()) == [NOT_DICOM]
    assert list(tmp_path.iterdir()) == []


def test_the_result_folder_says_whose_it_is(case: tuple[CoronaryResult, LoadedImage], tmp_path: Path) -> None:
    result, loaded = case
    folder = tmp_path / "result"
    with whole_folder(folder) as scratch:
        write_outputs(result, loaded, scratch, Output(folder, False, "en", "A4", True), Progress())
    study = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    assert study["patient_name"] == STUDY.patient_name and study["study_date"] == STUDY.study_date
    shown = read_case(folder)
    assert shown.organ == "heart" and shown.study.patient_name == STUDY.patient_name
    assert STUDY.patient_name.split("^")[0] not in (folder / "run.json").read_text(encoding="utf-8")
    assert not list(folder.glob("*.dcm"))


@pytest.fixture(scope="module")
def regraded(case: tuple[CoronaryResult, LoadedImage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result written with what a reader changed: a wall drawn, a grade given."""
    result, loaded = case
    folder = tmp_path_factory.mktemp("results") / "one"
    with whole_folder(folder) as scratch:
        write_outputs(result, loaded, scratch, Output(folder, False, "en", "A4", True), Progress())
    drag = VesselDrag.of(result, "LAD")
    lesion = result.vessel("LAD").lesions[0]
    place = float(drag.editor.measured.walls.arc_mm[lesion.narrowest])
    edit = drag.start
    for angle in range(0, 360, 60):
        edit = drag.move(edit, Wall.LUMEN, Anchor(place, float(angle), 0.35))
    changes = vessel_changes(result, "LAD", edit, "Dr. Li", "blooming")
    shown = changed(result, changes)
    changes = (*changes, grade_change(shown, "mLAD", "2", "Dr. Li"))
    save_changes(changes, folder)
    scan = loaded.files[0].parent
    assert main(["regrade", str(folder), "--ct", str(scan), "--out", str(folder), "--json"]) == 0
    return folder


def test_what_a_reader_drew_is_in_report_and_structured_report(case: tuple[CoronaryResult, LoadedImage], regraded: Path) -> None:
    new = changed(case[0], load_changes(regraded))
    group = groups_of(regraded / "sr.dcm")["L1 pLAD"]
    percent = new.vessel("LAD").lesions[0].narrowings[0].diameter_stenosis_percent.value
    assert percent > case[0].vessel("LAD").lesions[0].narrowings[0].diameter_stenosis_percent.value + 5.0
    assert numbers_of(group)["408715008", ""] == pytest.approx(percent, rel=1e-5)
    assert ("origin_of_walls", "by_reader") in [(one.name.value, one.value.value) for one in group.get_qualitative_evaluations()]
    texts = [str(item.value) for item in pydicom.dcmread(regraded / "sr.dcm").iterall() if item.keyword == "TextValue"]
    assert any(text.startswith("95 % interval") and "by the reader" in text for text in texts)
    assert any(text.startswith("Changed by the reader") and "blooming" in text and "Dr. Li" in text for text in texts)
    page = (regraded / "report.html").read_text(encoding="utf-8")
    assert "by the reader" in page and "Walls drawn by the reader: LAD" in page
    assert json.loads((regraded / "study.json").read_text(encoding="utf-8"))["patient_name"] == STUDY.patient_name


def test_a_coronary_result_goes_to_the_archive(
    regraded: Path, serve: Callable[..., Destination], capsys: pytest.CaptureFixture[str]
) -> None:
    received: list[pydicom.Dataset] = []

    def keep(event: evt.Event) -> int:
        received.append(event.dataset)
        return 0x0000

    there = serve([VERIFICATION, *SENT], [(evt.EVT_C_STORE, keep)])
    assert main(["send", str(regraded), "--to", str(there)]) == 0
    shown = capsys.readouterr()
    pictures = len(list((regraded / "pictures").glob("*.png")))
    assert pictures >= 6 and f"{3 + pictures} of {3 + pictures} files stored" in shown.out
    assert {data.SOPClassUID for data in received} == {str(one) for one in SENT}
    assert {data.PatientID for data in received} == {"SECRET7"} and len({data.StudyInstanceUID for data in received}) == 1
    assert "SECRET7" not in shown.out + shown.err


def test_the_film_is_printed_on_the_film_it_was_made_for(
    regraded: Path, serve: Callable[..., Destination], capsys: pytest.CaptureFixture[str]
) -> None:
    printer = Printer()
    there = printer.start(serve)
    assert main(["print", str(regraded), "--to", str(there), "--what", "film", "--dpi", "60", "--true-size"]) == 0
    assert "1 film with 1 image of 12 bit" in capsys.readouterr().out
    box = next(one for one in printer.created if "FilmSizeID" in one)
    assert (box.FilmSizeID, box.FilmOrientation) == ("14INX17IN", "PORTRAIT")
    image = printer.images[0].BasicGrayscaleImageSequence[0]
    assert (image.Columns, image.Rows) == (pytest.approx(14 * 60, abs=2), pytest.approx(17 * 60, abs=2))
    pixels = np.frombuffer(image.PixelData, "<u2").reshape(image.Rows, image.Columns)
    assert pixels.max() > 3500 and np.median(pixels) < 400, "white letters and pictures on black film"


@needs_printer
def test_a_real_print_server_takes_the_coronary_film_with_8_bit(
    regraded: Path,
    dcmprscp: Callable[..., tuple[Destination, Path]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    there, database = dcmprscp(Supports12Bit="false")
    assert main(["print", str(regraded), "--to", str(there), "--what", "film", "--dpi", "60"]) == 0
    shown = capsys.readouterr()
    assert "1 film with 1 image of 8 bit" in shown.out and "printed with 8 bit" in shown.err
    ((bits, pixels),) = printed(database)
    assert bits == 8 and pixels.max() > 220 and np.median(pixels) < 25


def test_pictures_and_report_of_a_coronary_result_are_printed(regraded: Path, serve: Callable[..., Destination]) -> None:
    printer = Printer()
    there = printer.start(serve)
    assert main(["print", str(regraded), "--to", str(there), "--what", "pictures", "--layout", "4x4", "--bits", "8"]) == 0
    assert len(printer.images) == len(list((regraded / "pictures").glob("*.png")))
    assert main(["print", str(regraded), "--to", str(there), "--pages", "1", "--dpi", "60"]) == 0


def test_a_coronary_result_without_its_film_says_how_to_write_it(
    case: tuple[CoronaryResult, LoadedImage], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with whole_folder(tmp_path / "bare") as scratch:
        write_outputs(*case, scratch, Output(tmp_path, False, "en", "A4", True), Progress())
    for what in ("film", "report"):
        assert main(["print", str(tmp_path / "bare"), "--to", "h:1:A", "--what", what]) == 2
        assert f"holds no {what}; write it with ./run regrade" in capsys.readouterr().err


@needs_orthanc
def test_orthanc_takes_a_coronary_result(regraded: Path, tmp_path: Path, start_process: Callable[..., Path]) -> None:
    there, web = start_orthanc(tmp_path, start_process)
    assert main(["send", str(regraded), "--to", str(there)]) == 0
    (study,) = ask(web, "/studies")
    series = ask(web, f"/studies/{study}/series")
    assert sorted(one["MainDicomTags"]["Modality"] for one in series) == ["DOC", "OT", "SEG", "SR"]
