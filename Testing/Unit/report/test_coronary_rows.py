"""Rows of the coronary report: widths beside the limit of grading, warnings said once, titles that fit their columns."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from coronary_results import all_text, one_lesion

from CardiacCTALib.issues import Consequence, Issue, QualityItem, issue
from CardiacCTALib.report import build_report
from CardiacCTALib.report_pages.rows import lesion_rows
from CardiacCTALib.report_pages.summary import said_warnings
from CardiacCTALib.report_pages.words import Words
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.said_issues import TOGETHER, said_together
from CardiacCTALib.stenosis import Estimate
from CardiacCTALib.ungraded import BORDER
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.report.model import DataTable, Measurement
from SenseCarePlanningLib.report.pdf import PAGE_SIZES_MM
from SenseCarePlanningLib.report.pdf_pages import MARGIN_SIDE
from SenseCarePlanningLib.report.pdf_text import Run, TextStyle, break_lines, register_fonts

MM, CELL_PADDING = 72.0 / 25.4, 7.0
HEAD = TextStyle(8.5, 10.5, bold=True)
"""Titles of columns as ``pdf_blocks.data_table`` sets them."""


@pytest.fixture(scope="module")
def result() -> CoronaryResult:
    return one_lesion()[0]


@pytest.mark.parametrize(
    ("width", "printed"),
    [(1.52, "1.52"), (1.46, "1.46"), (1.5, "1.5"), (1.5004, "1.5"), (1.44, "1.4"), (1.551, "1.6"), (1.58, "1.6"), (2.52, "2.5")],
)
def test_a_width_beside_the_limit_of_grading_shows_on_which_side_it_lies(width: float, printed: str) -> None:
    assert Words.of("en").width(width) == printed


def test_a_segment_of_1_52_mm_is_printed_so_in_its_row_and_beside_its_lesion(result: CoronaryResult) -> None:
    narrow = {
        code: tuple(replace(one, value=1.52) if one.name == "reference_diameter" else one for one in items)
        for code, items in result.segment_measurements.items()
    }
    beside = tuple(
        replace(one, value=1.48, interval=(1.31, 1.53)) if one.name == "reference_diameter_taper" else one
        for one in result.lesion_measurements[0]
    )
    said = replace(result, segment_measurements=narrow, lesion_measurements=(beside,))
    blocks = [block for section in build_report(said).sections for block in section.blocks]
    table = next(one for one in blocks if isinstance(one, DataTable) and one.columns[0].title == "SCCT")
    row = next(row for row in table.rows if "(pLAD)" in str(row[1]))
    assert "1.52" in row
    assert any(text.startswith("1.48\u00a0mm (1.3–1.53)") for text in all_text(build_report(said)))


def test_a_width_that_was_not_measured_is_said_as_all_numbers_are() -> None:
    item = Measurement("reference_diameter", None, "mm", reason_missing="motion")
    assert Words.of("en").measured(item) == "not measured: motion" and Words.of("en").value_of(item) == "–"


def step(code: str, height: int, consequence: Consequence = Consequence.DOUBTFUL) -> QualityItem:
    return issue(Issue.STEP, consequence, code, part=code, height=height, length="0.9")


def test_a_step_across_many_segments_is_one_sentence_that_lists_them(result: CoronaryResult) -> None:
    hidden = Consequence.NOT_ASSESSABLE
    codes = ("pRCA", "mRCA", "LCx", "OM1", "D1", "D2")
    quality = (
        *(step(code, -66, hidden) for code in codes),
        step("dRCA", -66),
        step("mRCA", -66),
        step("R-PDA", -20),
        issue(Issue.CALCIUM_BESIDE, Consequence.DOUBTFUL, "pLAD", part="pLAD", arc=135),
        issue(Issue.CALCIUM_BESIDE, Consequence.DOUBTFUL, "pLCx", part="pLCx", arc=75),
        issue(Issue.NO_DOMINANCE, Consequence.DOUBTFUL),
    )
    many = replace(result, quality=quality, warnings=tuple(one.text for one in quality))
    assert said_warnings(many, Words.of("en")) == (
        "The slices do not fit together at -66 mm (a shift of about 0.9 mm): a step by motion crosses "
        "pRCA, mRCA, LCx, OM1, D1, D2, dRCA.",
        "The slices do not fit together at -20 mm (a shift of about 0.9 mm): a step by motion crosses R-PDA.",
        "Calcium lies beside the lumen, and a severe stenosis there may be underestimated: "
        "pLAD (135 degrees), pLCx (75 degrees).",
        "No posterior descending artery was found; the dominance is not known.",
    )
    chinese = said_warnings(many, Words.of("zh"))
    assert len(chinese) == 4 and chinese[0].endswith("运动所致阶梯状伪影累及 pRCA，mRCA，LCx，OM1，D1，D2，dRCA。")
    assert chinese[2].endswith("pLAD（135°），pLCx（75°）。")
    pages = [text for text in all_text(build_report(many)) if "a step by motion crosses" in text]
    assert len(pages) == 5, "the box of the summary has both steps, the page of quality one sentence a step and consequence"


def test_what_is_said_together_has_all_values_in_both_languages() -> None:
    values = {"part": "pLAD", "parts": ("D1", "D2"), "other": "mLAD", "reason": "motion", "length": "4", "width": "2.0",
              "percent": 70, "height": 12, "level": 60, "arc": 90}  # fmt: skip
    for kind in TOGETHER:
        both = [
            issue(kind, Consequence.DOUBTFUL, **values),
            issue(kind, Consequence.DOUBTFUL, **(values | {"part": "mLAD", "length": "4" if kind is Issue.STEP else "7"})),
        ]
        for language in ("en", "zh"):
            (said,) = said_together(both, translator(language))
            assert "{" not in said and (kind is Issue.UNMEASURED or ("pLAD" in said and "mLAD" in said))
            assert (language == "zh") == any("\u4e00" <= letter <= "\u9fff" for letter in said)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_title_of_a_column_is_broken_within_a_word_or_over_many_lines(result: CoronaryResult, language: str) -> None:
    register_fonts()
    room = PAGE_SIZES_MM["A4"][0] * MM - 2.0 * MARGIN_SIDE
    blocks = [block for section in build_report(result, language=language).sections for block in section.blocks]
    tables = [one for one in blocks if isinstance(one, DataTable)]
    assert len(tables) > 5
    for table in tables:
        whole = sum(column.weight for column in table.columns)
        for column in table.columns:
            inside = room * column.weight / whole - CELL_PADDING
            lines = ["".join(text for _, text in line) for line in break_lines([Run(column.title)], HEAD, inside)]
            if language == "zh":
                assert len(lines) <= 2 and min(len(line) for line in lines) >= min(2, len(column.title)), lines
            words = {part for word in column.title.split() for part in (word, *word.split("/"))}
            assert language == "zh" or {word for line in lines for word in line.split()} <= words, lines


@pytest.mark.parametrize(("low", "told"), [(1.46, True), (1.52, False)])
def test_a_graded_lesion_says_where_its_artery_may_be_too_narrow_to_be(result: CoronaryResult, low: float, told: bool) -> None:
    one = result.vessel("LAD")
    assert one.stenosis is not None
    width = Estimate(1.56, low, 1.66)
    lesions = tuple(
        replace(lesion, narrowings=tuple(replace(this, reference_mm=width) for this in lesion.narrowings))
        for lesion in one.lesions
    )
    narrow = replace(one, stenosis=replace(one.stenosis, lesions=lesions))
    said = replace(result, vessels=tuple(narrow if vessel is one else vessel for vessel in result.vessels))
    (row,) = lesion_rows(said)
    assert (BORDER in row.remarks) is told
    for language, text in (("en", BORDER), ("zh", translator("zh").sentence(BORDER))):
        assert (text in all_text(build_report(said, language=language))) is told
    assert translator("zh").sentence(BORDER) != BORDER
