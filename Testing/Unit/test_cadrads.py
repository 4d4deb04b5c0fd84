"""CAD-RADS 2.0 on worked cases: ``cadrads_cases.json``, one line a case with its reason and source.

A heart is a right-dominant one with open arteries, changed by entries between semicolons: ``pLAD 62 (55-74)``: percent and
interval; ``w1.4``: mm wide; ``about99-82-100``: percent and interval where the artery may be wide enough; ``narrow30``: percent
were the artery too narrow at the worst; ``?motion``: not assessable, and why; ``plaque``, ``stent``, ``bypassed``,
``by_reader``; ``HRP:low+spotty``: features of one plaque, ``HRP?:`` those of which too few are certain; ``missed`` and
``absent``; ``LIMA>LAD 75``: a graft and its target.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from CardiacCTALib.cadrads import CadRads, grade
from CardiacCTALib.cadrads_category import Category, Graded, category_of, possible_categories, whole_percent
from CardiacCTALib.cadrads_rules import Rule
from CardiacCTALib.faint_calcium import FaintCalcium
from CardiacCTALib.findings import (
    CoronaryFindings,
    Feature,
    GraftFinding,
    Ischaemia,
    NotAtherosclerotic,
    SegmentFinding,
    Stenosis,
)
from CardiacCTALib.plaque_burden import plaque_burden
from CardiacCTALib.segments import BY_CODE, SEGMENTS, Artery, Dominance, expected_segments
from SenseCarePlanningLib.i18n import translator

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cadrads_cases.json").read_text(encoding="utf-8"))
FEATURES = {
    "remodelling": Feature.POSITIVE_REMODELLING,
    "low": Feature.LOW_ATTENUATION,
    "spotty": Feature.SPOTTY_CALCIUM,
    "napkin": Feature.NAPKIN_RING,
}
ENTRY = re.compile(
    r"(?P<part>[\w>-]+)(?: (?P<percent>[\d.]+))?(?: \((?P<low>[\d.]+)-(?P<high>[\d.]+)\))?(?: \?(?P<reason>.+?))?"
    r"(?P<flags>(?: (?:w[\d.]+|about[\d.-]+|narrow\d+|plaque|stent|bypassed|by_reader|missed|absent|HRP\??:[a-z+]+))*)"
)


def findings_of(case: dict[str, Any]) -> CoronaryFindings:
    """Read a case's heart."""
    segments = {code: SegmentFinding(code) for code in expected_segments(Dominance.RIGHT)}
    absent, grafts = set(), []
    for entry in filter(None, case["heart"].split("; ")):
        found = ENTRY.fullmatch(entry)
        assert found is not None, entry
        part, flags = found["part"], found["flags"].split()
        interval = (float(found["low"]), float(found["high"])) if found["low"] else None
        stenosis = None if found["reason"] else Stenosis(float(found["percent"] or 0), interval)
        reason = found["reason"] or ""
        if ">" in part:
            name, target = part.split(">")
            grafts.append(GraftFinding(name, Artery(target), stenosis, reason, "stent" in flags))
        elif "missed" in flags or "absent" in flags:
            segments.pop(part)
            absent |= {part} & ({part} if "absent" in flags else set())
        else:
            width = next((float(flag[1:]) for flag in flags if flag[0] == "w"), None)
            plaques = tuple(frozenset(FEATURES[name] for name in flag[4:].split("+")) for flag in flags if flag[:4] == "HRP:")
            doubtful = tuple(frozenset(FEATURES[name] for name in flag[5:].split("+")) for flag in flags if flag[:5] == "HRP?:")
            about = next((flag[5:] for flag in flags if flag[:5] == "about"), "")
            plain: dict[str, object] = {flag: True for flag in flags if flag in ("plaque", "stent", "bypassed", "by_reader")}
            if about:
                percent, low, high = map(float, about.split("-"))
                plain["at_limit"] = Stenosis(percent, (low, high))
            if narrow := next((flag[6:] for flag in flags if flag[:6] == "narrow"), ""):
                plain["if_narrow"] = Stenosis(float(narrow))
            segments[part] = SegmentFinding(
                part, stenosis, reason, plaque_features=plaques, doubtful_features=doubtful, diameter_mm=width, **plain
            )  # type: ignore[arg-type]
    ischaemia = Ischaemia(case["ischaemia"]) if "ischaemia" in case else None
    exceptions = frozenset(NotAtherosclerotic(name) for name in case.get("exceptions", ()))
    return CoronaryFindings(
        tuple(segments.values()), frozenset(absent), tuple(grafts), case.get("agatston"), ischaemia, exceptions,
        FaintCalcium(1, 1, 1.2, 140.0, 20.0) if "faint" in case else None,
    )  # fmt: skip


def graded(heart: str, **more: object) -> CadRads:
    return grade(findings_of({"heart": heart, **more}))


def everything_said(result: CadRads) -> list[str]:
    return [one.rule.name for one in (*result.trace, *result.what_if)]


@pytest.mark.parametrize("case", CASES, ids=[f"{case['id']}-{case['heart'] or 'open'}" for case in CASES])
def test_worked_case(case: dict[str, Any]) -> None:
    result = grade(findings_of(case))
    assert result.text == case["expect"], case["why"]
    assert [one.value for one in result.possible] == case.get("possible", result.category.value).split()
    assert result.category in result.possible
    assert set(case.get("fires", "").split()) <= set(everything_said(result))


def test_there_are_enough_cases_and_each_says_why_and_by_whom() -> None:
    assert len(CASES) >= 60
    assert all(case["why"] and case["source"] for case in CASES)
    assert {case["expect"].split("/")[0].split()[1] for case in CASES} == {category.value for category in Category}
    heard = {name for case in CASES for name in everything_said(grade(findings_of(case)))}
    assert heard == {rule.name for rule in Rule}, "every rule fires in some case"


def test_every_sentence_is_known_in_chinese_and_keeps_its_values() -> None:
    chinese = translator("zh")
    assert [rule.value for rule in Rule if not chinese.knows(rule.value)] == []
    words = [one.value for kind in (Feature, NotAtherosclerotic) for one in kind]
    assert [word for word in words if not chinese.knows(word)] == []
    said = [one.say(chinese) for case in CASES for one in grade(findings_of(case)).trace]
    assert not [sentence for sentence in said if "{" in sentence]
    high_risk = next(one for one in graded("pLAD 60 HRP:remodelling+low").trace if one.rule is Rule.HIGH_RISK)
    assert "低密度" in high_risk.say(chinese) and "pLAD" in high_risk.say(chinese)


def test_an_empty_heart_is_not_diagnostic() -> None:
    result = grade(CoronaryFindings(()))
    assert result.text == "CAD-RADS N"
    assert sum(one.rule is Rule.NOT_SEEN for one in result.trace) == 9


def test_what_would_change_the_answer_names_the_value_and_the_category() -> None:
    changes = {one.text for one in graded("pLAD 62 (55-74); mRCA 30").what_if}
    assert changes == {
        "With 70 % in pLAD the category would be 4A.",
        "Without the stenosis in pLAD the category would be 2.",
    }
    assert "With 49 % in LM the category would be 2." in {one.text for one in graded("LM 52").what_if}
    assert not [one for one in graded("pLAD 95").what_if if "category would be 5" in one.text]
    assert [one for one in graded("pLAD 95 (85-100)").what_if if "category would be 5" in one.text]


def test_the_possible_categories_are_those_of_all_combinations() -> None:
    # Against brute force: every whole percent of two lesions of one vessel and one of another.
    parts = [
        Graded("pLAD", Artery.LAD, Stenosis(60, (45, 72))),
        Graded("mLAD", Artery.LAD, Stenosis(30, (20, 55))),
        Graded("LM", Artery.LM, Stenosis(30, (10, 52))),
    ]
    for unseen in (False, True):
        by_force = {
            category_of({Artery.LAD: max(first, second), Artery.LM: main}, True, unseen)
            for first in range(45, 73)
            for second in range(20, 56)
            for main in range(10, 53)
        }
        assert set(possible_categories(parts, True, unseen)) == by_force


def test_a_worse_stenosis_never_makes_a_milder_category() -> None:
    order = ["0", "1", "2", "3", "4A", "4B", "5"]
    for part in ("LM", "pLAD", "RI"):
        ranks = [order.index(graded(f"pLCx 75; mRCA 80; {part} {percent}").category.value) for percent in range(101)]
        assert ranks == sorted(ranks)


@pytest.mark.parametrize(("percent", "whole"), [(0.4, 0), (0.5, 1), (69.5, 70), (99.4, 99), (99.9, 99), (100.0, 100)])
def test_rounding_is_half_up_and_never_makes_an_occlusion(percent: float, whole: int) -> None:
    assert whole_percent(percent) == whole


def test_the_higher_of_both_burdens_can_be_asked_for() -> None:
    many = findings_of({"heart": "pLAD 30; mLAD plaque; D1 plaque", "agatston": 50})
    assert [plaque_burden(many, False, higher).level for higher in (False, True)] == [1, 2]
    stented = findings_of({"heart": "pLAD 30 stent", "agatston": 500})
    assert [plaque_burden(stented, False, higher).level for higher in (False, True)] == [1, 1]


def test_what_was_not_assessed_gives_no_burden_by_segments() -> None:
    unseen = tuple(SegmentFinding(one.code, None, "slices too thick") for one in SEGMENTS if one.constant)
    burden = plaque_burden(CoronaryFindings(unseen, agatston=4.0), True)
    assert (burden.level, burden.by_calcium, burden.by_involvement) == (1, 1, None), "by the calcium score alone"
    nothing = plaque_burden(CoronaryFindings(unseen), True)
    assert (nothing.level, nothing.by_involvement) == (None, None)
    small = SegmentFinding("D2", plaque=True, diameter_mm=1.2)
    assert plaque_burden(CoronaryFindings((*unseen, small)), True).by_involvement == 1, "plaque that was seen is plaque"


def test_impossible_findings_are_refused() -> None:
    with pytest.raises(ValueError, match="low <= percent"):
        Stenosis(60, (65, 70))
    with pytest.raises(ValueError, match="reason why"):
        SegmentFinding("pLAD", None)
    with pytest.raises(ValueError, match="reason why"):
        SegmentFinding("pLAD", Stenosis(20), "motion")
    with pytest.raises(ValueError, match="each segment once"):
        CoronaryFindings((SegmentFinding("pLAD"), SegmentFinding("pLAD")))
    with pytest.raises(ValueError, match="each segment once"):
        CoronaryFindings((SegmentFinding("LM"),), frozenset({"LM"}))
    with pytest.raises(ValueError, match="Agatston"):
        CoronaryFindings((), agatston=-1.0)
    with pytest.raises(ValueError, match="got LM"):
        GraftFinding("LIMA", Artery.LM)
    with pytest.raises(ValueError, match="'LAD'"):
        SegmentFinding("LAD")


def test_the_worst_of_each_vessel_is_kept() -> None:
    worst = dict(graded("pLAD 40; mLAD 60; mRCA 20").worst_percent)
    assert (worst[Artery.LAD], worst[Artery.RCA], worst[Artery.LM]) == (60, 20, 0)
    assert set(BY_CODE) >= {"pLAD", "mLAD"}
