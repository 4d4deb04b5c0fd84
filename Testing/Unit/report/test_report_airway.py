"""The bronchoscopy report: every number of the result is on it, in both languages, with and without target, CT and pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from pypdf import PdfReader

from LungAirwayLib.pictures_steps import TEXT_SHARE
from LungAirwayLib.plan import Plan, Reach
from LungAirwayLib.report import build_report, write_report
from LungAirwayLib.report_pages.summary import all_warnings, best_scope
from LungAirwayLib.report_pages.words import Words
from LungAirwayLib.result import AirwayResult
from SenseCarePlanningLib.dicomio.study import StudyInfo, person_name
from SenseCarePlanningLib.report.model import CaseReport, DataTable, Figure, Matrix, Measurement, Section, Thumbnail
from SenseCarePlanningLib.report.pdf import write_pdf

Case = Callable[..., AirwayResult]
MakePictures = Callable[[AirwayResult], dict[str, Path]]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def text_of(path: Path) -> str:
    return squeezed("".join(page.extract_text() for page in PdfReader(path).pages))


def section(report: CaseReport, title: str) -> Section:
    return next(item for item in report.sections if item.title == title)


def planned(result: AirwayResult) -> Plan:
    assert result.plan is not None
    return result.plan


def numbers_of(result: AirwayResult, words: Words) -> set[str]:
    """Return every number of the plan as it has to be printed."""
    plan = planned(result)
    measured = [*result.quality.values(), *plan.target.measurements.values()]
    said = {words.value_of(item) for item in measured if item.value is not None}
    said |= {words.interval(item.interval, item.unit) for item in measured}
    for cell in plan.feasibility:
        said |= {words.measured(cell.remaining_path), words.measured(cell.straight_distance), f"{100 * cell.probability:.0f} %"}
        if cell.route_rank == 1:
            said.add(words.sentence(cell.reason))
    for route in plan.routes:
        said |= {words.number(route.exit_angle_deg, "deg"), words.number(route.gap_mm, "mm"), f"{100 * route.confidence:.0f} %"}
        said |= {words.number(extension.length_mm, "mm") for extension in route.extensions}
        for step in plan.instructions[route.rank]:
            low, high = step.diameter_interval_mm
            said |= {f"{step.advance_mm:.0f} mm", f"{step.depth_mm:.0f} mm", f"{abs(step.flex_deg):.0f}°"}
            said |= {f"{abs(step.rotate_deg):.0f}°", f"{step.diameter_mm:.1f} mm ({low:.1f}–{high:.1f})"}
    said |= {words.number(branch.length_mm, "mm") for branch in result.tree}
    return said - {"", "0°"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_of_the_result_is_on_paper(case: Case, study: StudyInfo, tmp_path: Path, language: str) -> None:
    result = case(branch_count=60)
    pdf, html = write_report(result, tmp_path, study=study, language=language)
    text, source = text_of(pdf), squeezed(unescape(html.read_text(encoding="utf-8")))
    words = Words.of(language)
    numbers = {squeezed(number).replace("−-", "−") for number in numbers_of(result, words)}
    assert len(numbers) > 80
    assert [number for number in sorted(numbers) if number not in text] == []
    assert [number for number in sorted(numbers) if number not in source] == []


def test_the_patient_block_says_what_the_source_says_and_no_more(case: Case, study: StudyInfo, tmp_path: Path) -> None:
    pdf, html = write_report(case(branch_count=40), tmp_path, study=study)
    text = text_of(pdf)
    for said in ("王小东 (Wang XiaoDong)", "ID-0042<&>", "1958-02-03", "68 years", 'Hospital "A & B"', "2026-03-01 10:11:12"):
        assert squeezed(said) in text, said
    assert "ID-0042&lt;&amp;&gt;" in html.read_text(encoding="utf-8")
    assert text.count("notstated") >= 4
    metadata = PdfReader(pdf).metadata
    assert metadata is not None
    assert not any(secret in str(dict(metadata)) for secret in ("Wang", "王", "0042", "1958"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Wang^XiaoDong=王^小东", "王小东 (Wang XiaoDong)"),
        ("DOE^JANE^M^Dr", "DOE JANE M Dr"),
        ("Anonymous", "Anonymous"),
        ("^^^", ""),
        ("=田^中", "田中"),
    ],
)
def test_person_names_are_readable(name: str, shown: str) -> None:
    assert person_name(name) == shown


def test_distances_of_the_grid_keep_two_decimals() -> None:
    assert Words.of("en").value_of(Measurement("slice_spacing", 1.25, "mm")) == "1.25\u00a0mm"
    assert Words.of("en").value_of(Measurement("noise", 18.25, "[hnsf'U]")) == "18\u00a0HU"


@pytest.mark.parametrize(("size", "language"), [("A4", "en"), ("Letter", "zh")])
@pytest.mark.parametrize(("turns", "pages"), [(10, 1), (12, 2)])
def test_a_sheet_of_ten_bifurcations_fits_one_page_with_legible_pictures(
    case: Case, pictures: MakePictures, tmp_path: Path, size: str, language: str, turns: int, pages: int
) -> None:
    result = case(branch_count=120, deep=turns, route_count=1)
    assert len(planned(result).instructions[1]) == turns
    report = build_report(result, pictures=pictures(result), language=language)
    sheet = section(report, Words.of(language).say("Turn by turn, route {rank}", rank=1))
    heights = [
        cell.height_mm
        for block in sheet.blocks
        if isinstance(block, DataTable)
        for row in block.rows
        for cell in row
        if isinstance(cell, Thumbnail)
    ]
    # names in the pictures are 13 % of their height: 7 points from 18.7 mm on
    assert len(heights) == turns
    assert TEXT_SHARE * min(heights) / 25.4 * 72.0 >= 6.95
    write_pdf(replace(report, sections=(sheet,)), tmp_path / "sheet.pdf", size)
    assert len(PdfReader(tmp_path / "sheet.pdf").pages) == 1 + pages  # after the title page


def test_without_a_target_the_tree_is_described(case: Case, tmp_path: Path) -> None:
    result = case(branch_count=40, with_target=False)
    pdf, html = write_report(result, tmp_path)
    text = text_of(pdf)
    assert squeezed("No target was given") in text
    assert squeezed("Appendix: all branches") in text
    assert "Turn by turn" not in html.read_text(encoding="utf-8")


def test_without_ct_and_pictures_the_reasons_are_printed(case: Case, tmp_path: Path) -> None:
    reason = "Off-screen rendering is not available on this machine."
    pdf, _ = write_report(case(branch_count=40, with_ct=False), tmp_path, language="zh", picture_reason=reason)
    text = text_of(pdf)
    assert "没有CT" in text
    assert "本机不支持离屏渲染" in text
    assert "输入数据中没有患者或检查信息" in text


def test_every_picture_that_exists_is_shown(case: Case, pictures: MakePictures) -> None:
    result = case(branch_count=60)
    made = pictures(result)
    report = build_report(result, pictures=made)
    shown: set[Path] = set()
    for part in report.sections:
        for block in part.blocks:
            figures = block.figures if hasattr(block, "figures") else (block,) if isinstance(block, Figure) else ()
            shown |= {figure.picture for figure in figures if figure.picture is not None}
            rows = block.rows if isinstance(block, DataTable) else ()
            shown |= {cell.picture for row in rows for cell in row if isinstance(cell, Thumbnail) and cell.picture is not None}
    assert shown == set(made.values())


@pytest.mark.slow
def test_many_routes_and_scopes_stay_legible(case: Case, tmp_path: Path) -> None:
    result = case(branch_count=80, route_count=9, scope_copies=3)
    report = build_report(result)
    matrices = [block for block in section(report, "Bronchoscopes").blocks if isinstance(block, Matrix)]
    assert [len(block.column_titles) for block in matrices] == [4, 4, 1]
    assert all(len(block.row_titles) == len(planned(result).scopes) for block in matrices)
    pdf, _ = write_report(result, tmp_path)
    assert text_of(pdf).count("Turnbyturn,route") == 9


def test_the_matrix_tells_its_answers_without_colour(case: Case) -> None:
    report = build_report(case(branch_count=80))
    for block in section(report, "Bronchoscopes").blocks:
        if isinstance(block, Matrix):
            leads = {cell.lead[0] + cell.lead.split()[1] for row in block.cells for cell in row}
            assert leads <= {"●REACHES", "◐PROBABLY", "○NO"}


def test_the_scope_named_first_is_the_widest_that_reaches_else_the_nearest(case: Case) -> None:
    plan = planned(case(branch_count=80, route_count=1))
    size = {scope.id: scope.tip_diameter_mm for scope in plan.scopes}
    thin, wide = sorted(plan.feasibility, key=lambda cell: size[cell.scope_id])[:2]
    reaching = tuple(replace(cell, reach=Reach.REACHES, probability=0.95) for cell in (thin, wide))
    found = best_scope(replace(plan, feasibility=reaching))
    assert found is not None
    assert found[1].id == wide.scope_id
    none = tuple(replace(cell, reach=Reach.NO, probability=0.0) for cell in plan.feasibility)
    nearest = best_scope(replace(plan, feasibility=none))
    assert nearest is not None
    distances = [cell.straight_distance.value for cell in none if cell.straight_distance.value is not None]
    assert nearest[0].straight_distance.value == min(distances)
    assert best_scope(replace(plan, routes=(), feasibility=())) is None


def test_a_route_that_is_no_likely_way_never_names_the_first_scope(case: Case) -> None:
    plan = planned(case(branch_count=80, route_count=2))
    shares = tuple(replace(route, confidence=share) for route, share in zip(plan.routes, (0.93, 0.05), strict=True))
    cells = tuple(
        replace(cell, reach=Reach.REACHES if cell.route_rank == 2 else Reach.NO, probability=float(cell.route_rank == 2))
        for cell in plan.feasibility
    )
    found = best_scope(replace(plan, routes=shares, feasibility=cells))
    assert found is not None and found[0].route_rank == 1 and found[0].reach is Reach.NO
    likelier = tuple(replace(route, confidence=share) for route, share in zip(plan.routes, (0.6, 0.3), strict=True))
    found = best_scope(replace(plan, routes=likelier, feasibility=cells))
    assert found is not None and found[0].route_rank == 2


def test_a_plan_without_routes_or_scopes_is_said(case: Case, tmp_path: Path) -> None:
    result = case(branch_count=40)
    empty = replace(planned(result), routes=(), scopes=(), feasibility=(), instructions={})
    pdf, _ = write_report(replace(result, plan=empty), tmp_path)
    text = text_of(pdf)
    assert squeezed("No route to the target was found") in text
    assert squeezed("No bronchoscope was compared") in text


def test_a_rare_hanzi_in_the_name_is_a_box_and_is_said(case: Case, study: StudyInfo, tmp_path: Path) -> None:
    pdf, _ = write_report(case(branch_count=30), tmp_path, study=replace(study, patient_name="=𠮷^田"), language="zh")
    text = text_of(pdf)
    assert "□田" in text
    assert "U+20BB7" in text


def test_chinese_pages_hold_no_english_sentence(case: Case, study: StudyInfo) -> None:
    """What the steps write in English (reasons, methods, notes) has to be in the catalogue."""
    result = case(branch_count=80, with_ct=False)
    report = build_report(result, study=study, language="zh")
    skipped = ("附录", "方法")
    text = " ".join(str(part.blocks) for part in report.sections if not part.title.startswith(skipped))
    for scope in planned(result).scopes:
        text = text.replace(scope.name, "")
    assert re.findall(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}[a-z ]*", text) == []


def test_numbers_are_printed_with_sign_unit_and_interval() -> None:
    words = Words.of("en")
    assert words.with_unit(-37.4, "[hnsf'U]") == "−37\u00a0HU"
    assert words.with_unit(-0.04, "mm") == "0.0\u00a0mm"
    assert words.with_unit(3.0, "1") == "3"
    assert words.with_unit(0.25, "1") == "0.25"
    assert words.with_unit(17.6, "deg") == "18°"
    assert words.interval((-52.0, -23.0), "[hnsf'U]") == "−52 to −23"
    assert words.interval((1.0, float("nan")), "mm") == ""
    assert words.with_unit(2.0, "furlong") == "2.0\u00a0furlong"


@pytest.mark.parametrize(
    ("language", "point", "surface"), [("en", "target point", "target's surface is"), ("zh", "靶点在前方", "靶病灶表面在前方")]
)
def test_a_bare_point_has_no_surface(case: Case, study: StudyInfo, language: str, point: str, surface: str) -> None:
    result = case(branch_count=30, with_ct=False)
    assert planned(result).target.is_point
    text = str(build_report(result, study=study, language=language).sections)
    assert point in text and surface not in text


def test_what_was_measured_of_the_target_is_said_first(case: Case) -> None:
    result = case(branch_count=30)
    note = "The target mask has 2 pieces; the largest (70% of it) was measured."
    plan = planned(result)
    told = all_warnings(replace(result, plan=replace(plan, target=replace(plan.target, notes=(note,)))), Words.of("en"))
    assert note in told[: len(plan.routes[0].warnings) + 2]
