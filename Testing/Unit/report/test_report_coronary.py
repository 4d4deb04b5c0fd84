"""Pictures, pages and films of a coronary result: what was measured is what is printed, with where it was read."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from coronary_results import SPEC, nothing_measured, one_lesion

from CardiacCTALib.artefacts import REMARKS
from CardiacCTALib.artery_colours import NOT_ASSESSED, artery_colours
from CardiacCTALib.cadrads import grade
from CardiacCTALib.calcium import CalciumScore, LesionScore
from CardiacCTALib.calcium_series import CalciumRule
from CardiacCTALib.film import FilmKind, FilmOptions, build_film, gravest_first, write_coronary_film
from CardiacCTALib.findings import SegmentFinding
from CardiacCTALib.issues import Issue
from CardiacCTALib.pictures import make_pictures, make_turned_pictures, with_pictures
from CardiacCTALib.pictures_calcium import FIELD_MM, calcium_picture
from CardiacCTALib.pictures_vessel import QUARTER_PX, NumberedLesion, VesselPainter
from CardiacCTALib.report import build_report, write_report
from CardiacCTALib.report_pages.assessed import unassessed
from CardiacCTALib.report_pages.rows import LesionRow, lesion_rows
from CardiacCTALib.report_pages.summary import grade_words, not_graded
from CardiacCTALib.report_pages.words import Words
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.result_io import load_result
from CardiacCTALib.section_model import LEAST_RADIUS_MM
from CardiacCTALib.segments import Artery
from CardiacCTALib.stenosis import Estimate
from CardiacCTALib.vessel_result import VesselResult
from CardiacCTALib.views import CALCIFIED, GRADE_COLOURS, NORMAL, UNKNOWN, VesselViews
from SenseCarePlanningLib.commands.coronary import Output
from SenseCarePlanningLib.commands.coronary_outputs import write_outputs
from SenseCarePlanningLib.dicomio.load import LoadedImage
from SenseCarePlanningLib.dicomio.study import SeriesInfo, StudyInfo
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.render.offscreen import RgbImage, rendering_available
from SenseCarePlanningLib.render.vessel_picture import LUMEN
from SenseCarePlanningLib.report.film_sheet import (
    REGULAR_LAYOUTS,
    SPECIAL_LAYOUTS,
    Box,
    FilmSheet,
    Layout,
    fill,
    layout_of,
)
from SenseCarePlanningLib.report.model import DataTable, Figure, FigureRow, Heading, KeyValueTable, Notice, Together
from SenseCarePlanningLib.report.page_pictures import page_pictures
from SenseCarePlanningLib.volume import Volume

NO_RENDERING = rendering_available()
needs_rendering = pytest.mark.skipif(NO_RENDERING is not None, reason=NO_RENDERING or "")
READ_IN_PROFILE = {"en": "profile", "zh": "直径曲线"}
STUDY = StudyInfo(patient_name="Wang^Xiao", patient_id="P-1")


@pytest.fixture(scope="module")
def case() -> tuple[CoronaryResult, Volume]:
    result, tube = one_lesion()
    return result, tube.volume


@pytest.fixture(scope="module")
def pictures(case: tuple[CoronaryResult, Volume], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_pictures(*case, tmp_path_factory.mktemp("pictures"), "zh", with_heart=False)


def texts(value: object) -> list[str]:
    """Every text of a report, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [text for one in value for text in texts(one)]
    if hasattr(value, "__dataclass_fields__"):
        return [text for name in value.__dataclass_fields__ for text in texts(getattr(value, name))]
    return []


def test_the_reformat_shows_plaque_where_it_is_thickest_and_the_lesion_is_probed_on_both_sides(
    case: tuple[CoronaryResult, Volume],
) -> None:
    result, volume = case
    views = VesselViews(result.vessel("LAD"), volume)
    assert abs((views.angle_deg() - SPEC.eccentric_deg + 180.0) % 360.0 - 180.0) < 25.0
    (lesion,) = views.result.lesions
    places = views.probe_places(lesion)
    assert places.before is not None and places.after is not None
    assert places.before < lesion.first < places.narrowest < lesion.last < places.after
    walls = views.measured.walls
    thick = (walls.outer_mm - walls.lumen_mm).mean(axis=1)
    assert thick[places.before] < 0.9 > thick[places.after] and thick[places.narrowest] > 0.9
    colours = artery_colours(result, views.result)
    assert (colours[lesion.narrowest] != colours[2]).any() and len(colours) == len(walls.arc_mm)
    classes = views.composition()
    assert (classes[places.before] == NORMAL).all()
    soft = classes[lesion.narrowest]
    assert ((soft > NORMAL) & (soft < CALCIFIED)).sum() > 0.3 * len(soft)
    assert not (classes == CALCIFIED).any() and (classes == UNKNOWN).mean() < 0.1
    with pytest.raises(ValueError, match="not measured"):
        VesselViews(result.vessel("D1"), volume)


def test_every_picture_is_there_and_none_is_empty(pictures: dict[str, Path]) -> None:
    vessel = {f"{kind}_LAD" for kind in ("vessel", "straight", "strip", "profile", "wall")}
    assert set(pictures) == vessel | {f"lesion_1_{part}" for part in ("A", "B", "C", "edges")}
    for key, path in pictures.items():
        pixels = np.asarray(Image.open(path).convert("L"))
        assert pixels.std() > 15.0, key
        assert pixels.shape[1] <= 2130, key


def test_every_number_points_to_the_picture_that_it_was_read_in(
    case: tuple[CoronaryResult, Volume], pictures: dict[str, Path]
) -> None:
    folder = pictures["lesion_1_B"].parents[1]
    shown = with_pictures(case[0], pictures, folder)
    (numbers,) = shown.lesion_measurements
    found = {one.name: folder / str(one.evidence.picture) for one in numbers}
    for name in ("diameter_stenosis_taper", "area_stenosis_adjacent", "minimum_lumen_area", "remodelling_index"):
        assert found[name] == pictures["lesion_1_B"], name
    for name in ("reference_diameter_taper", "lesion_length"):
        assert found[name] == pictures["profile_LAD"], name
    for name in ("plaque_volume", "calcium_arc"):
        assert found[name] == pictures["wall_LAD"], name
    segment = {one.name: one for one in shown.segment_measurements["pLAD"]}
    assert folder / str(segment["minimum_lumen_area"].evidence.picture) == pictures["profile_LAD"]
    assert with_pictures(case[0], {}, folder).lesion_measurements == case[0].lesion_measurements


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_of_a_lesion_is_printed_with_its_interval_and_its_section(
    case: tuple[CoronaryResult, Volume], pictures: dict[str, Path], language: str
) -> None:
    result = case[0]
    report = build_report(result, study=STUDY, pictures=pictures, language=language)
    tables = [block for section in report.sections for block in section.leaves if isinstance(block, DataTable)]
    cells = [row for table in tables for row in table.rows]
    (row,) = lesion_rows(result)
    for name in ("diameter_stenosis", "area_stenosis", "reference_diameter"):
        for reference in ("taper", "adjacent"):
            item = row.numbers[f"{name}_{reference}"]
            assert item.value is not None and item.interval is not None
            places = 0 if item.unit == "%" else 1
            low, high = (f"{end:.{places}f}" for end in item.interval)
            said = f"({low}–{high})"
            where = "L1-B" if "stenosis" in name else READ_IN_PROFILE[language]
            assert any(
                f"{item.value:.{places}f}" in str(cell) and said in str(cell) and line[-1] == where
                for line in cells
                for cell in line
            ), item.name
    mld = row.numbers["minimum_lumen_diameter"]
    assert any(f"{mld.value:.1f}" in str(one) and line[at + 1] == "L1-B" for line in cells for at, one in enumerate(line[:-1]))
    shown = [figure.picture for section in report.sections for block in section.leaves if isinstance(block, FigureRow)
             for figure in block.figures]  # fmt: skip
    assert {pictures[f"lesion_1_{part}"] for part in ("A", "B", "C", "edges")} <= set(shown)


def test_the_least_lumen_of_a_segment_is_that_of_its_lesion_and_says_where(case: tuple[CoronaryResult, Volume]) -> None:
    (row,) = lesion_rows(case[0])
    numbers = {one.name: one for one in case[0].segment_measurements["pLAD"]}
    assert numbers["minimum_lumen_area"].value == row.lesion.mla_mm2.value
    assert numbers["minimum_lumen_area"].interval == (row.lesion.mla_mm2.low, row.lesion.mla_mm2.high)
    assert numbers["least_lumen_distance"].value == pytest.approx(row.lesion.distance_mm)


def test_a_lesion_stays_with_its_pictures_and_both_ways_to_the_burden_are_told(case: tuple[CoronaryResult, Volume]) -> None:
    report = build_report(case[0])
    together = [block for section in report.sections for block in section.blocks if isinstance(block, Together)]
    assert [block.blocks[0].text for block in together if isinstance(block.blocks[0], Heading)] == [
        f"L1: Proximal LAD (pLAD), grade {' or '.join(case[0].vessel('LAD').lesions[0].grades)}"
    ]
    said = texts(next(section for section in report.sections if section.title == "CAD-RADS 2.0"))
    for text in ("By the calcium score", "no calcium score", "By the segments involved", "1000 and more", "50 % and more"):
        assert text in said, text


def test_the_calcium_score_is_shown_where_it_was_counted() -> None:
    values = np.full((9, 90, 90), 40, dtype=np.int16)
    values[3:6, 40:46, 50:54] = 500
    affine = np.diag([0.5, 0.5, 3.0, 1.0])
    centre = (51.5 * 0.5, 42.5 * 0.5, 12.0)
    lesion = LesionScore(1, Artery.LAD, 32.0, 18.0, None, 500.0, 3, centre)
    score = CalciumScore((lesion,), CalciumRule((130, 200, 300, 400), 1.0))
    picture = calcium_picture(score, Volume(values, affine), Words.of("en"))
    assert picture is not None
    red = (picture[..., 0] > 200) & (picture[..., 1] < 120)
    rows, columns = np.nonzero(red[:QUARTER_PX, :QUARTER_PX])
    size_mm = FIELD_MM / QUARTER_PX
    assert abs((np.ptp(columns) + 1) * size_mm - 2.3) < 0.5 and abs((np.ptp(rows) + 1) * size_mm - 3.3) < 0.5
    assert abs(columns.mean() - QUARTER_PX / 2) < 8 > abs(rows.mean() - QUARTER_PX / 2)
    assert calcium_picture(CalciumScore((), score.rule), Volume(values, affine), Words.of("en")) is None


def test_the_grade_its_rules_and_what_was_not_assessed_are_on_the_first_pages(case: tuple[CoronaryResult, Volume]) -> None:
    result = case[0]
    report = build_report(result, study=STUDY, picture_reason="No picture was asked for.")
    first = texts(report.sections[1].blocks)
    assert result.grade.text in first
    assert any("D1 (motion)" in text for text in first)
    everything = texts(report.sections)
    assert all(fired.text in everything for fired in (*result.grade.trace, *result.grade.what_if))
    assert "not measured: no calcium series was given" in everything
    assert "No picture was asked for." in everything


def test_a_chinese_report_has_no_english_sentence(case: tuple[CoronaryResult, Volume], pictures: dict[str, Path]) -> None:
    for result in (case[0], nothing_measured(case[0])):
        report = build_report(result, study=STUDY, pictures=pictures, language="zh")
        english = [
            text for text in texts(report.sections)
            if re.search(r"\b[a-z]{3,}\b [a-z]{2,}\b", text) and not re.search(r"[\u4e00-\u9fff]", text)
        ]  # fmt: skip
        assert english == []


def test_a_patient_without_any_measured_vessel_gets_a_report_too(case: tuple[CoronaryResult, Volume], tmp_path: Path) -> None:
    result = nothing_measured(case[0])
    assert make_pictures(result, case[1], tmp_path, with_heart=False) == {}
    report = build_report(result)
    assert "CAD-RADS N" in texts(report.sections)
    assert any("not measured" in text for text in texts(report.sections))
    (sheet,) = build_film(result, {})
    assert next(cell.block.title for cell in sheet.cells if isinstance(cell.block, Notice)) == "CAD-RADS N"


def test_what_was_not_assessed_is_never_said_to_be_free_of_disease(case: tuple[CoronaryResult, Volume]) -> None:
    report = build_report(nothing_measured(case[0]))
    summary = next(section for section in report.sections if section.title == "Summary")
    pairs = next(dict(block.rows) for block in summary.blocks if isinstance(block, KeyValueTable))
    assert (
        pairs["Greatest stenosis of each vessel"] == "LM: not assessed; LAD: not assessed; LCx: not assessed; RCA: not assessed"
    )
    assert pairs["Plaque burden"] == pairs["High-risk features"] == "not assessed"
    assert "No vessel was measured: nothing can be said of narrowings or plaque." in texts(summary)
    table = next(block for section in report.sections if section.title == "Segments" for block in section.blocks
                 if isinstance(block, DataTable))  # fmt: skip
    assert "no" not in {row[3] for row in table.rows}


def test_the_main_arteries_are_always_named_in_one_order(case: tuple[CoronaryResult, Volume]) -> None:
    summary = next(section for section in build_report(case[0]).sections if section.title == "Summary")
    pairs = next(dict(block.rows) for block in summary.blocks if isinstance(block, KeyValueTable))
    said = re.sub(r"\d+ %", "x", pairs["Greatest stenosis of each vessel"])
    beside = "D1 not assessable: motion, dLAD not found"
    assert said == f"LM: not assessed; LAD: x, {beside}; LCx: not assessed; RCA: not assessed"


def test_a_left_main_lesion_says_what_it_makes_of_the_patient(case: tuple[CoronaryResult, Volume]) -> None:
    (row,) = lesion_rows(case[0])
    words = Words.of("en")
    for code, grades, said in (
        ("LM", ("3",), "3; left main: patient 4B"),
        ("LM", ("2", "3"), "2 or 3; left main: patient 4B from 50 %"),
        ("LM", ("2",), "2"),
        ("pLAD", ("3",), "3"),
    ):
        other = replace(row, code=code, lesion=replace(row.lesion, grades=grades))
        assert grade_words(other, words) == said


@pytest.mark.parametrize(("page", "size"), [("A4", (595, 842)), ("Letter", (612, 792))])
def test_the_files_hold_the_findings(
    case: tuple[CoronaryResult, Volume], pictures: dict[str, Path], tmp_path: Path, page: str, size: tuple[int, int]
) -> None:
    written = "2026-05-06T07:08:09+00:00"
    pdf, html = write_report(case[0], tmp_path, study=STUDY, pictures=pictures, page_size=page, written=written)
    reader = PdfReader(pdf)
    assert [round(float(side)) for side in reader.pages[0].mediabox[2:]] == list(size)
    text = " ".join(one.extract_text() for one in reader.pages)
    assert case[0].grade.text in text and "P-1" in text and "For review by a clinician" in text
    assert case[0].grade.text in html.read_text(encoding="utf-8")
    before = pdf.read_bytes()
    write_report(case[0], tmp_path, study=STUDY, pictures=pictures, page_size=page, written=written)
    assert pdf.read_bytes() == before


def test_films_have_their_size_and_three_sections_of_each_lesion(
    case: tuple[CoronaryResult, Volume], pictures: dict[str, Path], tmp_path: Path
) -> None:
    for language in ("en", "zh"):
        options = FilmOptions("11INX14IN", landscape=True, language=language)
        (sheet,) = build_film(case[0], pictures, study=STUDY, options=options)
        shown = [cell.block.picture for cell in sheet.cells if isinstance(cell.block, Figure) and cell.block.picture]
        assert [pictures[f"lesion_1_{letter}"] for letter in "ABC"] == [one for one in shown if "lesion" in one.name]
        assert pictures["straight_LAD"] in shown
        path = write_coronary_film(case[0], pictures, tmp_path / "film.pdf", study=STUDY, options=options)
        (page,) = PdfReader(path).pages
        assert [round(float(side) / 72.0, 2) for side in page.mediabox[2:]] == [14.0, 11.0]
        text = page.extract_text()
        assert case[0].grade.text in text and "P-1" in text and "…" not in text


@pytest.mark.parametrize("name", [*REGULAR_LAYOUTS, *SPECIAL_LAYOUTS])
def test_every_layout_is_filled_in_order_and_no_picture_is_lost(
    case: tuple[CoronaryResult, Volume], pictures: dict[str, Path], name: str
) -> None:
    sheets = build_film(case[0], pictures, options=FilmOptions(layout=name))
    blocks = [cell.block for sheet in sheets for cell in sheet.cells]
    shown = [block.picture for block in blocks if isinstance(block, Figure)]
    wanted = {path for key, path in pictures.items() if key != "lesion_1_edges" and not key.startswith(("profile", "wall"))}
    assert set(shown) == wanted
    layout = layout_of(name)
    assert len(sheets) == -(-len(blocks) // len(layout.boxes))
    assert [cell.box for cell in sheets[0].cells] == list(layout.boxes[: len(sheets[0].cells)])
    assert sheets[-1].page_label == f"{len(sheets)} / {len(sheets)}"


def test_vessels_and_lesions_that_are_not_wanted_are_left_out(
    case: tuple[CoronaryResult, Volume], pictures: dict[str, Path]
) -> None:
    def shown(options: FilmOptions) -> set[str]:
        blocks = [cell.block for sheet in build_film(case[0], pictures, options=options) for cell in sheet.cells]
        return {block.picture.stem for block in blocks if isinstance(block, Figure) and block.picture is not None}

    for layout in ("findings", "4x5"):
        without_lesion = shown(FilmOptions(layout=layout, lesions=frozenset()))
        assert "straight_LAD" in without_lesion and not any("lesion" in one for one in without_lesion)
        assert shown(FilmOptions(layout=layout, vessels=frozenset({"RCA"}))) == set()
    assert build_film(case[0], pictures, options=FilmOptions(layout="4x5", kinds=frozenset())) == ()


def test_pages_are_drawn_in_colour_at_the_width_asked_for(
    case: tuple[CoronaryResult, Volume], pictures: dict[str, Path], tmp_path: Path
) -> None:
    path = write_coronary_film(case[0], pictures, tmp_path / "film.pdf", options=FilmOptions("8INX10IN", "4x5"))
    pages = page_pictures(path, 400)
    assert [page.shape for page in pages] == [(500, 400, 3)] * len(PdfReader(path).pages)
    assert (pages[0][2, 2] == 0).all(), "film is black between its pictures"
    assert (pages[0].max(axis=2).astype(int) - pages[0].min(axis=2) > 60).any()
    path.write_bytes(b"no film")
    with pytest.raises(InputError, match=r"film\.pdf"):
        page_pictures(path, 400)


def test_lesions_stand_on_the_film_gravest_first(case: tuple[CoronaryResult, Volume]) -> None:
    (row,) = lesion_rows(case[0])
    narrowings = tuple(
        replace(one, diameter_stenosis_percent=replace(one.diameter_stenosis_percent, value=20.0))
        for one in row.lesion.narrowings
    )
    milder = replace(row, number=2, lesion=replace(row.lesion, narrowings=narrowings))
    assert [one.number for one in gravest_first([milder, row])] == [1, 2]


def test_the_left_main_that_makes_4b_stands_before_a_greater_stenosis_of_a_branch(case: tuple[CoronaryResult, Volume]) -> None:
    (row,) = lesion_rows(case[0])
    main, branch, slight = at_percent(row, 1, "LM", 63.0), at_percent(row, 2, "LCx", 80.0), at_percent(row, 3, "LM", 45.0)
    closed, hidden = at_percent(row, 4, "pRCA", 100.0), at_percent(replace(row, reason="motion"), 5, "LM", 91.0)
    found = gravest_first([hidden, slight, branch, main, closed])
    assert [one.number for one in found] == [4, 1, 2, 3, 5]


def at_percent(row: LesionRow, number: int, code: str, percent: float) -> LesionRow:
    narrowings = tuple(
        replace(one, diameter_stenosis_percent=replace(one.diameter_stenosis_percent, value=percent))
        for one in row.lesion.narrowings
    )
    return replace(row, number=number, code=code, lesion=replace(row.lesion, narrowings=narrowings))


def hidden_by_motion(result: CoronaryResult) -> CoronaryResult:
    """The same patient with a step by motion at the lesion: pLAD cannot be assessed, and its lesion is not graded."""
    one = result.vessel("LAD")
    assert one.stenosis is not None
    lesions = tuple(replace(lesion, remarks=(REMARKS[Issue.STEP], *lesion.remarks)) for lesion in one.lesions)
    hidden = replace(one, stenosis=replace(one.stenosis, lesions=lesions))
    segments = tuple(
        SegmentFinding(found.code, None, "motion", diameter_mm=found.diameter_mm) if found.code == "pLAD" else found
        for found in result.findings.segments
    )
    findings = replace(result.findings, segments=segments)
    return replace(
        result, vessels=(hidden, *result.vessels[1:]), findings=findings, grade=grade(findings),
        lesions=tuple(replace(lesion, counts=False) for lesion in result.lesions),
    )  # fmt: skip


def test_what_was_not_assessed_is_grey_and_a_lesion_that_is_not_graded_is_striped(case: tuple[CoronaryResult, Volume]) -> None:
    result = hidden_by_motion(case[0])
    one = result.vessel("LAD")
    assert one.measured is not None
    arc, colours = one.measured.walls.arc_mm, artery_colours(result, one)
    (lesion,) = one.lesions
    beside = (arc < 20.0) & ((arc < arc[lesion.first]) | (arc > arc[lesion.last]))
    assert (colours[beside] == NOT_ASSESSED).all(), "nothing is known of the rest of its segment"
    assert (colours[arc > 21.0] == GRADE_COLOURS[""]).all(), "the next segment was assessed"
    inside = {tuple(colour) for colour in colours[lesion.first : lesion.last + 1].tolist()}
    assert inside == {NOT_ASSESSED, GRADE_COLOURS[lesion.grades[-1]]}
    assert (artery_colours(result, result.vessel("D1")) == NOT_ASSESSED).all(), "not measured"


def test_a_lesion_hidden_by_motion_is_told_where_its_artery_is(case: tuple[CoronaryResult, Volume], tmp_path: Path) -> None:
    result = hidden_by_motion(case[0])
    pictures = make_pictures(result, case[1], tmp_path, with_heart=False)
    assert {f"lesion_1_{part}" for part in ("A", "B", "C", "edges")} <= set(pictures), "50 % and more has its sections"
    report = build_report(result, pictures=pictures)
    summary = next(section for section in report.sections if section.title == "Summary")
    pairs = next(dict(block.rows) for block in summary.blocks if isinstance(block, KeyValueTable))
    percent = f"{result.vessel('LAD').lesions[0].narrowings[0].diameter_stenosis_percent.value:.0f}"
    said = pairs["Greatest stenosis of each vessel"].replace("\u00a0", " ")
    assert f"LAD: pLAD not assessable: motion (L1 of {percent} % lies there, not graded)" in said
    assert "plaque in lesions that are not graded: L1 pLAD" in pairs["Plaque burden"]
    listed = [text for text in texts(report.sections) if text.startswith("L1 pLAD: ")]
    assert len(listed) == 2 and all(text.endswith(", motion") for text in listed), "in the summary and on the vessel's page"
    (sheet,) = build_film(result, pictures)
    assert any("not graded: motion" in text for text in texts(sheet.cells))


def test_an_artery_that_is_missing_is_among_what_is_not_assessable(case: tuple[CoronaryResult, Volume]) -> None:
    codes = dict(unassessed(case[0]))
    assert codes["D1"] == "motion" and {codes[one] for one in ("pRCA", "mRCA", "dRCA", "LM")} == {"not found"}
    report = build_report(case[0])
    summary = next(section for section in report.sections if section.title == "Summary")
    notice = next(block for block in summary.blocks if isinstance(block, Notice) and block.title == "Not assessable")
    assert "pRCA (not found)" in notice.text


def test_a_slight_narrowing_that_is_not_graded_is_said_with_the_reason_and_has_no_sections(
    case: tuple[CoronaryResult, Volume],
) -> None:
    result = replace(case[0], lesions=tuple(replace(one, counts=False) for one in case[0].lesions))
    (row,) = lesion_rows(result)
    assert row.reason == "not certain to be a lesion" and row.pictured
    slight = at_percent(row, 1, row.code, 40.0)
    assert not slight.pictured and not_graded([slight], Words.of("en")).endswith(", not certain to be a lesion")


def test_a_vessel_is_drawn_from_all_sides_and_fills_films_of_its_own(
    case: tuple[CoronaryResult, Volume], pictures: dict[str, Path], tmp_path: Path
) -> None:
    turned = make_turned_pictures(*case, "LAD", tmp_path, step_deg=45.0)
    assert list(turned) == ["turn_LAD_000", "turn_LAD_045", "turn_LAD_090", "turn_LAD_135"]
    widths = [Image.open(path).width for path in turned.values()]
    assert widths[0] == max(widths), "the first view is the widest"
    options = FilmOptions(layout="3x3", kinds=frozenset({FilmKind.CPR}), vessels=frozenset({"LAD"}))
    (sheet,) = build_film(case[0], {**pictures, **turned}, options=options)
    shown = [cell.block.picture for cell in sheet.cells if isinstance(cell.block, Figure)]
    assert shown == [pictures["vessel_LAD"], *turned.values()]
    with pytest.raises(ValueError, match="step"):
        make_turned_pictures(*case, "LAD", tmp_path, step_deg=0.0)
    with pytest.raises(KeyError):
        make_turned_pictures(*case, "RCA", tmp_path)
    with pytest.raises(ValueError, match="not measured"):
        make_turned_pictures(*case, "D1", tmp_path)


def test_the_command_writes_report_film_and_a_result_whose_numbers_name_their_pictures(
    case: tuple[CoronaryResult, Volume], tmp_path: Path
) -> None:
    loaded = LoadedImage(case[1], STUDY, SeriesInfo(""))
    write_outputs(case[0], loaded, tmp_path, Output(tmp_path, True, "zh", "Letter", False), Progress())
    assert {"report.pdf", "report.html", "film.pdf", "coronary.json", "run.json"} <= {one.name for one in tmp_path.iterdir()}
    loaded_again = load_result(tmp_path)
    pictures = {one.evidence.picture for numbers in loaded_again.lesion_measurements for one in numbers}
    assert pictures == {f"pictures/{name}.png" for name in ("lesion_1_B", "profile_LAD", "wall_LAD")}
    assert (tmp_path / "pictures/lesion_1_B.png").is_file()
    record = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert "Wang" not in record and "P-1" not in record


@needs_rendering
def test_the_heart_is_drawn_from_three_sides_with_the_lesion_named_where_it_is_seen(
    case: tuple[CoronaryResult, Volume], tmp_path: Path
) -> None:
    files = make_pictures(*case, tmp_path)
    hearts = {key: np.asarray(Image.open(files[key]).convert("RGB")).astype(int) for key in files if key.startswith("heart")}
    assert set(hearts) == {"heart_front", "heart_left", "heart_right"}
    for key, pixels in hearts.items():
        drawn = pixels[:900]
        green = (drawn[..., 1] > 90) & (drawn[..., 1] > 1.25 * drawn[..., 0]) & (drawn[..., 1] > 1.25 * drawn[..., 2])
        orange = (drawn[..., 0] > 150) & (drawn[..., 1] > 60) & (drawn[..., 2] < 60)
        assert green.sum() > 100 and orange.sum() > 50, key


def test_boxes_that_overlap_and_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="over another"):
        Layout(2, 2, (Box(0, 0, 2, 1), Box(1, 0)))
    with pytest.raises(ValueError, match="outside"):
        Layout(2, 2, (Box(1, 1, 2, 1),))
    with pytest.raises(ValueError, match="'9x9'"):
        layout_of("9x9")
    with pytest.raises(ValueError, match="A0"):
        _ = FilmSheet(Layout(1, 1, (Box(0, 0),)), (), size="A0").size_mm
    assert fill(layout_of("3x3"), []) == []


def test_an_occlusion_is_drawn_without_a_lumen_where_none_is_told(case: tuple[CoronaryResult, Volume]) -> None:
    result, volume = case
    one = result.vessel("LAD")
    assert one.stenosis is not None and one.measured is not None
    (open_one,) = one.lesions
    closed = replace(open_one, occluded=True, mld_mm=Estimate(0.0, 0.0, 0.2))
    walls = one.measured.walls
    diameter = np.array(walls.lumen_mm)
    diameter[open_one.narrowest - 2 : open_one.narrowest + 2] = LEAST_RADIUS_MM  # what the fit draws where it sees no lumen
    measured = replace(one.measured, walls=replace(walls, lumen_mm=diameter))
    shut = replace(one, measured=measured, stenosis=replace(one.stenosis, lesions=(closed,)))

    def painted(vessel: VesselResult) -> tuple[VesselPainter, NumberedLesion]:
        numbered = NumberedLesion(1, vessel.lesions[0])
        return VesselPainter(VesselViews(vessel, volume), (numbered,), Words.of("en")), numbered

    def in_colour_of_lumen(picture: RgbImage) -> np.ndarray:
        away = np.abs(picture.astype(int) - np.array(LUMEN)).max(axis=2)
        return np.asarray(away < 60)

    painter, numbered = painted(one)
    assert in_colour_of_lumen(painter.probe(numbered, open_one.narrowest, "B")).any()
    open_rows = in_colour_of_lumen(painter.straightened()).any(axis=1)
    painter, numbered = painted(shut)
    assert np.flatnonzero(painter.views.closed).tolist() == list(range(open_one.narrowest - 2, open_one.narrowest + 2))
    assert not in_colour_of_lumen(painter.probe(numbered, open_one.narrowest, "B")).any()
    assert not in_colour_of_lumen(painter.edges(numbered)).any()
    assert in_colour_of_lumen(painter.probe(numbered, open_one.first, "A")).any()
    rows = in_colour_of_lumen(painter.straightened()).any(axis=1)
    assert rows.sum() < open_rows.sum() and rows[: len(rows) // 8].any() and rows[-len(rows) // 8 :].any(), (
        "it ends and begins again"
    )
