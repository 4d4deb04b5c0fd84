"""Rows of the coronary report: widths beside the limit of grading, warnings said once, titles that fit their columns."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from coronary_results import all_text, one_lesion

from CardiacCTALib.report import build_report
from CardiacCTALib.report_pages.words import Words
from CardiacCTALib.result import CoronaryResult
from SenseCarePlanningLib.report.model import DataTable, Measurement


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
