"""What is known from elsewhere: read from a form, kept by a result, stated afterwards."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import one_lesion

from CardiacCTALib.findings import Ischaemia, NotAtherosclerotic
from CardiacCTALib.known import Known, known_of, read_calibration
from CardiacCTALib.pipeline import CoronaryOptions, _chosen
from CardiacCTALib.reader_changes import changed
from CardiacCTALib.reader_statements import statement_changes
from CardiacCTALib.result import CoronaryResult
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.i18n import translator

EVERYTHING = Known(Ischaemia.NEGATIVE, frozenset({NotAtherosclerotic.FISTULA}), frozenset({"mRCA", "pLAD"}), 0.78)


@pytest.fixture(scope="module")
def result() -> CoronaryResult:
    return one_lesion()[0]


def test_a_result_gives_back_what_its_run_was_told(result: CoronaryResult) -> None:
    options = CoronaryOptions(
        calcium_calibration=EVERYTHING.calcium_calibration, stents=EVERYTHING.stents, ischaemia=EVERYTHING.ischaemia,
        exceptions=EVERYTHING.exceptions,
    )  # fmt: skip
    findings = replace(result.findings, ischaemia=options.ischaemia, not_atherosclerotic=options.exceptions)
    assert known_of(replace(result, findings=findings, run=replace(result.run, options=_chosen(options)))) == EVERYTHING
    assert known_of(replace(result, run=replace(result.run, options=_chosen(CoronaryOptions())))) == Known()
    assert known_of(result) == Known()  # the record of an older run tells neither


def test_it_is_told_in_one_line() -> None:
    assert Known().say(translator("en")) == ""
    told = EVERYTHING.say(translator("en"))
    assert told == "I−: no ischaemia; fistula; stents in mRCA, pLAD; calibration 0.78 mg/cm³ per HU"
    chinese = EVERYTHING.say(translator("zh"))
    assert "无缺血" in chinese and "支架位于 mRCA" in chinese and "0.78 mg/cm³/HU" in chinese


@pytest.mark.parametrize(("text", "factor"), [("", None), ("  ", None), ("0.78", 0.78), (" 0,78 ", 0.78), ("2", 2.0)])
def test_a_typed_factor_is_read(text: str, factor: float | None) -> None:
    assert read_calibration(text, True) == factor


@pytest.mark.parametrize("text", ["about one", "0.7.8", "-0.78", "0", "nan", "inf", "-inf", "780", "1e400"])
def test_a_typed_factor_that_cannot_be_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InputError) as refused:
        read_calibration(text, True)
    chinese = translator("zh")
    for sentence in (refused.value.user_message, *refused.value.problems):
        assert chinese.sentence(sentence) != sentence


def test_a_factor_without_a_series_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        read_calibration("0.78", False)
    assert refused.value.problems == ("a calibration factor of the calcium needs the calcium series",)
    assert read_calibration("", False) is None


def test_a_statement_is_as_many_changes_as_it_differs(result: CoronaryResult) -> None:
    both = statement_changes(result, Ischaemia.POSITIVE, [NotAtherosclerotic.ANEURYSM], "Dr. Li", "CT-FFR 0.71")
    assert [one.after for one in both] == ["I+", "aneurysm or pseudoaneurysm"]
    shown = changed(result, both)
    assert shown.grade.modifiers[-2:] == ("I+", "E")
    (back,) = statement_changes(shown, Ischaemia.POSITIVE, [], "Dr. Li")
    assert (back.before, back.after) == ("aneurysm or pseudoaneurysm", "not stated")
    (other,) = statement_changes(shown, Ischaemia.NEGATIVE, [NotAtherosclerotic.ANEURYSM], "Dr. Li")
    assert (other.before, other.after) == ("I+", "I-")
    for refused in (
        lambda: statement_changes(shown, Ischaemia.POSITIVE, [NotAtherosclerotic.ANEURYSM], "Dr. Li"),
        lambda: statement_changes(result, None, [], "Dr. Li"),
        lambda: statement_changes(result, Ischaemia.POSITIVE, [], " "),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert all(translator("zh").sentence(one) != one for one in (told.value.user_message, *told.value.problems))
